"""The comparison so far, as the page shows it: what `specc.comparing` says, and a picture of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.comparing.model import Compared, Frontier, Question
from specc.errors import QueryError, WorkspaceError
from specc.execute.status import run_folder
from specc.serving.encoding import cell, rounded
from specc.study import Study

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_QUESTIONS = 40
MOST_FRONTIERS = 10
MOST_GROUPS = 200
"""Groups and effects that are listed."""

MOST_OWN = 100


class Studies:
    """Compiled experiments of a workspace, the one read last kept."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self._kept: tuple[tuple[str, int, int], Study] | None = None

    def of_run(self, run: int) -> Study:
        """The study of a run.

        Raises:
            WorkspaceError: if its plan can't be read.
        """
        path = run_folder(self.workspace, run) / "plan.json"
        try:
            stat = path.stat()
            stamp = (str(path), stat.st_mtime_ns, stat.st_size)
            kept = self._kept
            if kept is not None and kept[0] == stamp:
                return kept[1]
            study = Study.model_validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise WorkspaceError(f"the plan of run {run} can't be read") from error
        self._kept = (stamp, study)
        return study

    def latest(self, connection: DuckDBPyConnection, experiment: str | None) -> Study:
        """The study of an experiment's latest run, by default of the workspace's.

        Raises:
            QueryError, WorkspaceError: if there is none.
        """
        return self.of_run(self.number(connection, experiment))

    def number(self, connection: DuckDBPyConnection, experiment: str | None) -> int:
        """Number of that run.

        Raises:
            QueryError: if there is none.
        """
        row = connection.execute(
            "SELECT max(run) FROM main.experiments WHERE ? IS NULL OR lower(experiment) = lower(?)",
            [experiment, experiment],
        ).fetchone()
        if row is None or row[0] is None:
            raise QueryError("nothing was run in this workspace yet")
        return int(row[0])


def title(question: Question) -> str:
    """A question in a line."""
    place = "" if question.position == 1.0 else f" at {question.position:.0%}"
    by = f", by {', '.join(question.by)}" if question.by else ""
    given = "".join(f", {name} = {value}" for name, value in question.given.items())
    return f"{question.eval} after {question.stage}{place}{by}{given}"


def comparison(connection: DuckDBPyConnection, study: Study, number: int) -> dict[str, Any]:
    """What can be asked of an experiment, questions and then frontiers, and the answer to one of them.

    Args:
        number: of the one; of one that is not there any more, the first is answered.
    Raises:
        QueryError: if it can't be answered on what is there.
    """
    from specc.comparing import compare, frontier, frontiers, questions

    asked = questions(connection, study)[:MOST_QUESTIONS]
    pairs = frontiers(connection, study)[:MOST_FRONTIERS]
    titles = [
        *map(title, asked),
        *(f"frontier of {x.eval} and {y.eval} after {x.stage}" for x, y in pairs),
    ]
    answer: dict[str, Any] = {"questions": titles, "number": 0, "compared": None, "groups": 0, "picture": ""}
    if not titles:
        return answer
    number = number if number < len(titles) else 0
    if number < len(asked):
        found = compare(connection, asked[number])
        shown, groups, drawn = fields(found), len(found.groups), picture(found)
    else:
        both = frontier(connection, *pairs[number - len(asked)])
        shown, groups, drawn = points(both), len(both.points), frontier_picture(both)
    return answer | {"number": number, "compared": shown, "groups": groups, "picture": drawn}


def fields(found: Compared) -> dict[str, Any]:
    """An answer as the page lists it: seeds are counted, by what became of them."""
    groups = [
        {
            "name": group.name,
            "selected": group.selected,
            "mean": rounded(group.mean),
            "half": rounded((group.interval.high - group.interval.low) / 2, 3) if group.interval else None,
            "n": group.n,
            "lacking": dict(Counter(seed.state for seed in group.seeds if seed.state != "done")),
        }
        for group in found.groups[:MOST_GROUPS]
    ]
    told = {effect.group: effect.sentence or effect.refusal or effect.verdict for effect in found.effects}
    return {
        "title": found.title,
        "headline": found.headline,
        "baseline": found.question.baseline,
        "level": found.question.level,
        "groups": groups,
        "told": {group["name"]: told[group["name"]] for group in groups if group["name"] in told},
        "notes": list(found.notes),
        "sql": found.sql,
    }


def points(found: Frontier) -> dict[str, Any]:
    """A frontier as the page lists it."""
    rows = [
        {
            "name": point.name,
            "series": point.series,
            "n": point.n,
            "x": rounded(point.x),
            "y": rounded(point.y),
            "dominated": point.dominated,
            "strictly": point.strictly,
            "on_hull": point.on_hull,
        }
        for point in found.points[:MOST_GROUPS]
    ]
    return {
        "title": found.title,
        "headline": found.headline,
        "x": found.x.eval,
        "y": found.y.eval,
        "points": rows,
        "notes": list(found.notes),
        "sql": found.sql,
    }


def frontier_picture(found: Frontier) -> str:
    """A frontier as SVG; empty if there is no point."""
    from specc.charts.frontier import frontier

    return frontier(found) if found.points else ""


def picture(found: Compared) -> str:
    """The effects as SVG; empty if there are none to draw."""
    from specc.charts import forest

    if not any(effect.mean is not None for effect in found.effects):
        return ""
    return forest(found)


def own_comparison(connection: DuckDBPyConnection, study: Study, name: str) -> dict[str, Any]:
    """A comparison that the recipe declares, and the names of all; without a name, the first.

    Raises:
        QueryError: if there is none of this name, or DuckDB refuses it on the rows that are there.
    """
    from specc.results.compare import compare
    from specc.results.compare import comparison as named

    names = [each.name for each in study.comparisons]
    if not names:
        return {"names": []}
    found = named(study, name or names[0])
    answer = compare(connection, found)
    return {
        "names": names[:MOST_OWN],
        "name": found.name,
        "columns": list(answer.columns),
        "types": list(answer.types),
        "rows": [[cell(value) for value in row] for row in answer.rows[:MOST_GROUPS]],
        "more": len(answer.rows) > MOST_GROUPS,
        "sql": found.sql,
    }
