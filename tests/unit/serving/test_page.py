"""What the page is told: of runs that go on, end and fail, of results, and of hostile names."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fake_workspace import FakeWorkspace, exposure, key, log_line
from held_run import FakeRun
from specc.execute.status import StepCounts, StepFailure
from specc.results.generations import current
from specc.results.index import Indexer
from specc.results.reader import open_results
from specc.serving import published
from specc.serving.application import Page, application
from specc.serving.guard import Access
from specc.study import Axis, Comparison, Study
from visitor import PORT, Visitor

HOSTILE = "</script><img src=x onerror=alert(1)> \u202e\"'&\n" + "x" * 300


def visitor_of(page: Page) -> Visitor:
    access = Access(PORT)
    return Visitor(application(page, access), access)


def with_corpora(found: Study) -> Study:
    """The study with the steps that make its corpora, which a plan that is drawn must have."""
    init = found.steps[0]
    corpora = [replace(init, key=key(name), op="prepare", label=name) for name in ("web", "skill")]
    return found.model_copy(update={"steps": (*corpora, *found.steps)})


def study() -> Study:
    found = with_corpora(exposure())
    return found.model_copy(
        update={
            "comparisons": (
                Comparison(name="means", sql="select early, avg(value) m from results group by 1"),
            )
        }
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> FakeWorkspace:
    """Two arms are through, one has diverged at its second stage, one is to do."""
    found = FakeWorkspace(tmp_path_factory.mktemp("page"))
    found.plan(1, study())
    found.finish("init", "init", {"parameters": 10})
    for arm in range(2):
        found.train(f"{arm}/pretrain.0", {"corpus0": 640}, log_line(5))
        found.train(f"{arm}/pretrain.1", {"corpus0": 960}, log_line(15))
        found.train(f"{arm}/tune", {"corpus0": 512}, log_line(8, 1.5))
        found.measure(f"{arm}/skill/pretrain", 3.0)
        found.measure(f"{arm}/skill/tune", 2.0 + arm)
    return found


@pytest.fixture(scope="module")
def page(workspace: FakeWorkspace) -> Iterator[Page]:
    found = Page(workspace.path)
    found.published.refresh(0)
    yield found
    found.published.close()


@pytest.fixture
def visitor(page: Page) -> Visitor:
    return visitor_of(page)


def test_the_page_and_its_files_are_served_and_nothing_else(visitor: Visitor) -> None:
    answer = visitor.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert b"page/main.js" in answer.body
    for name, type in (("main.js", "text/javascript"), ("style.css", "text/css"), ("charts.css", "text/css")):
        found = visitor.get(f"/page/{name}")
        assert found.status == 200
        assert found.headers["content-type"].startswith(type)
    for name in ("..%2fapplication.py", "../application.py", "%2e%2e/guard.py", "/etc/passwd", "", "none.js"):
        assert visitor.get(f"/page/{name}").status == 404
    assert visitor.get("/api/none").status == 404
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        headers = {"origin": f"http://127.0.0.1:{PORT}"}
        assert asyncio.run(visitor.ask("/api/steps", method, headers={**headers})).status == 405


def test_an_empty_workspace_is_told_as_such(tmp_path: Path) -> None:
    empty = Page(FakeWorkspace(tmp_path).path)
    visitor = visitor_of(empty)
    told = visitor.get("/api/run").json()
    assert told["status"] is None
    assert told["there"]
    assert visitor.get("/api/overview").status == 409  # not open yet
    empty.published.refresh(0)
    overview = visitor.get("/api/overview").json()
    assert overview["experiments"] == []
    assert overview["budget"] == []
    assert visitor.get("/api/steps?order=label").json()["total"] == 0
    assert visitor.get("/api/comparison").status == 409
    assert visitor.get("/graph").status == 409
    empty.published.close()


def test_a_run_is_followed_until_it_ends(workspace: FakeWorkspace) -> None:
    page = Page(workspace.path)
    visitor = visitor_of(page)
    with FakeRun(workspace) as run:
        workspace.log("2/pretrain.0", log_line(1, 4.0) + log_line(2, 3.5))
        run.status(running=["2/pretrain.0"])
        told = visitor.get("/api/run")
        fields = told.json()
        assert fields["status"]["state"] == "running"
        assert fields["status"]["seconds_left"] == 75.0
        assert fields["curves"] == [
            {
                "key": key("2/pretrain.0"),
                "label": "exposure/2/pretrain.0",
                "points": [[1, 4.0], [2, 3.5]],
                "stride": 1,
            }
        ]
        again = visitor.get("/api/run", if_none_match=told.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        workspace.log("2/pretrain.0", log_line(3, 3.25))
        grown = visitor.get("/api/run", if_none_match=told.headers["etag"])
        assert grown.status == 200
        assert grown.json()["curves"][0]["points"][-1] == [3, 3.25]
        failure = StepFailure(key="k", label="l", error="Diverged", message="m", arms=("a",) * 50)
        counts = StepCounts(total=10, failed=60)
        run.status(running=["2/pretrain.0"] * 60, failures=[failure] * 60, counts=counts)
        fields = visitor.get("/api/run").json()["status"]
        assert (len(fields["running"]), fields["running_more"]) == (50, 10)
        assert (len(fields["failures"]), fields["failures_more"]) == (20, 40)
        assert (len(fields["failures"][0]["arms"]), fields["failures"][0]["arms_more"]) == (3, 47)
        run.status(running=["2/pretrain.0"])
    assert visitor.get("/api/run").json()["status"]["state"] == "killed"
    (run.folder / "status.json").unlink()


def test_budgets_are_counted_against_what_was_planned(visitor: Visitor) -> None:
    found = visitor.get("/api/overview?experiment=exposure").json()
    rows = {(row["stage"], row["corpus"]): row for row in found["budget"]}
    pretrain = rows["pretrain", "web"]
    assert (pretrain["planned"], pretrain["counted"]) == (4 * 960, 2 * 960)
    assert (pretrain["arms"], pretrain["arms_done"], pretrain["arms_differ"]) == (4, 2, 0)
    assert (found["arms"], found["arms_done"], found["results"], found["results_done"]) == (4, 2, 8, 4)
    operations = {row["op"]: row for row in found["operations"]}
    assert (operations["train"]["steps"], operations["train"]["done"]) == (12, 6)
    assert [each["experiment"] for each in found["experiments"]] == ["exposure"]


def test_steps_come_a_page_at_a_time_found_filtered_and_ordered(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specc.serving.facts.PAGE", 5)
    first = visitor.get("/api/steps?order=label").json()
    labels = [row[0] for row in first["rows"]]
    assert first["total"] == 23
    assert labels == sorted(labels)
    assert len(labels) == 5
    second = visitor.get("/api/steps?order=label&page=1").json()
    assert [row[0] for row in second["rows"]] > labels
    down = visitor.get("/api/steps?order=label&down=1").json()
    assert down["rows"][0][0] > labels[-1]
    assert visitor.get("/api/steps?state=done&text=skill").json()["total"] == 4
    assert visitor.get("/api/steps?text=EVAL").json()["total"] == 8
    assert visitor.get(f"/api/steps?text={key('init')[:12]}").json()["total"] == 1
    assert visitor.get("/api/steps?text=%27%3B+drop+table").json()["total"] == 0
    for wrong in ("order=label%22%3B--", "state=x", "page=-1", "page=1e3", "page=99999999999"):
        assert visitor.get(f"/api/steps?{wrong}").status == 409


def test_arms_show_their_axes_and_what_they_have(visitor: Visitor) -> None:
    found = visitor.get("/api/arms?order=arm").json()
    assert found["columns"][:4] == ["arm", "recipe", "early", "seed"]
    last = found["columns"].index("skill_tune")
    assert [row[last] for row in found["rows"]] == [2.0, 3.0, None, None]
    assert found["total"] == 4
    done = found["columns"].index("results_done")
    assert [row[done] for row in found["rows"]] == [2, 2, 0, 0]
    assert visitor.get("/api/arms?text=arm+3").json()["total"] == 1


def test_an_experiment_that_is_not_there_is_told(visitor: Visitor) -> None:
    answer = visitor.get("/api/steps?experiment=exposur")
    assert answer.status == 409
    assert answer.json()["help"] == "write `exposure`"


def test_comparisons_are_answered_and_drawn(visitor: Visitor) -> None:
    found = visitor.get("/api/own?name=means").json()
    assert found["columns"] == ["early", "m"]
    assert found["rows"] == [[0.0, 2.75]]
    assert visitor.get("/api/own").json()["names"] == ["means"]
    assert visitor.get("/api/own?name=mean").json()["help"] == "write `means`"
    compared = visitor.get("/api/comparison")
    assert compared.status == 200
    assert compared.json()["questions"]


def test_queries_are_asked_as_json_by_the_page_alone(visitor: Visitor) -> None:
    body = {"sql": "select 1 as one", "id": "a"}
    assert visitor.post("/api/query", body).json()["answers"][0]["rows"] == [[1]]
    assert visitor.post("/api/csv", body).body == b"one\r\n1\r\n"
    assert visitor.post("/api/cancel", {"id": "a"}).json() == {"cancelled": False}
    assert visitor.post("/api/query", body, content_type="text/plain").status == 409
    assert visitor.post("/api/query", body, origin="http://evil.example").status == 403
    for wrong in (
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"sql": 1, "id": "a"}',
        b'{"sql": "select 1"}',
        b"x" * 300_000,
    ):
        assert visitor.post("/api/query", wrong).status == 409
    told = visitor.post("/api/query", {"sql": "select valu from results", "id": "a"}).json()
    assert told["position"] == 7
    assert told["help"] == "write `value`"


def test_the_picture_of_the_steps_and_the_report_stand_alone(visitor: Visitor) -> None:
    answer = visitor.get("/graph")
    assert answer.status == 200
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "allow-same-origin" not in answer.headers["content-security-policy"]
    report = visitor.get("/report?experiment=exposure")
    assert report.status == 200
    assert b"where should the data go?" in report.body
    assert report.headers["content-security-policy"] == answer.headers["content-security-policy"]


def test_hostile_names_are_json_and_never_markup(tmp_path: Path) -> None:
    workspace = FakeWorkspace(tmp_path)
    found = with_corpora(
        exposure(axes=(Axis(name="kind", type="string", values=(HOSTILE, "b")),), seeds=(0,))
    )
    arms = tuple(replace(arm, label=f"{HOSTILE}{arm.arm}") for arm in found.arms)
    steps = tuple(replace(step, label=HOSTILE + step.label) for step in found.steps)
    workspace.plan(1, found.model_copy(update={"arms": arms, "steps": steps, "description": HOSTILE}))
    page = Page(workspace.path)
    page.published.refresh(0)
    visitor = visitor_of(page)
    assert visitor.get("/api/overview").json()["experiments"][0]["description"] == HOSTILE
    answer = visitor.get("/api/arms?order=kind")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["rows"][0][2] == HOSTILE
    assert visitor.get("/api/steps").json()["rows"][0][0].startswith(HOSTILE)
    assert b"<img src=x" not in visitor.get("/graph").body
    page.published.close()


def test_a_deleted_workspace_is_told_and_not_made_again(tmp_path: Path) -> None:
    workspace = FakeWorkspace(tmp_path)
    workspace.plan(1, exposure())
    page = Page(workspace.path)
    page.published.refresh(0)
    visitor = visitor_of(page)
    shutil.rmtree(workspace.path)
    page.published.refresh(0)
    told = visitor.get("/api/run").json()
    assert not told["there"]
    assert "not there" in told["trouble"]["error"]
    assert not workspace.path.exists()
    assert visitor.post("/api/query", {"sql": "select count(*) from recipes", "id": "a"}).status in (200, 409)
    assert not workspace.path.exists()
    page.published.close()


def test_what_is_published_while_a_page_opens_the_results_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = FakeWorkspace(tmp_path)
    workspace.plan(1, exposure())
    page = Page(workspace.path)

    def opened_just_before_the_last_result(*arguments: object, **named: object) -> object:
        connection = open_results(*arguments, **named)  # type: ignore[arg-type]
        workspace.measure("0/skill/tune", 2.0)
        Indexer(workspace.path).update()
        return connection

    monkeypatch.setattr(published, "open_results", opened_just_before_the_last_result)
    page.published.refresh(0)
    monkeypatch.undo()
    page.published.refresh(1e9)
    assert page.overview(None)["results_done"] == 1
    page.published.close()


def test_two_pages_see_what_is_new_and_an_index_that_is_built_again(tmp_path: Path) -> None:
    workspace = FakeWorkspace(tmp_path)
    workspace.plan(1, exposure())
    pages = [Page(workspace.path), Page(workspace.path)]
    for page in pages:
        page.published.refresh(0)
    assert [page.overview(None)["results_done"] for page in pages] == [0, 0]
    workspace.measure("0/skill/tune", 2.0)
    Indexer(workspace.path).rebuild()
    for page in pages:
        page.published.refresh(1e9)
    assert [page.overview(None)["results_done"] for page in pages] == [1, 1]
    assert pages[0].published.generation == current(workspace.path)
    (workspace.path / "index" / "CURRENT").write_text("torn")
    for page in pages:
        page.published._cost = 0.0
        page.published.refresh(0)
    assert [page.overview(None)["results_done"] for page in pages] == [1, 1]
    for page in pages:
        page.published.close()
    assert json.loads(visitor_of(pages[0]).get("/api/steps").body)["error"]
