"""`specc sql`, `specc compare`, `specc index`, and what a run prints at its end."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.cli.failures import EXPECTATION_NOT_MET, tell
from specc.cli.places import find_workspace
from specc.errors import QueryError
from specc.results.query import Answer, as_csv, as_json
from specc.results.reader import open_results
from specc.results.studies import latest_study as latest_study
from specc.results.table import as_table
from specc.store import open_workspace
from specc.study import Study

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from specc.results.judge import Verdict

MOST_ROWS = 10_000
"""Rows that a table on a terminal shows; `--csv` and `--json` give all."""


def write(answers: Sequence[Answer], json_wanted: bool, csv_wanted: bool) -> None:
    """Print answers in the form that was asked for."""
    if json_wanted and csv_wanted:
        raise QueryError("`--json` and `--csv` exclude each other", "give one of them")
    for number, answer in enumerate(answers):
        if json_wanted:
            print(as_json(answer))
        elif csv_wanted:
            sys.stdout.write(as_csv(answer))
        else:
            print("\n" * (number > 0) + as_table(answer, _width(), MOST_ROWS), end="")


def _width() -> int | None:
    """Columns of the terminal; None elsewhere, where nothing is cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def run_sql(
    query: str | None,
    workspace: str | None,
    experiment: str | None,
    script: str | None,
    forms: Sequence[str],
    output: str | None,
    two_files: bool = False,
    run: str | None = None,
) -> int:
    """Answer a query, do a script, or open a prompt.

    Args:
        forms: those that were asked for; more than one is a mistake.
        output: file to write to. two_files: whether two were named.
        run: an earlier run to ask, as if it were the latest.
    """
    from specc.results import session, written

    if len(forms) > 1:
        listed = " and ".join(f"`--{form}`" for form in forms)
        raise QueryError(f"{listed} exclude each other", "give one of them")
    if two_files:
        raise QueryError("`--parquet` and `-o` both name a file", "give one of them")
    if query is not None and script is not None:
        raise QueryError("there are a query and a file with one", "give one of them")
    place = open_workspace(find_workspace(workspace))
    if script is not None:
        query = session.script(script, sys.stdin)
    elif query is None and not sys.stdin.isatty():
        query = sys.stdin.read()
    suffix = written.SUFFIXES.get(Path(output).suffix.lower()) if output else None
    form = forms[0] if forms else suffix or "table"
    if query is not None and not query.strip():
        raise QueryError("the query is empty", 'write one: `specc sql "select ..."`')
    if query is None:
        if output is not None:
            raise QueryError("there is no query whose answer to write", 'write it: `specc sql "select ..."`')
        from specc.results.prompt import prompt

        if run is not None:
            raise QueryError("the prompt asks the latest runs", 'write a query: `specc sql --run RUN "..."`')
        prompt(place, experiment, sys.stdout, sys.stderr, form=form)
        return 0
    kept = _of_run(place, run, experiment)
    if output is None:
        with session.Session(
            place, experiment, sys.stdout, sys.stderr, form, _width, most_rows=MOST_ROWS, kept=kept
        ) as asked:
            asked.do(query)
        return 0
    out = io.StringIO()
    plain = form if form != "parquet" else "csv"
    with session.Session(place, experiment, out, sys.stderr, plain, kept=kept) as asked:
        answers = asked.do(query)
    from specc.results.formats import replace_file, write_parquet

    if form != "parquet":
        text = out.getvalue()
        replace_file(Path(output), lambda aside: aside.write_text(text, encoding="utf-8", newline=""))
    elif len(answers) != 1:
        raise QueryError(
            f"a Parquet file holds one answer, and there are {len(answers)}", "write one `select`"
        )
    else:
        write_parquet(answers[0], Path(output))
    return 0


def _of_run(workspace: Path, run: str | None, experiment: str | None) -> DuckDBPyConnection | None:
    """The results as of an earlier run; None for the newest."""
    if run is None:
        return None
    from specc.history.runs import find_run
    from specc.results.as_of import open_run
    from specc.results.reader import put_first

    connection = open_run(workspace, find_run(workspace, run).number)
    if experiment is not None:
        put_first(connection, experiment)
    return connection


def show_comparisons(
    name: str | None, workspace: str | None, experiment: str | None, json_wanted: bool, csv_wanted: bool
) -> int:
    """Print a comparison; without a name, all of them and the expectations."""
    from specc.results.compare import compare, comparison

    place = open_workspace(find_workspace(workspace))
    study = latest_study(place, experiment)
    if name is None:
        if csv_wanted:
            listed = ", ".join(f"`{each.name}`" for each in study.comparisons) or "none"
            raise QueryError("CSV is of one comparison, and none is named", f"its comparisons: {listed}")
        if json_wanted:
            result, as_expected = outcome(study, place)
            print(json.dumps(result, indent=1))
            return 0 if as_expected else EXPECTATION_NOT_MET
        return 0 if print_outcome(study, place) else EXPECTATION_NOT_MET
    connection = open_results(place, study.experiment)
    try:
        write([compare(connection, comparison(study, name))], json_wanted, csv_wanted)
    finally:
        connection.close()
    return 0


def print_outcome(study: Study, workspace: Path, complete: bool = False) -> bool:
    """Print comparisons and expectations; returns whether the latter are as they should be.

    Args:
        complete: whether all results are there. An expectation that still can't be judged is wrong.
    """
    from specc.results.compare import compare
    from specc.results.judge import MET, verdicts

    connection = open_results(workspace, study.experiment)
    try:
        for each in study.comparisons:
            print(f"\n{study.experiment}: {each.name}", flush=True)
            try:
                print(as_table(compare(connection, each), _width(), MOST_ROWS), end="")
            except QueryError as error:
                tell(error)  # one that these rows don't suit hides neither the others nor the verdicts
        judged = verdicts(connection)
    finally:
        connection.close()
    if judged:
        print("\nexpectations")
        for verdict in judged:
            print(f"  {verdict.line()}")
    return all(verdict.outcome == MET for verdict in judged) if complete else _none_unmet(judged)


def _none_unmet(judged: Sequence[Verdict]) -> bool:
    from specc.results.judge import NOT_MET

    return all(verdict.outcome != NOT_MET for verdict in judged)


def outcome(study: Study, workspace: Path) -> tuple[dict[str, Any], bool]:
    """Comparisons and verdicts as JSON has them, and whether no expectation is unmet."""
    from dataclasses import asdict

    from specc.results.compare import compare
    from specc.results.judge import verdicts

    connection = open_results(workspace, study.experiment)
    try:
        tables = {each.name: json.loads(as_json(compare(connection, each))) for each in study.comparisons}
        judged = verdicts(connection)
    finally:
        connection.close()
    result = {
        "experiment": study.experiment,
        "comparisons": tables,
        "expectations": [asdict(verdict) for verdict in judged],
    }
    return result, _none_unmet(judged)


def update_index(workspace: str | None, rebuild: bool) -> int:
    """Bring the index up to date, and print the file that any DuckDB shell can open."""
    from specc.results.generations import current, point_to
    from specc.results.index import Indexer

    place = open_workspace(find_workspace(workspace))
    indexer = Indexer(place)
    if rebuild:
        indexer.rebuild()
    else:
        indexer.update(thorough=True)
    generation = current(place)
    if generation is not None:
        print(point_to(place, generation))
    return 0
