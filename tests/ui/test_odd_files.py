"""Files that can't lie in a repository as they are: huge, ignored, no files at all, with odd characters."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from specc.analysis.compile import compile_file
from specc.cli.compiling import warn_ignored
from specc.diagnostics import render

RECIPE = """experiment small {
  corpus web = markov(tokens = 10K tokens)
  allocate { web { pretrain: 100% } }
  stage pretrain from llama(layers = 1, width = 16, heads = 2, context = 32 tokens) {
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 4 sequences
  }
}
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def printed(text: str | bytes) -> str:
    """What checking a file of this content prints."""
    Path("case.spec").write_bytes(text.encode() if isinstance(text, str) else text)
    return render(compile_file("case.spec").report)


def test_a_recipe_of_a_megabyte_is_refused_at_once() -> None:
    started = time.perf_counter()
    text = printed(RECIPE + "# " + "x" * 2**20)
    assert "error[E0004]: `case.spec` has 1,048," in text
    assert "a recipe has at most 524,288" in text
    assert time.perf_counter() - started < 1


def test_a_recipe_of_half_a_megabyte_is_read() -> None:
    assert printed(RECIPE + "# a comment\n" * 40_000) == ""


def test_a_recipe_that_git_ignores_is_warned_of() -> None:
    Path(".git").mkdir()
    Path(".gitignore").write_text("*.manifest\n*.spec\n")
    Path("case.spec").write_text(RECIPE)
    compilation = compile_file("case.spec")
    warn_ignored(compilation)
    assert render(compilation.report) == (
        "warning[W0001]: `case.spec` is ignored by git\n"
        "  = note: by the line `*.spec`, which common ignore lists for Python have for PyInstaller\n"
        "  = help: end the .gitignore with `!*.spec`\n"
        "\n1 warning\n"
    )


def test_a_pipe_is_not_waited_for() -> None:
    os.mkfifo("pipe.spec")
    assert "`pipe.spec` is not a regular file" in printed('use "pipe.spec" { tiny }\n')
    os.mkfifo("pipe.txt")
    text = RECIPE.replace("markov(tokens = 10K tokens)", 'text("pipe.txt")')
    assert "pipe.txt is not a regular file" in printed(text)


def test_a_file_that_is_not_there() -> None:
    text = render(compile_file("cases.spec").report)
    assert text.startswith("error[E0001]: can't read `cases.spec`: no such file or directory\n")


@pytest.mark.parametrize(
    "text",
    [RECIPE.replace("\n", "\r\n"), "\ufeff" + RECIPE, RECIPE.replace("  ", "\t"), RECIPE.rstrip()],
    ids=["windows line ends", "byte order mark", "tabs", "no last line end"],
)
def test_ways_to_write_the_same_text(text: str) -> None:
    assert printed(text) == ""


def test_a_position_in_a_file_with_windows_line_ends_is_that_of_the_editor() -> None:
    assert "--> case.spec:2:16" in printed(RECIPE.replace("markov", "makrov").replace("\n", "\r\n"))


def test_letters_of_all_scripts_may_stand_in_strings_and_comments() -> None:
    description = '  "Ünïcödé, 漢字, עברית, e\u0301"  # комментарий'
    assert printed(RECIPE.replace("small {", "small {\n" + description)) == ""


def test_a_wide_letter_moves_the_marks_by_two_columns() -> None:
    line, marks = printed('let a = "漢字" + 1\n').splitlines()[3:5]
    assert line == '1 | let a = "漢字" + 1'
    assert marks == "  |         ^^^^^^"


def test_control_and_bidirectional_characters_do_not_reach_the_terminal() -> None:
    text = printed('let a = "\x1b[31m\u202e" + 1\n')
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "error[E0301]" in text


def test_a_control_character_is_named_by_its_number() -> None:
    assert "`U+0007` is no sign of the language" in printed("let a = \x07\n")


def test_an_empty_file_declares_no_experiment() -> None:
    assert "error[E0507]: `case.spec` declares no experiment" in printed("")


def test_a_sum_of_ten_thousand_terms_is_added_up() -> None:
    sizes = " + ".join(["1 tokens"] * 10_000)
    assert printed(RECIPE.replace("tokens = 10K tokens", f"tokens = {sizes}")) == ""


def test_thirty_brackets_are_looked_into() -> None:
    size = "(" * 28 + "10K tokens" + ")" * 28
    assert printed(RECIPE.replace("tokens = 10K tokens", f"tokens = {size}")) == ""


def test_ten_thousand_names_may_build_on_each_other() -> None:
    names = "let a0 = 1K tokens\n" + "".join(f"let a{i} = a{i - 1}\n" for i in range(1, 10_000))
    assert printed(names + RECIPE.replace("10K tokens", "10 * a9999")) == ""


def test_a_thousand_signs_before_a_number() -> None:
    assert printed(RECIPE.replace("10K tokens", "-" * 1000 + "10K tokens")) == ""


@pytest.mark.parametrize("power", [6, 60])
def test_a_sweep_too_large_is_counted_not_made(power: int) -> None:
    started = time.perf_counter()
    axes = "".join(f"  sweep a{i} in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n" for i in range(power))
    text = printed(RECIPE.replace("small {\n", "small {\n" + axes))
    assert f"experiment `small` has {10**power:,} arms; at most 100,000 are allowed" in text
    assert f"--max-arms {10**power}`" in text
    assert time.perf_counter() - started < 1
