"""Results of another tool as a run of this workspace: a plan whose steps were done elsewhere.

    runs/<6 digits>/imported.json   where from, as what, and when
                    plan.json       arms, axes, evaluations, made from what the source says
                    status.json     done
                    events.jsonl    runs that failed there
                    numbers/        what was measured and logged; see `specc.results.numbers`

The folder is filled aside and renamed once. The source is not needed afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from specc.errors import QueryError, disk_errors
from specc.exchange.arms import arrange
from specc.exchange.foreign import Source, refused, written
from specc.exchange.planned import Planned, planned
from specc.exchange.sources import lm_eval_results, mlflow, records, tables, tensorboard, wandb
from specc.exchange.sources.tables import MANY, Told
from specc.execute.lock import WorkspaceLock
from specc.execute.status import RunStatus, StepCounts, StepFailure, run_folder, run_numbers
from specc.files import remove_folder, rename, sync_file, sync_folder, write_file
from specc.history.origin import FILE, KINDS, Kind, Origin, read_origin
from specc.history.runs import Run, all_runs
from specc.results import numbers
from specc.results.plans import same_experiment
from specc.results.schema import RESERVED_SCHEMAS
from specc.study import Study


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is imported, and how it is read.

    Attributes:
        path: as it was given. name: of the experiment; None for one after the source.
        kind: None for what it looks like. take: of several experiments in the source, this one.
        better: which results of an evaluation are better. data: names what was evaluated on.
    """

    path: str
    name: str | None = None
    kind: Kind | None = None
    take: str | None = None
    told: Told = field(default_factory=Told)
    better: Mapping[str, Literal["lower", "higher"]] | None = None
    data: str | None = None
    replace: bool = False

    @property
    def mapping(self) -> dict[str, list[str]]:
        """How it is read, to be told from another way."""
        found = {
            "take": [self.take] if self.take else [],
            "map": [f"{name}={role}:{self.told.called(name)}" for name, role in self.told.roles.items()],
            "better": [f"{name}={which}" for name, which in (self.better or {}).items()],
            "data": [self.data] if self.data else [],
        }
        return {name: sorted(values) for name, values in found.items() if values}


@dataclass(frozen=True, slots=True)
class Brought:
    """What was imported; `new` is false if it was there already."""

    run: int
    origin: Origin
    planned: Planned
    new: bool = True


def read_source(wanted: Wanted) -> Source:
    """Read a source.

    Raises:
        DataError: if it can't be read. QueryError: if it isn't there, nobody knows what it is, or what to
            take of it.
    """
    path = Path(wanted.path)
    if not path.exists():
        refused(f"there is no file or folder {path}", "name what another tool has written")
    kind = wanted.kind or _kind(path)
    readers: dict[Kind, Callable[[], Source]] = {
        "mlflow": lambda: mlflow.read(path, wanted.take),
        "wandb": lambda: wandb.read(path, wanted.told),
        "tensorboard": lambda: tensorboard.read(path),
        "lm_eval": lambda: lm_eval_results.read(path),
        "table": lambda: tables.read(path, wanted.told),
    }
    if wanted.take is not None and kind != "mlflow":
        refused(f"`--take` is about experiments of MLflow, and {path} is of {KINDS[kind]}", "leave it out")
    for name, role in wanted.told.roles.items():
        if kind not in ("table", "wandb") and role not in (*MANY, "recipe", "seed"):
            refused(f"`{name}` can't be the `{role}`: {path} has no columns", "leave it out")
    return readers[kind]()


def _kind(path: Path) -> Kind:
    """What a source looks like.

    Raises:
        QueryError: if it looks like nothing that is known.
    """
    if path.is_dir():
        folders: dict[Kind, Callable[[Path], bool]] = {
            "mlflow": mlflow.is_folder,
            "lm_eval": lm_eval_results.is_folder,
            "tensorboard": tensorboard.is_folder,
            "wandb": wandb.is_folder,
        }
        for kind, looks in folders.items():
            if looks(path):
                return kind
    elif mlflow.is_database(path):
        return "mlflow"
    elif path.suffix == ".wandb":
        return "wandb"
    elif tensorboard.is_event_file(path):
        return "tensorboard"
    elif lm_eval_results.is_results(path):
        return "lm_eval"
    elif records.is_records(path):
        return "wandb" if wandb.is_export(path, records.read_rows(path)) else "table"
    known = ", ".join(f"`{kind}`" for kind in KINDS)
    raise QueryError(f"{path} looks like no results that are known", f"say what it is with `--from`: {known}")


