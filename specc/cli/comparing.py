"""`specc compare`: effects with their intervals first, then what a recipe compares and expects itself."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from specc.cli.failures import EXPECTATION_NOT_MET, colored
from specc.cli.places import WORKSPACE, find_workspace
from specc.errors import QueryError
from specc.finding import is_workspace
from specc.store import open_workspace
from specc.words import printable

if TYPE_CHECKING:
    from specc.comparing import Compared, Frontier, Source
    from specc.comparing.asking import Asked
    from specc.comparing.terminal import Line, Signs

Form = Literal["text", "json", "csv", "md", "latex", "sql"]

WIDTH = 100
"""Columns where there is no terminal."""

LEVEL = "95%"
"""Of intervals, if none is asked for."""

MOST_ASKED = 6
"""Questions of an overview that are shown with their effects."""


@dataclass(frozen=True, slots=True)
class Request:
    """What `specc compare` was asked: its arguments and options."""

    names: tuple[str, ...]
    workspaces: tuple[str, ...]
    experiments: tuple[str, ...]
    by: tuple[str, ...]
    metric: str | None
    stage: str | None
    position: str | None
    given: tuple[str, ...]
    baseline: str | None
    frontier: tuple[str, str] | None
    better: Literal["lower", "higher"] | None
    level: str
    fail_if_worse: str | None
    form: Form

    @property
    def asks(self) -> bool:
        """Whether it asks a question of its own, beside those of a recipe."""
        where = (self.stage, self.position, self.given, self.baseline)
        options = (self.by, self.metric, *where, self.frontier, self.better, self.level != LEVEL)
        several = len(self.names) > 1 or len(self.workspaces) > 1 or len(self.experiments) > 1
        printed = not self.names and self.form in ("md", "latex", "sql")
        return several or any(options) or self.fail_if_worse is not None or printed

    def words(self) -> Asked:
        """The question in it."""
        from specc.comparing.asking import Asked

        return Asked(
            groups=self.names,
            experiments=self.experiments,
            by=self.by,
            given=self.given,
            metric=self.metric or "",
            stage=self.stage or "",
            position=self.position or "",
            baseline=self.baseline or "",
            better=self.better or "",
            level=self.level,
        )


def run_compare(asked: Request) -> int:
    """Do what was asked; 3 if an expectation is not met or something is worse that may not be."""
    from specc.cli.querying import show_comparisons
    from specc.comparing import compare_sources, frontier_of
    from specc.comparing.asking import asked_frontier, asked_questions

    if not asked.asks:
        workspace = asked.workspaces[0] if asked.workspaces else None
        experiment = asked.experiments[0] if asked.experiments else None
        if asked.names and asked.form in ("md", "latex", "sql"):
            return _own_comparison(asked.names[0], workspace, experiment, asked.form)
        if asked.names or asked.form == "csv":
            name = asked.names[0] if asked.names else None
            return show_comparisons(name, workspace, experiment, asked.form == "json", asked.form == "csv")
        return _overview(workspace, experiment, asked.form == "json")
    if len(asked.names) == 1:
        raise QueryError(
            f"`{asked.names[0]}` is compared with nothing",
            f"name two groups, for instance `specc compare BASELINE {asked.names[0]}`",
        )
    margin = margin_of(asked.fail_if_worse)
    if asked.frontier is not None and (asked.names or asked.baseline or asked.metric or margin is not None):
        raise QueryError(
            "`--frontier` shows all groups in two results",
            "leave out groups, `--baseline`, `--metric` and `--fail-if-worse`",
        )
    with _sources(asked) as sources:
        if asked.frontier is not None:
            x, y = asked_frontier(asked.words(), sources, *asked.frontier)
            _write_frontier(asked.form, frontier_of(sources, x, y))
            return 0
        questions = asked_questions(asked.words(), sources)
        if not questions:
            raise QueryError(
                "there is nothing to compare: all arms are of one group",
                "sweep an axis, write a `recipe`, or name other experiments or workspaces",
            )
        answers = [compare_sources(sources, question) for question in questions]
        write_answers(asked.form, answers)
        return 0 if margin is None else judged(answers, margin)


def _own_comparison(name: str, workspace: str | None, experiment: str | None, form: Form) -> int:
    """Print a recipe's own comparison as a table for a paper, or its query."""
    from specc.cli.querying import latest_study
    from specc.results.compare import compare, comparison
    from specc.results.reader import open_results

    place = open_workspace(find_workspace(workspace))
    study = latest_study(place, experiment)
    each = comparison(study, name)
    if form == "sql":
        print(cleandoc(each.sql))
        return 0
    connection = open_results(place, study.experiment)
    try:
        _write_tables(form, [compare(connection, each)])
    finally:
        connection.close()
    return 0


# ---- what is compared


@contextmanager
def _sources(asked: Request) -> Iterator[list[Source]]:
    """The workspaces that are asked, and those that groups are taken from, open for reading."""
    from specc.comparing import Source
    from specc.results.reader import open_results

    named = list(dict.fromkeys(asked.workspaces))
    also = [place for name in asked.names if (place := _workspace_in(name)) and place not in named]
    loose = [name for name in asked.names if name.partition("::")[0] not in (*named, *also)]
    if len(named) > 1 and loose:
        raise QueryError(
            f"`{loose[0]}` could be in any of {len(named)} workspaces", f"write `{named[0]}::{loose[0]}`"
        )
    found: list[Source] = []
    try:
        if named or not _all_named(asked.names):
            for place in named or [""]:
                label = place if len(named) + len(also) > 1 else ""
                found.append(Source(open_results(open_workspace(find_workspace(place or None))), label))
        for place in dict.fromkeys(also):
            found.append(Source(open_results(open_workspace(_folder(place))), place))
        yield found
    finally:
        for source in found:
            source.connection.close()


