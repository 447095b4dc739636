"""A fix that a diagnostic offers removes it, and brings no other mistake."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from specc.analysis.compile import Compilation, compile_file
from specc.analysis.load import Files
from specc.diagnostics import Diagnostic, Edit, Report, Source, Span

FOLDER = Path(__file__).parent
CASES = sorted(path.stem for path in FOLDER.glob("*.spec"))


class Edited(Files):
    """The disk, but for one file."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    def read(self, path: Path, span: Span | None, report: Report) -> Source | None:
        source = super().read(path, span, report)
        return Source(source.name, self.text) if source and source.name == self.name else source


@pytest.fixture(autouse=True)
def _beside_the_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)


@cache
def offered(case: str) -> list[Diagnostic]:
    """The diagnostics of a case that offer a fix."""
    return [found for found in compile_file(f"{case}.spec").report.ordered() if found.fix]


def after(case: str, fix: tuple[Edit, ...]) -> Compilation:
    source = fix[0].span.source
    text = source.text
    for edit in sorted(fix, key=lambda edit: -edit.span.start):
        text = text[: edit.span.start] + edit.text + text[edit.span.stop :]
    return compile_file(f"{case}.spec", files=Edited(source.name, text))


def told(report: Report) -> Counter[tuple[str, str]]:
    return Counter((found.code, found.title) for found in report.diagnostics)


@pytest.mark.parametrize("case", CASES)
def test_a_fix_removes_what_it_fixes(case: str) -> None:
    before = told(compile_file(f"{case}.spec").report) if offered(case) else Counter()
    for diagnostic in offered(case):
        key = (diagnostic.code, diagnostic.title)
        left = told(after(case, diagnostic.fix).report)
        assert left[key] < before[key], f"{diagnostic.title}: {diagnostic.help}"
        syntax = [code for code, _ in left - before if code.startswith("E01")]
        assert not syntax, f"{diagnostic.help}: {syntax}"


def test_many_kinds_of_mistakes_offer_a_fix() -> None:
    codes = {diagnostic.code for case in CASES for diagnostic in offered(case)}
    assert {"E0101", "E0102", "E0105", "E0201", "E0203", "E0204", "E0208", "E0301", "E0302", "E0303"} <= codes
