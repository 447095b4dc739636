"""The page in a browser while a run goes on: its values, its pictures, and what it must never do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from browser import CHROMIUM, Page, chromium
from fake_workspace import FakeWorkspace, exposure, key, log_line
from held_run import FakeRun
from specc.execute.status import StepCounts, StepFailure
from specc.study import Axis, Comparison, Study

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no browser here"),
]

HOSTILE = "</script><img src=x onerror=\"document.title='taken'\">\u202e'& " + "x" * 200


def study() -> Study:
    """Six arms of two recipes' worth of an axis whose values are markup."""
    found = exposure(axes=(Axis(name="kind", type="string", values=("plain", HOSTILE)),), seeds=(0, 1, 2))
    init = found.steps[0]
    corpora = [replace(init, key=key(name), op="prepare", label=name) for name in ("web", "skill")]
    steps = (*corpora, *(replace(step, label=f"{HOSTILE}/{step.label}") for step in found.steps))
    comparisons = (Comparison(name="means", sql="select kind, avg(value) as m from results group by 1"),)
    return found.model_copy(update={"description": HOSTILE, "steps": steps, "comparisons": comparisons})


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> FakeWorkspace:
    found = FakeWorkspace(tmp_path_factory.mktemp("live"))
    found.plan(1, study())
    found.finish("init", "init", {"parameters": 10})
    for arm in range(6):
        found.train(f"{arm}/pretrain.0", {"corpus0": 640}, log_line(5))
        found.train(f"{arm}/pretrain.1", {"corpus0": 960}, log_line(15))
        found.measure(f"{arm}/skill/pretrain", 3.0 + arm / 10)
        if arm != 5:
            found.train(f"{arm}/tune", {"corpus0": 512}, log_line(8, 1.5))
            found.measure(f"{arm}/skill/tune", 2.0 + arm % 3 / 10 + (arm > 2) * (1.0 + arm % 3 / 100))
    return found


@pytest.fixture(scope="module")
def run(workspace: FakeWorkspace) -> Iterator[FakeRun]:
    with FakeRun(workspace) as held:
        workspace.log("5/tune", "".join(log_line(step, 5.0 - step / 10) for step in range(1, 11)))
        held.status(running=["5/tune"])
        yield held


