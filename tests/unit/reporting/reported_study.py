"""Studies to report on, written as runs leave them: a plain one, and one whose names are all hostile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fake_workspace import FakeWorkspace, key, log_line
from specc.study import (
    Arm,
    Axis,
    Cell,
    Comparison,
    Evaluation,
    Expectation,
    Measure,
    PlannedStep,
    StageRun,
    Study,
)

SCRIPT = "</script><script>alert(1)</script>"
QUOTES = "\"'><img src=x onerror=alert(2)> `x` ${y} {{ z }} &amp;"
LONG = "very_long_" * 300
RIGHT = "שלום \u202eevil\u202c مرحبا"
EMOJI = "👩‍🔬 🧪"
LINES = "two\nlines\tand\x00\x1b[31mred"
FORMULA = '=HYPERLINK("http://example.invalid")'
HOSTILE = (SCRIPT, QUOTES, LONG, RIGHT, EMOJI, LINES, FORMULA)

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Names:
    """What a recipe may call its things."""

    recipes: tuple[str, str] = ("base", "replay")
    axis: str = "early"
    values: tuple[object, ...] = (0.0, 0.5)
    stages: tuple[str, str] = ("pretrain", "tune")
    corpora: tuple[str, str] = ("web", "skill")
    evals: tuple[str, str] = ("L_ret", "L_ft")
    description: str = "Where should the data go?"
    experiment: str = "exposure"
    comparison: str = "losses"
    error: str = "no memory left"


HOSTILE_NAMES = Names(
    recipes=(SCRIPT, FORMULA),
    axis=RIGHT,
    values=(QUOTES, LONG),
    stages=(LINES, EMOJI),
    corpora=(SCRIPT, QUOTES),
    evals=(QUOTES, RIGHT),
    description=" ".join(HOSTILE),
    experiment="e" + QUOTES,
    comparison=SCRIPT,
    error=SCRIPT,
)


def value(recipe: int, point: int, seed: int, eval: int) -> float:
    """The result of an arm: the second recipe is better by 0.2, with little noise."""
    noise = (0.00, 0.02, -0.01)[seed] * (1 + recipe + point)
    return 2.0 + 0.1 * seed - 0.2 * recipe + 0.05 * point * (1 if eval else -1) + noise


def study(names: Names) -> Study:
    """Two recipes at two points with three seeds; two stages, two evaluations after the second.

    Evaluations of the first are made half-way too.
    """
    steps = {
        "init": step("init", "init", {}),
        "corpus0": step("corpus0", "prepare", {}),
        "corpus1": step("corpus1", "prepare", {}),
    }
    arms: list[Arm] = []
    cells: list[Cell] = []
    stages: list[StageRun] = []
    measures: list[Measure] = []
    for recipe in names.recipes:
        for point in names.values:
            for seed in SEEDS:
                arm = len(arms)
                label = f"{names.experiment}/{recipe}/{names.axis}={point}/seed={seed}"
                arms.append(Arm(arm=arm, recipe=recipe, axes={names.axis: point}, seed=seed, label=label))
                first, second = f"{arm}/0", f"{arm}/1"
                steps[first] = step(first, "train", {"parent": "init", "corpus0": "corpus0"})
                steps[second] = step(second, "train", {"parent": first, "corpus0": "corpus1"})
                cells += [
                    cell(arm, names.stages[0], names.corpora[0], 1000),
                    cell(arm, names.stages[1], names.corpora[1], 500),
                ]
                stages += [
                    stage(arm, names.stages[0], "init", first, 1000),
                    stage(arm, names.stages[1], names.stages[0], second, 500),
                ]
                for number, eval in enumerate(names.evals):
                    for position in (0.5, 1.0) if number == 0 else (1.0,):
                        for place, (at, checkpoint) in enumerate(
                            zip(names.stages, (first, second), strict=True)
                        ):
                            if number == 1 and place == 0:
                                continue
                            name = f"{arm}/{number}/{place}/{position}"
                            steps[name] = step(name, "eval", {"checkpoint": checkpoint, "corpus0": "corpus1"})
                            measures.append(
                                Measure(
                                    arm=arm, eval=eval, metric="loss", stage=at, position=position,
                                    steps=round(10 * position), tokens=round((1000, 500)[place] * position),
                                    key=key(name),
                                )
                            )  # fmt: skip
    kind = "string" if isinstance(names.values[0], str) else "fraction"
    return Study(
        experiment=names.experiment,
        description=names.description,
        spec=f"{names.experiment}.spec",
        spec_digest="0" * 64,
        axes=(Axis(name=names.axis, type=kind, values=names.values),),  # type: ignore[arg-type]
        seeds=SEEDS,
        arms=tuple(arms),
        cells=tuple(cells),
        stages=tuple(stages),
        measures=tuple(measures),
        steps=tuple(steps.values()),
        comparisons=(
            Comparison(
                name=names.comparison,
                sql="select recipe, avg(value) as mean from results group by all order by all",
            ),
            Comparison(name="broken", sql="select no_such_column from results"),
        ),
        expectations=(
            Expectation(
                name=names.comparison,
                text=f"{names.evals[0]} < 9",
                tree=["<", ["number", 1], ["number", 2], None],
            ),
            Expectation(name="unmet", text="2 < 1", tree=["<", ["number", 2], ["number", 1], None]),
        ),
        evaluations=tuple(
            Evaluation(eval=e, metric="loss", unit="nats per token", better="lower") for e in names.evals
        ),
    )


def finished(path: Path, names: Names, lacking: bool = False) -> FakeWorkspace:
    """A workspace in which the study has run; `lacking` leaves a result out and lets a step fail."""
    workspace = FakeWorkspace(path)
    made = study(names)
    workspace.plan(1, made)
    for name in ("init", "corpus0", "corpus1"):
        workspace.finish(name, "init" if name == "init" else "prepare", {})
    arms = iter(range(len(made.arms)))
    for recipe in range(2):
        for point in range(2):
            for seed in SEEDS:
                arm = next(arms)
                failing = lacking and arm == len(made.arms) - 1
                for place in range(2):
                    if failing and place == 1:
                        workspace.event(1, "failed", f"{arm}/1", error="OutOfMemory", message=names.error)
                        continue
                    tokens = (1000, 500)[place]
                    log = "".join(
                        log_line(n, loss=3.0 - 0.1 * n + 0.1 * seed - 0.2 * recipe, tokens=tokens // 10)
                        for n in range(1, 11)
                    )
                    workspace.train(f"{arm}/{place}", {"corpus0": tokens}, log, wall_seconds=2.0)
                for number in range(2):
                    for position in (0.5, 1.0) if number == 0 else (1.0,):
                        for place in range(2):
                            if (number == 1 and place == 0) or (failing and place == 1):
                                continue
                            if lacking and arm == 0 and number == 1:
                                continue
                            measured: float | None = value(recipe, point, seed, number) + (1 - position)
                            if lacking and arm == 4 and number == 1:
                                measured = None
                            workspace.measure(f"{arm}/{number}/{place}/{position}", measured)
    return workspace


def step(name: str, op: str, inputs: dict[str, str]) -> PlannedStep:
    return PlannedStep(
        key=key(name),
        op=op,
        inputs={role: key(parent) for role, parent in inputs.items()},
        params={},
        execution={},
        label=name,
        tokens=512,
        flops=1e6,
        seconds=2.0,
    )


def cell(arm: int, at: str, corpus: str, tokens: int) -> Cell:
    return Cell(arm=arm, stage=at, corpus=corpus, nominal=tokens, planned=tokens, epochs=0.5, role="corpus0")


def stage(arm: int, name: str, parent: str, segment: str, tokens: int) -> StageRun:
    return StageRun(
        arm=arm,
        stage=name,
        parent=parent,
        steps=10,
        tokens=tokens,
        flops=1e6,
        segments=(key(segment),),
        ends=(10,),
        checkpoint=key(segment),
    )
