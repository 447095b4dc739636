"""Expectations judged on results: met, not met, or not run.

An expectation is not run while a result that it speaks of is missing. A result that is not a number
comes from a model that has diverged: the expectation is then not met.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from specc.errors import QueryError
from specc.results import schema
from specc.results.refusal import refusal
from specc.study import Expectation, Term
from specc.words import printable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MET, NOT_MET, NOT_RUN = "met", "not met", "not run"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an expectation turned out.

    Attributes:
        outcome: `met`, `not met` or `not run`.
        left, right: sides of the comparison, as far as they are known.
        margin: margin asked for.
        reason: why it was not run or not met, where the numbers don't say.
    """

    name: str
    text: str
    outcome: str
    left: float | None = None
    right: float | None = None
    margin: float | None = None
    reason: str = ""

    def line(self) -> str:
        """The verdict in a line, for people; free of what could steer a terminal."""
        numbers = ""
        if self.left is not None and self.right is not None:
            margin = f", margin {self.margin:.4g}" if self.margin else ""
            numbers = f"  ({self.left:.4g} against {self.right:.4g}{margin})"
        reason = f": {self.reason}" if self.reason else ""
        return printable(f"{self.outcome}{reason}  {self.text}{numbers}")


class _Missing(Exception):
    """A result that an expectation speaks of is not there yet; the text says which."""


def judge(connection: DuckDBPyConnection, expectation: Expectation) -> Verdict:
    """Judge an expectation; the experiment's schema is first on the connection's search path.

    Only reads: whatever the query says, it runs in a read-only transaction.
    """
    connection.execute("BEGIN TRANSACTION READ ONLY")
    try:
        if expectation.sql:
            return _judge_query(connection, expectation)
        return _judge_condition(connection, expectation)
    except _Missing as missing:
        return Verdict(expectation.name, expectation.text, NOT_RUN, reason=str(missing))
    except QueryError as error:
        return Verdict(expectation.name, expectation.text, NOT_RUN, reason=error.message)
    finally:
        connection.execute("ROLLBACK")


def judge_all(connection: DuckDBPyConnection) -> None:
    """Judge the expectations of all experiments and store the verdicts."""
    rows = connection.execute(
        "SELECT experiment, number, definition FROM planned.expectations ORDER BY experiment, number"
    ).fetchall()
    path = ""
    verdicts = []
    for experiment, number, definition in rows:
        wanted = f"{schema.quoted(schema.schema_name(experiment))},main"
        if wanted != path:
            path = wanted
            connection.execute(f"SET search_path = {schema.literal(path)}")
        verdict = judge(connection, Expectation.model_validate_json(definition))
        verdicts.append((experiment, number, verdict))
    connection.execute("SET search_path = 'main'")
    connection.begin()
    for experiment, number, verdict in verdicts:
        connection.execute(
            "UPDATE planned.expectations SET outcome = ?, left_value = ?, right_value = ?, margin = ?, "
            "reason = ? WHERE experiment = ? AND number = ?",
            [
                verdict.outcome,
                verdict.left,
                verdict.right,
                verdict.margin,
                verdict.reason or None,
                experiment,
                number,
            ],
        )
    connection.commit()


def verdicts(connection: DuckDBPyConnection) -> list[Verdict]:
    """Verdicts of the experiment that is first on the search path, as they were published."""
    return [
        Verdict(name, text, outcome, left, right, margin, reason or "")
        for name, text, outcome, left, right, margin, reason in connection.execute(
            "SELECT name, text, outcome, left_value, right_value, margin, reason "
            "FROM expectations ORDER BY experiment, number"
        ).fetchall()
    ]


def compare(relation: str, left: float, right: float, margin: float) -> bool:
    """Whether a comparison holds. Left < right by m means right - left >= m, and > is its mirror;
    without a margin both are strict. Equal by m means |left - right| <= m.

    >>> compare("<", 1.0, 2.0, 0.5), compare("<", 1.0, 1.0, 0.0), compare("==", 1.0, 1.25, 0.25)
    (True, False, True)
    """
    if relation == "==":
        return abs(left - right) <= margin
    gap = right - left if relation in ("<", "<=") else left - right
    if relation in ("<=", ">="):
        return gap >= margin
    return gap >= margin and gap > 0


def _judge_condition(connection: DuckDBPyConnection, expectation: Expectation) -> Verdict:
    relation, *sides = expectation.tree
    terms: dict[int, float] = {}
    values = [_value(connection, side, expectation.terms, terms) for side in sides]
    left, right = values[:2]
    margin = values[2] if len(values) > 2 else 0.0
    name, text = expectation.name, expectation.text
    if any(math.isnan(value) for value in terms.values()):
        return Verdict(name, text, NOT_MET, left, right, margin, "diverged")
    if not all(math.isfinite(value) for value in values):
        return Verdict(name, text, NOT_MET, left, right, margin, "not a finite number")
    outcome = MET if compare(relation, left, right, margin) else NOT_MET
    return Verdict(name, text, outcome, left, right, margin)


def _value(
    connection: DuckDBPyConnection, tree: Any, terms: tuple[Term, ...], known: dict[int, float]
) -> float:
    """Value of an arithmetic tree; the values of its terms are put into `known`."""
    if tree is None:
        return 0.0
    kind, *rest = tree
    if kind == "number":
        return float(rest[0])
    if kind == "term":
        number = int(rest[0])
        if number not in known:
            known[number] = _term(connection, terms[number])
        return known[number]
    left, right = (_value(connection, side, terms, known) for side in rest)
    if kind == "+":
        return left + right
    if kind == "-":
        return left - right
    if kind == "*":
        return left * right
    return left / right if right else math.nan


def _term(connection: DuckDBPyConnection, term: Term) -> float:
    rows = _rows(connection, term.sql)
    if len(rows) != 1:
        raise _Missing(f"`{term.text}` has no single value")
    value, found = rows[0][:2]
    if found < term.expected:
        raise _Missing(f"{found} of {term.expected} results are there")
    if value is None:
        raise _Missing(f"`{term.text}` has no value")
    return float(value)


def _judge_query(connection: DuckDBPyConnection, expectation: Expectation) -> Verdict:
    rows = _rows(connection, expectation.sql)
    name, text = expectation.name, expectation.text
    if len(rows) != 1 or len(rows[0]) != 1:
        return Verdict(name, text, NOT_RUN, reason=f"the query returned {len(rows)} rows, not one")
    answer = rows[0][0]
    if answer is None:
        return Verdict(name, text, NOT_RUN, reason="the query returned null")
    if not isinstance(answer, bool):
        return Verdict(name, text, NOT_RUN, reason="the query did not return true or false")
    return Verdict(name, text, MET if answer else NOT_MET)


def _rows(connection: DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    import duckdb

    try:
        return connection.execute(sql).fetchall()
    except duckdb.Error as error:
        raise refusal(error, sql) from error
