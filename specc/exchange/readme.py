"""The README of an exported study."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from specc.results import schema
from specc.version import __version__
from specc.words import count, printable


@dataclass(frozen=True, slots=True)
class Told:
    """What a README tells.

    Attributes:
        experiments: name, question and arms of each. rows: of each table.
        columns: name and type of each table's columns. left_out: parts that are not there by choice.
        versions: package, version, and the steps that it did.
    """

    experiments: Sequence[tuple[str, str, int]]
    rows: dict[str, int]
    columns: dict[str, list[tuple[str, str]]]
    left_out: tuple[str, ...]
    versions: Sequence[tuple[str, str, int]]


def readme(told: Told) -> str:
    """The text of the README, in Markdown."""
    lines = ["# Study", ""]
    for name, question, arms in told.experiments:
        lines.append(
            f"- **{_text(name)}** ({count(arms, 'arm')})" + (f": {_text(question)}" if question else "")
        )
    lines += [
        "",
        "An arm is a recipe at one point of a sweep with one seed. Seeds are replicates, not a factor. A",
        "result whose training has diverged is NaN: count it, don't drop it.",
        "",
        "## How to read it",
        "",
        "Every table is one Parquet file. From this folder:",
        "",
        "```sh",
        "duckdb -c \"select recipe, stage, eval, avg(value) from 'tables/results.parquet' group by all\"",
        "```",
        "",
        "```python",
        "import duckdb",
        "duckdb.sql(\"select recipe, stage, eval, avg(value) from 'tables/results.parquet' group by all\")",
        "```",
        "",
        "```python",
        "import pandas",
        'pandas.read_parquet("tables/results.parquet").groupby(["recipe", "stage", "eval"])["value"].mean()',
        "```",
        "",
        "```python",
        "import polars",
        'results = polars.read_parquet("tables/results.parquet")',
        'results.group_by("recipe", "stage", "eval").agg(polars.col("value").mean())',
        "```",
        "",
        "With specc the folder is a workspace, with paired statistics, views and reports:",
        "",
        "```sh",
        "specc compare -w .",
        'specc sql -w . "select * from results"',
        "specc report -w .",
        "```",
        "",
        "## What is here",
        "",
        "| file | content |",
        "| --- | --- |",
        "| `tables/` | the tables below; swept axes are columns |",
        "| `wide/` | of each experiment a row per arm: what differs among arms, and final results |",
        "| `recipe/` | the recipe of each experiment's latest run, and the files that it uses; no data |",
        "| `runs/` | plan, state and notes of every run, as JSON |",
        "| `stored/` | what is known of each step, for specc |",
        "| `study.json` | size and SHA-256 of every file |",
        "",
    ]
    if told.left_out:
        listed = " and ".join(f"`{part}`" for part in told.left_out)
        lines += [f"Left out by choice: {listed}.", ""]
    if told.rows.get("samples"):
        lines += [
            "`samples` may hold texts of the evaluation data: see their licence before passing them on.",
            "",
        ]
    absent = [
        each.name for each in schema.TABLES if each.name not in told.rows and each.name not in told.left_out
    ]
    for name in absent:
        lines += [f"Left out for its size: `{name}`; ask the opened workspace for it.", ""]
    lines += ["## Tables", ""]
    for table in schema.TABLES:
        if table.name not in told.rows:
            continue
        docs = {column.name: column for column in table.columns}
        lines += [
            f"### {table.name}",
            "",
            f"{_text(table.doc)}. {count(told.rows[table.name], 'row')}.",
            "",
            "| column | type | meaning | unit |",
            "| --- | --- | --- | --- |",
        ]
        for name, type in told.columns[table.name]:
            known = docs.get(name)
            meaning, unit = (known.doc, known.unit) if known is not None else (schema.SWEPT, "")
            shown = _cell(name.replace("`", "'"))  # nothing ends the code that it stands in
            lines.append(f"| `{shown}` | {_cell(type)} | {_cell(meaning)} | {_cell(unit)} |")
        lines.append("")
    lines += [
        "## Versions",
        "",
        f"Written by specc {__version__}; version {schema.VERSION} of the tables.",
        "",
    ]
    if told.versions:
        lines += ["| package | version | steps |", "| --- | --- | ---: |"]
        lines += [
            f"| {_cell(name)} | {_cell(version)} | {steps:,} |" for name, version, steps in told.versions
        ]
        lines.append("")
    lines += [
        "## Licence",
        "",
        "specc puts no licence on results. Write here under which licence you give these, and which licences",
        "the data and models they were made with are under.",
    ]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """A text as Markdown shows it, on one line."""
    return re.sub(r"([\\`*_\[\]<>|#&])", r"\\\1", printable(text))


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|")
