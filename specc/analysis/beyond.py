"""Places that are named in a stage, and that no arm's stage is long enough to reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specc.analysis.curve import in_steps
from specc.analysis.definition import Definition
from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.resolved import ResolvedPoint, ResolvedStage
from specc.analysis.values import StageValue, Unit, show, show_tokens
from specc.analysis.weights import as_checkpoint, leaves
from specc.diagnostics import Report
from specc.language import ast


def report_beyond(
    definition: Definition, evaluator: Evaluator, points: Sequence[ResolvedPoint], report: Report
) -> None:
    """Report positions in tokens or steps that lie beyond the end of their stage in all arms.

    Where some arms are long enough, the others are measured at their end.
    """
    roots = [node.after for node in definition.evals.values()]
    roots += [stage.parent for stage in definition.stages.values()]
    for root in roots:
        if not points or not list(_placed(root, evaluator, points[0].point)):
            continue
        longest: dict[StageValue, ResolvedStage] = {}
        reached: set[StageValue] = set()
        for at_point in points:
            for place in _placed(root, evaluator, at_point.point):
                stage = at_point.stages.get(place.stage)
                if stage is None or not stage.steps or stage.settings.until is not None:
                    reached.add(place)  # or something else is said of it
                elif _step(place, stage) <= stage.steps:
                    reached.add(place)
                elif place not in longest or stage.steps > longest[place].steps:
                    longest[place] = stage
        for place, stage in longest.items():
            if place not in reached:
                tokens = stage.steps * stage.settings.step_tokens
                report.add(
                    "E0303",
                    f"`{show(place)}` lies beyond the end of stage `{place.stage}`",
                    place.span,
                    f"the stage has {show_tokens(tokens)} tokens, {stage.steps:,} steps",
                    help=f"name an earlier place, or the end of the stage: `{place.stage}`",
                )


def _placed(root: ast.Expression, evaluator: Evaluator, point: Point) -> Iterator[StageValue]:
    """The positions in tokens or steps that an expression names."""
    value = evaluator.value(root, point)
    for item in value if isinstance(value, tuple) else (value,):
        checkpoint = as_checkpoint(item)
        for leaf in leaves(checkpoint) if checkpoint is not None else ():
            position = leaf.position if isinstance(leaf, StageValue) else None
            if isinstance(leaf, StageValue) and position and position.unit in (Unit.TOKENS, Unit.STEPS):
                yield leaf


def _step(place: StageValue, stage: ResolvedStage) -> int:
    assert place.position is not None
    return in_steps(place.position, stage.settings.step_tokens, stage.steps)
