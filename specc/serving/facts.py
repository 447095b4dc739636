"""What the page shows of the results: each a query, aggregated or a page of rows, never all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from specc.errors import QueryError
from specc.results import schema
from specc.serving.encoding import cell

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PAGE = 50
"""Rows of a page of a table."""

MOST_BUDGET_ROWS = 400
MOST_FAILED = 50
MOST_COLUMNS = 60
"""Columns of the table of arms."""

STATES = ("done", "failed", "started", "to do")

STEP_COLUMNS = (
    "label",
    "op",
    "state",
    "tokens",
    "flops",
    "predicted_seconds",
    "wall_seconds",
    "started",
    "device",
    "error",
    "step",
)


def experiments(connection: DuckDBPyConnection) -> list[dict[str, Any]]:
    """All experiments, that of the latest run first."""
    return _objects(
        connection,
        "SELECT experiment, description, spec, run, arms, steps, steps_done, axes FROM main.experiments "
        "ORDER BY run DESC, experiment",
    )


def budget(connection: DuckDBPyConnection) -> list[dict[str, Any]]:
    """Tokens of each corpus in each stage, over all arms; counted are those of stages that are done."""
    return _objects(
        connection,
        "SELECT a.stage, a.corpus, a.replay_of, count(*) AS arms, count(a.tokens_counted) AS arms_done, "
        "sum(a.tokens_planned) AS planned, sum(a.tokens_counted) AS counted, "
        "sum(a.tokens_planned) FILTER (WHERE a.tokens_counted IS NOT NULL) AS planned_done, "
        "count(*) FILTER (WHERE a.tokens_counted <> a.tokens_planned) AS arms_differ, "
        "min(s.number) AS number, bool_or(s.stop_reason IS NOT NULL) AS ends_early "
        "FROM allocations a JOIN stages s USING (experiment, arm, stage) "
        f"GROUP BY ALL ORDER BY number, a.corpus, a.replay_of LIMIT {MOST_BUDGET_ROWS}",
    )


def overview(connection: DuckDBPyConnection) -> dict[str, Any]:
    """Budgets, operations and results of the experiment that comes first."""
    operations = _objects(
        connection,
        "SELECT op, count(*) AS steps, count(*) FILTER (WHERE state = 'done') AS done, "
        "count(*) FILTER (WHERE state = 'failed') AS failed, sum(wall_seconds) AS wall_seconds, "
        "sum(flops) AS flops, sum(predicted_seconds) AS predicted_seconds FROM steps GROUP BY op ORDER BY "
        "min(predicted_seconds) NULLS FIRST, op",
    )
    arms = _objects(
        connection,
        "SELECT count(*) AS arms, count(*) FILTER (WHERE results_done = results) AS arms_done, "
        "sum(results) AS results, sum(results_done) AS results_done FROM recipes",
    )
    diverged = _objects(connection, "SELECT count(*) FILTER (WHERE isnan(value)) AS diverged FROM results")
    return {"budget": budget(connection), "operations": operations, **arms[0], **diverged[0]}


def expectations(connection: DuckDBPyConnection) -> list[dict[str, Any]]:
    """Expectations with their verdicts."""
    return _objects(
        connection,
        "SELECT name, text, outcome, left_value, right_value, margin, reason FROM expectations "
        "ORDER BY number",
    )


def steps(
    connection: DuckDBPyConnection, state: str, text: str, order: str, descending: bool, page: int
) -> dict[str, Any]:
    """A page of the steps whose label, operation or key has a text in it.

    Raises:
        QueryError: for a state or an order that there isn't.
    """
    conditions, values = ["(contains(lower(label), ?) OR op = ? OR starts_with(step, ?))"], [text.lower()] * 3
    if state:
        if state not in STATES:
            raise QueryError(f"there is no state `{state}`")
        conditions.append("state = ?")
        values.append(state)
    return _page(
        connection,
        "steps",
        dict(zip(STEP_COLUMNS, STEP_COLUMNS, strict=True)),
        " AND ".join(conditions),
        values,
        order,
        descending,
        page,
    )


def arms(
    connection: DuckDBPyConnection, text: str, order: str, descending: bool, page: int
) -> dict[str, Any]:
    """A page of the arms: recipe, axes, seed, what differs among them and their last results (of the view
    `wide`), and how many of their results are there."""
    import duckdb

    try:
        wide = [row[0] for row in connection.execute("DESCRIBE wide").fetchall()]
        source = "wide JOIN recipes USING (arm)"
    except duckdb.CatalogException:  # several experiments, and none of them is first
        wide, source = ["arm"], "recipes"
    shown = {name: f"{'wide' if source != 'recipes' else 'recipes'}.{schema.quoted(name)}" for name in wide}
    shown = dict(list(shown.items())[:MOST_COLUMNS])
    own = ("results_done", "results", "label") if source != "recipes" else ("recipe", "seed", "label")
    shown |= {name: f"recipes.{name}" for name in own if name not in shown}
    return _page(
        connection,
        source,
        shown,
        "(contains(lower(recipes.label), ?) OR lower(recipes.recipe) = ?)",
        [text.lower()] * 2,
        order,
        descending,
        page,
    )


def failed(connection: DuckDBPyConnection) -> dict[str, Any]:
    """Failed steps, the first of them."""
    rows = _objects(
        connection,
        f"SELECT label, op, error, step FROM steps WHERE state = 'failed' ORDER BY label LIMIT {MOST_FAILED}",
    )
    return {"failed": rows}


def last_trained(connection: DuckDBPyConnection, most: int) -> list[tuple[str, str]]:
    """Keys and labels of the training steps that were begun last, and are done."""
    return connection.execute(
        "SELECT step, label FROM main.steps WHERE op = 'train' AND state = 'done' "
        "ORDER BY started + to_seconds(coalesce(wall_seconds, 0)) DESC LIMIT ?",
        [most],
    ).fetchall()


def names(connection: DuckDBPyConnection) -> dict[str, Any]:
    """Tables with their columns, and functions, for completion and to look up."""
    documented = {
        (table.name, column.name): column.doc for table in schema.TABLES for column in table.columns
    }
    docs = {table.name: table.doc for table in schema.TABLES}
    path = [part.strip().strip('"') for part in _search_path(connection).split(",") if part.strip()]
    rows = connection.execute(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE schema_name NOT IN ('planned', 'recorded', 'information_schema', 'pg_catalog') "
        "AND NOT internal ORDER BY schema_name, table_name, column_index"
    ).fetchall()
    tables: dict[tuple[str, str], list[dict[str, str]]] = {}
    for space, table, column, type in rows:
        doc = documented.get((table, column), "")
        tables.setdefault((space, table), []).append({"name": column, "type": cell(type), "doc": doc})
    listed = []
    seen: set[str] = set()
    for space, table in sorted(tables, key=lambda each: (each[0] != (path or ["main"])[0], each)):
        first = table not in seen and space in (*path, "main")
        seen.add(table)
        if first:
            listed.append({"name": table, "doc": docs.get(table, ""), "columns": tables[space, table]})
    functions = [{"name": signature, "doc": doc} for signature, (_, doc) in schema.MACROS.items()]
    return {"tables": listed, "functions": functions}


def _search_path(connection: DuckDBPyConnection) -> str:
    row = connection.execute("SELECT current_setting('search_path')").fetchone()
    return str(row[0]) if row else ""


def _page(
    connection: DuckDBPyConnection,
    table: str,
    columns: Mapping[str, str],
    condition: str,
    values: Sequence[Any],
    order: str,
    descending: bool,
    page: int,
) -> dict[str, Any]:
    """A page of a table.

    Args:
        columns: name -> SQL of each column. order: the name that rows are ordered by, then by the first.
    """
    if order and order not in columns:
        raise QueryError(f"there is no column `{order}` here")
    listed = ", ".join(columns.values())
    first = next(iter(columns.values()))
    by = f"ORDER BY {columns[order]} {'DESC' if descending else 'ASC'} NULLS LAST, {first}" if order else ""
    total = connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}", list(values)).fetchone()
    rows = connection.execute(
        f"SELECT {listed} FROM {table} WHERE {condition} {by} LIMIT {PAGE} OFFSET ?",
        [*values, PAGE * page],
    ).fetchall()
    return {
        "columns": list(columns),
        "rows": [[cell(value) for value in row] for row in rows],
        "total": total[0] if total else 0,
        "page": page,
        "size": PAGE,
    }


def _objects(connection: DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    cursor = connection.execute(sql)
    columns = [column[0] for column in cursor.description or []]
    return [dict(zip(columns, map(cell, row), strict=True)) for row in cursor.fetchall()]
