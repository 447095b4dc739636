"""A study as a folder of files that others read, without specc or with it.

    README.md               what it is, how to read it, every column
    study.json              the files with their sizes and digests; makes the folder a workspace to read
    tables/NAME.parquet     the public tables; axes are columns
    wide/EXPERIMENT.parquet a row per arm: what differs among arms, and results at the ends of stages
    recipe/EXPERIMENT/...   the recipe of the latest run, and the files that it uses
    runs/NUMBER/...         plans, states, notes of all runs
    stored/NAME.parquet     what is known of each step; a workspace is made of it again

The same results give the same bytes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from specc.errors import QueryError, WorkspaceError, disk_errors
from specc.exchange.marker import RUN_FILES, ExportedFile, Marker, is_experiment
from specc.exchange.opening import make_workspace
from specc.exchange.readme import Told, readme
from specc.execute.lock import current_holder, described
from specc.files import file_digest, sync_file, sync_folder, write_file
from specc.finding import STUDY
from specc.history.runs import Run, all_runs
from specc.results import generations, numbers, schema
from specc.results.plans import same_experiment
from specc.results.reader import open_results
from specc.results.schema import literal, quoted
from specc.store import sealed
from specc.version import __version__

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PARTS = ("metrics", "samples")
"""What may be left out: what training logged, and the evaluated documents and prompts."""

MOST_PAIRS = 5_000_000
"""Rows of the table `pairs` that are written; it is made of `results`, and grows with the square of them."""

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class ExportedStudy:
    """What was written.

    Attributes:
        bytes: of the files of each kind: `tables`, `stored`, `runs`, ...
        rows: of each public table.
    """

    folder: Path
    experiments: tuple[str, ...]
    bytes: dict[str, int]
    rows: dict[str, int] = field(default_factory=dict)


def export_study(
    workspace: Path, folder: Path, experiments: Sequence[str] = (), without: Collection[str] = ()
) -> ExportedStudy:
    """Write the results of experiments, and what they are of, to a folder.

    Args:
        folder: must not exist, or be empty. experiments: all, if none is named.
        without: parts that are left out, of `PARTS`.
    Raises:
        QueryError: if there is no such experiment, or the folder holds something.
        WorkspaceError: if a run goes on, or something can't be read or written. DiskFull.
    """
    holder = current_holder(workspace)
    if holder is not None:
        raise WorkspaceError(f"{described(holder)} works in {workspace}", "export when it has ended")
    open_results(workspace).close()
    runs = _wanted(workspace, experiments)
    advice = "name a folder that you may write to"
    with disk_errors(folder.parent, advice):
        aside = _beside(folder)
        try:
            exported = _fill(aside, workspace, runs, tuple(part for part in PARTS if part in without))
            for path in sorted(aside.rglob("*")):
                (sync_folder if path.is_dir() else sync_file)(path)
            sync_folder(aside)
            if folder.is_dir():
                folder.rmdir()
            os.rename(aside, folder)
            sync_folder(folder.parent)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
    return ExportedStudy(folder, exported.experiments, exported.bytes, exported.rows)


def _beside(folder: Path) -> Path:
    """A new folder beside the one that is to be made."""
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise QueryError(f"{folder} exists, and nothing is overwritten", "name a folder that doesn't exist")
    if folder.exists() and folder.samefile(os.curdir):
        raise QueryError(
            f"{folder} is the working folder, which can't be replaced", "name a folder that doesn't exist"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}.", suffix=".tmp", dir=folder.parent))
    except (FileExistsError, NotADirectoryError) as error:
        raise QueryError(
            f"{folder} can't be made: {error.filename} is a file", "name another folder"
        ) from error
    except FileNotFoundError as error:  # a place such as /proc, which holds what the system puts there
        raise QueryError(f"{folder} can't be made there", "name another folder") from error


def _wanted(workspace: Path, experiments: Sequence[str]) -> list[Run]:
    """Runs of the experiments, oldest first; those whose plan can't be read are left out."""
    runs = [run for run in all_runs(workspace) if run.study is not None]
    if not runs:
        raise QueryError("nothing was run in this workspace yet", "run a recipe: `specc run FILE`")
    for name in experiments:
        if not any(same_experiment(name, _name(run)) for run in runs):
            known = ", ".join(f"`{each}`" for each in dict.fromkeys(map(_name, runs)))
            raise QueryError(f"no experiment `{name}` was run in this workspace", f"experiments: {known}")
    found = [
        run
        for run in reversed(runs)
        if not experiments or any(same_experiment(name, _name(run)) for name in experiments)
    ]
    for run in found:
        if not is_experiment(_name(run)):
            raise QueryError(
                f"run {run.number} is of an experiment that no file can be named after: `{_name(run)[:100]}`",
                "choose others with `--experiment`",
            )
    return found


