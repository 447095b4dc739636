"""The end of a stage that an evaluation brings about: how often it is measured, and what must hold of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from specc.analysis.curve import in_steps
from specc.analysis.measures import MOST_MARKS, EvalPlan
from specc.analysis.settings import StageSettings
from specc.analysis.values import Amount, Unit
from specc.diagnostics import Report

EVERY = Amount(Fraction(1, 20), Unit.SHARE)
"""How often a stage is measured that doesn't say so."""


@dataclass(frozen=True, slots=True, eq=False)
class EarlyEnd:
    """An early stop in training steps; see `specc.steps.Until` for what the numbers mean.

    Attributes:
        plan: what is measured, without marks.
    """

    plan: EvalPlan
    better: str
    every: int
    patience: int
    min_delta: float
    restore: bool
    least: int

    def marks(self, steps: int) -> int:
        """How often a stage is measured that does all of its steps."""
        return -(-steps // self.every)

    def __str__(self) -> str:
        often = "step" if self.every == 1 else f"{self.every:,} steps"
        times = "once" if self.patience == 1 else f"{self.patience} times in a row"
        weights = "its best weights" if self.restore else "its last weights"
        after = f", after {self.least:,} steps" if self.least else ""
        return f"ends where {self.plan.name}, every {often}, is no better {times}{after}; keeps {weights}"


def early_end(settings: StageSettings, steps: int, plan: EvalPlan, report: Report) -> EarlyEnd | None:
    """The early stop of a stage; None if it can't be one, which was reported.

    Args:
        steps: most training steps of the stage. plan: the evaluation that it judges by.
    """
    until = settings.until
    assert until is not None
    args = until.args
    signature = plan.signature
    if not signature.better:
        report.add(
            "E0301",
            f"`early_stop` can't judge by `{signature.name}`: is lower better, or higher?",
            until.spans["eval"],
        )
        return None
    every = max(1, in_steps(args.get("every", EVERY), settings.step_tokens, steps))
    if steps > every * MOST_MARKS:
        report.add(
            "E0505",
            f"`early_stop` measures {-(-steps // every):,} times; at most {MOST_MARKS:,} are allowed",
            until.span,
        )
        return None
    least = args.get("min", Amount(Fraction(0), Unit.SHARE))
    return EarlyEnd(
        plan,
        signature.better,
        every,
        int(args.get("patience", 3)),
        float(args.get("min_delta", 0.0)),
        bool(args.get("restore", True)),
        in_steps(least, settings.step_tokens, steps),
    )
