"""The trash of a workspace: what `specc gc` has moved there, put back or deleted for good.

    trash/<time>-<number>/moved.json   what is to be moved and from where, written before anything is
                          <number>/    each thing
    trash/*.deleting                   on its way out; nobody looks into it

Each thing is moved by one rename, there and back: a process that is killed anywhere leaves every step
either in its place or in the trash, whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from specc.errors import disk_errors
from specc.files import make_folder, remove_folder, rename, sync_folder, write_atomic
from specc.history.collect import Item, Names, freed
from specc.steps import Frozen

LIST = "moved.json"
DELETING = ".deleting"

_BIN = re.compile(r"\d{8}T\d{6}Z-\d+")
"""Names of bins; what has another name specc has not made, and leaves alone."""


class Moved(Frozen):
    """What a bin was made for; `items` by the number of their place in it."""

    format: int = 1
    time: str
    items: tuple[Item, ...]


class Bin(Frozen):
    """One of the trash's folders: its name, when it was filled (UTC), what lies in it, and how much."""

    name: str
    time: str
    items: int
    bytes: int


class Restored(Frozen):
    """What was put back, and what could not be.

    Attributes:
        left: places that are taken.
        damaged: bins with something in them that their lists don't tell the place of.
    """

    items: int
    left: tuple[str, ...]
    damaged: tuple[str, ...] = ()


def move_to_trash(workspace: Path, items: Sequence[Item]) -> str:
    """Move things into a new bin of the trash; returns its name.

    Raises:
        DiskFull, WorkspaceError: what was moved until then is in the trash.
    """
    trash = workspace / "trash"
    now = datetime.now(UTC)
    with disk_errors(trash):
        trash.mkdir(exist_ok=True)
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        number = 1
        while (place := trash / f"{stamp}-{number}").exists():
            number += 1
        make_folder(place)
        listed = Moved(time=now.isoformat(timespec="seconds"), items=tuple(items))
        write_atomic(place / LIST, listed.model_dump_json(indent=1) + "\n")
        sync_folder(trash)
        for index, item in enumerate(items):
            source = workspace / item.path
            if source.is_dir():
                rename(source, place / str(index))
        for folder in {(workspace / item.path).parent for item in items}:
            sync_folder(folder)
        sync_folder(place)
    return place.name


def bins(workspace: Path) -> list[Bin]:
    """What is in the trash, the latest first; then what somebody was killed over while it was deleted."""
    found = []
    seen: Names = {}
    for place in [*_places(workspace), *_half_deleted(workspace)]:
        moved = _list(place)
        there = _things(place)
        time = moved.time if moved is not None else ""
        found.append(Bin(name=place.name, time=time, items=len(there), bytes=freed(there, seen)))
    return found


def restore(workspace: Path, name: str | None = None) -> Restored:
    """Put back what is in a bin, or in all.

    A step that was done again meanwhile stays as it is, and its old one in the trash.

    Raises:
        DiskFull, WorkspaceError: what was put back until then is in its place.
    """
    restored, left, damaged = 0, [], []
    with disk_errors(workspace / "trash"):
        for place in _places(workspace):
            if name is not None and place.name != name:
                continue
            moved = _list(place)
            taken = 0
            for index, item in enumerate(moved.items if moved is not None else ()):
                source, target = place / str(index), workspace / item.path
                if not source.is_dir() or not _is_inside(item.path):
                    continue
                if target.exists():
                    left.append(item.path)
                    taken += 1
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                rename(source, target)
                sync_folder(target.parent)
                restored += 1
            if len(_things(place)) > taken:
                damaged.append(place.name)
            elif not taken:
                _delete(place)
    return Restored(items=restored, left=tuple(left), damaged=tuple(damaged))


def purge(workspace: Path) -> None:
    """Delete for good what is in the trash.

    Raises:
        DiskFull, WorkspaceError: if it can't be deleted.
    """
    with disk_errors(workspace / "trash"):
        for place in _places(workspace):
            _delete(place)
        for left in _half_deleted(workspace):
            remove_folder(left)


def _delete(place: Path) -> None:
    """Out of sight at once, then deleted: nobody finds one that is deleted by half."""
    aside = place.with_name(place.name + DELETING)
    rename(place, aside)
    sync_folder(place.parent)
    remove_folder(aside)


def _places(workspace: Path) -> list[Path]:
    """Bins, the latest first."""
    return _folders(workspace, "")


def _half_deleted(workspace: Path) -> list[Path]:
    """Bins that somebody has begun to delete."""
    return _folders(workspace, DELETING)


def _folders(workspace: Path, ending: str) -> list[Path]:
    trash = workspace / "trash"
    if trash.is_symlink() or not trash.is_dir():
        return []
    found = (each for each in trash.iterdir() if each.name.endswith(ending))
    own = (each for each in found if _BIN.fullmatch(each.name.removesuffix(ending)))
    return sorted((each for each in own if each.is_dir() and not each.is_symlink()), reverse=True)


def _things(place: Path) -> list[Path]:
    """What was moved into a bin."""
    return [each for each in place.iterdir() if each.name != LIST and not each.name.endswith(".tmp")]


def _list(place: Path) -> Moved | None:
    try:
        return Moved.model_validate_json((place / LIST).read_bytes())
    except (OSError, ValidationError):
        return None


def _is_inside(path: str) -> bool:
    """Whether a path of a list leads to where things are moved from, and nowhere else."""
    parts = PurePosixPath(path).parts
    return len(parts) in (2, 3) and parts[0] in ("store", "work", "quarantine") and ".." not in parts
