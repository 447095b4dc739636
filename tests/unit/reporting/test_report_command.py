"""`specc report`: which files it writes, and what it says when it can't."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fake_workspace import FakeWorkspace, exposure
from reported_study import Names, finished
from specc.cli.main import specc
from specc.errors import QueryError
from specc.files import write_named
from specc.reporting.files import as_pdf, as_png


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("study"), Names()).path


def call(place: Path, *arguments: str) -> Result:
    return CliRunner().invoke(specc, ["report", "-w", str(place), *arguments])


def test_a_page_is_written_where_it_is_asked_for(place: Path, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "report.html"
    done = call(place, "exposure", "--against", "1", "-o", str(target))
    assert done.exit_code == 0, done.stderr
    page = target.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "Against <bdi>run 1</bdi>" in page
    assert "wrote" in done.stderr
    assert done.stdout == ""


def test_figures_and_tables_are_written(place: Path, tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    wanted = ["--svg", "all", "-o", str(tmp_path / "figures"), "--latex", str(tmp_path / "tables")]
    assert call(place, *wanted).exit_code == 0
    assert {"effects.svg", "steps.svg"} <= {path.name for path in (tmp_path / "figures").iterdir()}
    assert "toprule" in (tmp_path / "tables" / "effects.tex").read_text()
    png = tmp_path / "effects.png"
    assert call(place, "--png", "effects", "-o", str(png), "--width", "400", "--scale", "1").exit_code == 0
    data = png.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(data[16:20]) == 416  # with its margins


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing"], "no experiment `nothing` was run"),
        (["--svg", "effects", "--png", "effects"], "exclude each other"),
        (["--svg", "effects", "--width", "nan"], "nan is no number"),
        (["--against", "no-such-tag"], "neither a recipe, nor a run or tag"),
    ],
)
def test_mistakes_are_told_in_words(place: Path, arguments: list[str], told: str) -> None:
    done = call(place, *arguments)
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_what_can_not_be_replaced_by_a_file_is_not(place: Path, tmp_path: Path) -> None:
    """A folder is refused, a link goes on being one, and a pipe is written to."""
    refused = call(place, "-o", str(tmp_path))
    assert refused.exit_code != 0
    assert f"`{tmp_path}` is a folder" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert list(tmp_path.parent.glob(f".{tmp_path.name}*")) == []
    (tmp_path / "link.tex").symlink_to(tmp_path / "real.tex")
    write_named(tmp_path / "link.tex", "text", "")
    assert (tmp_path / "link.tex").is_symlink()
    assert (tmp_path / "real.tex").read_text() == "text"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_named(tmp_path / "pipe", "text", "")
    assert os.read(reader, 10) == b"text"
    os.close(reader)


def test_python_writes_the_same_page(place: Path, tmp_path: Path) -> None:
    import specc as package

    target = package.open(place).report(tmp_path / "a.html")
    assert target == tmp_path / "a.html"
    assert call(place, "-o", str(tmp_path / "b.html")).exit_code == 0
    assert target.read_bytes() == (tmp_path / "b.html").read_bytes()


def test_what_must_be_installed_first_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(QueryError, match="PNG needs the package resvg-py") as no_png:
        as_png("<svg/>")
    assert "specc[report]" in str(no_png.value.help)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("specc.reporting.files.MAC_BROWSERS", ())
    with pytest.raises(QueryError, match="PDF needs Chromium, Chrome or Edge"):
        as_pdf("<p>")


def test_a_recipe_stands_for_its_experiment_and_not_for_another_beside_it(tmp_path: Path) -> None:
    made = FakeWorkspace(tmp_path)
    made.plan(1, exposure())
    made.plan(2, exposure("other").model_copy(update={"spec": "specs/other.spec"}))
    made.plan(3, exposure("twin").model_copy(update={"spec": "specs/other.spec"}))
    page = tmp_path / "report.html"
    done = CliRunner().invoke(specc, ["report", "exposure.spec", "-w", str(made.path), "-o", str(page)])
    assert done.exit_code == 0, done.stderr
    assert "<title>exposure" in page.read_text(encoding="utf-8")
    done = CliRunner().invoke(specc, ["report", "other.spec", "-w", str(made.path), "-o", str(page)])
    assert done.exit_code == 2
    assert "`other.spec` has several experiments: `twin`, `other`" in done.stderr
    done = CliRunner().invoke(specc, ["report", "exposure", "-w", str(tmp_path), "-o", str(page)])
    assert done.exit_code == 0, "the folder around a workspace stands for it"
