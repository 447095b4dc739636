"""The training loop over the steps of a stage, with its log and its checkpoints."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from specc.errors import Diverged
from specc.faults import before_training_step
from specc.files import write_atomic
from specc.steps import TrainExecution, TrainParams
from specc_runtime.attempt import Attempt, Interrupted, versions
from specc_runtime.checkpoint import Checkpoints, Judged, Position
from specc_runtime.device import device_name
from specc_runtime.early_stop import EarlyStop
from specc_runtime.learner import Known, Lagging, Learner, Reading
from specc_runtime.metrics import MetricsLog
from specc_runtime.packing import Batch, Mixture
from specc_runtime.schedule import learning_rate

AVERAGED_LOSSES = 10
"""Training steps over which the loss that a segment reports is averaged."""

LOGGED_AT_MOST = 100_000
"""Lines of metrics of a stage, whatever its length."""


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
    ways: tuple[dict[str, Any], ...] = ()
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
            ways=position.ways,
        )

    def add(self, batch: Batch, counted: dict[str, int]) -> None:
        self.step += 1
        for role, count in counted.items():
            self.tokens[role] = self.tokens.get(role, 0) + count
        self.targets += batch.targets

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
            ways=self.ways,
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """A training step that is due.

    Attributes:
        counted: role of a corpus -> tokens that it gave. rate: learning rate. lineage_step: number of
            the step since initialisation.
    """

    batch: Batch
    counted: dict[str, int]
    rate: float
    lineage_step: int


class Segment:
    """A segment that is ready to be trained: `train`, or turn by turn.

    Between `with segment:` and its end, `turn` says what is to be done next, `took` records how it
    went, and `finish` is called once there is no further turn. Whoever trains several segments
    together asks each for its turn and updates all learners at once.

    Args:
        lineage: what lies behind the start of the stage.
        origin: where the learner stands now. folder: where it was loaded from.
        stop: what may end the stage before its last step.
    """

    def __init__(
        self,
        attempt: Attempt,
        learner: Learner,
        mixture: Mixture,
        lineage: Lineage,
        origin: Position,
        folder: Path,
        stop: EarlyStop | None = None,
    ) -> None:
        self.attempt = attempt
        self.params: TrainParams = attempt.params
        self.execution: TrainExecution = attempt.execution
        self.learner = learner
        self.mixture = mixture
        self.lineage = lineage
        self.origin = origin
        self.folder = folder
        self.stop = stop
        self.log_path = attempt.work / "metrics.jsonl"
        self.checkpoints = Checkpoints(attempt.work / "checkpoints", folder / "config.json")

    def __enter__(self) -> Segment:
        """Go on from the newest checkpoint, if there is one, and open the log."""
        stop = self.stop
        found = self.checkpoints.restore(
            self.learner,
            self.log_path,
            self.origin.step,
            stop.usable if stop is not None else lambda position: True,
        )
        start = found or self.origin
        self.tally = Tally.after(start, start.resumed + (found is not None))
        self.tally.judged = self.tally.judged or (Judged() if stop is not None else None)
        self.log = MetricsLog(self.log_path, start.metrics_bytes)
        self.log.__enter__()
        self._saved = self.tally.began
        self._unread: deque[tuple[int, Turn, Reading]] = deque()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.log.__exit__(kind, error, trace)

    def train(self) -> Position:
        """Do all steps that are left after the newest checkpoint; returns the position at the end.

        Raises:
            Interrupted: if asked to stop; a checkpoint was saved.
            Diverged: if a loss or gradient norm is not finite.
        """
        with self:
            learner = self.learner
            lagging = learner if isinstance(learner, Lagging) else None
            while (turn := self.turn()) is not None:
                if lagging is not None:
                    reading = lagging.launch(turn.batch, turn.rate, turn.lineage_step)
                    self.launched(turn, reading, lagging.lag)
                else:
                    self.took(turn, *learner.update(turn.batch, turn.rate, turn.lineage_step))
            return self.finish()

    def turn(self) -> Turn | None:
        """The training step that is due; None at the end of the stage.

        Raises:
            Interrupted: if asked to stop while the model was judged; a checkpoint was saved.
        """
        if self._ended():
            return None
        params, step = self.params, self.tally.step
        before_training_step(step + 1)
        batch, counted = self.mixture.batch(step * params.batch, (step + 1) * params.batch)
        return Turn(batch, counted, learning_rate(params.phases, step), self.lineage.steps + step)

    def took(self, turn: Turn, loss: float, norm: float) -> None:
        """Record a training step that was done; saves a checkpoint where one is due.

        Raises:
            Interrupted: if asked to stop; a checkpoint was saved.
            Diverged: if the loss or the gradient's norm is not finite.
        """
        self.launched(turn, Known(loss, norm), 0)

    def launched(self, turn: Turn, reading: Reading, lag: int) -> None:
        """Record a training step whose loss and norm are read once `lag` further ones have begun.

        They are read before anything is saved, so a checkpoint never holds what was not looked at.

        Raises:
            Interrupted: if asked to stop; a checkpoint was saved.
            Diverged: if the loss or the gradient's norm of a step that was read is not finite.
        """
        tally = self.tally
        tally.add(turn.batch, turn.counted)
        self._unread.append((tally.step, turn, reading))
        self.read_values(lag)
        if tally.step < self.params.steps:
            stopping = self.attempt.stopping()
            if stopping or time.monotonic() - self._saved >= self.execution.checkpoint_seconds:
                self.read_values()
                self.save()
            if stopping:
                raise Interrupted(f"{self.attempt.step.label} at step {tally.step}")

    def read_values(self, lag: int = 0) -> None:
        """Read and log what training steps gave, but for the last `lag`."""
        while len(self._unread) > lag:
            step, turn, reading = self._unread.popleft()
            loss, norm = reading.read()
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise self._diverged(step, turn, loss, norm)
            if turn.batch.targets:
                self.tally.losses.append(loss)
            self._tell(step, loss if turn.batch.targets else None, turn.rate, norm)

    def finish(self) -> Position:
        """The position at the end; an early stop gives the learner its best weights."""
        self.read_values()
        tally = self.tally
        if self.stop is not None and tally.judged is not None:
            self.stop.finish(self.learner, tally.judged)
        return tally.position(self.log.size())

    def save(self) -> None:
        """Save a scratch checkpoint of this moment."""
        if (way := self.way_here()) not in self.tally.ways[-1:]:
            self.tally.ways += (way,)
        self.checkpoints.save(self.learner, self.tally.position(self.log.sync()))
        self._saved = time.monotonic()

    def way(self) -> dict[str, Any]:
        """How this attempt computes: all that may change rounding."""
        execution = self.execution
        asked = {} if execution.micro_batch is None else {"micro_batch": execution.micro_batch}
        place = {"device": device_name(self.learner.device), "threads": execution.threads}
        return place | asked | self.learner.provenance()

    def way_here(self) -> dict[str, Any]:
        """How this attempt computes, and with which `versions`, for those that go on from it."""
        return self.way() | {"versions": versions()}

    def _ended(self) -> bool:
        """Whether the stage has come to its end; judges the model first, where that is due."""
        tally, stop = self.tally, self.stop
        judged = tally.judged
        if stop is None or judged is None:
            return tally.step >= self.params.steps
        if stop.due(tally.step, judged):
            self.read_values()
            try:
                value, judged = stop.judge(tally.step, judged)
            except Interrupted:
                self.save()
                raise
            tally.judged = judged
            self.log.write(self._place(tally.step) | {"until": value if math.isfinite(value) else None})
            if judged.best_at == tally.step and stop.until.restore:
                kept = {p.judged.best_at for p in self.checkpoints.positions() if p.judged is not None}
                stop.best.save(self.learner, tally.position(self.log.size()), kept)
        return tally.step >= self.params.steps or stop.ends(judged)

    def _place(self, step: int) -> dict[str, Any]:
        """Where a line of the log belongs."""
        tokens = step * self.params.batch * self.params.sequence
        return {"step": step, "tokens": tokens, "lineage_tokens": self.lineage.tokens + tokens}

    def _tell(self, step: int, loss: float | None, rate: float, norm: float) -> None:
        """Log a training step, if its turn has come, and report progress."""
        params, tally = self.params, self.tally
        step_tokens = params.batch * params.sequence
        every = max(self.execution.log_every, math.ceil(params.steps / LOGGED_AT_MOST))
        if step % every == 0 or step == params.steps:
            self.log.write(
                self._place(step)
                | {
                    "loss": loss,
                    "learning_rate": rate,
                    "grad_norm": norm,
                    "seconds": round(tally.seconds(), 3),
                }
            )
        spent = max(time.monotonic() - tally.began, 1e-9)
        speed = (step - tally.went_on) * step_tokens / spent
        self.attempt.progress(step, params.steps, step * step_tokens, loss, speed)

    def _diverged(self, step: int, turn: Turn, loss: float, norm: float) -> Diverged:
        """The error for a training step that can't be gone on from; where it happened goes into a file."""
        last = self.checkpoints.newest() or self.folder
        record = self._place(step) | {
            "label": self.attempt.step.label,
            "lineage_step": turn.lineage_step + 1,
            "loss": str(loss),
            "grad_norm": str(norm),
            "learning_rate": turn.rate,
            "targets": turn.batch.targets,
            "counted": turn.counted,
            "batch_sha256": turn.batch.digest(),
            "checkpoint": str(last),
        }
        path = self.attempt.work / "diverged.json"
        write_atomic(path, json.dumps(record, indent=1) + "\n")
        what = f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient's norm is {norm}"
        return Diverged(
            f"{self.attempt.step.label or 'training'} diverged at step {step}: {what}; see {path}",
            f"lower the learning rate, or clip the gradient; the last good checkpoint is {last}",
        )
