"""Runs of a grid whose tasks do nothing, of what is done already, and after a kill in the middle."""

from __future__ import annotations

from collections.abc import Callable

from tests.benchmarks.specbench.bench import Bench, complaint, show, summary
from tests.benchmarks.specbench.measuring import Measured
from tests.benchmarks.specbench.planning import HEAD
from tests.benchmarks.specbench.shapes import grid
from tests.benchmarks.specbench.tools.tool import Place, Tool

PAUSE = "0.1"
"""Seconds that a task sleeps in runs that are to be killed."""


def run(bench: Bench, sizes: list[int]) -> None:
    """A first run of tasks that do nothing, then the same command again; a new project each time."""
    failed: dict[str, str] = {}
    for size in sorted(sizes):
        shape = grid(size)
        tools = [tool for tool in bench.tools() if tool.name not in failed]
        results: dict[tuple[str, bool], list[Measured]] = {
            (tool.name, again): [] for tool in tools for again in (False, True)
        }
        for _ in range(bench.runs):
            for tool in tools:
                if tool.name in failed:
                    continue
                place = bench.place(tool, "run")
                tool.write(shape, place)
                for again in (False, True):
                    measured = bench.do(place, tool.run(place))
                    results[tool.name, again].append(measured)
                    if not measured.good:
                        failed[tool.name] = shape.title
                        break
        print(
            f"run: {shape.title}, {len(shape.tasks()):,} tasks that do nothing; and again, with nothing to do"
        )
        rows = []
        for (name, again), runs in results.items():
            if runs:
                rows.append([f"{name}, again" if again else name, *summary(runs, bench.limit)])
        rows += [
            [name, f"not tried: failed with {title}"]
            for name, title in failed.items()
            if title != shape.title
        ]
        show(HEAD, rows)


def half_done(tool: Tool, place: Place, half: int) -> Callable[[], bool]:
    """Whether as many tasks have ended."""
    return lambda: len(tool.finished(place)) >= half


def kill(bench: Bench) -> dict[str, str]:
    """Kill a run with SIGKILL when half of its tasks are done, and give the same command again."""
    shape = grid(32)
    half = len(shape.tasks()) // 2
    said: dict[str, str] = {}
    for tool in bench.tools():
        place = bench.place(tool, "kill", works=True)
        tool.write(shape, place)
        killed = bench.do(place, tool.run(place), {"PAUSE": PAUSE}, half_done(tool, place, half))
        if killed.code >= 0:
            said[tool.name] = f"ended by itself before it could be killed: {complaint(killed)}"
            continue
        done = set(tool.finished(place))
        (place.folder / "log").unlink(missing_ok=True)
        again = bench.do(place, tool.run(place), {"PAUSE": "0.001"})
        if not again.good:
            said[tool.name] = f"{len(done)} of {len(shape.tasks())} done; again: {complaint(again, 100)}"
            continue
        twice = done & set(tool.begun(place))
        said[tool.name] = (
            f"{len(done)} of {len(shape.tasks())} done; again: complete, {len(twice)} done twice"
        )
    print(f"kill -9 in the middle of a grid of {len(shape.tasks())} tasks, and the same command again")
    for name, text in said.items():
        print(f"  {name}: {text}")
    print(flush=True)
    return said
