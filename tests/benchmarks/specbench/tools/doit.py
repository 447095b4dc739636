"""doit: one function that yields tasks, with what a task is in its `config_changed`."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.specbench.measuring import Measured
from tests.benchmarks.specbench.shapes import (
    DATA,
    EVALS,
    Chain,
    Fan,
    Grid,
    Ladder,
    Shape,
    write_data,
    write_file,
)
from tests.benchmarks.specbench.tools.tool import TASK, Place, logged

HEAD = """\
from doit.tools import config_changed
import os

for kind in {kinds}:
    os.makedirs(f"out/{{kind}}", exist_ok=True)

def work(name, needs, words, data=()):
    out = f"out/{{name}}"
    inputs = [*data, *(f"out/{{need}}" for need in needs)]
    action = {action}
    return {{
        "name": name, "actions": [action], "targets": [out], "file_dep": inputs,
        "uptodate": [config_changed(words)],
    }}

def task_all():
"""

GRID = """\
    {remark}
    parts = [
        [("prepare/" + c, [], "", ["data/" + c + ".jsonl"]) for c in {data}],
        [(f"init/{{s}}", [], "width 16") for s in range({seeds})],
        [(f"pretrain/{{s}}", [f"init/{{s}}", "prepare/web"], "") for s in range({seeds})],
        [(f"sft/{{r}}_{{s}}", [f"pretrain/{{s}}", "prepare/skill"], f"rate {{rate}}")
         for r, rate in enumerate({rates}) for s in range({seeds})],
        [(f"eval/{{r}}_{{s}}_{{e}}", [f"sft/{{r}}_{{s}}", "prepare/skill"],
          f"take {{take}} version {version}")
         for e, take in {takes} for r in range({recipes}) for s in range({seeds})],
    ]
    for part in {parts}:
        for task in part:
            yield work(*task)
"""

CHAIN = """\
    yield work("prepare/web", [], "")
    yield work("init/0", [], "")
    for n in range(1, {depth} + 1):
        before = [f"state/{{n - 1}}"] if n > 1 else []
        yield work(f"state/{{n}}", ["init/0", "prepare/web", *before], "")
        yield work(f"eval/{{n}}", [f"state/{{n}}", "prepare/web"], "")
"""

LADDER = """\
    yield work("prepare/web", [], "")
    yield work("init/0", [], "")
    for n in range(1, {depth} + 1):
        before = f"end/{{n - 1}}" if n > 1 else "init/0"
        yield work(f"middle/{{n}}", [before, "prepare/web"], "")
        yield work(f"end/{{n}}", [before, f"middle/{{n}}", "prepare/web"], "")
        for place in ("middle", "end"):
            yield work(f"eval/{{place}}_{{n}}", [f"{{place}}/{{n}}", "prepare/web"], "")
"""

FAN = """\
    corpora = [f"prepare/{{n}}" for n in range({width})]
    yield work("init/0", [], "")
    for name in corpora:
        yield work(name, [], "")
    for n in range({width}):
        yield work(f"train/{{n}}", ["init/0", *corpora], "")
        yield work(f"eval/{{n}}", [f"train/{{n}}", corpora[0]], "")
"""


class Doit:
    name = "doit"
    file = "dodo.py"
    plan_is = "doit list --all --status"

    def version(self, place: Place) -> Sequence[str]:
        return [str(place.programs / "doit"), "--version"]

    def write(self, shape: Shape | None, place: Place, file: str = "", content: str = "skill") -> None:
        write_data(place.folder, content)
        write_file(place.folder / "task.sh", TASK)
        tasks = shape.tasks() if shape is not None else []
        action = place.action("{out}", "{words}", "{' '.join(inputs)}")
        head = HEAD.format(kinds=sorted({task.name.split("/")[0] for task in tasks}), action=f'f"{action}"')
        match shape:
            case Grid():
                body = GRID.format(
                    remark="# A remark that changes nothing." if shape.comment else "",
                    data=list(DATA),
                    seeds=shape.seeds,
                    rates=list(shape.rates),
                    recipes=len(shape.rates),
                    takes=list(zip(EVALS, shape.takes, strict=True)),
                    version=shape.version,
                    parts="parts[::-1]" if shape.turned else "parts",
                )
            case Chain():
                body = CHAIN.format(depth=shape.depth)
            case Ladder():
                body = LADDER.format(depth=shape.depth)
            case Fan():
                body = FAN.format(width=shape.width)
            case None:
                body = "    yield from ()\n"
        (place.folder / (file or self.file)).write_text(head + body)

    def plan(self, place: Place, file: str = "") -> Sequence[str]:
        return [str(place.programs / "doit"), "list", "--all", "--status", "-f", file or self.file]

    def run(self, place: Place) -> Sequence[str]:
        return [str(place.programs / "doit")]

    def tell(self, shape: Shape, place: Place, file: str = "") -> Sequence[str]:
        return self.plan(place, file)

    def finished(self, place: Place) -> list[str]:
        return logged(place, "end")

    def begun(self, place: Place) -> list[str]:
        return logged(place, "start")

    def told(self, shape: Shape, place: Place, measured: Measured) -> frozenset[str]:
        rows = [line.split() for line in measured.output.splitlines()]
        return frozenset(
            row[1].partition(":")[2] for row in rows if row[:1] in (["R"], ["E"]) and ":" in row[1]
        )