def _name(run: Run) -> str:
    assert run.study is not None, "runs without a plan are left out"
    return run.study.experiment


def _fill(aside: Path, workspace: Path, runs: Sequence[Run], left_out: tuple[str, ...]) -> ExportedStudy:
    # A folder for oneself alone is not what an export is for.
    aside.chmod(0o777 & ~_umask())
    files: dict[str, ExportedFile] = {}
    for run in runs:
        into = aside / "runs" / run.folder.name
        into.mkdir(parents=True)
        for name in RUN_FILES:
            if (run.folder / name).is_file() and not (run.folder / name).is_symlink():
                shutil.copyfile(run.folder / name, into / name)
                files[f"runs/{into.name}/{name}"] = _file(into / name)
    (aside / "stored").mkdir()
    for name, rows in _write_stored(workspace, runs, left_out, aside / "stored").items():
        files[f"stored/{name}.parquet"] = _file(aside / "stored" / f"{name}.parquet", rows)
    names: dict[str, Run] = {}
    for run in runs:
        names = {name: one for name, one in names.items() if not same_experiment(name, _name(run))}
        names[_name(run)] = run
    for name, run in names.items():
        _write_recipe(aside, name, run)
    with tempfile.TemporaryDirectory(prefix="specc-") as scratch:
        # What is written for people is asked of the workspace that others will open.
        opened = Path(scratch) / "opened"
        opened.mkdir()
        make_workspace(aside, files, opened)
        open_results(opened).close()
        with _raw(opened) as connection:
            told = _write_tables(connection, aside, sorted(names), left_out)
    write_file(aside / "README.md", readme(told))
    for path in sorted(aside.rglob("*")):
        name = path.relative_to(aside).as_posix()
        if path.is_file() and name not in files:
            counted = told.rows.get(path.stem) if name.startswith("tables/") else None
            files[name] = _file(path, counted)
    marker = Marker(
        specc=__version__,
        schema_version=schema.VERSION,
        experiments=tuple(sorted(names)),
        left_out=left_out,
        files=dict(sorted(files.items())),
    )
    write_file(aside / STUDY, sealed(marker.model_dump_json(indent=1)))
    sizes: dict[str, int] = {}
    for name, file in files.items():
        kind = name.split("/")[0] if "/" in name else "README.md"
        sizes[kind] = sizes.get(kind, 0) + file.bytes
    return ExportedStudy(aside, marker.experiments, sizes, told.rows)


def _umask() -> int:
    found = os.umask(0o022)
    os.umask(found)
    return found


def _file(path: Path, rows: int | None = None) -> ExportedFile:
    return ExportedFile(bytes=path.stat().st_size, sha256=file_digest(path), rows=rows)


