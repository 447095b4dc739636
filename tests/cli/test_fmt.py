"""`specc fmt` on files, folders and standard input."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from specc.cli import formatting
from specc.cli.formatting import format_files
from specc.errors import SpeccError
from specc.formatting.format import Mangled

ROOT = Path(__file__).parents[2]
UGLY = "let  a=1 # why\r\n"
PLAIN = "let a = 1  # why\n"


def piped(text: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "runtime")))}
    command = [sys.executable, "-m", "specc", "fmt", "-", *options]
    return subprocess.run(command, input=text, env=environment, capture_output=True, check=False)


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.spec"
    path.write_bytes(UGLY.encode())
    path.chmod(0o640)
    assert format_files([str(path)], check=False, diff=False) == 0
    assert path.read_bytes() == PLAIN.encode()
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.spec"]
    assert "formatted" in capsys.readouterr().err
    before = path.stat().st_mtime_ns
    assert format_files([str(path)], check=False, diff=False) == 0
    assert path.stat().st_mtime_ns == before
    assert capsys.readouterr().err == ""


def test_what_a_link_names_is_written_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "a.spec"
    target.write_text(UGLY)
    link = tmp_path / "link.spec"
    link.symlink_to(target)
    assert format_files([str(link)], check=False, diff=False) == 0
    assert link.is_symlink()
    assert target.read_text() == PLAIN


def test_a_folder_stands_for_its_recipes_without_hidden_ones(tmp_path: Path) -> None:
    paths = [tmp_path / "b/c/d.spec", tmp_path / "a.spec", tmp_path / ".specc/x.spec", tmp_path / "notes.txt"]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(UGLY)
    assert format_files([str(tmp_path)], check=False, diff=False) == 0
    assert [path.read_bytes() == PLAIN.encode() for path in paths] == [True, True, False, False]


def test_check_names_the_files_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ugly, plain = tmp_path / "ugly.spec", tmp_path / "plain.spec"
    ugly.write_text(UGLY)
    plain.write_text(PLAIN)
    assert format_files([str(ugly), str(plain)], check=True, diff=False) == 1
    assert capsys.readouterr().out == f"would format {ugly}\n"
    assert ugly.read_text() == UGLY.replace("\r\n", "\n")
    assert format_files([str(plain)], check=True, diff=False) == 0


def test_diff_shows_the_change_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.spec"
    path.write_text("let a = 1\nlet  b=2\n")
    assert format_files([str(path)], check=False, diff=True) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "@@ -1,2 +1,2 @@",
        " let a = 1",
        "-let  b=2",
        "+let b = 2",
    ]
    assert path.read_text() == "let a = 1\nlet  b=2\n"
    assert format_files([str(path)], check=True, diff=True) == 1


@pytest.mark.parametrize(
    "data", [b"let a = \n", b"let a = (\n", b"let a = 1\xff\n", b"# " + b"x" * 600_000, b"\0\0"]
)
def test_a_file_that_is_no_recipe_is_reported_and_left_alone(
    data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.spec"
    path.write_bytes(data)
    assert format_files([str(path)], check=False, diff=False) == 1
    assert "error[E0" in capsys.readouterr().err
    assert path.read_bytes() == data


def test_the_other_files_are_formatted_when_one_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.spec").write_text("let\n")
    (tmp_path / "b.spec").write_text(UGLY)
    assert format_files([str(tmp_path)], check=False, diff=False) == 1
    assert (tmp_path / "b.spec").read_text() == PLAIN


def test_missing_files_pipes_and_folders_without_recipes_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert format_files([str(tmp_path / "none.spec")], check=False, diff=False) == 1
    assert "E0001" in capsys.readouterr().err
    assert format_files([str(tmp_path)], check=False, diff=False) == 2
    assert "there is no recipe in" in capsys.readouterr().err
    os.mkfifo(tmp_path / "pipe.spec")
    assert format_files([str(tmp_path)], check=False, diff=False) == 1
    assert "is not a regular file" in capsys.readouterr().err


def test_a_bug_of_the_formatter_leaves_the_file_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def mangle(text: str, name: str) -> str:
        raise Mangled("the form means something else")

    monkeypatch.setattr(formatting, "format_text", mangle)
    path = tmp_path / "a.spec"
    path.write_text(UGLY)
    assert format_files([str(path)], check=False, diff=False) == 70
    assert "internal error" in capsys.readouterr().err
    assert path.read_text() == UGLY.replace("\r\n", "\n")


def test_a_file_that_cannot_be_replaced_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.spec"
    path.write_bytes(UGLY.encode())
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpeccError, match="no space left"):
        format_files([str(path)], check=False, diff=False)
    assert path.read_bytes() == UGLY.encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.spec"]


def test_standard_input_is_printed() -> None:
    done = piped(b"\xef\xbb\xbf" + UGLY.encode())
    assert (done.returncode, done.stdout, done.stderr) == (0, PLAIN.encode(), b"")
    assert piped(PLAIN.encode(), "--check").returncode == 0
    assert piped(UGLY.encode(), "--check").returncode == 1
    wrong = piped(b"let\n")
    assert (wrong.returncode, wrong.stdout) == (1, b"")
    assert b"--> <stdin>:1:" in wrong.stderr
