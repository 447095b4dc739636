"""An exported study as a workspace that can be read.

The folder itself is never written to. A workspace is made of it in the user's cache, once: its runs are
copied, its numbers are taken into an index. Where there is no room for a cache, that is a temporary folder.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from specc.errors import SpeccError, WorkspaceError, disk_errors
from specc.exchange.marker import ExportedFile, is_experiment, read_marker, torn
from specc.finding import STUDY
from specc.results import numbers
from specc.store import FORMAT

READ_ONLY = "exported.json"
"""File of a workspace that was made of an exported study."""

_KEPT_SECONDS = 30 * 86_400
"""How long a workspace that was made of a study is kept after it was last opened."""

_UNFINISHED_SECONDS = 86_400
"""After which a workspace that is not finished is one whose process was killed."""

_MOST_ROWS_A_BYTE = 2_000
"""Rows that a byte of Parquet may stand for; more is a claim that would fill the disk."""

_temporary: dict[str, Path] = {}
"""Workspaces of studies opened by this process that have no place in the cache."""


def open_exported(folder: Path) -> Path:
    """The workspace of an exported study, made if it isn't there yet.

    Raises:
        WorkspaceError: if the study is torn, of a newer specc, or not what its marker says.
        DiskFull: if there is no room for it.
    """
    marker = read_marker(folder)
    key = hashlib.sha256((folder / STUDY).read_bytes()).hexdigest()
    known = _temporary.get(key)
    if known is not None and known.is_dir():
        return known
    target = cache_folder() / key
    if (target / "format.json").exists():
        with suppress(OSError):
            os.utime(target / READ_ONLY)
        return target
    aside = Path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".", dir=target.parent))
    except OSError:
        aside = target = Path(tempfile.mkdtemp(prefix="specc-study-"))
        _temporary[key] = target
        atexit.register(shutil.rmtree, target, ignore_errors=True)
    try:
        with disk_errors(aside):
            make_workspace(folder, marker.needed, aside)
        if aside != target:
            _put_in_place(aside, target)
            _forget_old(target)
    except BaseException:
        _temporary.pop(key, None)
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return target


def cache_folder() -> Path:
    """Where workspaces of exported studies are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "specc" / "studies"


def _put_in_place(aside: Path, target: Path) -> None:
    try:
        os.rename(aside, target)
    except OSError:
        if not (target / "format.json").exists():  # else another process was faster
            raise
        shutil.rmtree(aside, ignore_errors=True)


def _forget_old(newest: Path) -> None:
    """Remove the workspaces of studies that nobody has opened for long, and what was never finished."""
    for each in newest.parent.glob(".*"):
        with suppress(OSError):
            if time.time() - each.stat().st_mtime > _UNFINISHED_SECONDS:
                shutil.rmtree(each, ignore_errors=True)
    for each in newest.parent.iterdir():
        if each != newest and re.fullmatch(r"[0-9a-f]{64}", each.name):
            with suppress(OSError):
                if time.time() - (each / READ_ONLY).stat().st_mtime > _KEPT_SECONDS:
                    shutil.rmtree(each, ignore_errors=True)


def make_workspace(folder: Path, files: Mapping[str, ExportedFile], target: Path) -> None:
    """Fill an empty folder with the workspace that an exported study is of.

    Args:
        files: those of the study that are needed for it.
    Raises:
        WorkspaceError: if one of them is not what it should be.
    """
    runs = sorted({name.split("/")[1] for name in files if name.startswith("runs/")})
    if not runs:
        torn(folder, "it holds no run")
    for name in ("store", "work", "runs", "index"):
        (target / name).mkdir()
    beside = target / "runs" / runs[-1] / numbers.FOLDER
    beside.mkdir(parents=True)
    rows: dict[str, int] = {}
    for name, file in files.items():
        first, *middle, last = name.split("/")
        copy = beside / last if first == "stored" else target / "runs" / middle[0] / last
        copy.parent.mkdir(exist_ok=True)
        _copy(folder, name, file, copy)
        if first == "stored":
            rows[copy.stem] = file.rows or 0
    _look_into(folder, beside, rows)
    _see_plans(folder, target)
    numbers.write_seal(beside, rows)
    (target / READ_ONLY).write_text(str(folder.absolute()) + "\n", encoding="utf-8")
    (target / "format.json").write_text(f'{{"version": {FORMAT}}}\n')


def _copy(folder: Path, name: str, file: ExportedFile, copy: Path) -> None:
    """Copy a file, no more of it than it should have, and compare what was copied with its digest."""
    digest = hashlib.sha256()
    left = file.bytes
    handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as source, open(copy, "xb") as target:
        while left and (part := source.read(min(left, 1 << 20))):
            digest.update(part)
            target.write(part)
            left -= len(part)
    if digest.hexdigest() != file.sha256:
        torn(folder, f"`{name}` differs from its checksum")


def _look_into(folder: Path, copies: Path, rows: Mapping[str, int]) -> None:
    """See that files of numbers have the columns and rows that they should have."""
    import duckdb

    with duckdb.connect() as connection:
        for name, count in rows.items():
            path = copies / f"{name}.parquet"
            try:
                row = connection.execute(
                    "SELECT sum(num_rows) FROM parquet_file_metadata(?)", [str(path)]
                ).fetchone()
                wrong = numbers.wrong_columns(connection, name, path)
            except duckdb.Error as error:
                torn(folder, f"`stored/{name}.parquet` can't be read as Parquet", error)
            if row is None or int(row[0]) != count:
                torn(folder, f"`stored/{name}.parquet` doesn't have the {count:,} rows that it should have")
            if count > 1_000_000 + path.stat().st_size * _MOST_ROWS_A_BYTE:
                torn(folder, f"`stored/{name}.parquet` claims {count:,} rows, more than its size can hold")
            if wrong:
                torn(folder, f"columns of `stored/{name}.parquet`: {wrong}")


def _see_plans(folder: Path, target: Path) -> None:
    from specc.study import Study

    for path in sorted((target / "runs").glob("*/plan.json")):
        name = f"runs/{path.parent.name}/plan.json"
        try:
            study = Study.model_validate_json(path.read_bytes())
        except ValueError as error:
            torn(folder, f"`{name}` is no plan that this specc can read", error)
        if not is_experiment(study.experiment):
            torn(folder, f"`{name}` is of an experiment that none can be called: `{study.experiment[:100]}`")


def exported_from(workspace: Path) -> Path | None:
    """The exported study that a workspace was made of; None for a workspace where recipes are run."""
    try:
        return Path((workspace / READ_ONLY).read_text(encoding="utf-8").strip())
    except OSError:
        return None


def refuse_to_write(folder: Path) -> SpeccError:
    """The error for whoever wants to change an exported study."""
    return WorkspaceError(
        f"{folder} is an exported study, which can only be read",
        "name another workspace with `--workspace`; `specc import` and `specc run` write to one",
    )
