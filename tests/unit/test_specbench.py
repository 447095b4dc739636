"""The benchmark of planners, without peers and at its smallest: specc plans what is meant, and is exact."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.benchmarks.specbench import edits, mistakes, planning, running
from tests.benchmarks.specbench.__main__ import options
from tests.benchmarks.specbench.bench import TOOLS, Bench
from tests.benchmarks.specbench.measuring import measure
from tests.benchmarks.specbench.shapes import Chain, Fan, Grid, Ladder, Shape, affected, grid
from tests.benchmarks.specbench.tools.tool import Place


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(["specc"], tmp_path, tmp_path, runs=1, limit=100)


@pytest.mark.parametrize("shape", [grid(40), Chain(5), Ladder(3), Fan(4)], ids=lambda shape: shape.title)
def test_specc_makes_the_tasks_and_edges_of_each_shape(bench: Bench, shape: Shape) -> None:
    (tool,) = bench.tools()
    place = bench.place(tool, "shape")
    tool.write(shape, place)
    planned = bench.do(place, [*tool.plan(place), "--json"])
    assert planned.good, planned.output
    (plan,) = json.loads(planned.output[planned.output.index("[") :])
    steps, tasks = plan["study"]["steps"], shape.tasks()
    assert len(steps) == len(tasks)
    # A state that goes on from another of its stage needs the start of the stage too, to be redone from.
    assert sum(len(set(step["inputs"].values())) for step in steps) == sum(len(task.needs) for task in tasks)


def test_a_plan_is_measured(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    planning.start(bench)
    planning.plan(bench, planning.shapes([30], [3], [], []))
    assert "fails" not in (said := capsys.readouterr().out)
    assert "chain, depth 3" in said


@pytest.mark.conformance
def test_specc_is_exact_about_every_edit(bench: Bench) -> None:
    (answers,) = edits.edits(bench, 52).values()
    assert [answer.shown() for answer in answers] == ["exact"] * len(edits.EDITS)
    assert [len(edit.truth(grid(52))) for edit in edits.EDITS] == [0, 0, 0, 0, 10, 20, 41, 30, 0]


@pytest.mark.conformance
def test_specc_locates_every_mistake(bench: Bench) -> None:
    assert mistakes.mistakes(bench) == {"specc": ["located"] * 20}


@pytest.mark.conformance
def test_a_killed_run_goes_on(bench: Bench) -> None:
    assert running.kill(bench)["specc"].endswith("again: complete, 0 done twice")


def test_a_grid_of_steps_that_do_nothing_is_run(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    running.run(bench, [32])
    assert "fails" not in capsys.readouterr().out


@pytest.mark.parametrize("name", [name for name in TOOLS if name != "specc"])
@pytest.mark.parametrize("works", [False, True])
def test_files_of_peers_are_well_formed_and_hold_the_mistakes(tmp_path: Path, name: str, works: bool) -> None:
    """As far as that can be said without the peers themselves."""
    tool, place = TOOLS[name](), Place(tmp_path, tmp_path, {}, works)
    for shape in (None, Chain(3), Ladder(2), Fan(2), Grid((1e-6,), comment=True, turned=True), mistakes.GRID):
        tool.write(shape, place)
        text = (tmp_path / tool.file).read_text()
        if name == "doit":
            compile(text, "dodo.py", "exec")
        if name == "tango":
            described = json.loads("".join(line for line in text.splitlines() if not line.startswith("//")))
            assert len(described["steps"]) == (len(shape.tasks()) if shape else 0)
    changes = [mistake.peers[name] for mistake in mistakes.MISTAKES if name in mistake.peers]
    lines = [mistakes.make(text, change) for change in changes] if works else []
    assert all(wrong != text and 1 <= line <= wrong.count("\n") + 1 for wrong, line in lines)


def test_what_needs_a_changed_task_is_affected() -> None:
    tasks = Chain(3).tasks()
    assert affected(tasks, ["state/2"]) == {"state/2", "eval/2", "state/3", "eval/3"}
    assert affected(tasks, []) == frozenset()


def test_the_empty_set_of_tasks_is_not_a_right_answer_to_a_change() -> None:
    (edit,) = (edit for edit in edits.EDITS if edit.content != "skill")
    before = Grid(rates=(1e-6, 2e-6), seeds=1)
    assert edits.compare(frozenset(), edit.truth(before)).shown() == "-9"
    assert edits.compare(edit.truth(before) | {"init/0"}, edit.truth(before)).shown() == "+1"


def test_a_command_over_its_limit_is_ended(tmp_path: Path) -> None:
    command = ["sh", "-c", "sleep 60 & sleep 60"]
    measured = measure(command, tmp_path, dict(os.environ), limit=0.2)
    assert measured.over
    assert not measured.good
    assert measured.wall < 10


def test_time_and_memory_of_what_a_command_starts_are_counted(tmp_path: Path) -> None:
    work = "x = bytearray(200_000_000); import time\nwhile time.process_time() < 0.3: pass"
    command = ["sh", "-c", f"{sys.executable} -c '{work}'; true"]
    measured = measure(command, tmp_path, dict(os.environ), limit=60)
    assert measured.good
    assert measured.cpu >= 0.3
    assert measured.memory >= 200


def test_unknown_parts_and_tools_are_wrong_usage() -> None:
    for arguments in (["nothing"], ["--tools", "make"]):
        with pytest.raises(SystemExit, match="2"):
            options(arguments)
