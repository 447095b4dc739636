"""What `specc check` prints for each recipe in this folder.

A case is a NAME.spec with a NAME.stderr beside it. A comment `#~ E0401` (in SQL `--~ E0601`) names
the codes that belong to its line, `#~ no place: E0004` those without a line, so that a message that
is wrong stays wrong after `pytest tests/ui --bless`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from specc.analysis.compile import compile_file
from specc.diagnostics import render
from specc.diagnostics.codes import CODES

if TYPE_CHECKING:
    from tests.conftest import Approve

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
CASES = sorted(path.stem for path in FOLDER.glob("*.spec"))
MARKER = re.compile(r"(?:#|--)~( no place:)?((?: [EW]\d{4})+)")
ELSEWHERE = {"E0004", "E0702", "W0001"}
"""Codes that other tests show, since no small file in a repository can."""

Place = tuple[str, int, str]
"""File (empty for messages without a place), line, code."""


@pytest.fixture(autouse=True)
def _beside_the_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)


def marked(name: str, text: str) -> Counter[Place]:
    """The codes that a file's comments name, with their places."""
    found: Counter[Place] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        for nowhere, codes in MARKER.findall(line):
            found.update(("", 0, code) if nowhere else (name, number, code) for code in codes.split())
    return found


@dataclass(frozen=True)
class Checked:
    """What a case prints; the codes that it reports, and those that its comments name, by place."""

    text: str
    found: Counter[Place]
    wanted: Counter[Place]


@cache
def checked(case: str) -> Checked:
    name = f"{case}.spec"
    compilation = compile_file(name)
    found: Counter[Place] = Counter()
    for diagnostic in compilation.report.diagnostics:
        if diagnostic.primary is None:
            found["", 0, diagnostic.code] += 1
        else:
            source = diagnostic.primary.span.source
            found[source.name, source.position(diagnostic.primary.span.start)[0], diagnostic.code] += 1
    texts = {name: Path(name).read_text(encoding="utf-8", errors="replace")}
    texts |= {file.source.name: file.source.text for file in compilation.program.files}
    wanted = sum((marked(file, text) for file, text in texts.items()), Counter[Place]())
    return Checked(render(compilation.report), found, wanted)


@pytest.mark.parametrize("case", CASES)
def test_the_message_is_the_approved_one(case: str, approve: Approve) -> None:
    approve(FOLDER / f"{case}.stderr", checked(case).text)


@pytest.mark.parametrize("case", CASES)
def test_the_codes_are_those_that_the_recipe_marks(case: str) -> None:
    assert checked(case).wanted, "a case marks at least one line"
    assert checked(case).found == checked(case).wanted


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("five_mistakes_")])
def test_five_mistakes_are_five_messages(case: str) -> None:
    assert checked(case).found.total() == 5


@pytest.mark.parametrize(("case", "code"), [("share_over_row", 1), ("warmup_takes_all", 0)])
def test_the_command_prints_the_messages_and_exits_with_their_code(case: str, code: int) -> None:
    command = [sys.executable, "-m", "specc", "check", f"{case}.spec"]
    places = os.pathsep.join(map(str, (ROOT, ROOT / "runtime")))
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": places}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (code, checked(case).text)


def test_every_code_has_a_case() -> None:
    texts = [
        path.read_text(encoding="utf-8", errors="replace")
        for path in FOLDER.rglob("*.spec")
        if path.is_file()
    ]
    shown = {code for text in texts for _, _, code in marked("", text)}
    assert shown | ELSEWHERE == set(CODES)


def test_no_approved_message_is_left_of_a_case_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.stderr")} <= set(CASES)
