"""How long it takes to plan what nobody has run: grids, a chain, diamonds, a fan; and to start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.benchmarks.specbench.bench import Bench, show, summary
from tests.benchmarks.specbench.shapes import Chain, Fan, Ladder, Shape, grid
from tests.benchmarks.specbench.tools.tool import Tool, Unsayable

HEAD = ("", "CPU s", "median", "wall s", "median", "MB")


def shapes(
    sizes: Sequence[int], depths: Sequence[int], ladders: Sequence[int], widths: Sequence[int]
) -> Iterator[list[Shape]]:
    """The shapes to plan, by kind, each kind from small to large."""
    yield [grid(size) for size in sorted(sizes)]
    yield [Chain(depth) for depth in sorted(depths)]
    yield [Ladder(depth) for depth in sorted(ladders)]
    yield [Fan(width) for width in sorted(widths)]


def start(bench: Bench) -> None:
    """What a tool takes to say its version, and to plan the smallest thing that it plans."""
    tools = bench.tools()
    cases = []
    for tool in tools:
        place = bench.place(tool, "start")
        tool.write(None, place)
        cases.append((f"{tool.name} --version", lambda t=tool, p=place: bench.do(p, t.version(p))))
        what = "plan of 4 steps" if tool.name == "specc" else "plan of nothing"
        cases.append((f"{tool.name}, {what}", lambda t=tool, p=place: bench.do(p, t.plan(p))))
    print("start-up")
    results = bench.repeated(cases)
    show(HEAD, [[name, *summary(runs, bench.limit)] for name, runs in results.items()])


def plan(bench: Bench, kinds: Iterator[list[Shape]]) -> None:
    """Plan each shape with each tool; one that failed at a size is not asked for a larger one."""
    for kind in kinds:
        failed: dict[str, str] = {}
        for shape in kind:
            plan_shape(bench, shape, failed)


def plan_shape(bench: Bench, shape: Shape, failed: dict[str, str]) -> None:
    cases = []
    rows: dict[str, list[str]] = {}
    for tool in bench.tools():
        rows[tool.name] = [f"not tried: failed with {failed[tool.name]}"] if tool.name in failed else []
        if tool.name not in failed:
            place = bench.place(tool, "plan")
            try:
                tool.write(shape, place)
            except Unsayable as error:
                rows[tool.name] = [f"can't be said: {error}"]
                continue
            cases.append((tool.name, lambda t=tool, p=place: bench.do(p, t.plan(p))))
    results = bench.repeated(cases)
    for name, runs in results.items():
        rows[name] = summary(runs, bench.limit)
        if not all(run.good for run in runs):
            failed[name] = shape.title
    print(f"plan: {shape.title}, {len(shape.tasks()):,} tasks, nothing done")
    show(HEAD, [[named(tool), *rows[tool.name]] for tool in bench.tools()])


def named(tool: Tool) -> str:
    return f"{tool.name} ({tool.plan_is})"
