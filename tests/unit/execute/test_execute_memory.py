"""Workers that the system kills because memory ran out are told from others."""

from __future__ import annotations

from pathlib import Path

from specc.execute.local import lost
from specc.execute.memory import MemoryKills
from specc.execute.retry import retry_delay
from specc.study import PlannedStep


def events(kills: int) -> str:
    return f"low 0\nhigh 0\nmax 71\noom 2\noom_kill {kills}\noom_group_kill 0\n"


def test_F10_workers_killed_for_memory_at_the_same_moment_are_each_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "memory.events"
    path.write_text(events(3))
    kills = MemoryKills(path)
    assert not kills.met()
    path.write_text(events(5))
    assert [kills.met(), kills.met(), kills.met()] == [True, True, False]
    path.write_text(events(6))
    assert [kills.met(), kills.met()] == [True, False]


def test_F10_a_kill_of_another_process_makes_no_later_one_a_kill_for_memory(tmp_path: Path) -> None:
    path, now = tmp_path / "memory.events", [100.0]
    path.write_text(events(0))
    kills = MemoryKills(path, lambda: now[0])
    path.write_text(events(2))
    assert kills.met()
    now[0] += 60
    assert not kills.met()


def test_F10_without_control_groups_nothing_is_counted(tmp_path: Path) -> None:
    assert not MemoryKills(tmp_path / "none").met()


def test_F10_a_step_that_was_killed_for_memory_is_not_tried_again_and_its_help_says_what_to_do() -> None:
    step = PlannedStep(key="k" * 64, op="train", inputs={}, params={}, execution={}, label="big", seconds=1.0)
    failed = lost(0, step, -9, no_memory=True)
    assert (failed.error, failed.message) == (
        "OutOfMemory",
        "no memory left for big: the system killed its worker",
    )
    assert "`--micro-batch`" in (failed.help or "")
    assert retry_delay(failed.error, 0) is None
    assert lost(0, step, -9).error == "WorkerLost"
