"""What varies among the arms of a report, and what came of it: for parallel coordinates and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from specc.charts import Coordinate, Line, Parallel
from specc.reporting.arms import Arms
from specc.reporting.model import Column, Row, Table
from specc.results.schema import axis_columns

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SQL = "from wide order by arm"

MOST_SETTINGS = 4
MOST_RESULTS = 7
"""Coordinates that are drawn."""

MOST_NAMES = 24
"""Values of a coordinate of names; one with more is not drawn."""

MOST_COLOURS = 12
"""Groups that get a colour and dash each."""

MOST_ROWS = 200
"""Arms that the table lists."""


def varying(connection: DuckDBPyConnection, arms: Arms) -> tuple[Parallel | None, Table]:
    """Axes, settings that differ, and results of each arm."""
    cursor = connection.execute(SQL)
    names = [column[0] for column in cursor.description or ()]
    types = [str(column[1]) for column in cursor.description or ()]
    rows = cursor.fetchall()
    evals = {name for (name,) in connection.execute("select distinct eval from evaluations").fetchall()}
    place = {name: number for number, name in enumerate(names)}
    axes = [column.name for column in axis_columns(arms.study.axes)]
    known = {"arm", "recipe", "seed", *axes}
    later = [name for name in names if name not in known]
    results = [name for name in later if _is_result(name, evals)]
    settings = [name for name in later if name not in results]
    kinds = {axis.name: axis.type for axis in arms.study.axes}
    columns = tuple(Column(name, _kind(name, types[number], kinds)) for number, name in enumerate(names))
    table = Table(
        "arms",
        "Arms: what varies among them, and their results",
        columns,
        tuple(Row(tuple(map(_plain, row)), arms.values(arms.point_of(row[0]))) for row in rows[:MOST_ROWS]),
        len(rows),
    )
    coordinates: list[Coordinate] = []
    texts: dict[str, dict[Any, str]] = {choice.name: dict(choice.values) for choice in arms.choices}
    for name in ("recipe", *axes):
        values = [row[place[name]] for row in rows]
        if len(set(values)) > 1:
            kind = kinds.get(name, "string")
            shown = "fraction" if kind == "fraction" else "count" if kind in ("tokens", "steps") else ""
            coordinates.append(_coordinate(name, values, shown, texts.get(name, {}), result=False))
    taken = [tuple(each.values) for each in coordinates]
    for name in settings:
        values = [row[place[name]] for row in rows]
        if len([c for c in coordinates if not c.result]) >= len(taken) + MOST_SETTINGS:
            break
        if len(set(values)) > 1 and not any(_same(values, other) for other in taken):
            coordinates.append(_coordinate(name, values, "", {}, result=False))
    for name in results[:MOST_RESULTS]:
        coordinates.append(_coordinate(name, [row[place[name]] for row in rows], "", {}, result=True))
    coordinates = [each for each in coordinates if len(each.names) <= MOST_NAMES]
    if len(coordinates) < 2 or len(rows) < 2:
        return None, table
    # Many groups are coloured by the first name that varies: as many colours as groups tell nothing.
    few = len(arms.groups) <= MOST_COLOURS
    heads = list(dict.fromkeys(coordinates[0].values))
    lines = tuple(
        Line(
            f"{arms.name(point)}, seed = {row[place['seed']]}",
            arms.numbers[point] if few else heads.index(coordinates[0].values[number]),
            arms.values(point),
        )
        for number, row in enumerate(rows)
        for point in (arms.point_of(row[0]),)
    )
    return Parallel("What varies among the arms, and what came of it", tuple(coordinates), lines), table


def _is_result(name: str, evals: set[str]) -> bool:
    """Whether a column of the wide view is a result: an evaluation's name, or that and a stage's."""
    return name in evals or any(name.startswith(f"{each}_") for each in evals)


def _kind(name: str, type: str, axes: Mapping[str, str]) -> str:
    if type in ("VARCHAR", "BOOLEAN"):
        return "text"
    if axes.get(name) == "fraction":
        return "share"
    return "whole" if type == "BIGINT" or name in ("arm", "seed") else "number"


def _coordinate(
    name: str, values: Sequence[Any], kind: str, texts: dict[Any, str], result: bool
) -> Coordinate:
    if any(isinstance(value, str | bool) for value in values) or (
        any(v is None for v in values) and not result
    ):
        shown = tuple(texts.get(value, "–" if value is None else str(value).lower() if isinstance(value, bool)
                                else str(value)) for value in values)  # fmt: skip
        return Coordinate(name, shown, names=tuple(dict.fromkeys(shown)), result=result)
    return Coordinate(name, tuple(values), kind, result=result)


def _same(values: Sequence[Any], other: Sequence[Any]) -> bool:
    return all(one == two for one, two in zip(values, other, strict=True))


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
