"""The page of a report: complete, the same for the same results, and with every name as text."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fake_workspace import FakeWorkspace
from reported_study import HOSTILE, HOSTILE_NAMES, SCRIPT, Names, finished, study, value
from specc.charts import BarRow, Bars, Coordinate, Curves, Line, Panel, Parallel, Part, Series, forest
from specc.comparing.model import (
    Compared,
    Effect,
    Frontier,
    FrontierPoint,
    Group,
    Interval,
    Pair,
    Question,
    SeedValue,
)
from specc.errors import QueryError
from specc.execute.status import RunState, RunStatus, StepCounts
from specc.reporting import budgets, logged, tables, varying
from specc.reporting.against import against
from specc.reporting.arms import Arms
from specc.reporting.figures import figures
from specc.reporting.files import as_svg, figure_named, latex_tables
from specc.reporting.gather import gathered, state_of
from specc.reporting.model import Column, Lines, Report, Row, Table
from specc.reporting.page import as_page
from specc.results.query import run
from specc.results.reader import open_results
from specc.words import printable
from well_formed import Page

TEXTS = {"exposure.spec": 'experiment exposure {\n  "why?"  # because\n}\n'}


def report_on(workspace: FakeWorkspace, names: Names, **more: object) -> Report:
    connection = open_results(workspace.path)
    try:
        return gathered(connection, study(names), workspace="here", **more)  # type: ignore[arg-type]
    finally:
        connection.close()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> FakeWorkspace:
    return finished(tmp_path_factory.mktemp("done"), Names())


@pytest.fixture(scope="module")
def report(done: FakeWorkspace) -> Report:
    return report_on(done, Names(), texts=TEXTS)


@pytest.fixture(scope="module")
def hostile_place(tmp_path_factory: pytest.TempPathFactory) -> FakeWorkspace:
    return finished(tmp_path_factory.mktemp("hostile"), HOSTILE_NAMES, lacking=True)


@pytest.fixture(scope="module")
def hostile(hostile_place: FakeWorkspace) -> Report:
    made = study(HOSTILE_NAMES)
    texts = {name: name for name in HOSTILE}
    diff = against(SCRIPT, made, {"a": SCRIPT}, SCRIPT, made, texts)
    return report_on(hostile_place, HOSTILE_NAMES, texts=texts, diff=diff)


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return as_page(report)


def test_a_page_is_well_formed_and_refers_to_nothing_outside(page: str) -> None:
    read = Page(page)
    assert read.problems == []
    assert read.tags["html"] == read.tags["main"] == read.tags["h1"] == read.tags["nav"] == 1
    assert read.tags["figure"] == read.tags["figcaption"]
    assert "http" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "").replace("http-equiv", "")


def test_the_policy_lets_only_the_page_s_own_style_and_script_run(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    for tag in ("style", "script"):
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1].replace("&#39;", "'")
    assert page.count("<script") == 1
    assert "default-src 'none'" in policy[1].replace("&#39;", "'")


def test_equal_results_give_equal_bytes(done: FakeWorkspace, page: str) -> None:
    assert as_page(report_on(done, Names(), texts=TEXTS)) == page


def test_the_answer_comes_first(page: str) -> None:
    parts = "answer expectations differences frontiers curves-section budgets steps-section arms own recipe"
    places = [page.index(f'id="{part}-head"') for part in (*parts.split(), "provenance", "missing")]
    assert places == sorted(places)
    assert page.index("Where should the data go?") < places[0]


def test_numbers_of_the_main_figure_are_those_of_the_results(report: Report) -> None:
    main = report.answers[0]
    assert (main.question.eval, main.question.stage) in {("L_ret", "tune"), ("L_ft", "tune")}
    eval = 0 if main.question.eval == "L_ret" else 1
    table = next(figure for figure in figures(report) if figure.name == "effects").tables[0]
    place = [column.name for column in table.columns].index("mean")
    by_name = {row.cells[0]: row for row in table.rows}
    assert main.question.by == ("recipe",)
    for recipe, name in enumerate(("base", "replay")):
        expected = sum(value(recipe, p, s, eval) for p in range(2) for s in range(3)) / 6
        row = next(row for each, row in by_name.items() if str(each).startswith(name))
        assert row.cells[place] == pytest.approx(expected)


def test_a_page_narrowed_to_another_recipe_leaves_out_what_is_of_the_recipe_as_written(
    report: Report,
) -> None:
    number, held = next((n, each) for n, each in enumerate(report.answers) if each.question.given)
    assert held.question.given == {"recipe": "base"}
    rows = tables.effects(held, 10, number).rows
    assert {row.values["recipe"] for row in rows} == {"base"}
    assert forest(held).count('"recipe":"base"') == len(held.groups)


def test_curves_are_means_over_seeds_with_their_range(report: Report) -> None:
    line = report.lines[0].curves.panels[0].series[0]
    assert line.name == "base, early = 0%"
    assert line.mean == pytest.approx([3.0 - 0.1 * n + 0.1 for n in range(1, 11)])
    assert line.low == pytest.approx([3.0 - 0.1 * n for n in range(1, 11)])
    assert line.high == pytest.approx([3.0 - 0.1 * n + 0.2 for n in range(1, 11)])
    assert line.x == pytest.approx([100 * n for n in range(1, 11)])


def test_evaluations_on_the_way_become_curves(report: Report) -> None:
    titles = [each.curves.title for each in report.lines]
    assert titles == ["Training loss", "L_ret while training"]
    line = report.lines[1].curves.panels[0].series[0]
    assert line.x == (500.0, 1000.0)
    assert line.mean[0] == pytest.approx(sum(value(0, 0, seed, 0) for seed in range(3)) / 3 + 0.5)


def test_budgets_are_planned_against_counted(report: Report) -> None:
    assert report.budgets is not None
    assert [row.cells[3:7] for row in report.budgets.rows] == [(1000, 1000, 1000, 0), (500, 500, 500, 0)]
    assert "to the token" in report.budget_note


def test_what_lacks_is_told(hostile: Report) -> None:
    assert hostile.state == "stopped"
    assert "1 diverged" in hostile.missing_text
    assert "failed" in hostile.missing_text
    assert "not there yet" in hostile.missing_text
    assert {table.file for table in hostile.missing} == {"missing", "failed"}


def test_hostile_names_are_text_everywhere(hostile: Report) -> None:
    html = as_page(hostile)
    read = Page(html)
    assert read.problems == []
    assert html.count("<script") == 1
    assert html.count("</script") == 1
    assert "<img" not in html
    for sign in ("\u202e", "\x1b", "\x00"):
        assert sign not in html
    text = " ".join(read.texts)
    for name in HOSTILE:
        assert printable(name)[:200] in text


def test_hostile_names_are_text_in_files_too(hostile: Report) -> None:
    import xml.etree.ElementTree as ElementTree

    for figure in figures(hostile):
        root = ElementTree.fromstring(as_svg(figure))
        assert not [element for element in root.iter() if element.tag.endswith(("script", "img"))]
    for text in latex_tables(hostile).values():
        assert "</script>" not in text or "\\" in text


def test_a_study_without_results_is_reported_as_such(tmp_path: Path) -> None:
    workspace = FakeWorkspace(tmp_path)
    workspace.plan(1, study(Names()))
    empty = report_on(workspace, Names())
    html = as_page(empty)
    assert Page(html).problems == []
    assert empty.state == "empty"
    assert "No result is there yet: 60 are planned" in html
    assert "There is no answer yet" in html
    assert not empty.answers


def test_a_run_that_goes_on_or_failed_says_so(done: FakeWorkspace) -> None:
    def status(state: RunState) -> RunStatus:
        counts, moment = StepCounts(total=9, done=3, failed=1), "2026-11-21T10:00:00"
        return RunStatus(
            run=1, experiment="exposure", state=state, pid=1, counts=counts, started=moment, updated=moment
        )

    connection = open_results(done.path)
    try:
        assert state_of(connection, status("running"))[0] == "running"
        state, told = state_of(connection, status("failed"))
    finally:
        connection.close()
    assert state == "failed"
    assert told == "The latest run failed: 1 step failed. 60 of 60 results are there."


def test_figures_are_asked_for_by_name(report: Report) -> None:
    names = [figure.name for figure in figures(report)]
    assert names[0] == "effects"
    assert {"frontier", "curves", "allocation", "steps", "parallel"} <= set(names)
    assert "var(" not in as_svg(figure_named(report, "steps"))
    with pytest.raises(QueryError) as refused:
        figure_named(report, "curve")
    assert refused.value.help == "write `curves`"


@pytest.mark.parametrize("names", ["done", "hostile_place"])
def test_the_query_of_every_figure_gives_its_data(names: str, request: pytest.FixtureRequest) -> None:
    place: FakeWorkspace = request.getfixturevalue(names)
    wanted: Report = request.getfixturevalue("report" if names == "done" else "hostile")
    connection = open_results(place.path)
    try:
        for figure in figures(wanted):
            answers = run(connection, figure.sql)
            assert answers, figure.name
            assert all(answer.rows for answer in answers), figure.name
    finally:
        connection.close()


def test_tables_are_written_as_latex(report: Report) -> None:
    text = latex_tables(report)["effects.tex"]
    assert r"\toprule" in text
    assert "replay" in text


def test_a_difference_has_the_changed_lines(report: Report) -> None:
    was, now = study(Names()), study(Names(values=(0.0, 0.25)))
    diff = against("old.spec", was, {"x": "a\nb\n"}, "new.spec", now, {"x": "a\nc\n"})
    assert {"-b", "+c"} <= set(diff.lines)
    assert "gone: 50%" in diff.told
    only = against("old.spec", None, {"x": "a"}, "new.spec", now, {"x": "a"})
    assert "can't be made" in only.note
    assert "the same" in only.note


def test_a_thousand_arms_stay_under_a_megabyte() -> None:
    html = as_page(large())
    assert len(html.encode()) < 1_000_000
    assert Page(html).problems == []
    assert "groups are drawn" in html


def large() -> Report:
    """What a study of 1,000 arms comes to: 200 groups of 5 seeds, three stages, 8 questions, 4 frontiers."""
    names = [f"replay, early = {n}%, learning_rate = {n / 1000:.4f}" for n in range(200)]
    values = [{"recipe": "replay", "early": n / 100, "learning_rate": n / 1000} for n in range(200)]
    named = list(zip(names, values, strict=True))
    xs = tuple(6000.0 * n for n in range(logged.RANGES))
    ys = tuple(2 + 1.2345678 / (n + 1) for n in range(logged.RANGES))
    series = tuple(Series(names[n], n, xs, ys, ys, ys, 5, values[n]) for n in range(logged.MOST_LINES))
    panels = tuple(Panel(stage, series) for stage in ("pretrain", "posttrain", "finetune"))
    arms = [named[n // 5] for n in range(1000)]
    listed = tuple(Row((n, "replay", *[n / 1237] * 10), arms[n][1]) for n in range(varying.MOST_ROWS))
    columns = (Column("arm", "whole"), Column("recipe"), *[Column("x", "number")] * 10)
    parts = tuple(Part(panel.title, corpus, 1000, 1000) for panel in panels for corpus in ("web", "skill"))
    budget_rows = tuple(Row((name, *[100_000] * 8), each) for name, each in named[: budgets.MOST_ROWS])
    return Report(
        experiment="large",
        description="d",
        state="done",
        state_text="done",
        counts="1,000 arms",
        answers=tuple(_answer(n, named) for n in range(8)),
        frontiers=tuple(_frontier(n, named) for n in range(4)),
        lines=(
            Lines(
                Curves("loss", "tokens", "nats", panels),
                "select 1",
                logged.points_table("curves", "c", panels),
            ),
        ),
        bars=Bars(
            "t",
            tuple(panel.title for panel in panels),
            ("web", "skill"),
            tuple(BarRow(name, parts, each) for name, each in named),
        ),
        budgets=Table("budgets", "b", (Column("arms"), *[Column("tokens", "whole")] * 8), budget_rows, 1200),
        parallel=Parallel(
            "arms",
            tuple(Coordinate(f"c{k}", tuple(n / 1237 + k for n in range(1000))) for k in range(8)),
            tuple(Line(f"{name}, seed = 0", n, each) for n, (name, each) in enumerate(arms)),
        ),
        varying=Table("arms", "arms", columns, listed, 1000),
    )


Named = list[tuple[str, dict[str, Any]]]


def _interval(x: float) -> Interval:
    return Interval(
        low=x - 0.0123456, high=x + 0.0123456, level=0.95, method="paired t, 4 degrees of freedom"
    )


def _asked(n: int, named: Named) -> Question:
    return Question(
        experiments=("e",),
        eval=f"L_{n}",
        metric="loss",
        stage="finetune",
        by=("early",),
        baseline=named[0][0],
        better="lower",
        unit="nats per token",
    )


def _answer(n: int, named: Named) -> Compared:
    groups = tuple(
        Group(
            name=name,
            values=each,
            arms=1,
            n=5,
            mean=2 + i / 1237,
            sd=0.0123456,
            seeds=tuple(SeedValue(seed=s, value=2 + i / 1237 + s / 17, state="done") for s in range(5)),
            interval=_interval(2 + i / 1237),
        )
        for i, (name, each) in enumerate(named)
    )
    effects = tuple(
        Effect(
            group=name,
            baseline=named[0][0],
            mean=i / 1237,
            interval=_interval(i / 1237),
            p_t=i / 201,
            p_holm=i / 201,
            p_sign_flip=0.0625,
            verdict="better",
            sentence=f"{name} is better " * 2,
            pairs=tuple(
                Pair(seed=s, value=2 + i / 17, baseline=2.0, difference=i / 1237 + s / 170) for s in range(5)
            ),
        )
        for i, (name, _) in enumerate(named[1:], 1)
    )
    return Compared(
        question=_asked(n, named),
        title=f"L_{n} after finetune, by early",
        headline="some are better",
        groups=groups,
        effects=effects,
        sql="select 1",
    )


def _frontier(n: int, named: Named) -> Frontier:
    points = tuple(
        FrontierPoint(
            name=name,
            series="replay",
            values=each,
            n=5,
            x=i / 1237,
            y=1 - i / 1237,
            dominated=i % 3 > 0,
            strictly=False,
            on_hull=False,
            x_interval=_interval(i / 1237),
            y_interval=_interval(1 - i / 1237),
        )
        for i, (name, each) in enumerate(named)
    )
    return Frontier(
        x=_asked(n, named),
        y=_asked(n + 1, named),
        title=f"frontier {n}",
        headline="h",
        points=points,
        sql="select 1",
    )


def test_a_value_that_an_import_lacks_is_none_and_not_chosen() -> None:
    made = study(Names())
    axis = made.axes[0].name
    lacking = replace(made.arms[0], axes={axis: None}, label=f"study/base/{axis}=none/seed=0")
    chosen = replace(lacking, label=f"study/base/{axis}=best/seed=0")
    for arm, text in ((lacking, "none"), (chosen, "best")):
        arms = Arms(made.model_copy(update={"arms": (arm, *made.arms[1:])}))
        assert dict(next(each.values for each in arms.choices if each.name == axis))[None] == text
        assert arms.name(arms.point(arm)).endswith(f"{axis} = {text}")
