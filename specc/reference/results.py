"""Pages on what the results hold: each table, the functions beside SQL's, and how they change."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection

from specc.results import schema
from specc.results.comments import meaning

SCHEMA = (
    f"The results of a workspace are tables in DuckDB, of version {schema.VERSION} (`select "
    "schema_version()`), the same during a run and after it. They are all in one file, "
    "`.specc/results.duckdb`: a link to the newest of the files that are published, each of which never "
    "changes once it is there. So any shell or library of DuckDB from 1.4 on reads it while a run goes "
    "on, and sees the results as they were when it opened it. Each experiment has a schema of its own "
    "with all tables, in which the axes of its sweep are columns behind `recipe`: `early_text.results`. "
    "`main` has the same tables over all experiments with the axes of all of them, and a table with the "
    "name of each experiment that has one row per arm: `from early_text`. `specc sql` puts the tables of "
    "the only experiment first, or of that given with `-e`. Comments on tables, columns and functions say "
    "what they mean (`duckdb_columns()`, `specc sql '.schema results'`)."
)

VERSIONS = (
    "the version is raised with every change to tables, columns, functions, units or meanings. What is "
    "added breaks no query that names its columns. What is renamed, taken away or gets another type, unit "
    "or meaning is told in CHANGELOG.md, with what to write instead. A workspace of another version is "
    "indexed again from its files, which takes seconds, when it is next read"
)

PLACES = (
    (
        "in Python",
        'specc.open(".").sql("from results"), see `python`; duckdb.connect(PATH, read_only=True)',
    ),
    ("in a shell", "duckdb -readonly .specc/results.duckdb"),
    ("versions", VERSIONS),
)

EXAMPLE = """\
-- one row per arm: axes, settings that differ, results at the ends of stages
select * from wide order by arm;

-- the mean over seeds, with the standard deviation and what has diverged
select recipe, eval, avg(value) as mean, stddev_samp(value) as sd, count(*) as n, diverged(value) as lost
from   results where position = 1 group by all order by all;

-- against the recipe as it is written, paired over seeds
select recipe, eval, mean_ci(difference) as effect
from   pairs where baseline.recipe = 'base' and position = 1 group by all order by all;"""

FUNCTIONS = (
    "Functions that queries have beside DuckDB's, in recipes (`compare`, `expect`), in `specc sql` and in "
    "every shell that opens `.specc/results.duckdb`. Aggregates take the rows of a group, as `avg` does, "
    "but no `filter`: write `half_width(case when ... then value end)`. A "
    "value that is not finite has diverged, and wins nothing."
)


def tables() -> tuple[schema.Table, ...]:
    """The tables that have a page each."""
    return (*schema.TABLES, schema.WIDE)


def page_name(table: schema.Table, taken: Collection[str]) -> str:
    """Name of a table's page, told apart from that of a word of the language."""
    return f"{table.name}_table" if table.name in taken else table.name


def example(table: schema.Table) -> str:
    """A table's example with a line for each clause."""
    return re.sub(r" (from|join|where|group by) ", r"\n\1 ", table.example) + ";"


def table_form(table: schema.Table) -> str:
    """A table as it is named, with its columns."""
    names = [column.name for column in table.columns]
    if table.per_arm:
        names.insert(names.index("recipe") + 1, "AXIS, ...")
    if table is schema.WIDE:
        names += ["STAGE_SETTING, ...", "EVAL_STAGE, ..."]
    return f"{table.name}({', '.join(names)})"


def table_text(table: schema.Table) -> str:
    """What a row of a table is, as a sentence."""
    return f"{table.doc[0].upper()}{table.doc[1:]}."


def functions() -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Forms of the functions, and what each means and where it is from."""
    facts = [
        (macro.name, f"{macro.doc} ({macro.source})" if macro.source else macro.doc)
        for macro in schema.ALL_MACROS
    ]
    return tuple(macro.signature for macro in schema.ALL_MACROS), tuple(facts)


def functions_example() -> str:
    """A query for each function."""
    return "\n".join(f"{' '.join(macro.example.split())};" for macro in schema.ALL_MACROS)


def columns_text(columns: tuple[schema.Column, ...], width: int) -> str:
    """Columns for a terminal: name, type, meaning and unit."""
    names = max(len(column.name) for column in columns)
    types = max(len(column.type) for column in columns)
    return "\n".join(
        textwrap.fill(
            meaning(column),
            width,
            initial_indent=f"  {column.name:{names}}  {column.type:{types}}  ",
            subsequent_indent=" " * (names + types + 6),
        )
        for column in columns
    )


def columns_markdown(columns: tuple[schema.Column, ...]) -> str:
    """Columns as a table of Markdown."""
    lines = ["| column | type | unit | |", "| --- | --- | --- | --- |"]
    for column in columns:
        cells = (f"`{column.name}`", column.type, column.unit, column.doc)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)
