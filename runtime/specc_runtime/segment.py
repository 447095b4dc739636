"""The training loop over the steps of a stage, with its log and its checkpoints."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from specc.errors import Diverged
from specc.steps import TrainExecution, TrainParams
from specc_runtime.attempt import Attempt, Interrupted
from specc_runtime.checkpoint import Checkpoints, Judged, Position
from specc_runtime.early_stop import EarlyStop
from specc_runtime.metrics import MetricsLog
from specc_runtime.packing import Batch, Mixture
from specc_runtime.schedule import learning_rate
from specc_runtime.update import Updater

AVERAGED_LOSSES = 10
"""Training steps over which the loss that a segment reports is averaged."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What lies behind a segment: training steps and tokens since initialisation."""

    steps: int
    tokens: int


@dataclass(slots=True)
class Tally:
    """What a segment has counted so far; see `Position` for the fields.

    Attributes:
        before: seconds that earlier attempts spent. began: when this attempt did, monotonic.
        went_on: training step of the stage at which this attempt began.
    """

    step: int
    went_on: int
    tokens: dict[str, int]
    targets: int
    losses: deque[float]
    before: float
    resumed: int
    judged: Judged | None
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def after(cls, position: Position, resumed: int) -> Tally:
        return cls(
            step=position.step,
            went_on=position.step,
            tokens=dict(position.tokens),
            targets=position.targets,
            losses=deque(position.losses, maxlen=AVERAGED_LOSSES),
            before=position.seconds,
            resumed=resumed,
            judged=position.judged,
        )

    def add(self, batch: Batch, counted: dict[str, int], loss: float) -> None:
        self.step += 1
        for role, count in counted.items():
            self.tokens[role] = self.tokens.get(role, 0) + count
        self.targets += batch.targets
        if batch.targets:
            self.losses.append(loss)

    def seconds(self) -> float:
        """Seconds spent in the loop, over all attempts."""
        return self.before + time.monotonic() - self.began

    def position(self, metrics_bytes: int) -> Position:
        return Position(
            step=self.step,
            tokens=self.tokens,
            targets=self.targets,
            losses=tuple(self.losses),
            seconds=self.seconds(),
            metrics_bytes=metrics_bytes,
            resumed=self.resumed,
            judged=self.judged,
        )


class Segment:
    """A segment that is ready to be trained.

    Args:
        lineage: what lies behind the start of the stage.
        origin: where model and optimizer stand now. folder: where they were loaded from.
        stop: what may end the stage before its last step.
    """

    def __init__(
        self,
        attempt: Attempt,
        updater: Updater,
        mixture: Mixture,
        lineage: Lineage,
        origin: Position,
        folder: Path,
        stop: EarlyStop | None = None,
    ) -> None:
        self.attempt = attempt
        self.params: TrainParams = attempt.params
        self.execution: TrainExecution = attempt.execution
        self.updater = updater
        self.mixture = mixture
        self.lineage = lineage
        self.origin = origin
        self.folder = folder
        self.stop = stop
        self.log_path = attempt.work / "metrics.jsonl"
        self.checkpoints = Checkpoints(attempt.work / "checkpoints", folder / "config.json")

    def train(self) -> Position:
        """Do all steps that are left after the newest checkpoint; returns the position at the end.

        Raises:
            Interrupted: if asked to stop; a checkpoint was saved.
            Diverged: if a loss or gradient norm is not finite.
        """
        params, updater = self.params, self.updater
        stop = self.stop
        found = self.checkpoints.restore(
            updater.model,
            updater.optimizer,
            self.log_path,
            self.origin.step,
            stop.usable if stop is not None else lambda position: True,
        )
        start = found or self.origin
        tally = Tally.after(start, start.resumed + (found is not None))
        tally.judged = tally.judged or (Judged() if stop is not None else None)
        saved = tally.began
        updater.model.train()
        with MetricsLog(self.log_path, start.metrics_bytes) as log:
            while not self._ended(log, tally):
                step = tally.step
                batch, counted = self.mixture.batch(step * params.batch, (step + 1) * params.batch)
                rate = learning_rate(params.phases, step)
                loss, norm = updater.update(batch, rate, self.lineage.steps + step)
                if not (math.isfinite(loss) and math.isfinite(norm)):
                    raise self._diverged(step, loss, norm)
                tally.add(batch, counted, loss)
                self._tell(log, tally, loss if batch.targets else None, rate, norm)
                if tally.step < params.steps:
                    stopping = self.attempt.stopping()
                    if stopping or time.monotonic() - saved >= self.execution.checkpoint_seconds:
                        self._save(log, tally)
                        saved = time.monotonic()
                    if stopping:
                        raise Interrupted(f"{self.attempt.step.label} at step {tally.step}")
            if stop is not None and tally.judged is not None:
                stop.finish(updater.model, updater.optimizer, tally.judged)
            return tally.position(log.size())

    def _save(self, log: MetricsLog, tally: Tally) -> None:
        self.checkpoints.save(self.updater.model, self.updater.optimizer, tally.position(log.sync()))

    def _ended(self, log: MetricsLog, tally: Tally) -> bool:
        """Whether the stage has come to its end; judges the model first, where that is due."""
        stop, judged = self.stop, tally.judged
        if stop is None or judged is None:
            return tally.step >= self.params.steps
        if stop.due(tally.step, judged):
            try:
                value, judged = stop.judge(tally.step, judged)
            except Interrupted:
                self._save(log, tally)
                raise
            tally.judged = judged
            log.write(self._place(tally) | {"until": value if math.isfinite(value) else None})
            if judged.best_at == tally.step and stop.until.restore:
                kept = {p.judged.best_at for p in self.checkpoints.positions() if p.judged is not None}
                stop.best.save(self.updater.model, self.updater.optimizer, tally.position(log.size()), kept)
        return tally.step >= self.params.steps or stop.ends(judged)

    def _place(self, tally: Tally) -> dict[str, Any]:
        """Where a line of the log belongs."""
        tokens = tally.step * self.params.batch * self.params.sequence
        return {"step": tally.step, "tokens": tokens, "lineage_tokens": self.lineage.tokens + tokens}

    def _tell(self, log: MetricsLog, tally: Tally, loss: float | None, rate: float, norm: float) -> None:
        """Log the step that was just done, if its turn has come, and report progress."""
        params = self.params
        step_tokens = params.batch * params.sequence
        if tally.step % self.execution.log_every == 0 or tally.step == params.steps:
            log.write(
                self._place(tally)
                | {
                    "loss": loss,
                    "learning_rate": rate,
                    "grad_norm": norm,
                    "seconds": round(tally.seconds(), 3),
                }
            )
        spent = max(time.monotonic() - tally.began, 1e-9)
        speed = (tally.step - tally.went_on) * step_tokens / spent
        self.attempt.progress(tally.step, params.steps, tally.step * step_tokens, loss, speed)

    def _diverged(self, step: int, loss: float, norm: float) -> Diverged:
        what = f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient's norm is {norm}"
        last = self.checkpoints.newest() or self.folder
        return Diverged(
            f"{self.attempt.step.label or 'training'} diverged at step {step + 1}: {what}",
            f"lower the learning rate, or clip the gradient; the last good checkpoint is {last}",
        )
