"""A report in headless Chromium: marks lie where the numbers are, the controls work, nothing is fetched."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import CHROMIUM, Browser, Page, chromium
from reported_study import FORMULA, HOSTILE, HOSTILE_NAMES, SCRIPT, Names, finished, study
from specc.reporting.against import against
from specc.reporting.files import as_pdf
from specc.reporting.gather import gathered
from specc.reporting.model import Report
from specc.reporting.page import as_page
from specc.results.reader import open_results
from specc.words import printable

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium or Chrome"),
]


def reported(folder: Path, names: Names, lacking: bool = False) -> Report:
    workspace = finished(folder, names, lacking)
    connection = open_results(workspace.path)
    made = study(names)
    try:
        texts = {name: name for name in HOSTILE}
        diff = against(SCRIPT, made, {"a": SCRIPT}, SCRIPT, made, texts)
        return gathered(connection, made, workspace="here", texts=texts, diff=diff)
    finally:
        connection.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return reported(tmp_path_factory.mktemp("plain"), Names())


def opened(browser: Browser, report: Report, folder: Path, **media: str) -> Page:
    """A tab with a report, 1,000 pixels wide; what it asks for and complains of is checked at once."""
    file = folder / "report.html"
    file.write_text(as_page(report), encoding="utf-8")
    page = browser.page()
    page.size(1000, 900)
    page.media(**(media or {"prefers_color_scheme": "light"}))
    page.open(file.as_uri())
    page.wait("document.documentElement.dataset.ready === 'yes'")
    assert page.requests == [file.as_uri()]
    assert page.errors == []
    return page


AXIS = """(figure) => {
  const ticks = [...document.querySelectorAll('#' + figure + ' text.soft.middle')]
    .filter((each) => /^[−+]?[0-9.]+$/.test(each.textContent))
    .map((each) => [Number(each.textContent.replace('−', '-')), each.getBoundingClientRect()])
    .map(([value, box]) => [value, box.left + box.width / 2]);
  const [[v0, x0]] = ticks, [v1, x1] = ticks[ticks.length - 1];
  return (x) => v0 + (x - x0) / (x1 - x0) * (v1 - v0);
}"""
"""From the labels of a horizontal axis, as they are seen, to the value at a place of the window."""


def test_marks_of_the_main_figure_lie_at_the_values(browser: Browser, report: Report, tmp_path: Path) -> None:
    page = opened(browser, report, tmp_path)
    main = report.answers[0]
    effect = main.effects[0]
    assert effect.interval is not None
    rings = page.run(
        f"(() => {{ const at = ({AXIS})('effects');"
        "return [...document.querySelectorAll('#effects .m circle.dot')]"
        ".map((each) => each.getBoundingClientRect()).map((box) => at(box.left + box.width / 2)); })()"
    )
    pixel = page.run(f"(() => {{ const at = ({AXIS})('effects'); return at(1) - at(0); }})()")
    assert sorted(rings) == pytest.approx(sorted(pair.difference for pair in effect.pairs), abs=pixel)
    whisker = page.run(
        f"(() => {{ const at = ({AXIS})('effects');"
        "const box = document.querySelector('#effects .whisker').getBoundingClientRect();"
        "return [at(box.left), at(box.right)]; })()"
    )
    assert whisker == pytest.approx([effect.interval.low, effect.interval.high], abs=2 * pixel)
    assert (
        effect.verdict == "not resolvable"
    )  # three seeds: grey, where a difference that is shown has a colour
    means = page.run(
        f"(() => {{ const at = ({AXIS})('effects');"
        "return [...document.querySelectorAll('#effects .m .grey')]"
        ".map((each) => each.getBoundingClientRect()).map((box) => at(box.left + box.width / 2)); })()"
    )
    assert sorted(means) == pytest.approx(sorted(each.mean or 0.0 for each in main.effects), abs=pixel)
    assert page.run("document.querySelectorAll('#effects .m .good, #effects .m .bad').length") == 0


def test_curves_end_at_their_last_value(browser: Browser, report: Report, tmp_path: Path) -> None:
    page = opened(browser, report, tmp_path)
    ends = page.run(
        """(() => {
          const ticks = [...document.querySelectorAll('#curves text.soft.end')].map((each) => {
            const box = each.getBoundingClientRect();
            return [Number(each.textContent), box.top + box.height / 2];
          });
          const [v0, y0] = ticks[0], [v1, y1] = ticks[ticks.length - 1];
          return [...document.querySelectorAll('#curves .curve')].map((each) => {
            const line = each.querySelector('.line');
            const end = line.getPointAtLength(line.getTotalLength());
            const seen = new DOMPoint(end.x, end.y).matrixTransform(line.getScreenCTM());
            return v0 + (seen.y - y0) / (y1 - y0) * (v1 - v0);
          });
        })()"""
    )
    lines = [each for panel in report.lines[0].curves.panels for each in panel.series]
    assert ends == pytest.approx([line.mean[-1] for line in lines], abs=0.03)


def test_tables_are_sorted_narrowed_and_downloaded(browser: Browser, report: Report, tmp_path: Path) -> None:
    page = opened(browser, report, tmp_path)
    page.run("document.querySelector('#parallel details').open = true")
    cells = "[...document.querySelectorAll('#parallel-table-1 tbody tr')].filter((row) => !row.hidden)"
    column = (
        "[...document.querySelectorAll('#parallel-table-1 th')].findIndex((h) => h.textContent === 'L_ft')"
    )
    read = f"{cells}.map((row) => Number(row.cells[{column}].dataset.s ?? row.cells[{column}].textContent))"
    head = f"document.querySelectorAll('#parallel-table-1 th button')[{column}]"
    before = page.run(read)
    page.run(f"{head}.focus()")
    page.key("Enter")
    assert page.run(read) == sorted(before)
    page.key("Enter")
    assert page.run(read) == sorted(before, reverse=True)
    assert page.run(f"document.querySelectorAll('#parallel-table-1 th')[{column}].ariaSort") == "descending"

    page.run(
        "(() => { const select = document.querySelector('select[data-name=recipe]');"
        "select.value = '\"replay\"'; select.dispatchEvent(new Event('change')); })()"
    )
    assert len(page.run(read)) == len(before) // 2
    assert page.run("document.querySelectorAll('#curves .m.off').length") > 0
    assert page.run("document.querySelectorAll('#curves .m:not(.off)').length") > 0

    page.run(
        "window.kept = null; URL.createObjectURL = (blob) => { window.kept = blob; return 'blob:none'; };"
        "HTMLAnchorElement.prototype.click = function () { window.file = this.download; };"
        "document.querySelector('#parallel .csv').click()"
    )
    text = page.run("window.kept.text()")
    rows = list(csv.reader(io.StringIO(text)))
    place = rows[0].index("L_ft")
    assert [float(row[place]) for row in rows[1:]] == pytest.approx(page.run(read))
    assert page.run("window.file") == "exposure_arms.csv"
    assert page.errors == []


def test_pointing_and_arrows_tell_of_marks_and_mark_an_arm_everywhere(
    browser: Browser, report: Report, tmp_path: Path
) -> None:
    page = opened(browser, report, tmp_path)
    page.run("document.querySelector('#effects .m').scrollIntoView({block: 'center', behavior: 'instant'})")
    x, y = page.run(
        "(() => { const box = [...document.querySelectorAll('#effects .m')].at(-1).getBoundingClientRect();"
        "return [box.left + 30, box.top + box.height / 2]; })()"
    )
    page.point(x, y)
    page.wait("!document.getElementById('tip').hidden")
    assert "replay" in page.run("document.getElementById('tip').textContent")
    hot = "[...document.querySelectorAll('#curves .m.hot')].map((each) => each.ariaLabel)"
    assert page.run(hot)
    assert all("replay" in each for each in page.run(hot))
    page.point(5, 5)
    page.wait("document.querySelectorAll('.hot').length === 0")

    page.run("document.querySelector('#effects .m[tabindex=\"0\"]').focus()")
    page.key("ArrowDown")
    assert "replay" in page.run("document.activeElement.ariaLabel")
    assert not page.run("document.getElementById('tip').hidden")
    page.key("Escape")
    assert page.run("document.getElementById('tip').hidden")


def test_colours_follow_the_system_and_the_button(browser: Browser, report: Report, tmp_path: Path) -> None:
    page = opened(browser, report, tmp_path, prefers_color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.run(paper) == "rgb(20, 24, 28)"
    page.run("document.getElementById('theme').click()")
    assert page.run(paper) == "rgb(255, 255, 255)"
    page.run("document.getElementById('theme').click()")
    assert page.run(paper) == "rgb(20, 24, 28)"
    page.media("print", prefers_color_scheme="dark")
    assert page.run("getComputedStyle(document.getElementById('tools')).display") == "none"


@pytest.mark.parametrize("width", [1000, 380])
def test_nothing_sticks_out_and_no_labels_overlap(
    browser: Browser, report: Report, tmp_path: Path, width: int
) -> None:
    page = opened(browser, report, tmp_path)
    page.size(width, 900)
    assert page.run("document.documentElement.scrollWidth") <= width
    overlapping = page.run(
        """(() => {
          const found = [];
          for (const svg of document.querySelectorAll('.picture .chart')) {
            const frame = svg.getBoundingClientRect();
            const texts = [...svg.querySelectorAll('text')]
              .map((each) => [each.textContent, each.getBoundingClientRect()]);
            texts.forEach(([one, a], i) => {
              if (a.right > frame.right + 2 || a.left < frame.left - 2) found.push('outside: ' + one);
              for (const [other, b] of texts.slice(i + 1)) {
                const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                if (wide > 2 && high > 4) found.push(one + ' | ' + other);
              }
            });
          }
          return found;
        })()"""
    )
    assert overlapping == []


def test_everything_is_there_without_the_script(browser: Browser, report: Report, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(as_page(report), encoding="utf-8")
    page = browser.page()
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(file.as_uri())
    page.call("Emulation.setScriptExecutionDisabled", value=False)
    seen = page.run("document.body.innerText")
    for part in ("Answer", "Expectations", "Differences", "Budgets", "Provenance", report.answers[0].title):
        assert part in seen
    assert page.run("document.querySelectorAll('.picture svg').length") > 5
    assert page.run("getComputedStyle(document.getElementById('tools')).display") == "none"


def test_a_page_is_printed_to_pdf(report: Report, tmp_path: Path) -> None:
    target = tmp_path / "report.pdf"
    target.write_bytes(as_pdf(as_page(report)))
    data = target.read_bytes()
    assert data.startswith(b"%PDF-")
    assert data.count(b"/Type /Page\n") >= 4


def test_hostile_names_run_nothing_and_are_seen_as_text(browser: Browser, tmp_path: Path) -> None:
    hostile = reported(tmp_path / "hostile", HOSTILE_NAMES, lacking=True)
    page = opened(browser, hostile, tmp_path)
    assert page.run("document.scripts.length") == 1
    assert page.run("document.images.length") == 0
    seen = page.run("document.body.textContent")
    for name in HOSTILE:
        assert printable(name)[:200] in seen
    assert page.run("document.querySelectorAll('.m').length") > 10
    page.run(
        "window.kept = null; URL.createObjectURL = (blob) => { window.kept = blob; return 'blob:none'; };"
        "HTMLAnchorElement.prototype.click = () => {};"
        "document.querySelector('#parallel .csv').click()"
    )
    cells = {cell for row in csv.reader(io.StringIO(page.run("window.kept.text()"))) for cell in row}
    assert "'" + FORMULA in cells
    assert not [cell for cell in cells if cell.startswith("=")]
    assert page.run("document.documentElement.scrollWidth") <= 1000
    assert page.errors == []
