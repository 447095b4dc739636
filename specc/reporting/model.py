"""A report as data: all that a page shows, before anything of how it looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from specc.charts import Bars, Curves, Parallel
from specc.comparing.model import Compared, Frontier
from specc.drawing.fold import Picture
from specc.results.judge import Verdict

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        kind: `text`, `number`, `p` (a probability), `plain` (a number as it is), `whole`, `share`,
            `seconds` or `name` (of an arm or group).
        doc: what it means, with its unit; for those who point at it.
    """

    name: str
    kind: str = "text"
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: `values` say where in the sweep it lies, `mark` that it stands out (`bad`, `soft`, `base`)."""

    cells: tuple[Value, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `total` rows there are, of which some may be left out.

    Attributes:
        file: name of its files, without ending.
    """

    file: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: int = 0

    @property
    def left_out(self) -> int:
        return max(0, self.total - len(self.rows))


@dataclass(frozen=True, slots=True)
class Choice:
    """Values that a page can be narrowed to: of the recipe or an axis, each with its text."""

    name: str
    values: tuple[tuple[Any, str], ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Curves with the query that gives them and their points as a table."""

    curves: Curves
    sql: str
    table: Table
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Own:
    """A comparison that the recipe declares: its query and its answer, or why there is none."""

    name: str
    sql: str
    table: Table | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two recipes: in words, and line by line of their texts.

    Attributes:
        before, after: names of the two. told: the answer of `specc diff`; empty if there is none.
        lines: of a unified diff.
        note: why something is not there; empty if all is.
    """

    before: str
    after: str
    told: str
    lines: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A report.

    Attributes:
        state: `done`, `running`, `failed`, `stopped` or `empty`; `state_text` says it in words.
        counts: the study in a line: arms, seeds, steps.
        answers: what a reader wants to see first, first. problems: questions without an answer, why.
        missing: results that are not there, and failed steps; missing_text says it in a line.
        facts: provenance: name and text.
        texts: of the recipe's files by name; empty if none was kept.
    """

    experiment: str
    description: str
    state: str
    state_text: str
    counts: str
    choices: tuple[Choice, ...] = ()
    answers: tuple[Compared, ...] = ()
    frontiers: tuple[Frontier, ...] = ()
    problems: tuple[str, ...] = ()
    expectations: tuple[Verdict, ...] = ()
    lines: tuple[Lines, ...] = ()
    bars: Bars | None = None
    budgets: Table | None = None
    budget_note: str = ""
    picture: Picture | None = None
    steps: Table | None = None
    steps_note: str = ""
    parallel: Parallel | None = None
    varying: Table | None = None
    own: tuple[Own, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    texts_note: str = ""
    diff: Diff | None = None
    facts: tuple[tuple[str, str], ...] = ()
    packages: Table | None = None
    missing: tuple[Table, ...] = ()
    missing_text: str = ""
    schema_version: int = 0
