"""Weights, optimizer state and position of a training run on disk.

An artifact of `train` and a scratch checkpoint hold the same files: model.safetensors, config.json,
optimizer.safetensors and position.json. A scratch checkpoint is written aside, flushed and renamed,
the last two are kept, and one that can't be read is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from specc.checkpoints import OPTIMIZER
from specc.errors import DataError, reason
from specc.files import (
    copy_file,
    file_digest,
    make_folder,
    operation,
    remove_folder,
    rename,
    sync_file,
    sync_folder,
    write_atomic,
    write_file,
)
from specc.steps import Frozen
from specc_runtime import model as models
from specc_runtime.learner import Gathering, Learner, Spread
from specc_runtime.weights import write_weights

KEPT = 2
"""Scratch checkpoints that are kept: the last may be damaged by what stopped the run."""


class Judged(Frozen):
    """What an early stop has seen.

    Attributes:
        step: training step of the stage that was measured last. waited: results since the best one.
        best, best_at: the best result and its training step; None before any was a number.
    """

    step: int = 0
    waited: int = 0
    best: float | None = None
    best_at: int | None = None


class Position(Frozen):
    """How far training has come; counts begin at the start of the stage.

    Attributes:
        step: training steps of the stage that are done.
        tokens: role of a corpus -> tokens counted.
        targets: tokens that carried loss.
        losses: the last losses, for the mean that is reported.
        seconds: spent in the loop, over all attempts.
        metrics_bytes: size of the metrics log that belongs to this position.
        resumed: how often the segment went on from a scratch checkpoint.
        judged: what an early stop knows so far; None without one.
        ways: how it was computed so far, one after the other; see `Segment.way_here`.
    """

    step: int
    tokens: dict[str, int] = Field(default_factory=dict)
    targets: int = 0
    losses: tuple[float, ...] = ()
    seconds: float = 0.0
    metrics_bytes: int = 0
    resumed: int = 0
    judged: Judged | None = None
    ways: tuple[dict[str, Any], ...] = ()


def write_position(folder: Path, position: Position, lineage_steps: int, lineage_tokens: int) -> None:
    """Say in an artifact where in its stage and lineage it stands, and what others go on from."""
    counted = position.model_dump(include={"step", "tokens", "targets", "losses"})
    content = counted | {"lineage_steps": lineage_steps, "lineage_tokens": lineage_tokens}
    write_file(folder / "position.json", json.dumps(content) + "\n")


def read_position(folder: Path) -> Position:
    """The position of a finished step, from which another goes on."""
    content = json.loads((folder / "position.json").read_text())
    return Position(**{name: content[name] for name in ("step", "tokens", "targets", "losses")})


def write_state(folder: Path, learner: Learner, config: Path) -> None:
    """Fill a folder with the weights, the optimizer state and a copy of `config` (config.json)."""
    with operation("write", folder / "model.safetensors"):
        if isinstance(learner, Spread):
            save_gathered(learner.gather_weights(), folder / "model.safetensors")
        else:
            models.save_weights(learner.weights(), folder)
    with operation("write", folder / OPTIMIZER):
        if isinstance(learner, Spread):
            save_gathered(learner.gather_state(), folder / OPTIMIZER)
        else:
            save_file(learner.optimizer_state(), folder / OPTIMIZER)
    copy_file(config, folder / "config.json")


def save_gathered(tensors: Gathering, path: Path) -> None:
    """Write tensors as safetensors as they come."""
    write_weights(path, tensors.shapes, tensors.items())


def restore_learner(folder: Path, learner: Learner, with_optimizer: bool = True) -> None:
    """Give a learner the weights and the optimizer state that `write_state` left in a folder.

    Raises:
        DataError: if they are not there, or don't fit.
    """
    weights = models.read_weights(folder)
    try:
        state = load_file(folder / OPTIMIZER) if with_optimizer else None
        learner.restore(weights, state, folder)
    except (OSError, SafetensorError, ValueError) as error:
        raise DataError(
            f"the optimizer state in {folder} can't be read: {reason(error)}",
            "train the stage that it comes from again",
        ) from error


def write_whole(
    parent: Path,
    step: int,
    learner: Learner,
    config: Path,
    position: Position,
) -> None:
    """Write weights, optimizer and position as a folder of `parent` that is there whole or not at all."""
    aside = parent / f".writing-{step}"
    make_folder(aside)
    write_state(aside, learner, config)
    digests = {}
    for path in sorted(aside.iterdir()):
        sync_file(path)
        digests[path.name] = file_digest(path)
    content = {"position": position.model_dump(), "sha256": digests}
    write_atomic(aside / "position.json", json.dumps(content))
    target = parent / f"{step:09d}"
    if target.exists():
        remove_folder(target)
    rename(aside, target)
    sync_folder(parent)


def is_whole(folder: Path, digests: dict[str, str]) -> bool:
    """Whether the files of a folder have these checksums.

    Raises:
        OSError: if one is missing.
    """
    return all(file_digest(folder / name) == digest for name, digest in digests.items())


class Checkpoints:
    """The scratch checkpoints of a segment, under `work/<key>/checkpoints`."""

    def __init__(self, folder: Path, config: Path) -> None:
        self.folder = folder
        self._config = config
        folder.mkdir(exist_ok=True)
        for left in folder.glob(".writing*"):
            remove_folder(left)

    def newest(self) -> Path | None:
        """Where the last checkpoint lies."""
        return next(self._stored(), None)

    def _stored(self) -> Iterator[Path]:
        """Folders of finished checkpoints, newest first."""
        names = sorted((entry.name for entry in self.folder.iterdir() if entry.name.isdigit()), reverse=True)
        return (self.folder / name for name in names)

    def save(self, learner: Learner, position: Position) -> None:
        """Write a checkpoint so that it is there whole or not at all, and drop those too old."""
        write_whole(self.folder, position.step, learner, self._config, position)
        for old in list(self._stored())[KEPT:]:
            remove_folder(old)

    def positions(self) -> list[Position]:
        """Positions of the checkpoints that can be read."""
        found = []
        for folder in self._stored():
            try:
                content = json.loads((folder / "position.json").read_text())
                found.append(Position.model_validate(content["position"]))
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return found

    def restore(
        self,
        learner: Learner,
        log: Path,
        beyond: int,
        usable: Callable[[Position], bool] = lambda position: True,
    ) -> Position | None:
        """Go on from the newest checkpoint that is whole and whose metrics log is still there.

        Args:
            log: metrics of the segment, which must hold at least what the checkpoint counted on.
            beyond: training step of the stage; checkpoints up to it are of no use.
            usable: whether all else that belongs to a position is there.
        Returns:
            the position that the learner now has; None if there is no such checkpoint.
        """
        for folder in self._stored():
            try:
                content = json.loads((folder / "position.json").read_text())
                position = Position.model_validate(content["position"])
                whole = is_whole(folder, content["sha256"]) and usable(position)
                if whole and position.step > beyond and log.stat().st_size >= position.metrics_bytes:
                    restore_learner(folder, learner)
                    return position
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue
        return None
