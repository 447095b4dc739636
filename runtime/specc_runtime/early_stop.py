"""The end of a stage whose evaluation no longer gets better: judging the live model, keeping its best.

What is kept lies beside the scratch checkpoints and is as safe as they are: each best result is
written aside, flushed and renamed, and stays as long as a checkpoint refers to it. So a step that was
killed goes on to the same end.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

from specc.files import remove_folder
from specc.steps import EvalExecution, EvalParams, TrainParams, Until
from specc_runtime.attempt import Attempt
from specc_runtime.checkpoint import Judged, Position, is_whole, restore_learner, write_whole
from specc_runtime.evaluate import measure, open_task
from specc_runtime.learner import Learner


class Best:
    """The weights of an early stop's best results, under `work/<key>/best`."""

    def __init__(self, folder: Path, config: Path) -> None:
        self.folder = folder
        self._config = config
        folder.mkdir(exist_ok=True)
        for left in folder.glob(".writing*"):
            remove_folder(left)

    def _at(self, step: int) -> Path:
        return self.folder / f"{step:09d}"

    def save(self, learner: Learner, position: Position, wanted: set[int | None]) -> None:
        """Write the weights of a training step, and drop those of steps that nobody wants any more."""
        write_whole(self.folder, position.step, learner, self._config, position)
        for old in self.folder.iterdir():
            if old.name.isdigit() and int(old.name) not in wanted | {position.step}:
                remove_folder(old)

    def holds(self, step: int) -> bool:
        """Whether the weights of a training step are there, whole."""
        try:
            content = json.loads((self._at(step) / "position.json").read_text())
            return is_whole(self._at(step), content["sha256"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def restore(self, learner: Learner, step: int) -> None:
        """Give a learner the weights and the state of a training step."""
        restore_learner(self._at(step), learner)


class EarlyStop:
    """Judges the live model of a stage against its best result so far.

    Args:
        config: config.json of the model. vocab: tokens that it knows.
    Raises:
        SpeccError: if there is nothing that the model can be measured on.
    """

    def __init__(
        self, attempt: Attempt, params: TrainParams, until: Until, learner: Learner, config: Path, vocab: int
    ) -> None:
        self.until = until
        self.best = Best(attempt.work / "best", config)
        self._last = params.steps
        self._learner = learner
        self._task = open_task(
            attempt.silent(),
            EvalParams(evaluator=until.evaluator, data=until.data, sequence=params.sequence),
            learner.module(),
            vocab,
            EvalExecution().batch_tokens,
        )

    def due(self, step: int, judged: Judged) -> bool:
        """Whether the model is to be measured after this training step, and wasn't yet."""
        return step > judged.step and (step % self.until.every == 0 or step == self._last)

    def judge(self, step: int, judged: Judged) -> tuple[float, Judged]:
        """Measure the model; returns the result and what is known with it.

        Raises:
            Interrupted: if asked to stop; the model was not changed.
        """
        value = measure(replace(self._task, model=self._learner.module())).value
        if self._better(value, judged.best):
            return value, Judged(step=step, waited=0, best=value, best_at=step)
        return value, judged.model_copy(update={"step": step, "waited": judged.waited + 1})

    def _better(self, value: float, best: float | None) -> bool:
        if not math.isfinite(value):
            return False
        if best is None:
            return True
        gained = best - value if self.until.better == "lower" else value - best
        return gained > self.until.min_delta

    def ends(self, judged: Judged) -> bool:
        """Whether the stage ends with what was judged last."""
        return judged.waited >= self.until.patience and judged.step >= self.until.least

    def usable(self, position: Position) -> bool:
        """Whether the best weights that a position refers to are still there."""
        best_at = position.judged.best_at if position.judged is not None else None
        return best_at is None or not self.until.restore or self.best.holds(best_at)

    def finish(self, learner: Learner, judged: Judged) -> None:
        """Give the learner its best weights, if the stage is to end with them."""
        if self.until.restore and judged.best_at not in (None, judged.step):
            assert judged.best_at is not None
            self.best.restore(learner, judged.best_at)

    def outputs(self, judged: Judged) -> dict[str, int | float | str | None]:
        """What the step's manifest says of its end."""
        reason = (
            f"{judged.waited} results in a row were no improvement"
            if self.ends(judged)
            else "end of the stage"
        )
        return {
            "stopped_at": judged.step,
            "stop_reason": reason,
            "best_at": judged.best_at,
            "best_value": judged.best,
        }
