"""Connections for whoever asks: read-only, on the newest generation, and confined to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from threading import get_native_id
from typing import TYPE_CHECKING

from specc.errors import DiskFull, QueryError, WorkspaceError
from specc.results import generations, schema
from specc.results.connect import connect
from specc.results.index import Indexer

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ATTEMPTS = 5
"""Times that a generation may be replaced by newer ones while it is being opened."""


def open_results(
    workspace: Path,
    experiment: str | None = None,
    update: bool = True,
    limits: Mapping[str, str] | None = None,
) -> DuckDBPyConnection:
    """Open the results of a workspace, brought up to date unless a run is just doing that.

    The connection reads no other file and no variable of this process, and can't be reconfigured.

    Args:
        experiment: whose tables come first; if not given, the only one's, else those of all.
        update: whether to bring them up to date; without, only if nothing is published yet.
        limits: further settings of the connection; see `specc.results.connect.connect`.
    Raises:
        QueryError: if there is no such experiment.
        WorkspaceError, DiskFull: if there is no index and none can be built.
    """
    bring_up_to_date(workspace, update)
    connection = _open_newest(workspace, limits)
    if connection is None:
        Indexer(workspace).rebuild()
        connection = _open_newest(workspace, limits)
    if connection is None:
        raise WorkspaceError(
            f"the index of {workspace} can't be opened", "build it again with `specc index --rebuild`"
        )
    try:
        put_first(connection, experiment)
    except BaseException:
        connection.close()
        raise
    return connection


def bring_up_to_date(workspace: Path, update: bool = True) -> None:
    """Publish what is new, unless a run is just doing that.

    Args:
        update: as of `open_results`.
    Raises:
        WorkspaceError, DiskFull: if there is no index and none can be built.
    """
    try:
        published = generations.current(workspace) is not None
        if update or not published:
            Indexer(workspace).update(wait=not published)
    except (WorkspaceError, DiskFull):
        # Someone who may not write here, or has no space left, can still read what is published.
        if generations.current(workspace) is None:
            raise


def experiments(connection: DuckDBPyConnection) -> list[str]:
    """Names of all experiments in the results."""
    return [
        name
        for (name,) in connection.execute(
            "SELECT experiment FROM planned.experiments ORDER BY experiment"
        ).fetchall()
    ]


def _open_newest(workspace: Path, limits: Mapping[str, str] | None) -> DuckDBPyConnection | None:
    """Open the newest generation; None if there is none, or it is damaged."""
    import duckdb

    for _ in range(_ATTEMPTS):
        generation = generations.current(workspace)
        if generation is None:
            return None
        try:
            if generations.is_whole(workspace, generation):
                path = generations.generation_path(workspace, generation)
                try:
                    return connect(path, read_only=True, limits=limits)
                except duckdb.ConnectionException:
                    return _connect_under_another_name(path, limits)
        except (duckdb.Error, OSError):
            pass
        if generations.current(workspace) == generation:
            return None
    return None


def _connect_under_another_name(path: Path, limits: Mapping[str, str] | None) -> DuckDBPyConnection:
    """Open a file that this process has open already, with settings of its own.

    DuckDB knows a file by its path. The other name is gone again as soon as the file is open.
    """
    aside = path.with_suffix(f".{os.getpid()}-{get_native_id()}.tmp")
    aside.unlink(missing_ok=True)
    os.link(path, aside)
    try:
        return connect(aside, read_only=True, limits=limits)
    finally:
        aside.unlink(missing_ok=True)


def put_first(connection: DuckDBPyConnection, experiment: str | None) -> None:
    """Put the tables of an experiment before those of all.

    Raises:
        QueryError: if there is no such experiment.
    """
    names = experiments(connection)
    if experiment is None:
        if len(names) != 1:
            return
        experiment = names[0]
    found = next((name for name in names if name.lower() == experiment.lower()), None)
    if found is None:
        near = get_close_matches(experiment, names, n=1)
        known = ", ".join(f"`{name}`" for name in names) or "none"
        raise QueryError(
            f"there are no results of an experiment `{experiment}`",
            f"write `{near[0]}`" if near else f"experiments with results: {known}",
            candidates=tuple(names),
        )
    path = f"{schema.quoted(schema.schema_name(found))},main"
    connection.execute(f"SET search_path = {schema.literal(path)}")
