"""What a study would take on a GPU that is not here, for a plan.

Speeds are those of training a model of 135 million parameters in bfloat16 without compiling, sequences
of 1,024 tokens, operations counted as in `specc.flops`: what others have measured, far below what the
chips are sold for. Larger models and compiled ones are faster, up to threefold.
"""

from __future__ import annotations

from dataclasses import dataclass

from specc.study import Study

TOKENS_TO_OPERATIONS = 1.02e9
"""Operations of training on one token of that model."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A kind of GPU; `speed` in sustained operations a second."""

    title: str
    speed: float


ACCELERATORS = {
    "h100": Accelerator("H100", 91e3 * TOKENS_TO_OPERATIONS),
    "rtx4090": Accelerator("RTX 4090", 52e3 * TOKENS_TO_OPERATIONS),
}
"""By name. Tokens a second of both: the reproduction of arXiv 2605.12705 at github.com/czhs/j-pretrain."""


def gpu_hours(flops: float, name: str) -> float:
    """Hours of one GPU for so many operations."""
    return flops / ACCELERATORS[name].speed / 3600


def arm_flops(study: Study) -> float:
    """Operations of the most expensive arm, trained by itself, without what others share with it."""
    spent: dict[int, float] = {}
    for run in study.stages:
        spent[run.arm] = spent.get(run.arm, 0.0) + run.flops
    return max(spent.values(), default=0.0)


def gpu_lines(study: Study, flops: float) -> list[str]:
    """What is to do and one arm by itself take on GPUs of each kind; nothing for less than an hour.

    Args:
        flops: of all that is to do.
    """
    if gpu_hours(flops, "h100") < 1:
        return []
    arm = arm_flops(study)
    return [
        f"on one {each.title}: about {_hours(gpu_hours(flops, name))}; "
        f"one arm by itself {_hours(gpu_hours(arm, name))}"
        for name, each in ACCELERATORS.items()
    ]


def _hours(hours: float) -> str:
    return f"{hours:,.0f} GPU-hours" if hours >= 9.5 else f"{hours:.2g} GPU-hours"
