"""Notes and tags on runs.

    runs/<6 digits>/notes.jsonl   a line for each note, and for each tag that was set or taken away

Lines are only ever appended, each by one write: what two people say at once is both kept, and a line
that a crash has torn is passed over. A tag names one run: where several carry it, the one that got it last.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from specc.errors import QueryError, disk_errors
from specc.execute.status import run_folder
from specc.files import operation, sync_folder

FILE = "notes.jsonl"

MOST_CHARACTERS = 10_000
"""Longest note."""

TAG = re.compile(r"[^\W\d][\w.+-]{0,63}")
"""What a tag looks like; it begins with a letter, so that no number is one."""

RESERVED = frozenset({"latest"})
"""Words that name a run already."""


@dataclass(frozen=True, slots=True)
class Note:
    """What was written about a run; `time` is UTC, ISO 8601."""

    time: str
    text: str


@dataclass(frozen=True, slots=True)
class Notes:
    """Notes of a run in order, and its tags with the time at which each was set."""

    notes: tuple[Note, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """All notes as one text."""
        return "\n".join(note.text for note in self.notes)


def read_notes(workspace: Path, run: int) -> Notes:
    """Notes and tags of a run."""
    try:
        data = (run_folder(workspace, run) / FILE).read_bytes()
    except OSError:
        return Notes((), {})
    notes: list[Note] = []
    tags: dict[str, str] = {}
    for line in data.split(b"\n"):
        event = _event(line)
        time = str(event.get("time", ""))
        match event.get("kind"), event.get("text"):
            case "note", str(text):
                notes.append(Note(time, text))
            case "clear", _:
                notes.clear()
            case "tag", str(tag):
                tags[tag] = time
            case "untag", str(tag):
                tags.pop(tag, None)
    return Notes(tuple(notes), tags)


def add_note(workspace: Path, run: int, text: str, replace: bool = False) -> None:
    """Add a note to a run, or put it in the place of those that are there.

    Raises:
        QueryError: if the note is too long. DiskFull, WorkspaceError: if it can't be written.
    """
    text = text.strip()
    if len(text) > MOST_CHARACTERS:
        raise QueryError(
            f"the note has {len(text):,} characters; {MOST_CHARACTERS:,} are kept",
            "put the rest into a file, and its name into the note",
        )
    events = [{"kind": "clear"}] if replace else []
    if text:
        events.append({"kind": "note", "text": text})
    _append(workspace, run, events)


def add_tag(workspace: Path, run: int, tag: str) -> None:
    """Set a tag on a run.

    Raises:
        QueryError: if it is no tag. DiskFull, WorkspaceError: if it can't be written.
    """
    if TAG.fullmatch(tag) is None or tag in RESERVED:
        raise QueryError(
            f"`{tag}` can't be a tag",
            "begin with a letter; then letters, digits, and any of . _ + - (64 at most)",
        )
    _append(workspace, run, [{"kind": "tag", "text": tag}])


def remove_tag(workspace: Path, run: int, tag: str) -> None:
    """Take a tag from a run.

    Raises:
        QueryError: if the run doesn't have it. DiskFull, WorkspaceError: if it can't be written.
    """
    tags = read_notes(workspace, run).tags
    if tag not in tags:
        listed = ", ".join(f"`{each}`" for each in tags) or "none"
        raise QueryError(f"run {run} has no tag `{tag}`", f"its tags: {listed}")
    _append(workspace, run, [{"kind": "untag", "text": tag}])


def _event(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line) if line else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _append(workspace: Path, run: int, events: Sequence[dict[str, str]]) -> None:
    if not events:
        return
    path = run_folder(workspace, run) / FILE
    time = datetime.now(UTC).isoformat(timespec="microseconds")  # of one tag on two runs the later counts
    lines = "".join(json.dumps({"time": time, **event}) + "\n" for event in events).encode()
    with disk_errors(path), operation("append", path):
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":
                lines = b"\n" + lines  # the last line was torn
            written = os.write(handle, lines)
            if written < len(lines):
                os.write(handle, lines[written:])
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(path.parent)