def bring(workspace: Path, wanted: Wanted, source: Source, made: Planned) -> Brought:
    """Import what `read_planned` has read into a workspace, unless just this was imported before.

    Raises:
        QueryError: if there is an experiment of that name that comes from somewhere else.
        WorkspaceError: if a run goes on. DiskFull.
    """
    origin = Origin(
        kind=source.kind,
        path=written(wanted.path),
        digest=source.digest,
        mapping=wanted.mapping,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        runs=made.labels,
        notes=source.notes,
    )
    with WorkspaceLock(workspace) as lock:
        lock.acquire(wait=False, waiting=lambda holder: None, give_up=lambda: False)
        earlier = _earlier(workspace, made.study, wanted, source)
        if earlier is not None:
            return Brought(earlier.number, origin, made, new=False)
        run = max(run_numbers(workspace), default=0) + 1
        lock.sign(run)
        with disk_errors(workspace):
            _write(workspace, run, origin, made)
    return Brought(run, origin, made)


def read_planned(wanted: Wanted) -> tuple[Source, Planned]:
    """Read a source and plan the experiment that it becomes; writes nothing.

    Raises:
        DataError: if the source can't be read. QueryError: if nobody knows what it is, it has no results, or
            what was told doesn't fit it.
    """
    source = read_source(wanted)
    name = wanted.name or _identifier(source.name)
    if wanted.name is not None and not (name.isidentifier() and len(name) <= 64):
        refused(f"`{name}` can't be the name of an experiment", f"write `--as {_identifier(name)}`")
    if name.lower() in RESERVED_SCHEMAS:
        refused(
            f"`{name}` can't be the name of an experiment: it is a schema of SQL", "name another with `--as`"
        )
    arranged = arrange(source.runs, wanted.told)
    source = Source(source.kind, source.name, source.digest, source.runs, (*source.notes, *arranged.notes))
    label = wanted.data if wanted.data is not None else f"imported as {name}"
    made = planned(name, source, arranged, wanted.told, label, wanted.better or {}, written(wanted.path))
    for each in wanted.better or {}:
        known = [evaluation.eval for evaluation in made.study.evaluations]
        if each not in known:
            refused(
                f"there is no evaluation `{each}`", f"evaluations: {', '.join(f'`{e}`' for e in known[:30])}"
            )
    return source, made


def _identifier(name: str) -> str:
    """A name as an experiment may have it.

    >>> _identifier("my runs/2026"), _identifier("2nd try"), _identifier("--")
    ('my_runs_2026', 'of_2nd_try', 'imported')
    """
    plain = "".join(sign if sign.isalnum() or sign == "_" else "_" for sign in name).strip("_")[:60]
    found = plain if plain.isidentifier() else f"of_{plain}"
    return found if plain and found.isidentifier() else "imported"


def _earlier(workspace: Path, study: Study, wanted: Wanted, source: Source) -> Run | None:
    """The latest run of the experiment, if it is just this import; None if it may be made.

    Raises:
        QueryError: if the experiment comes from somewhere else.
    """
    for run in all_runs(workspace):
        if not same_experiment(run.experiment, study.experiment):
            continue
        origin = read_origin(run.folder)
        if origin is None:
            refused(
                f"`{run.experiment}` is an experiment that was run in this workspace",
                "give the import another name: `--as NAME`",
            )
        same_place = (origin.kind, Path(origin.path).name) == (source.kind, written(Path(wanted.path).name))
        if not same_place and not wanted.replace:
            refused(
                f"`{run.experiment}` was imported from {origin.title} before",
                "give another name with `--as`, or `--replace` it",
            )
        same = origin.digest == source.digest and origin.mapping == wanted.mapping and same_place
        # The same files are read in another way by another version of specc.
        return run if same and run.study == study else None
    return None


