"""A small recipe to draw, compare and ask about, and a study of operations that no compiler knows."""

from __future__ import annotations

from pathlib import Path

import small_recipes
from small_recipes import experiment_of, study_of
from specc.difference.compare import compare
from specc.difference.origins import Origins
from specc.difference.result import Change, Difference
from specc.graph.cost import Rates
from specc.graph.expand import expand
from specc.study import Arm, Measure, PlannedStep, StageRun, Study

RECIPE = small_recipes.RECIPE.removesuffix("}\n") + (
    "  expect mean(fit after posttrain given early = 50%) < 10\n}\n"
)
"""Line 14 has the schedule of pretraining, line 18 that of post-training."""


def changed(*edits: tuple[str, str], text: str = RECIPE) -> str:
    """A text with some parts replaced; each must be there."""
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text


def difference(folder: Path, after: str, before: str = RECIPE) -> Difference:
    """What `specc diff` finds between two texts."""
    second = experiment_of(folder, after)
    return compare(study_of(folder, before), expand(second, Rates()), (), Origins(second))


def change(found: Difference, subject: str, name: str) -> Change:
    """The one change of a subject."""
    (only,) = (each for each in found.changes if (each.subject, each.name) == (subject, name))
    return only


def unknown_operations(scale: str = "1/2") -> Study:
    """Two arms whose stages start from weights that a step of an unknown operation has mixed."""
    arms, stages, measures = [], [], []
    steps = [
        PlannedStep(key="c" * 64, op="prepare", inputs={}, params={"reader": {"name": "facts", "args": {}}},
                    execution={}, label="mixed/facts"),
        PlannedStep(key="d" * 64, op="dataset", inputs={"source": "c" * 64}, params={"name": "shuffle"},
                    execution={}, label="mixed/shuffled"),
    ]  # fmt: skip
    for arm in (0, 1):
        label = f"mixed/seed={arm}"
        arms.append(Arm(arm=arm, recipe="base", axes={}, seed=arm, label=label))
        first, blended, last, measured = (f"{arm}{digit}" * 32 for digit in "1234")
        params = {"seed": arm, "steps": 4}
        blend = f"{scale}@{arm}" if scale != "1/2" else f"@{arm}"
        marked = "".join(hex(ord(sign) % 16)[2:] for sign in blend)
        blended, last, measured = (key[: 64 - len(marked)] + marked for key in (blended, last, measured))
        steps += [
            PlannedStep(key=first, op="train", inputs={"corpus0": "c" * 64}, params=params, execution={},
                        label=f"{label}/begin"),
            PlannedStep(key=blended, op="transform", inputs={"left": first, "right": first},
                        params={"component": {"name": "lerp", "args": {"by": scale}}},
                        execution={}, label=f"{label}/blend"),
            PlannedStep(key=last, op="train", inputs={"parent": blended, "corpus0": "d" * 64},
                        params=params | {"steps": 9}, execution={}, label=f"{label}/end"),
            PlannedStep(key=measured, op="eval", inputs={"checkpoint": last, "corpus0": "c" * 64},
                        params={}, execution={}, label=f"{label}/end/recall"),
        ]  # fmt: skip
        for name, parent, key, count in (("begin", "tiny", first, 4), ("end", "blend", last, 9)):
            stages.append(
                StageRun(arm=arm, stage=name, parent=parent, steps=count, tokens=count, flops=1.0,
                         segments=(key,), ends=(count,), checkpoint=key, settings={"batch": "1 sequence"})
            )  # fmt: skip
        measures.append(
            Measure(arm=arm, eval="recall", metric="accuracy", stage="end", position=1.0, steps=9, tokens=9,
                    key=measured)
        )  # fmt: skip
    return Study(
        experiment="mixed",
        seeds=(0, 1),
        arms=tuple(arms),
        stages=tuple(stages),
        measures=tuple(measures),
        steps=tuple(steps),
    )
