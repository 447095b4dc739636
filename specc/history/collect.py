"""What `specc gc` may take away, and why it keeps the rest.

Kept is all that the plan of a kept run names: the latest run of each experiment (or the last few) and the
latest that was done, every run with a tag, and a run that goes on. A run whose plan or tags can't be read
might need anything, so that nothing is taken from the store then. Evaluations stay unless asked for: they
are small, and are what a run was for.

Never looked at: what specc has not made, and whatever a symbolic link leads to.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from specc.errors import WorkspaceError
from specc.history.notes import FILE as NOTES
from specc.history.runs import Run, all_runs
from specc.steps import Frozen
from specc.store import Store

Kind = Literal["step", "scratch", "damaged"]
"""A finished step, the folder of one that was begun, or an artifact that failed its checksum."""

KINDS: dict[Kind, str] = {
    "step": "finished steps",
    "scratch": "steps begun and never ended",
    "damaged": "damaged artifacts",
}

_KEY = re.compile(r"[0-9a-f]{64}")
_SCRATCH = re.compile(r"[0-9a-f]{64}(\.[\w.-]+)?")
_DAMAGED = re.compile(r"[0-9a-f]{64}\.\d+")

Names = dict[tuple[int, int], int]
"""Names of each file that were met, by its device and number."""


class Item(Frozen):
    """Something that may go.

    Attributes:
        path: folder below the workspace. bytes: freed when it is deleted.
        what: the step's readable name, if it is known.
    """

    kind: Kind
    path: str
    bytes: int
    what: str = ""
    op: str = ""


class Keeper(Frozen):
    """A run that is kept, and why; `steps` of it are done and stay."""

    run: int
    experiment: str
    why: str
    steps: int


class Collection(Frozen):
    """What may go and what stays.

    Attributes:
        spared: finished steps that no kept run needs, kept for their results.
        foreign: entries of the workspace that specc has not made, left alone.
    """

    items: tuple[Item, ...]
    keepers: tuple[Keeper, ...]
    kept_steps: int
    spared: int
    foreign: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.items)


def collect(workspace: Path, runs_kept: int = 1, results_too: bool = False) -> Collection:
    """Find what no kept run needs; changes nothing.

    Args:
        runs_kept: latest runs of each experiment that are kept.
        results_too: whether evaluations may go.
    Raises:
        WorkspaceError: if a run's plan or tags can't be read, or a folder of the workspace is a
            symbolic link.
    """
    for name in ("store", "work", "quarantine", "runs", "trash"):
        if (workspace / name).is_symlink():
            raise WorkspaceError(
                f"`{name}` of the workspace is a symbolic link", "collect in the workspace that it leads to"
            )
    store = Store(workspace)
    done = store.done()
    needed: set[str] = set()
    keepers: list[Keeper] = []
    labels: dict[str, tuple[str, str]] = {}
    for run, why in _runs(workspace, runs_kept):
        study = run.study
        if study is None:
            raise WorkspaceError(
                f"the plan of run {run.number} can't be read, so that nobody knows what it needs",
                f"move {run.folder} away if it is not needed",
            )
        labels.update((step.key, (step.op, step.label)) for step in study.steps)
        if why:
            keys = {step.key for step in study.steps}
            keepers.append(Keeper(run=run.number, experiment=run.experiment, why=why, steps=len(keys & done)))
            needed |= keys
    items: list[Item] = []
    foreign: list[str] = []
    spared = 0
    seen: Names = {}
    for folder in _entries(workspace / "store", foreign, workspace, re.compile(r"[0-9a-f]{2}")):
        for entry in _entries(folder, foreign, workspace, _KEY):
            if entry.name in needed:
                continue
            op, label = labels.get(entry.name) or _from_manifest(store, entry.name)
            if op == "eval" and not results_too:
                spared += 1
                continue
            items.append(_item("step", entry, workspace, seen, label, op))
    for entry in _entries(workspace / "work", foreign, workspace, _SCRATCH):
        if entry.name[:64] not in needed:
            op, label = labels.get(entry.name[:64], ("", ""))
            items.append(_item("scratch", entry, workspace, seen, label, op))
    for entry in _entries(workspace / "quarantine", foreign, workspace, _DAMAGED):
        op, label = labels.get(entry.name[:64], ("", ""))
        items.append(_item("damaged", entry, workspace, seen, label, op))
    return Collection(
        items=tuple(items),
        keepers=tuple(keepers),
        kept_steps=len(done & needed),
        spared=spared,
        foreign=tuple(foreign),
    )


def _runs(workspace: Path, runs_kept: int) -> Iterator[tuple[Run, str]]:
    """All runs, newest first, with why each is kept; "" for one that isn't. One that was killed before its
    plan was written has none, and needs nothing."""
    seen: Counter[str] = Counter()
    finished: set[str] = set()
    for run in all_runs(workspace):
        if _never_began(run):
            continue
        experiment = run.experiment.lower()
        seen[experiment] += 1
        tags = _tags(run)
        last_done = run.status is not None and run.status.state == "done" and experiment not in finished
        if last_done:
            finished.add(experiment)
        if run.status is not None and run.status.state == "running":
            why = "it goes on"
        elif tags:
            why = "tag " + ", ".join(f"`{tag}`" for tag in tags)
        elif seen[experiment] <= runs_kept:
            why = "the latest" if seen[experiment] == 1 else f"among the latest {runs_kept}"
        elif last_done:
            why = "the latest that was done"
        else:
            why = ""
        yield run, why


def _never_began(run: Run) -> bool:
    """Whether a run has a folder, and died before it wrote its plan, which comes before all that it does."""
    return run.folder.is_dir() and not any(
        os.path.lexists(run.folder / name) for name in ("plan.json", "events.jsonl", "status.json")
    )


def _tags(run: Run) -> Iterable[str]:
    """Tags of a run.

    Raises:
        WorkspaceError: if they can't be read; it might have one.
    """
    path = run.folder / NOTES
    try:
        path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise WorkspaceError(
            f"the tags of run {run.number} can't be read, so that nobody knows whether it is kept",
            f"make {path} readable",
        ) from error
    return run.notes.tags or ()


def _entries(folder: Path, foreign: list[str], workspace: Path, own: re.Pattern[str]) -> Iterator[Path]:
    """Folders in a folder that specc has made, by name; others are noted."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        path = Path(entry.path)
        if own.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
            yield path
        elif not entry.name.endswith(".tmp"):
            foreign.append(str(path.relative_to(workspace)))


def _item(kind: Kind, path: Path, workspace: Path, seen: Names, what: str, op: str) -> Item:
    return Item(kind=kind, path=str(path.relative_to(workspace)), bytes=freed([path], seen), what=what, op=op)


def freed(paths: Iterable[Path], seen: Names | None = None) -> int:
    """Bytes that deleting folders frees: a file of several names is counted with the last of them, and not
    at all if one of its names stays (the checkpoint that a selection has chosen is a second name of it).

    Args:
        seen: names that were met before.
    """
    seen = {} if seen is None else seen
    total = 0
    for top in paths:
        for folder, folders, files in os.walk(top):
            for name in files + [each for each in folders if os.path.islink(os.path.join(folder, each))]:
                try:
                    status = os.lstat(os.path.join(folder, name))
                except OSError:
                    continue
                place = (status.st_dev, status.st_ino)
                seen[place] = seen.get(place, 0) + 1
                if seen[place] == status.st_nlink:
                    total += status.st_size
    return total


def _from_manifest(store: Store, key: str) -> tuple[str, str]:
    """Operation and label of a step that no run names."""
    from specc.errors import CorruptArtifact

    try:
        manifest = store.manifest(key)
    except CorruptArtifact:
        return "", ""
    return manifest.op, manifest.label