@pytest.fixture(scope="module")
def server(workspace: FakeWorkspace, run: FakeRun) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with subprocess.Popen(
        [sys.executable, "-m", "specc", "ui", "-w", str(workspace.path), "--no-open"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
        process.kill()


@pytest.fixture(scope="module")
def page(
    server: tuple[str, subprocess.Popen[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("browser")) as browser:
        found = browser.page()
        found.size(1280, 900)
        found.open(server[0])
        found.wait("document.querySelector('#badge')?.textContent === 'running'")
        yield found
        assert found.errors == []
        origin = urlsplit(server[0])
        for address in found.requests:
            if not address.startswith(("data:", "blob:")):
                assert urlsplit(address).netloc == origin.netloc, address


def text(page: Page, selector: str) -> str:
    return str(page.run(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''"))


def texts(page: Page, selector: str) -> list[str]:
    found = page.run(f"[...document.querySelectorAll({json.dumps(selector)})].map(each => each.textContent)")
    assert isinstance(found, list)
    return found


def show(page: Page, view: str) -> None:
    page.run(f"void (location.hash = {json.dumps(view)})")
    page.wait(f"!document.querySelector('#view-{view}').hidden")


def ask(page: Page, sql: str) -> None:
    show(page, "sql")
    page.run(
        "document.querySelector('#asked').textContent = '';"
        "document.querySelector('#answers').replaceChildren()"
    )
    page.run(
        f"document.querySelector('#query').value = {json.dumps(sql)}; document.querySelector('#ask').click()"
    )
    page.wait("document.querySelector('#answers').children.length > 0")


def test_the_token_has_left_the_address(page: Page) -> None:
    assert "token" not in page.run("location.href")
    assert page.run("document.cookie") == ""


def test_the_state_of_the_run_is_told(page: Page) -> None:
    assert text(page, "#counts") == "4 of 10 steps done, 1 running"
    numbers = dict(zip(texts(page, "#numbers dt"), texts(page, "#numbers dd"), strict=True))
    assert numbers["left"] == "about 1:15"
    assert numbers["time"] == "1:00"
    assert numbers["tokens/s"] == "3,000"
    assert page.run("document.querySelector('#progress .done').style.width") == "40%"
    assert page.run("document.querySelector('#progress').getAttribute('aria-valuenow')") == "4"


def test_the_curve_of_what_runs_grows_within_two_seconds(page: Page, workspace: FakeWorkspace) -> None:
    row = texts(page, "#running tbody tr:first-child td")
    assert row[1] == "3 / 15"
    assert row[2] == "2.2500"
    shapes = "document.querySelectorAll('#curves g.series circle').length"
    page.wait(f"{shapes} === 10")
    first = page.run("document.querySelector('#curves g.series path').getAttribute('d')")
    heights = [float(point.split()[1]) for point in first.removeprefix("M").split("L")]
    assert heights == sorted(heights)  # the loss falls, so the line goes down
    steps = [low - high for high, low in pairwise(heights)]
    assert max(steps) - min(steps) < 0.21  # by the same each time, but for rounding
    began = time.monotonic()
    workspace.log("5/tune", log_line(11, 2.0))
    page.wait(f"{shapes} === 11", 5.0)
    assert time.monotonic() - began < 2.0


def test_budgets_are_counted_against_planned(page: Page) -> None:
    page.wait("document.querySelectorAll('#budget tbody tr').length === 2")
    rows = [[cell.strip() for cell in texts(page, f"#budget tbody tr:nth-child({n}) td")] for n in (1, 2)]
    assert rows[0] == ["pretrain", "web", "5,760", "5,760", "100%", "6 / 6"]
    assert rows[1] == ["tune", "skill", "3,072", "2,560", "83%", "5 / 6"]


def test_steps_are_found_ordered_and_paged(page: Page) -> None:
    show(page, "steps")
    page.wait("document.querySelectorAll('#steps-table tbody tr').length > 20")
    assert "of 33" in text(page, "#steps-table .pages")
    page.run(
        "document.querySelector('#steps-table input').value = 'skill';"
        "document.querySelector('#steps-table input').dispatchEvent(new Event('input'))"
    )
    page.wait(
        "document.querySelectorAll('#steps-table tbody tr').length === 13"
    )  # 12 evaluations, the corpus
    page.run(
        "const s = document.querySelector('#steps-table select'); s.value = 'done';"
        "s.dispatchEvent(new Event('change'))"
    )
    page.wait("document.querySelectorAll('#steps-table tbody tr').length === 11")
    page.run(
        "[...document.querySelectorAll('#steps-table th button')]"
        ".find(e => e.textContent.startsWith('label')).click()"
    )
    page.wait(
        "document.querySelector('#steps-table th[aria-sort]')?.getAttribute('aria-sort') === 'descending'"
    )


def test_the_comparison_so_far_has_the_numbers_and_the_picture(page: Page) -> None:
    show(page, "comparison")
    page.wait("document.querySelectorAll('#compared tbody tr').length === 2", 30.0)
    means = [float(row) for row in texts(page, "#compared tbody td:nth-child(2)")]
    assert means == [pytest.approx(2.1), pytest.approx(3.055)]
    assert "1 missing" in text(page, "#compared tbody")
    assert page.run("document.querySelectorAll('#compared svg').length") == 1
    assert page.run("document.querySelectorAll('#compared svg g.m').length") >= 2
    page.wait("document.querySelectorAll('#own-answer tbody tr').length === 2")


def test_a_query_is_answered_as_table_and_as_picture(page: Page) -> None:
    ask(page, "select stage, sum(tokens_planned) as planned from allocations group by 1 order by 1")
    assert texts(page, "#answers tbody td") == ["pretrain", "5760", "tune", "3072"]
    page.run("document.querySelector('[data-view=plot]').click()")
    page.wait("document.querySelectorAll('#answers rect').length === 2")
    tall = page.run(
        "[...document.querySelectorAll('#answers rect')].map(each => +each.getAttribute('height'))"
    )
    assert tall[0] / tall[1] == pytest.approx(5760 / 3072, rel=0.01)
    ask(page, "select range as x, range * range as y from range(50)")
    page.wait("document.querySelector('#answers .plotbox g.series path') !== null")
    assert [each.strip() for each in texts(page, "#answers select")]
    page.run("document.querySelector('[data-view=table]').click()")


def test_an_answer_is_written_as_a_file(page: Page) -> None:
    show(page, "sql")
    page.run("void (document.querySelector('#query').value = 'select range as n from range(9)')")
    page.run("document.querySelector('#download').click()")
    page.wait("document.querySelector('#asked').textContent === '30 bytes of CSV'")  # n and 0 to 8, CR LF


def test_links_to_the_picture_of_the_steps_and_the_report_are_of_this_experiment(page: Page) -> None:
    for name in ("graph", "report"):
        page.wait(f"document.querySelector('#{name}').getAttribute('href') === '{name}?experiment=exposure'")
    found = page.run("fetch(document.querySelector('#graph').href).then(answer => answer.status)")
    assert found == 200


def test_a_mistake_is_marked_in_the_query(page: Page) -> None:
    show(page, "sql")
    page.run("void (document.querySelector('#query').value = '/* \U0001f40d */ select valeu from results')")
    page.run("document.querySelector('#ask').click()")
    page.wait("document.querySelector('#answers .trouble') !== null")
    assert "write value" in text(page, "#answers .trouble")
    chosen = "(e => e.value.slice(e.selectionStart, e.selectionEnd))(document.querySelector('#query'))"
    assert page.run(chosen) == "valeu"
    page.errors.clear()  # the browser notes that the answer was a refusal


def test_a_query_is_cancelled_by_its_button(page: Page) -> None:
    show(page, "sql")
    page.run(
        "document.querySelector('#query').value = "
        "'select count(*) from range(100000000000) a, range(1000) b where a.range % 7 = b.range';"
        "document.querySelector('#ask').click()"
    )
    page.wait("!document.querySelector('#cancel').disabled")
    time.sleep(0.5)
    page.run("document.querySelector('#cancel').click()")
    page.wait("document.querySelector('#answers').textContent.includes('cancelled')")
    page.errors.clear()


def test_keys_complete_and_run(page: Page) -> None:
    show(page, "sql")
    page.run("const q = document.querySelector('#query'); q.value = ''; q.focus()")
    page.call("Input.insertText", text="select count(*) from reci")
    page.wait("document.querySelectorAll('#suggestions button').length > 0")
    press = {"key": " ", "code": "Space", "windowsVirtualKeyCode": 32, "modifiers": 2}
    page.call("Input.dispatchKeyEvent", type="rawKeyDown", **press)
    page.wait("document.querySelector('#query').value === 'select count(*) from recipes'")
    press = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "modifiers": 2}
    page.call("Input.dispatchKeyEvent", type="rawKeyDown", **press)
    page.wait("document.querySelector('#answers tbody td')?.textContent === '6'")


def test_names_that_are_markup_are_text_everywhere(page: Page) -> None:
    for view in ("run", "comparison", "steps", "arms"):
        show(page, view)
        time.sleep(0.3)
    ask(page, "select distinct kind, kind || 'y' as other from recipes order by 1")
    assert HOSTILE in texts(page, "#answers tbody td")
    assert text(page, "#description") == HOSTILE
    assert HOSTILE in text(page, "#arms-table")
    assert page.run("document.querySelectorAll('main img, header img, main script').length") == 0
    assert page.run("document.title") == "exposure: specc"


def test_it_is_dark_where_the_system_is_and_where_one_wants_it(page: Page) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.run(colour)
    page.media(prefers_color_scheme="dark")
    page.wait(f"{colour} !== {json.dumps(light)}")
    page.run("document.querySelector('#theme').click()")
    page.wait(f"{colour} === {json.dumps(light)}")
    page.media(prefers_color_scheme="light")


def test_everything_fits_a_narrow_window_and_has_a_name(page: Page) -> None:
    page.size(360, 800)
    for view in ("run", "comparison", "steps", "arms", "sql"):
        show(page, view)
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), view
    page.size(1280, 900)
    nameless = page.run(
        "[...document.querySelectorAll('button, input, select, textarea, a')].filter(each => "
        "!(each.textContent.trim() || each.labels?.length || each.getAttribute('aria-label'))).length"
    )
    assert nameless == 0


def test_a_failure_and_the_end_of_the_run_are_told(page: Page, run: FakeRun) -> None:
    show(page, "run")
    failure = StepFailure(
        key=key("5/tune"), label=HOSTILE, error="Diverged", message="loss is not a number", arms=("arm 5",)
    )
    run.status(state="failed", failures=[failure], counts=StepCounts(total=10, done=8, failed=1, blocked=1))
    page.wait("document.querySelector('#badge').textContent === 'failed'")
    assert "loss is not a number" in text(page, "#failures")
    assert "arm 5" in text(page, "#failures")
    assert text(page, "#counts") == "8 of 10 steps done, 1 failed, 1 blocked"
    assert "failed" in text(page, "#announced")


def test_a_server_that_ends_is_told_and_ends_in_order(
    page: Page, server: tuple[str, subprocess.Popen[str]]
) -> None:
    process = server[1]
    process.send_signal(signal.SIGINT)
    assert process.wait(15) == 0
    page.wait("document.querySelector('#trouble').textContent.includes('does not answer')", 15.0)
    page.errors.clear()
