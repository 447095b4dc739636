"""The learning rate at a training step."""

from __future__ import annotations

import math
from collections.abc import Sequence

from specc.steps import Phase


def learning_rate(phases: Sequence[Phase], step: int) -> float:
    """Rate of the update that training step `step` of the stage makes (0 for the first).

    With f = (step + 1 - start) / (stop - start), the part of the phase done after this step,
    `linear` is first + f (last - first) and `cosine` is last + (first - last) (1 + cos(pi f)) / 2;
    so a warm-up's last step is at the peak and a decay's last step at the floor.

    Raises:
        ValueError: if no phase holds the step.
    """
    for phase in phases:
        if phase.start <= step < phase.stop:
            if phase.shape == "constant":
                return phase.first
            done = (step + 1 - phase.start) / (phase.stop - phase.start)
            if phase.shape == "linear":
                return phase.first + done * (phase.last - phase.first)
            return phase.last + (phase.first - phase.last) * (1 + math.cos(math.pi * done)) / 2
    raise ValueError(f"no phase of the schedule holds step {step}")
