"""Commands that ask the results."""

from __future__ import annotations

import click

from specc.cli.failures import told
from specc.cli.root import json_option, specc, workspace_option
from specc.cli.shell_completion import experiment_names


@specc.command()
@click.argument("query", required=False)
@workspace_option
@click.option(
    "-e",
    "--experiment",
    shell_complete=experiment_names,
    help="Look into this experiment first; needed if there are several.",
)
@click.option(
    "-f",
    "--file",
    "script",
    type=click.Path(path_type=str),
    help="Do what is in a file; `-` is standard input.",
)
@click.option("--run", metavar="RUN", help="As of this run: its number or tag; see `specc log`.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--md", "as_md", is_flag=True, help="Print a table of Markdown.")
@click.option("--latex", "as_latex", is_flag=True, help="Print a table of LaTeX (booktabs).")
@click.option("--parquet", type=click.Path(path_type=str), help="Write the answer to this Parquet file.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=str),
    help="Write to this file, replacing it at once; .csv, .json, .md, .tex and .parquet say in which form.",
)
@told
def sql(
    query: str | None,
    workspace: str | None,
    experiment: str | None,
    script: str | None,
    run: str | None,
    as_json: bool,
    as_csv: bool,
    as_md: bool,
    as_latex: bool,
    parquet: str | None,
    output: str | None,
) -> int:
    """Answer a query on the results, also while a run goes on; without one, open a prompt.

    \b
      specc sql "select early, avg(value) from results group by early"
      specc sql ".schema results"        columns with their meaning and units; also .tables, .macros
      specc sql -f tables.sql -o table.tex

    `results` has one row per evaluation, and the axes of the sweep are columns. A table with the
    experiment's name has one row per arm. All is in one file, `.specc/results.duckdb`, which any DuckDB
    shell, Python or R can open too. `specc reference schema` describes it.
    """
    from specc.cli.querying import run_sql

    flags = {"json": as_json, "csv": as_csv, "md": as_md, "latex": as_latex, "parquet": parquet is not None}
    forms = [form for form, given in flags.items() if given]
    two_files = bool(parquet and output)
    return run_sql(query, workspace, experiment, script, forms, parquet or output, two_files, run)


@specc.command()
@workspace_option
@click.option("--rebuild", is_flag=True, help="Build it again from the files of the store.")
@told
def index(workspace: str | None, rebuild: bool) -> int:
    """Bring the DuckDB index of the results up to date, and print where it lies."""
    from specc.cli.querying import update_index

    return update_index(workspace, rebuild)
