"""Diagnostics as other tools get them: in the shapes of the Language Server Protocol."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from specc.diagnostics import Label, Report, Source, Span, as_json

TEXT = 'let a = 1\nlet naive = "🙂" + longer\n'
SOURCE = Source("/recipes/case.spec", TEXT)


def span(text: str, source: Source = SOURCE) -> Span:
    start = source.text.index(text)
    return Span(source, start, start + len(text))


def only(report: Report) -> dict[str, Any]:
    (file,) = as_json(report)["files"]
    (found,) = file["diagnostics"]
    return dict(found)


def test_positions_count_lines_and_utf16_units_from_zero() -> None:
    report = Report()
    report.add("E0201", "title", span("longer"))
    line = TEXT.split("\n")[1].encode("utf-16-le")
    place = only(report)["range"]
    assert place["start"]["line"] == place["end"]["line"] == 1
    start, end = place["start"]["character"], place["end"]["character"]
    assert line[start * 2 : end * 2].decode("utf-16-le") == "longer"


def test_a_carriage_return_ends_a_line_as_in_the_protocol() -> None:
    report = Report()
    report.add("E0201", "title", span("b", Source("/case.spec", "let\r\na\rb")))
    assert only(report)["range"]["start"] == {"line": 2, "character": 0}


def test_the_message_is_all_of_the_text_and_data_has_its_parts() -> None:
    report = Report()
    report.add("E0201", "no `longer`", span("longer"), "here", notes=["a note"], help="write `a`")
    found = only(report)
    assert found["message"] == "no `longer` (here)\nnote: a note\nhelp: write `a`"
    assert found["severity"] == 1
    assert found["data"]["title"] == "no `longer`"
    assert found["data"]["help"] == "write `a`"
    (edit,) = found["data"]["fix"]
    assert edit == {"uri": "file:///recipes/case.spec", "range": found["range"], "newText": "a"}


def test_diagnostics_stand_under_their_files_and_those_without_a_place_under_the_recipe() -> None:
    report = Report()
    report.add("E0201", "title", span("longer"), secondary=[Label(span("naive"), "first here")])
    report.add("E0507", "no experiment", None)
    report.add("W0404", "warm-up", span("a", Source("/recipes/other.spec", "a")))
    found = as_json(report, "/recipes/case.spec")
    assert [(file["file"], len(file["diagnostics"])) for file in found["files"]] == [
        ("/recipes/case.spec", 2),
        ("/recipes/other.spec", 1),
    ]
    assert (found["errors"], found["warnings"]) == (2, 1)
    nowhere, placed = found["files"][0]["diagnostics"]
    assert nowhere["range"]["end"] == {"line": 0, "character": 0}
    assert placed["relatedInformation"][0]["location"]["uri"] == "file:///recipes/case.spec"


def test_a_recipe_without_mistakes_is_listed_without_diagnostics() -> None:
    assert as_json(Report(), "/a.spec")["files"] == [
        {"file": "/a.spec", "uri": "file:///a.spec", "diagnostics": []}
    ]


def test_what_the_command_prints_names_the_file_and_all_of_its_mistakes(tmp_path: Path) -> None:
    (tmp_path / "case.spec").write_text('let a = adamw(beta9 = 1)\nlet a = "🙂" + 1\n', encoding="utf-8")
    command = [sys.executable, "-m", "specc", "check", "case.spec", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    (file,) = json.loads(done.stdout)["files"]
    assert file["file"] == "case.spec"
    assert file["uri"] == (tmp_path / "case.spec").resolve().as_uri()
    assert [each["code"] for each in file["diagnostics"]] == ["E0204", "E0202"]
