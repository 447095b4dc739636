"""Components of another package in an editor."""

from __future__ import annotations

from pathlib import Path

from editor import editing, marked
from shelf import install

STUDY = """\
experiment shelf {
  corpus additions = |
}
"""


def test_what_a_package_adds_is_offered_explained_and_checked(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    with editing(folder.resolve(), packages=(install(tmp_path),)) as editor:
        text, where = marked(STUDY)
        editor.open("study.spec", text)
        offered = editor.ask("textDocument/completion", editor.at("study.spec", *where))["items"]
        assert "sums" in [item["label"] for item in offered]
        text, where = marked(STUDY.replace("|", "su|ms(largest = 20)"))
        editor.change("study.spec", 2, {"text": text})
        told = editor.ask("textDocument/hover", editor.at("study.spec", *where))["contents"]["value"]
        assert "Sums of two whole numbers" in told
        assert "specc-shelf 0.1.0" in told
