"""`study.json`: what an exported study holds, file by file; sealed as a manifest is."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import NoReturn

from pydantic import Field, ValidationError

from specc.errors import WorkspaceError, reason
from specc.finding import STUDY
from specc.results.numbers import COLUMNS
from specc.steps import Frozen
from specc.store import unsealed

FORMAT = 1
"""Version of the folder's layout that this specc writes and reads."""

RUN_FILES = ("plan.json", "status.json", "recipe.json", "notes.jsonl", "events.jsonl", "imported.json")
"""Files of a run that go with a study."""

_MOST_MARKER_BYTES = 64 << 20
_MOST_NAME_BYTES = 240
_NEEDED = re.compile(
    rf"runs/\d{{6,9}}/({'|'.join(map(re.escape, RUN_FILES))})|stored/({'|'.join(COLUMNS)})\.parquet"
)


def is_experiment(name: str) -> bool:
    """Whether an experiment may be called that: files and folders of an export are named after it.

    >>> is_experiment("exposure"), is_experiment("../exposure"), is_experiment("/exposure")
    (True, False, False)
    """
    return name.isidentifier() and len(name.encode(errors="replace")) <= _MOST_NAME_BYTES


class ExportedFile(Frozen):
    """A file of an exported study; `rows` of a table."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"[0-9a-f]{64}")
    rows: int | None = None


class Marker(Frozen):
    """What an exported study holds.

    Attributes:
        specc: version that wrote it. schema_version: of the public tables.
        experiments: their names. left_out: what was left out by choice, `metrics` or `samples`.
        files: by their names below the folder.
    """

    format: int = FORMAT
    specc: str
    schema_version: int
    experiments: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    files: dict[str, ExportedFile]

    @property
    def needed(self) -> dict[str, ExportedFile]:
        """What a workspace is made of again; the rest is for people and other programs."""
        return {name: file for name, file in self.files.items() if name.startswith(("runs/", "stored/"))}


def read_marker(folder: Path) -> Marker:
    """Read what a folder says it holds, and see that what is needed of it is there.

    Contents are compared when the study is opened for the first time.

    Raises:
        WorkspaceError: if it can't be read, is of a newer specc, or files are missing, cut off, not plain
            files, or have names that an export doesn't give.
    """
    path = folder / STUDY
    try:
        if path.stat().st_size > _MOST_MARKER_BYTES:
            raise ValueError("it is too large")
        marker = Marker.model_validate_json(unsealed(path.read_bytes()))
    except ValidationError as error:
        version = _version(path)
        if version > FORMAT:
            raise WorkspaceError(
                f"the study in {folder} has format {version}; this specc knows up to {FORMAT}",
                "upgrade specc",
            ) from error
        torn(folder, f"`{STUDY}` is not what an export writes", error)
    except (OSError, ValueError) as error:
        torn(folder, f"`{STUDY}` can't be read: {reason(error)}", error)
    for name, file in marker.needed.items():
        if not _NEEDED.fullmatch(name):
            torn(folder, f"`{name}` is no name of a file in it")
        try:
            found = _status(folder, name)
        except OSError as error:
            torn(folder, f"`{name}` is missing", error)
        if not stat.S_ISREG(found.st_mode):
            torn(folder, f"`{name}` is no plain file")
        if found.st_size != file.bytes:
            torn(folder, f"`{name}` has {found.st_size:,} bytes, and not {file.bytes:,}")
    return marker


def _status(folder: Path, name: str) -> os.stat_result:
    """What a file is, its own folders being folders and no links."""
    for parent in list(Path(name).parents)[-2::-1]:
        if not stat.S_ISDIR(os.lstat(folder / parent).st_mode):
            raise NotADirectoryError(str(parent))
    return os.lstat(folder / name)


def _version(path: Path) -> int:
    import json

    try:
        found = json.loads(path.read_bytes())["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0
    return found if isinstance(found, int) else 0


def torn(folder: Path, what: str, cause: Exception | None = None) -> NoReturn:
    """An exported study can't be opened.

    Raises:
        WorkspaceError: always.
    """
    raise WorkspaceError(
        f"the study in {folder} can't be opened: {what}", "copy or export it again"
    ) from cause