@contextmanager
def _raw(workspace: Path) -> Iterator[DuckDBPyConnection]:
    """The newest results, on a connection that may write files; nothing of a user's is run on it."""
    import duckdb

    for attempt in range(_ATTEMPTS):
        generation = generations.current(workspace)
        if generation is None:
            break
        path = generations.generation_path(workspace, generation)
        try:
            connection = duckdb.connect()
            try:
                # One thread, so that rows of a table lie in the same order each time.
                connection.execute("SET threads = 1; SET disabled_optimizers = 'statistics_propagation'")
                connection.execute(f"ATTACH {literal(str(path))} AS results (READ_ONLY); USE results")
                yield connection
            finally:
                connection.close()
            return
        except duckdb.IOException:
            if attempt == _ATTEMPTS - 1 or generations.current(workspace) == generation:
                raise
    raise WorkspaceError(
        f"the index of {workspace} can't be opened", "build it again: `specc index --rebuild`"
    )


def _write_stored(
    workspace: Path, runs: Sequence[Run], left_out: Collection[str], folder: Path
) -> dict[str, int]:
    """Write what is known of the steps of runs; returns the rows of each file."""
    keys = sorted({step.key for run in runs if run.study is not None for step in run.study.steps})
    queries = {
        "steps": "recorded.steps",
        "tokens": "recorded.tokens",
        "files": "recorded.files",
        "versions": "recorded.versions",
        "metrics": "recorded.logged",
        "samples": "recorded.samples",
        "started": "recorded.logs",
    }
    with _raw(workspace) as connection:
        connection.execute("CREATE TEMP TABLE wanted (step VARCHAR)")
        connection.execute("INSERT INTO temp.wanted SELECT unnest(?)", [keys])
        return {
            name: numbers.copy_rows(
                connection, name, f"SELECT * FROM {table} SEMI JOIN temp.wanted USING (step)", folder
            )
            for name, table in queries.items()
            if name not in left_out
        }


def _write_recipe(aside: Path, experiment: str, run: Run) -> None:
    """Write the texts of a recipe so that its files find each other as they did."""
    kept = run.recipe
    if kept is None or not kept.files:
        return
    places = {name: os.path.abspath(name.removeprefix("specc:")) for name in kept.files}
    top = os.path.commonpath([os.path.dirname(place) for place in places.values()])
    for name, text in kept.files.items():
        path = aside / "recipe" / experiment / os.path.relpath(places[name], top)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, text)
        except (FileExistsError, NotADirectoryError, IsADirectoryError, ValueError) as error:
            raise WorkspaceError(
                f"the recipe of run {run.number} can't be written: `{name[:100]}` is no file's name",
                "choose other experiments with `--experiment`",
            ) from error


def _write_tables(
    connection: DuckDBPyConnection, aside: Path, experiments: Sequence[str], left_out: tuple[str, ...]
) -> Told:
    """Write the public tables; returns what the README tells of them."""
    (aside / "tables").mkdir()
    (aside / "wide").mkdir()
    rows: dict[str, int] = {}
    columns: dict[str, list[tuple[str, str]]] = {}
    for table in schema.TABLES:
        if table.name in left_out:
            continue
        if table.name == "pairs" and _count(connection, "pairs") > MOST_PAIRS:
            continue
        path = aside / "tables" / f"{table.name}.parquet"
        rows[table.name] = numbers.write_rows(
            connection, f"SELECT * FROM results.main.{quoted(table.name)} ORDER BY ALL", path
        )
        columns[table.name] = _columns(connection, f"results.main.{quoted(table.name)}")
    for name in experiments:
        view = f"results.{quoted(schema.schema_name(name))}.wide"
        numbers.write_rows(
            connection, f"SELECT * FROM {view} ORDER BY arm", aside / "wide" / f"{name}.parquet"
        )
    described = connection.execute(
        "SELECT experiment, description, arms FROM results.main.experiments ORDER BY experiment"
    ).fetchall()
    seen = connection.execute(
        """SELECT package, version, count(DISTINCT step) FROM results.main.environments
           GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    return Told(described, rows, columns, left_out, seen)


def _columns(connection: DuckDBPyConnection, relation: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in connection.execute(f"DESCRIBE {relation}").fetchall()]


def _count(connection: DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM results.main.{quoted(table)}").fetchone()
    return int(row[0]) if row else 0
