"""Which files a pattern names, and what is said when it names none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from specc.corpora.locate import locate
from specc.errors import DataError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "web/a.txt",
        "web/b.txt",
        "web/notes.md",
        "web/deep/c.txt",
        "web/deep/er/d.txt",
        "web/.hidden/e.txt",
        "web/.f.txt",
        "skill.jsonl",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def names(base: Path, *patterns: str, exclude: tuple[str, ...] = ()) -> list[str]:
    return [path.relative_to(base).as_posix() for path in locate(patterns, exclude, base)]


def test_star_stays_within_a_folder(tree: Path) -> None:
    assert names(tree, "web/*.txt") == ["web/a.txt", "web/b.txt"]


def test_double_star_stands_for_any_number_of_folders(tree: Path) -> None:
    assert names(tree, "web/**/*.txt") == ["web/a.txt", "web/b.txt", "web/deep/c.txt", "web/deep/er/d.txt"]
    assert names(tree, "**/d.txt") == ["web/deep/er/d.txt"]
    assert names(tree, "web/deep/**") == ["web/deep/c.txt", "web/deep/er/d.txt"]


def test_sets_and_question_marks_match_one_character(tree: Path) -> None:
    assert names(tree, "web/[ax].t?t") == ["web/a.txt"]
    assert names(tree, "web/[!a].txt") == ["web/b.txt"]


def test_names_with_a_leading_dot_need_one_in_the_pattern(tree: Path) -> None:
    assert names(tree, "web/.*.txt") == ["web/.f.txt"]
    assert names(tree, "web/.hidden/*") == ["web/.hidden/e.txt"]


def test_absolute_patterns_are_read_from_their_own_folder(tree: Path) -> None:
    assert names(tree, f"{tree}/web/*.txt", exclude=("b.txt",)) == ["web/a.txt"]
    assert names(tree, f"{tree}/skill.jsonl") == ["skill.jsonl"]


def test_a_file_that_several_patterns_name_comes_once(tree: Path) -> None:
    (tree / "same").symlink_to(tree / "web")
    found = locate(["web/a.txt", "web/*.txt", f"{tree}/web/a.txt", "same/a.txt"], [], tree)
    assert [path.name for path in found] == ["a.txt", "b.txt"]


def test_exclusions_match_the_whole_path_below_the_root(tree: Path) -> None:
    assert names(tree, "web/**/*.txt", exclude=("web/deep/**",)) == ["web/a.txt", "web/b.txt"]
    assert names(tree, "web/**/*.txt", exclude=("**/er/**", "*/a.txt")) == ["web/b.txt", "web/deep/c.txt"]
    assert len(names(tree, "web/**/*.txt", exclude=("a.txt", "deep/**"))) == 4


def test_an_existing_path_is_taken_literally(tree: Path) -> None:
    (tree / "a[1]*.txt").write_text("x")
    (tree / "a1b.txt").write_text("x")
    assert names(tree, "a[1]*.txt") == ["a[1]*.txt"]


def test_linked_folders_are_not_entered_by_double_star(tree: Path) -> None:
    (tree / "web/deep/loop").symlink_to(tree / "web")
    assert len(names(tree, "web/**/*.txt")) == 4


def test_stdlib_root_holds_the_library_and_nothing_installed_into_it() -> None:
    found = locate(["stdlib:**/*.py"], ["**/test/**"], Path("/nowhere"))
    library = Path(os.__file__).parent
    assert library / "json/decoder.py" in found
    for path in found:
        parts = set(path.relative_to(library).parts)
        assert parts.isdisjoint({"site-packages", "dist-packages", "__pycache__", "test"})


def test_package_root_is_found_without_importing_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "explosive_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "data.h").write_text("int x;")
    (package / "__pycache__").mkdir()
    (package / "__pycache__/cached.h").write_text("int y;")
    monkeypatch.syspath_prepend(tmp_path)
    assert locate(["package:explosive_package/**/*.h"], [], Path("/nowhere")) == (package / "data.h",)
    assert "explosive_package" not in sys.modules


@pytest.mark.parametrize(
    ("pattern", "message", "help"),
    [
        ("web/x.txt", "there is no file `web/x.txt`", "web` has `"),
        ("wep/*.txt", "no file matches `wep/*.txt`", "has `web`"),
        ("web/*.csv", "no file matches `web/*.csv`", "looked in"),
        ("zzzzzz/*.csv", "no file matches `zzzzzz/*.csv`", "no `zzzzzz`"),
        ("web", "`web` is a folder", '"web/**/*"'),
        ("web/../web/", "`web/../web/` is a folder", '"web/../web/**/*"'),
        ("", "`` names no file", "path or a glob"),
        ("stdlib:", "`stdlib:` names no file", "stdlib:"),
        ("stdlib:../x.py", "`stdlib:../x.py` leaves its root", "spec's folder"),
        ("stdlib:site-packages/**/*.py", "no file matches", "looked in"),
        ("package:pytes/*.py", "no installed package is named `pytes`", "`pytest`"),
        ("package:qqqqqqqq/*.py", "no installed package is named `qqqqqqqq`", "install"),
        ("package:os.path/*.py", "`os.path` is not the name of a package", "top-level"),
        ("package:typing_extensions/*.py", "is a single module", "one folder"),
        ("package:pytest", "`package:pytest` names no file", "name the files"),
    ],
)
def test_what_is_not_there_is_said(tree: Path, pattern: str, message: str, help: str) -> None:
    with pytest.raises(DataError) as caught:
        locate([pattern], [], tree)
    assert message in caught.value.message
    assert help in str(caught.value.help)


def test_excluding_everything_is_an_error(tree: Path) -> None:
    with pytest.raises(DataError, match=r"`exclude` leaves out every file that `web/\*.txt` matches"):
        locate(["web/*.txt"], ["web/*"], tree)


@pytest.mark.parametrize("pattern", ["pipe", "p*"])
def test_a_pipe_is_refused_without_waiting_for_it(tree: Path, pattern: str) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(DataError, match="is not a regular file"):
        locate([pattern], [], tree)


def test_a_device_is_refused(tree: Path) -> None:
    with pytest.raises(DataError, match="is not a regular file"):
        locate(["/dev/null"], [], tree)


def test_a_dead_link_is_an_error_unless_excluded(tree: Path) -> None:
    (tree / "web/dead.txt").symlink_to(tree / "gone")
    with pytest.raises(DataError, match="is a link to a file that is not there"):
        locate(["web/*.txt"], [], tree)
    assert len(locate(["web/*.txt"], ["web/dead.txt"], tree)) == 2


def test_a_file_without_permission_is_an_error(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Asked of the system by name, because to root every file is readable.
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("b.txt"))
    with pytest.raises(DataError, match=r"b\.txt can't be read: permission denied"):
        locate(["web/*.txt"], [], tree)
