"""The learning-rate curve of a stage, in phases, and lengths in training steps."""

from __future__ import annotations

from fractions import Fraction

from specc.analysis.settings import StageSettings
from specc.analysis.values import Amount, Unit
from specc.diagnostics import Report
from specc.steps import Phase


def in_steps(length: Amount, step_tokens: int, whole: int) -> int:
    """A length in training steps, rounded to the nearest; a share is of `whole` steps."""
    if length.unit is Unit.STEPS:
        return int(length.value)
    steps = length.value * whole if length.unit is Unit.SHARE else length.value / step_tokens
    return int(steps + Fraction(1, 2))


def learning_rate_phases(settings: StageSettings, steps: int, report: Report) -> tuple[Phase, ...]:
    """The learning-rate curve of a stage, as phases over steps [0, steps).

    The curve is laid out over the schedule's horizon; the stage may stop before its end, or go on
    after it at the last rate.
    """
    schedule = settings.schedule
    args = schedule.args
    peak = float(args["peak"])

    def length(name: str, default: Fraction, whole: int) -> int:
        return in_steps(args.get(name, Amount(default, Unit.SHARE)), settings.step_tokens, whole)

    horizon = max(1, length("horizon", Fraction(1), steps))
    warmup = length("warmup", Fraction(0), horizon)
    floor_value = args.get("floor", Amount(Fraction(0), Unit.SHARE))
    floor = float(floor_value.value) * (peak if floor_value.unit is Unit.SHARE else 1.0)
    if floor > peak:
        report.add(
            "E0303",
            f"`floor` is {floor:g}, above the peak of {peak:g}",
            schedule.spans["floor"],
            help="write a percentage of the peak, for instance `floor = 10%`",
        )
    if warmup >= steps and steps > 1 and warmup > 0:
        report.add(
            "W0404",
            f"warm-up of {warmup} steps takes the whole stage of {steps} steps",
            schedule.spans["warmup"],
            help="write a percentage, for instance `warmup = 2%`",
        )
    warmup = min(warmup, horizon)
    phases = [Phase(shape="linear", start=0, stop=warmup, first=0.0, last=peak)] if warmup else []
    if schedule.signature.name == "wsd":
        decay = min(length("decay", Fraction(1, 5), horizon), horizon - warmup)
        if horizon - decay > warmup:
            phases.append(Phase(shape="constant", start=warmup, stop=horizon - decay, first=peak, last=peak))
        if decay:
            phases.append(Phase(shape="linear", start=horizon - decay, stop=horizon, first=peak, last=floor))
        last = floor if decay else peak
    elif schedule.signature.name == "constant":
        last = peak
        horizon = warmup
    else:
        shape = "cosine" if schedule.signature.name == "cosine" else "linear"
        if horizon > warmup:
            phases.append(Phase(shape=shape, start=warmup, stop=horizon, first=peak, last=floor))  # type: ignore[arg-type]  # one of the two literals
        last = floor if horizon > warmup else peak
    if horizon < steps:
        phases.append(Phase(shape="constant", start=horizon, stop=steps, first=last, last=last))
    return tuple(phases)


def clipped(phases: tuple[Phase, ...], start: int, stop: int) -> tuple[Phase, ...]:
    """The phases that lie in [start, stop). Constant ones are cut to it, so that how long a plateau
    goes on elsewhere doesn't enter a segment's key; curves keep their ends, which give their shape."""
    kept = []
    for phase in phases:
        if phase.start < stop and phase.stop > start:
            if phase.shape == "constant" and (phase.start < start or phase.stop > stop):
                phase = phase.model_copy(
                    update={"start": max(start, phase.start), "stop": min(stop, phase.stop)}
                )
            kept.append(phase)
    return tuple(kept)