def _write(workspace: Path, run: int, origin: Origin, made: Planned) -> None:
    """Write the folder of a run aside, and put it in its place."""
    _sweep(workspace)
    aside = workspace / "work" / f"import.{os.getpid()}.tmp"
    aside.mkdir()
    try:
        write_file(aside / FILE, origin.model_dump_json(indent=1) + "\n")
        write_file(aside / "plan.json", made.study.model_dump_json() + "\n")
        write_file(aside / "status.json", _status(run, origin, made).model_dump_json(indent=1) + "\n")
        events = [
            {"time": origin.time, "event": "failed", "key": key, "error": "Failed", "message": why}
            for key, why in made.failed
        ]
        write_file(aside / "events.jsonl", "".join(json.dumps(event) + "\n" for event in events))
        _write_numbers(aside / numbers.FOLDER, made)
        for path in sorted(aside.rglob("*")):
            (sync_folder if path.is_dir() else sync_file)(path)
        sync_folder(aside)
        rename(aside, run_folder(workspace, run))
        sync_folder(workspace / "runs")
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _sweep(workspace: Path) -> None:
    """Remove what imports that were killed have left; only for the holder of the workspace's lock."""
    for left in (workspace / "work").glob("import.*.tmp"):
        shutil.rmtree(left, ignore_errors=True)


def _status(run: int, origin: Origin, made: Planned) -> RunStatus:
    failed, started = len(made.failed), len(made.started)
    labels = {step.key: step.label for step in made.study.steps}
    done = len(made.steps)
    total = len(made.study.steps)
    return RunStatus(
        run=run,
        experiment=made.study.experiment,
        spec=origin.path,
        state="done",
        pid=0,
        counts=StepCounts(
            total=total, done=done, failed=failed, todo=started - failed, blocked=total - done - started
        ),
        failures=tuple(
            StepFailure(key=key, label=labels[key], error="Failed", message=why) for key, why in made.failed
        ),
        started=origin.time,
        updated=origin.time,
    )


def _write_numbers(folder: Path, made: Planned) -> None:
    """Write what was measured and logged as Parquet, and seal it."""
    import duckdb

    folder.mkdir()
    found = {
        "steps": made.steps,
        "metrics": made.metrics,
        "samples": made.samples,
        "started": made.started,
    }
    counts: dict[str, int] = {}
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        for name, rows in found.items():
            if not rows:
                continue
            columns = ", ".join(f"{column} {type}" for column, type in numbers.COLUMNS[name].items())
            connection.execute(f"CREATE TABLE {name} ({columns})")
            appender = connection.appender(name)
            appender.append_rows(rows)
            appender.flush()
            counts[name] = numbers.copy_rows(connection, name, f"SELECT * FROM {name}", folder)
    numbers.write_seal(folder, counts)


def remove(workspace: Path, experiment: str) -> list[int]:
    """Remove all imports of an experiment from a workspace; returns the numbers of their runs.

    Raises:
        QueryError: if nothing was imported under that name. WorkspaceError: if a run goes on.
    """
    with WorkspaceLock(workspace) as lock:
        lock.acquire(wait=False, waiting=lambda holder: None, give_up=lambda: False)
        runs = [run for run in all_runs(workspace) if read_origin(run.folder) is not None]
        found = [run for run in runs if same_experiment(run.experiment, experiment)]
        if not found:
            known = ", ".join(f"`{name}`" for name in dict.fromkeys(run.experiment for run in runs)) or "none"
            raise QueryError(f"nothing was imported as `{experiment}`", f"imported: {known}")
        with disk_errors(workspace):
            _sweep(workspace)
            for run in found:
                aside = workspace / "work" / f"import.{run.number}.{os.getpid()}.tmp"
                rename(run.folder, aside)
                sync_folder(run.folder.parent)
                remove_folder(aside)
    return sorted(run.number for run in found)
