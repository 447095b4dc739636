"""Workers that the system kills because memory ran out are told from others."""

from __future__ import annotations

from pathlib import Path

from specc.execute.local import lost
from specc.execute.memory import MemoryKills
from specc.execute.retry import retry_delay
from specc.study import PlannedStep


def events(kills: int) -> str:
    return f"low 0\nhigh 0\nmax 71\noom 2\noom_kill {kills}\noom_group_kill 0\n"


def test_F10_a_kill_for_memory_is_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "memory.events"
    path.write_text(events(3))
    kills = MemoryKills(path)
    assert not kills.grew()
    path.write_text(events(5))
    assert kills.grew()
    assert not kills.grew()


def test_F10_without_control_groups_nothing_is_counted(tmp_path: Path) -> None:
    assert not MemoryKills(tmp_path / "none").grew()


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
