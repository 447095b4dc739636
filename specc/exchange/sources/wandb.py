"""W&B: files that its page or its API has exported, of runs and of their histories; or its own, on disk.

A file of runs has a row for each: columns `config` and `summary` with an object each, as the API's example
writes them, or the columns of the page's CSV. A history has a row for each training step, with `_step`, and
is named after its run. SOURCE is a file, or a folder with several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from specc.exchange.foreign import (
    ForeignRun,
    Source,
    State,
    digest_of,
    flattened,
    number,
    refused,
    whole,
    written,
)
from specc.exchange.sources.records import Row, is_records, read_rows
from specc.exchange.sources.tables import Told, object_in, runs_of
from specc.exchange.sources.wandb_files import read_run

_STATES: dict[str, State] = {"finished": "done", "failed": "failed", "crashed": "failed", "killed": "failed"}
_OF_PAGE = frozenset(
    {"name", "id", "state", "notes", "user", "tags", "created", "runtime", "end time", "sweep", "hostname"}
)
"""Columns of the page's CSV that are about a run and no parameters, in lower case."""

_HISTORY = "_step"


def is_export(path: Path, rows: Sequence[Row]) -> bool:
    """Whether rows are what W&B exports."""
    names = {name.lower() for row in rows[:10] for name in row}
    return _HISTORY in names or {"config", "summary"} <= names or {"name", "state", "created"} <= names


def is_folder(path: Path) -> bool:
    return any(is_records(each) for each in path.iterdir()) or next(path.rglob("*.wandb"), None) is not None


def read(path: Path, told: Told) -> Source:
    """Read files of runs and histories.

    Raises:
        DataError: if a file can't be read. QueryError: if nothing says which columns are results.
    """
    files = (
        sorted(each for each in path.rglob("*") if each.is_file() and is_records(each))
        if path.is_dir()
        else [path]
    )
    runs: dict[str, ForeignRun] = {}
    own = [path] if path.suffix == ".wandb" else sorted(path.rglob("*.wandb")) if path.is_dir() else []
    if own:
        return _read_own(path, own, told)
    histories: dict[str, list[Row]] = {}
    for file in files:
        rows = read_rows(file)
        if rows and any(_HISTORY in row for row in rows[:10]):
            histories[written(file.stem)] = rows
        elif rows:
            for run in _runs(rows, told, file):
                if run.name in runs:
                    refused(f"two runs are named `{run.name}`", "export them with their ids, as `id`")
                runs[run.name] = run
    for name, rows in histories.items():
        known = [run for run in runs.values() if name in (run.name, run.title)]
        if not known:
            runs[name] = ForeignRun(name)
            known = [runs[name]]
        _log(known[0], rows, told)
    if not runs:
        refused(f"there are no runs in {path}", "export runs of W&B as CSV, JSON or Parquet")
    top = path if path.is_dir() else path.parent
    return Source("wandb", path.stem, digest_of(files, top), list(runs.values()))


def _read_own(path: Path, files: Sequence[Path], told: Told) -> Source:
    """Read the files that W&B's library has written."""
    runs: dict[str, ForeignRun] = {}
    notes = []
    for file in files:
        run, damaged = read_run(file, told)
        if damaged:
            notes.append(f"{written(file.name)} is read up to where {damaged}")
        before = runs.get(run.name)
        if before is not None:  # a run that was resumed has several files
            for place, values in before.logged.items():
                run.logged[place] = [*values, *run.logged.get(place, [])]
            run.parameters = before.parameters | run.parameters
        runs[run.name] = run
    top = path if path.is_dir() else path.parent
    return Source("wandb", top.absolute().name, digest_of(files, top), list(runs.values()), tuple(notes))


def _runs(rows: Sequence[Row], told: Told, file: Path) -> list[ForeignRun]:
    first = {name.lower(): name for row in rows for name in row}
    if "config" not in first and "summary" not in first:
        return _of_page(rows, told, file, first)
    found = []
    for number_, row in enumerate(rows, start=1):
        config = object_in(row.get(first.get("config", ""))) or {}
        summary = object_in(row.get(first.get("summary", ""))) or {}
        run = _named(row, first, number_)
        run.parameters = {
            name.removesuffix(".value"): value
            for name, value in flattened({n: v for n, v in config.items() if not str(n).startswith("_")})
            if not name.endswith(".desc")
        }
        began = number(summary.get("_runtime"))
        run.seconds = began if began is not None and began >= 0 else 0.0
        _take_summary(run, summary, told)
        found.append(run)
    return found


def _take_summary(run: ForeignRun, summary: Mapping[str, Any], told: Told) -> None:
    """Last values of what was logged, as logged at the last training step."""
    step = whole(summary.get(_HISTORY)) or 0
    for name, value in _numbers(summary):
        run.log(told.called(name), step, value)


def _numbers(values: Mapping[str, Any], prefix: str = "") -> Any:
    """Numbers in nested objects by dotted names; what W&B itself adds begins with an underscore."""
    for name, value in values.items():
        path = f"{prefix}{name}"
        if path.startswith("_"):
            continue
        if isinstance(value, Mapping) and prefix.count(".") < 20:
            yield from _numbers(value, f"{path}.")
        elif (found := float("nan") if value == "NaN" else number(value)) is not None:
            yield path, found


def _of_page(rows: Sequence[Row], told: Told, file: Path, first: Mapping[str, str]) -> list[ForeignRun]:
    kept = [
        {name: value for name, value in row.items() if name in told.roles or name.lower() not in _OF_PAGE}
        | {"run": _named(row, first, number_).name}
        for number_, row in enumerate(rows, start=1)
    ]
    runs = runs_of(kept, told, str(file))
    for run, row in zip(runs, rows, strict=False):
        about = _named(row, first, 0)
        run.title, run.state, run.reason, run.started = about.title, about.state, about.reason, about.started
    return runs


def _named(row: Row, first: Mapping[str, str], number_: int) -> ForeignRun:
    def said(name: str) -> str:
        return str(row.get(first.get(name, ""), "") or "")

    run = ForeignRun(said("id") or said("name") or f"row {number_}", said("name"))
    run.named = bool(said("id") or said("name"))
    run.state = _STATES.get(said("state").lower(), "running") if said("state") else "done"
    run.started = said("created") or said("created_at")
    if run.state == "failed":
        run.reason = (
            f"it {'crashed' if said('state').lower() == 'crashed' else 'failed or was killed'} in W&B"
        )
    return run


def _log(run: ForeignRun, rows: Sequence[Row], told: Told) -> None:
    """Take a history: its last values are the results, whatever the summary says."""
    run.logged.clear()
    for row in rows:
        step = whole(row.get(_HISTORY))
        if step is None:
            continue
        for name, value in _numbers(row):
            run.log(told.called(name), step, value)
    for values in run.logged.values():
        values.sort(key=lambda pair: pair[0])