def _workspace_in(name: str) -> str:
    """The workspace that a group's name begins with; empty if it doesn't."""
    first = name.partition("::")[0]
    return first if is_workspace(_folder(first)) else ""


def _all_named(names: Sequence[str]) -> bool:
    return bool(names) and all(map(_workspace_in, names))


def _folder(name: str) -> Path:
    """A workspace's folder; a folder that holds one, and a recipe beside one, are as good."""
    path = Path(name)
    if path.suffix == ".spec" and path.is_file():
        path = path.parent
    return path / WORKSPACE if (path / WORKSPACE / "format.json").is_file() else path


def margin_of(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise QueryError(
            f"`{text}` is no margin", "write a number of 0 or more, or put `--fail-if-worse` last"
        )
    return value


# ---- what is printed


def write_answers(form: Form, answers: Sequence[Compared]) -> None:
    from specc.comparing.table import full_table, short_table
    from specc.comparing.terminal import compared_page

    if form == "json":
        print(json.dumps([each.model_dump(mode="json") for each in answers], indent=1, ensure_ascii=False))
    elif form == "csv":
        _write_tables("csv", [full_table(answers)])
    elif form in ("md", "latex"):
        _write_tables(form, [short_table(each) for each in answers])
    elif form == "sql":
        print(";\n\n".join(each.sql for each in answers) + ";")
    else:
        brief = len(answers) > 1
        for number, each in enumerate(answers):
            if number:
                print()
            show(compared_page(each, width(), signs(), brief))


def _write_frontier(form: Form, found: Frontier) -> None:
    from specc.comparing.table import frontier_table
    from specc.comparing.terminal import frontier_page

    if form == "json":
        print(json.dumps([found.model_dump(mode="json")], indent=1, ensure_ascii=False))
    elif form == "sql":
        print(found.sql + ";")
    elif form == "text":
        show(frontier_page(found, width(), signs()))
    else:
        _write_tables(form, [frontier_table(found)])


def _write_tables(form: Form, tables: Sequence[object]) -> None:
    from specc.results.formats import as_latex, as_markdown
    from specc.results.query import Answer, as_csv

    for number, table in enumerate(tables):
        assert isinstance(table, Answer)
        if number:
            print()
        text = (as_csv if form == "csv" else as_markdown if form == "md" else as_latex)(table)
        sys.stdout.write(text.rstrip("\n") + "\n" if form != "csv" else text)


def judged(answers: Sequence[Compared], margin: float) -> int:
    """Exit code of `--fail-if-worse`; what is worse, and what could not be told, goes to stderr."""
    from specc.comparing.gate import judge

    found = judge(answers, margin)
    for text in found.untold:
        print(f"note: {printable(text)}", file=sys.stderr)
    for text in found.worse:
        print(f"worse: {printable(text)}", file=sys.stderr)
    return EXPECTATION_NOT_MET if found.worse else 0


def _overview(workspace: str | None, experiment: str | None, json_wanted: bool) -> int:
    """The main questions and their answers, then what the recipe compares and expects."""
    from specc.cli.querying import latest_study, outcome, print_outcome
    from specc.comparing import compare, frontier, frontiers, questions
    from specc.comparing.terminal import compared_page, frontier_page
    from specc.results.reader import open_results

    place = open_workspace(find_workspace(workspace))
    study = latest_study(place, experiment)
    connection = open_results(place, study.experiment)
    try:
        asked = questions(connection, study)
        pairs = frontiers(connection, study)
        if json_wanted:
            answers = {
                "answers": [compare(connection, each).model_dump(mode="json") for each in asked],
                "frontiers": [frontier(connection, x, y).model_dump(mode="json") for x, y in pairs],
            }
            result, as_expected = outcome(study, place)
            print(json.dumps({**result, **answers}, indent=1, ensure_ascii=False))
            return 0 if as_expected else EXPECTATION_NOT_MET
        print(
            printable(f"{study.experiment}: {study.description}" if study.description else study.experiment)
        )
        if not asked:
            print("\nthere are no groups to compare: sweep an axis, or write a `recipe`")
        for question in asked[:MOST_ASKED]:
            print()
            show(compared_page(compare(connection, question), width(), signs(), brief=True))
        if len(asked) > MOST_ASKED:
            listed = ", ".join(f"{each.eval} by {each.by[0]}" for each in asked[MOST_ASKED:])
            print()
            show([[(f"also: {printable(listed)} (`specc compare --metric ... --by ...`)", "quiet")]])
        for x, y in pairs:
            print()
            show(frontier_page(frontier(connection, x, y), width(), signs(), brief=True))
    finally:
        connection.close()
    return 0 if print_outcome(study, place) else EXPECTATION_NOT_MET


def show(lines: Sequence[Line]) -> None:
    """Print lines, in color on a terminal."""
    from specc.comparing.terminal import plain

    if not colored(sys.stdout):
        sys.stdout.write(plain(lines))
        return
    from rich.console import Console
    from rich.text import Text

    styles = {"title": "bold", "good": "green", "bad": "red", "unsure": "yellow", "quiet": "dim", "": ""}
    console = Console(force_terminal=True, highlight=False, soft_wrap=True, width=width())
    for line in lines:
        text = Text()
        for piece, style in line:
            text.append(piece, styles[style])
        text.rstrip()
        console.print(text, soft_wrap=True)


def width() -> int:
    """Columns to write in."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return WIDTH
    return min(max(shutil.get_terminal_size((WIDTH, 24)).columns, 40), 140)


def signs() -> Signs:
    """What to draw with: ASCII where the output's encoding has no more."""
    from specc.comparing.terminal import ASCII, UNICODE

    try:
        "├─●│…±←".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE
