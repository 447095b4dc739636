"""The results of an earlier run: its plan in the place of the latest, over the same finished steps."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from specc.errors import QueryError, WorkspaceError, disk_errors
from specc.execute.status import run_folder
from specc.results import failures, generations, index, outcomes, plans, storage
from specc.results.connect import connect
from specc.results.judge import judge_all
from specc.results.reader import open_results, put_first
from specc.study import Study

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ATTEMPTS = 5
"""Times that a generation may be replaced while it is being copied."""


def open_run(workspace: Path, run: int) -> DuckDBPyConnection:
    """Open the results as they would be if a run were the latest of its experiment; read-only.

    What its steps gave is taken from the store as it is now: steps that were collected since have no
    results. A copy of the index is made for it, which nobody else sees and which is gone at the end.

    Raises:
        QueryError: if the run's plan can't be read. WorkspaceError, DiskFull: if no copy can be made.
    """
    path = run_folder(workspace, run) / "plan.json"
    try:
        study = Study.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise QueryError(
            f"the plan of run {run} can't be read", "it may be of another version of specc; see `specc log`"
        ) from error
    open_results(workspace).close()
    with disk_errors(tempfile.gettempdir()):
        folder = Path(tempfile.mkdtemp(prefix="specc-"))
        try:
            copy = folder / "results.duckdb"
            _copy_newest(workspace, copy)
            _put_in_place(copy, workspace, study, plans.Latest(study.experiment, run, path))
            connection = connect(copy, read_only=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # what is open stays readable
    try:
        put_first(connection, study.experiment)
    except BaseException:
        connection.close()
        raise
    return connection


def _copy_newest(workspace: Path, target: Path) -> None:
    for _ in range(_ATTEMPTS):
        generation = generations.current(workspace)
        if generation is None:
            break
        try:
            shutil.copyfile(generations.generation_path(workspace, generation), target)
        except FileNotFoundError:
            continue  # a newer one has just taken its place
        return
    raise WorkspaceError(f"the index of {workspace} can't be copied", "try again")


def _put_in_place(copy: Path, workspace: Path, study: Study, latest: plans.Latest) -> None:
    connection = connect(copy)
    try:
        connection.begin()
        for (name,) in connection.execute("SELECT experiment FROM planned.experiments").fetchall():
            if plans.same_experiment(name, study.experiment):
                storage.forget_experiment(connection, name)
        plans.record_study(connection, study, latest)
        failures.record(connection, workspace)
        outcomes.record(connection, None)
        index.renew_views(connection)
        connection.commit()
        judge_all(connection)
        connection.execute("CHECKPOINT")
    finally:
        connection.close()
