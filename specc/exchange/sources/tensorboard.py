"""TensorBoard: a folder with event files, each folder that holds some being a run."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from pathlib import Path

from specc.exchange.foreign import (
    MOST_VALUES,
    ForeignRun,
    Source,
    digest_of,
    refused,
    scalar,
    unreadable,
    written,
)
from specc.exchange.sources.event_files import read_scalars

_NAMED = re.compile(r"([A-Za-z][\w.-]*)=([^/\\,;&\s]+)")


def is_event_file(path: Path) -> bool:
    return "tfevents" in path.name


def is_folder(path: Path) -> bool:
    return next(path.rglob("*tfevents*"), None) is not None


def read(path: Path) -> Source:
    """Read the scalars of all runs in a folder, or of one event file.

    A run without hyperparameters has those that its name says: `lr=0.1,seed=3`.

    Raises:
        DataError: if a file can't be read, or has no whole record.
    """
    top = path if path.is_dir() else path.parent
    files = sorted(each for each in path.rglob("*tfevents*") if each.is_file()) if path.is_dir() else [path]
    by_folder: dict[Path, list[Path]] = {}
    for file in files:
        by_folder.setdefault(file.parent, []).append(file)
    runs: list[ForeignRun] = []
    notes: list[str] = []
    counted = 0
    for folder, own in sorted(by_folder.items()):
        name = written(folder.relative_to(top).as_posix())
        run = ForeignRun(name if name != "." else written(top.absolute().name))
        first, last = math.inf, -math.inf
        for file in own:
            found = read_scalars(file)
            if found.damaged and found.first == math.inf:
                unreadable(file, found.damaged)
            if found.damaged:
                notes.append(f"{written(file.name)} of `{run.name}` is read up to where {found.damaged}")
            for tag, step, value in found.values:
                run.log(tag, step, value)
            run.parameters.update(found.parameters)
            first, last = min(first, found.first), max(last, found.last)
            counted += len(found.values)
        if counted > MOST_VALUES:
            unreadable(path, f"it has more than {MOST_VALUES:,} logged values")
        if 0 < first < 4e9:
            run.started = datetime.fromtimestamp(first, UTC).isoformat(timespec="seconds")
            run.seconds = min(last - first, 1e9)
        if not run.parameters:
            run.parameters = {each: scalar(value) for each, value in _NAMED.findall(run.name)}
        for values in run.logged.values():
            values.sort(key=lambda pair: pair[0])  # a restart goes back; what came later counts
        if run.logged or run.parameters:
            runs.append(run)
    if not runs:
        refused(f"there are no scalars in {path}", "name a folder with event files of TensorBoard")
    return Source("tensorboard", top.absolute().name, digest_of(files, top), runs, tuple(notes))
