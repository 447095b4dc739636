"""The index: turns plans, manifests and logs into DuckDB, and publishes it.

Truth is files. The index holds nothing that they don't, so that it may be deleted, and is built
again if it can't be read or was made by another version. What was read of a growing log is stored
in the same transaction as its rows: a process that is killed anywhere leaves an index that the next
one goes on with.

Only this module opens the build file, and only under the lock: DuckDB 2.0.0 reads a file's header
before it locks the file, so that processes which write it in turn can lose each other's commits.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.errors import WorkspaceError, disk_errors
from specc.results import (
    failures,
    finished,
    generations,
    logs,
    numbers,
    outcomes,
    plans,
    runs,
    schema,
    storage,
    views,
)
from specc.results.connect import connect
from specc.results.judge import judge_all
from specc.results.wide import WideColumn
from specc.store import Store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Indexer:
    """Brings the index of a workspace up to date."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.may_read: list[str] = []

    def update(self, wait: bool = True, thorough: bool = False) -> bool:
        """Take in what is new in the workspace and publish it, if anything is.

        Args:
            wait: whether to wait for another process that updates the index.
            thorough: whether to look at every finished step; else only where folders have changed.
        Returns:
            whether the published index is up to date; False only if another process was at it.
        Raises:
            WorkspaceError, DiskFull: if the index can't be written; what is published stays.
        """
        with generations.index_lock(self.workspace, wait) as held:
            if held:
                self._bring_up_to_date_or_rebuild(thorough)
            return held

    def rebuild(self) -> None:
        """Build the index again from nothing but the files, and publish it."""
        with generations.index_lock(self.workspace, wait=True):
            generations.set_aside(self.workspace)
            self._bring_up_to_date_or_rebuild()

    def _bring_up_to_date_or_rebuild(self, thorough: bool = False) -> None:
        import duckdb

        folder = self.workspace / "index"
        with disk_errors(folder):
            try:
                try:
                    self._bring_up_to_date(thorough)
                except FileNotFoundError:  # a run was moved to the trash while it was looked at
                    self._bring_up_to_date(thorough)
            except duckdb.Error as error:
                if "No space left" in str(error):
                    raise
                # The build file is damaged. Nothing in it is lost by starting over.
                generations.set_aside(self.workspace)
                try:
                    self._bring_up_to_date()
                except duckdb.Error as again:
                    raise WorkspaceError(
                        f"the index in {folder} can't be built: {again}",
                        "finished steps are kept; check that the folder can be written to",
                    ) from again

    def _bring_up_to_date(self, thorough: bool = False) -> None:
        connection = self._open()
        try:
            self._take_in(connection, thorough)
            row = connection.execute("SELECT generation FROM recorded.meta").fetchone()
            assert row is not None, "an index has one row of meta data"
            generation: int = row[0]
            if generation == generations.current(self.workspace):
                return
            judge_all(connection)
            connection.execute("CHECKPOINT")
        finally:
            connection.close()
        generations.publish(self.workspace, generation)

    def _open(self) -> DuckDBPyConnection:
        """Open the build file; one of another version is moved aside."""
        import duckdb

        self.may_read = numbers.readable(self.workspace)
        path = generations.build_path(self.workspace)
        if path.exists():
            sound = generations.is_as_published(self.workspace)
            try:
                connection = connect(path, may_read=self.may_read)
            except duckdb.IOException as error:
                if "Conflicting lock" in str(error):
                    raise WorkspaceError(
                        f"another program has {path} open",
                        "close it; to look into the results, use `specc sql`",
                    ) from error
                raise
            try:
                current = _is_current(connection)
                if current and not sound:
                    storage.read_all(connection)
            except BaseException:
                connection.close()
                raise
            if current:
                return connection
            connection.close()
            generations.set_aside(self.workspace)
        connection = connect(path, may_read=self.may_read)
        connection.begin()
        storage.create(connection, schema.VERSION, generations.newest(self.workspace) + 1)
        connection.commit()
        return connection

    def _take_in(self, connection: DuckDBPyConnection, thorough: bool) -> None:
        """Compare the files with what is stored, and store what differs in one transaction."""
        store = Store(self.workspace)
        steps = finished.changes(connection, store, thorough)
        grown = logs.follow(connection, store, steps.new, steps.gone)
        replanned = plans.changes(connection, self.workspace)
        failed = failures.stamp(connection, self.workspace) != failures.stored_stamp(connection)
        failed = failed or failures.any_of(connection, {*steps.new, *steps.gone})
        ran = runs.changes(connection, self.workspace)
        elsewhere = numbers.changes(connection, self.workspace, self.may_read)
        known = _experiments_with_views(connection) is not None
        if known and not (steps.new or steps.gone or grown or replanned or failed or ran or elsewhere):
            return
        connection.begin()
        try:
            finished.record(connection, store, steps)
            if elsewhere:
                numbers.record(connection, self.workspace, self.may_read)
            logs.record(connection, grown)
            if replanned:
                plans.record(connection, self.workspace, replanned)
            if failed or replanned or elsewhere:
                failures.record(connection, self.workspace)
            outcomes.record(
                connection, None if failed or replanned or elsewhere else {*steps.new, *steps.gone}
            )
            if ran:
                runs.record(connection, self.workspace)
            renew_views(connection)
            connection.execute("UPDATE recorded.meta SET generation = generation + 1")
            connection.commit()
        except BaseException:
            connection.rollback()
            raise


def _is_current(connection: DuckDBPyConnection) -> bool:
    """Whether an index was made by this version of its tables."""
    import duckdb

    try:
        row = connection.execute("SELECT schema_version FROM recorded.meta").fetchone()
    except duckdb.Error:
        return False
    return row == (schema.VERSION,)


def renew_views(connection: DuckDBPyConnection) -> None:
    """Make views anew where experiments or their axes have changed."""
    wide: dict[str, list[list[str]]] = {}
    for name, *column in connection.execute(
        "SELECT experiment, name, type, kind, stage, source FROM planned.wide ORDER BY experiment, number"
    ).fetchall():
        wide.setdefault(name, []).append(column)
    now = [
        [name, list(map(list, zip(axes, types, strict=True))), wide.get(name, [])]
        for name, axes, types in connection.execute(
            "SELECT experiment, axes, axis_types FROM planned.experiments ORDER BY experiment"
        ).fetchall()
    ]
    before = _experiments_with_views(connection)
    if now != before:
        views.create_views(connection, _experiments(now), _experiments(before or []))
        connection.execute("UPDATE recorded.meta SET axes = ?", [json.dumps(now)])


def _experiments_with_views(connection: DuckDBPyConnection) -> list[Any] | None:
    """The experiments that there are views of; None if there are no views at all yet."""
    row = connection.execute("SELECT axes FROM recorded.meta").fetchone()
    return None if row is None or row[0] is None else list(json.loads(row[0]))


def _experiments(stored: list[Any]) -> list[views.Experiment]:
    return [
        views.Experiment(
            name,
            tuple(schema.Column(axis, type, schema.SWEPT) for axis, type in axes),
            tuple(WideColumn(*column) for column in wide),
        )
        for name, axes, wide in stored
    ]
