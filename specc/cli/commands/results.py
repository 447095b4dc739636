"""Commands that ask the results."""

from __future__ import annotations

import click

from specc.cli.failures import told
from specc.cli.root import json_option, specc, workspace_option


@specc.command()
@click.argument("query", required=False)
@workspace_option
@click.option("-e", "--experiment", help="Look into this experiment first; needed if there are several.")
@click.option("-f", "--file", "script", type=click.Path(path_type=str), help="Read the query from a file.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@told
def sql(
    query: str | None,
    workspace: str | None,
    experiment: str | None,
    script: str | None,
    as_json: bool,
    as_csv: bool,
) -> int:
    """Answer a query on the results; without one, open a prompt.

    Tables: results, recipes, allocations, stages, steps, metrics, samples, expectations, lineage,
    artifacts, environments, experiments. Axes of the sweep are columns.
    """
    from specc.cli.querying import run_sql

    return run_sql(query, workspace, experiment, script, as_json, as_csv)


@specc.command()
@workspace_option
@click.option("--rebuild", is_flag=True, help="Build it again from the files of the store.")
@told
def index(workspace: str | None, rebuild: bool) -> int:
    """Bring the DuckDB index of the results up to date, and print where it lies."""
    from specc.cli.querying import update_index

    return update_index(workspace, rebuild)
