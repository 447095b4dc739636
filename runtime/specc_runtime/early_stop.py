"""The end of a stage whose evaluation no longer gets better: judging the live model, keeping its best.

What is kept lies beside the scratch checkpoints and is as safe as they are: each best result is
written aside, flushed and renamed, and stays as long as a checkpoint refers to it. So a step that was
killed goes on to the same end.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import torch
from torch import nn

from specc.steps import EvalExecution, EvalParams, TrainParams, Until
from specc_runtime import model as models
from specc_runtime.attempt import Attempt
from specc_runtime.checkpoint import Judged, Position, is_whole, read_optimizer, write_whole
from specc_runtime.evaluate import measure, open_task


class Best:
    """The weights of an early stop's best results, under `work/<key>/best`."""

    def __init__(self, folder: Path, config: Path) -> None:
        self.folder = folder
        self._config = config
        folder.mkdir(exist_ok=True)
        for left in folder.glob(".writing*"):
            shutil.rmtree(left)

    def _at(self, step: int) -> Path:
        return self.folder / f"{step:09d}"

    def save(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, position: Position, wanted: set[int | None]
    ) -> None:
        """Write the weights of a training step, and drop those of steps that nobody wants any more."""
        write_whole(self.folder, position.step, model, optimizer, self._config, position)
        for old in self.folder.iterdir():
            if old.name.isdigit() and int(old.name) not in wanted | {position.step}:
                shutil.rmtree(old)

    def holds(self, step: int) -> bool:
        """Whether the weights of a training step are there, whole."""
        try:
            content = json.loads((self._at(step) / "position.json").read_text())
            return is_whole(self._at(step), content["sha256"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def restore(self, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Give model and optimizer the weights and the state of a training step."""
        models.fill(model, models.read_weights(self._at(step)), self._at(step))
        read_optimizer(self._at(step), model, optimizer)


class EarlyStop:
    """Judges the live model of a stage against its best result so far.

    Args:
        config: config.json of the model. vocab: tokens that it knows.
    Raises:
        SpeccError: if there is nothing that the model can be measured on.
    """

    def __init__(
        self, attempt: Attempt, params: TrainParams, until: Until, model: nn.Module, config: Path, vocab: int
    ) -> None:
        self.until = until
        self.best = Best(attempt.work / "best", config)
        self._last = params.steps
        self._task = open_task(
            attempt.silent(),
            EvalParams(evaluator=until.evaluator, data=until.data, sequence=params.sequence),
            model,
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
        self._task.model.eval()
        try:
            value = measure(self._task).value
        finally:
            self._task.model.train()
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

    def finish(self, model: nn.Module, optimizer: torch.optim.Optimizer, judged: Judged) -> None:
        """Give the model its best weights, if the stage is to end with them."""
        if self.until.restore and judged.best_at not in (None, judged.step):
            assert judged.best_at is not None
            self.best.restore(model, optimizer, judged.best_at)

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
