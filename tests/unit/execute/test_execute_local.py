"""How many workers a machine gets, and what is said to one that is gone."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from specc.execute.channel import Channel
from specc.execute.local import default_workers


@pytest.mark.parametrize(("text", "workers"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 8)])
def test_a_container_gets_as_many_workers_as_it_has_processor_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, workers: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    quota = tmp_path / "cpu.max"
    quota.write_text(f"{text}\n")
    assert default_workers(quota) == workers


def test_without_a_quota_each_processor_gets_a_worker(tmp_path: Path) -> None:
    assert default_workers(tmp_path / "none") == len(os.sched_getaffinity(0))


def test_what_is_sent_to_an_end_that_is_gone_is_dropped() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    theirs.close()
    channel.send({"run": 1})
    assert channel.closed
    channel.close()
    channel.send({"run": 2})
    assert channel.closed
