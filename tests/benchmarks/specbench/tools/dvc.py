"""DVC: stages in dvc.yaml; a `matrix` where it can say the shape, stage by stage where it can't."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from tests.benchmarks.specbench.measuring import Measured
from tests.benchmarks.specbench.shapes import DATA, EVALS, Grid, Shape, write_data, write_file
from tests.benchmarks.specbench.tools.tool import TASK, Place, Unsayable, logged


class Dvc:
    """Stages of a matrix are named by the place of a value, not by the value."""

    name = "dvc"
    file = "dvc.yaml"
    plan_is = "dvc status"

    def version(self, place: Place) -> Sequence[str]:
        return [str(place.programs / "dvc"), "--version"]

    def write(self, shape: Shape | None, place: Place, file: str = "", content: str = "skill") -> None:
        if file not in ("", self.file):
            raise Unsayable("its file has one name only")
        if isinstance(shape, Grid) and shape.threads != 1:
            raise Unsayable("a stage's command is part of what it is, and nothing else says how to do it")
        write_data(place.folder, content)
        write_file(place.folder / "task.sh", TASK)
        control = place.folder / ".dvc"
        control.mkdir(exist_ok=True)
        (control / "config").write_text(
            "[core]\n    no_scm = True\n    analytics = false\n    check_update = false\n"
        )
        (control / "tmp").mkdir(exist_ok=True)
        for kind in {task.name.split("/")[0] for task in (shape.tasks() if shape else [])}:
            (place.folder / "out" / kind).mkdir(parents=True, exist_ok=True)
        text = grid_text(shape, place) if isinstance(shape, Grid) else plain_text(shape, place)
        (place.folder / self.file).write_text(text)

    def plan(self, place: Place, file: str = "") -> Sequence[str]:
        return [str(place.programs / "dvc"), "status"]

    def run(self, place: Place) -> Sequence[str]:
        return [str(place.programs / "dvc"), "repro"]

    def tell(self, shape: Shape, place: Place, file: str = "") -> Sequence[str]:
        return [str(place.programs / "dvc"), "repro", "--dry"]

    def finished(self, place: Place) -> list[str]:
        return logged(place, "end")

    def begun(self, place: Place) -> list[str]:
        return logged(place, "start")

    def told(self, shape: Shape, place: Place, measured: Measured) -> frozenset[str]:
        names = {_stage_name(task.name): task.name for task in shape.tasks()}
        stages = re.findall(r"^(?:> |Running stage ')(\w+@[\w-]+)", measured.output, re.MULTILINE)
        return frozenset(names[stage] for stage in stages)


def _stage_name(task: str) -> str:
    """What DVC calls a task of the grid: `sft@recipe3-0` for `sft/3_0`."""
    kind, _, name = task.partition("/")
    parts = name.split("_")
    if kind == "sft":
        return f"sft@recipe{parts[0]}-{parts[1]}"
    if kind == "eval":
        return f"eval@{parts[0]}-{parts[1]}-of{EVALS.index(parts[2])}"
    return f"{kind}@{name}"


def grid_text(shape: Grid, place: Place) -> str:
    seeds = list(range(shape.seeds))
    recipes = [{"number": number, "rate": rate} for number, rate in enumerate(shape.rates)]
    takes = [{"name": name, "tokens": tokens} for name, tokens in zip(EVALS, shape.takes, strict=True)]
    stages = [
        _matrix(place, "prepare", "${item.corpus}", ["data/${item.corpus}.jsonl"], corpus=list(DATA)),
        _matrix(place, "init", "${item.seed}", [], "width 16", seed=seeds),
        _matrix(place, "pretrain", "${item.seed}", ["out/init/${item.seed}", "out/prepare/web"], seed=seeds),
        _matrix(
            place,
            "sft",
            "${item.recipe.number}_${item.seed}",
            ["out/pretrain/${item.seed}", "out/prepare/skill"],
            "rate ${item.recipe.rate}",
            recipe=recipes,
            seed=seeds,
        ),
        _matrix(
            place,
            "eval",
            "${item.recipe}_${item.seed}_${item.of.name}",
            ["out/sft/${item.recipe}_${item.seed}", "out/prepare/skill"],
            f"take ${{item.of.tokens}} version {shape.version}",
            recipe=list(range(len(recipes))),
            seed=seeds,
            of=takes,
        ),
    ]
    if shape.turned:
        stages = stages[::-1]
    remark = "# A remark that changes nothing.\n" if shape.comment else ""
    return remark + "stages:\n" + "".join(stages)


def _matrix(place: Place, kind: str, name: str, deps: list[str], words: str = "", **axes: object) -> str:
    # A command is the same for all the tools, so it names its words even where a task is `touch`.
    command = place.action(f"out/{kind}/{name}", words, " ".join(deps))
    command += "" if place.works or not words else f"  # {words}"
    body = {"matrix": axes, "cmd": command, "deps": deps, "outs": [f"out/{kind}/{name}"]}
    return f"  {kind}: {json.dumps(body)}\n"


def plain_text(shape: Shape | None, place: Place) -> str:
    """Each task a stage of its own."""
    lines = ["stages:" if shape else "stages: {}"]
    for task in shape.tasks() if shape else []:
        output = f"out/{task.name}"
        deps = [f"out/{need}" for need in task.needs]
        body = {"cmd": place.action(output, "", " ".join(deps)), "deps": deps, "outs": [output]}
        lines.append(f"  {task.name.replace('/', '-')}: {json.dumps(body)}")
    return "\n".join(lines) + "\n"
