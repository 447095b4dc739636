"""Answers as Markdown, LaTeX, HTML, Parquet and data frames."""

from __future__ import annotations

import datetime
import os
import re
import sys
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest
from markdown_it import MarkdownIt

from specc.errors import DataError, SpeccError
from specc.results.answer import Answer
from specc.results.formats import as_html, as_latex, as_markdown, replace_file, write_parquet
from specc.words import display_width

HOSTILE = [
    "a|b",
    "*not* **bold**",
    "<script>alert(1)</script>",
    "`code` \\ ~x~",
    "[link](javascript:x)",
    "_under_ skill_loss",
    "&amp; & &lt;",
    "日本 ünï",
    "line\nbreak",
    "\x1b[31mred",
    "$x^2$ 50% #1 {y} ~ \\end{tabular}",
]


def answer(*rows: tuple[Any, ...], columns: str, types: str = "") -> Answer:
    names = tuple(columns.split())
    return Answer(names, tuple(types.split()) or ("VARCHAR",) * len(names), list(rows))


class Cells(HTMLParser):
    """The texts of the cells of a table, row by row, and all tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.inside = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data


def as_shown(text: str) -> str:
    """A text as tables show it: one line, without control characters."""
    return text.replace("\n", "⏎").replace("\x1b", "\ufffd")


def test_markdown_shows_every_text_as_it_is() -> None:
    table = as_markdown(answer(*((text, 1.5) for text in HOSTILE), columns="text|s n"))
    shown = Cells(MarkdownIt().enable("table").render(table))
    assert shown.tags <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert [row[0] for row in shown.rows[1:]] == [as_shown(text) for text in HOSTILE]
    assert [row[0] for row in shown.rows[:1]] == ["text|s"]
    assert 'style="text-align:right"' in MarkdownIt().enable("table").render(table)


def test_markdown_is_aligned_in_its_source_also_with_wide_letters() -> None:
    table = as_markdown(answer(("日本", 1.0), ("x", -12.25), columns="name value"))
    lines = table.splitlines()
    assert len({display_width(line) for line in lines}) == 1
    assert lines[-1] == "| x    | -12.25 |"
    assert lines[-2] == "| 日本 |   1.00 |"


def test_latex_escapes_what_tex_reads() -> None:
    table = as_latex(answer(*((text, -1.5) for text in HOSTILE), columns="a_b n%"))
    assert "\\begin{tabular}{lr}\n\\toprule\na\\_b & n\\% \\\\\n\\midrule\n" in table
    rows = [line for line in table.splitlines() if line.endswith(r" & $-1.5$ \\")]
    assert len(rows) == len(HOSTILE)
    for row in rows:
        text = row.removesuffix(r" & $-1.5$ \\")
        text = re.sub(r"\\(textbackslash|text\w+)\{\}", "", text)
        assert not re.search(r"(?<!\\)[&%$#~^<>|]", text), row
    assert (
        r"\$x\textasciicircum{}2\$ 50\% \#1 \{y\} \textasciitilde{} \textbackslash{}end\{tabular\}" in table
    )


def test_latex_takes_no_cell_for_an_option_of_the_line_above() -> None:
    table = as_latex(answer(("[1pt] x",), ("*",), columns="a"))
    assert "\n{[}1pt] x \\\\\n{*} \\\\\n" in table


def test_numbers_of_a_column_have_the_same_decimals() -> None:
    mixed = answer(
        (0.025163, 2, 1e-9, Decimal("1.5"), None),
        (0.8, 30, -1.0, Decimal("2.25"), float("nan")),
        columns="a b c d e",
    )
    assert [line for line in as_latex(mixed).splitlines() if "&" in line][1:] == [
        r"0.025163 & 2 & $1\times 10^{-9}$ & 1.50 &  \\",
        r"0.800000 & 30 & $-1$ & 2.25 & nan \\",
    ]


def test_html_escapes_every_text_and_says_what_it_leaves_out() -> None:
    shown = Cells(as_html(answer(*((text,) for text in HOSTILE), columns="<b>"), most_rows=3))
    assert shown.tags == {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert shown.rows == [["<b>"], *([as_shown(text)] for text in HOSTILE[:3])]
    assert "3 of 11 rows shown" in as_html(answer(*((text,) for text in HOSTILE), columns="a"), most_rows=3)
    assert "rows shown" in as_markdown(answer(("a",), ("b",), columns="a"), most_rows=1)
    assert "caption" not in Cells(as_html(answer(("a",), columns="a"), most_rows=3)).tags


@pytest.mark.parametrize("form", [as_markdown, as_latex, as_html])
def test_an_answer_without_rows_has_its_header(form: Any) -> None:
    assert "alpha" in form(answer(columns="alpha beta"))


def test_parquet_keeps_types_and_numbers_equal_names(tmp_path: Path) -> None:
    moment = datetime.datetime(2026, 11, 21, 10)
    found = Answer(
        ("a", "A", "list", "struct", "when", "void"),
        ("BIGINT", "DOUBLE", "DOUBLE[]", "STRUCT(x BIGINT)", "TIMESTAMP", '"NULL"'),
        [(2**60, float("nan"), [1.0, 2.0], {"x": 3}, moment, None)],
    )
    path = tmp_path / "it's.parquet"
    path.write_text("old")
    write_parquet(found, path)
    with duckdb.connect() as reader:
        shape = reader.execute(f"describe from '{str(path).replace(chr(39), chr(39) * 2)}'").fetchall()
    assert [(row[0], row[1]) for row in shape] == [
        ("a", "BIGINT"),
        ("A_2", "DOUBLE"),
        ("list", "DOUBLE[]"),
        ("struct", "STRUCT(x BIGINT)"),
        ("when", "TIMESTAMP"),
        ("void", "INTEGER"),
    ]
    row = duckdb.read_parquet(str(path)).fetchall()[0]
    assert (row[0], row[2:]) == (2**60, ([1.0, 2.0], {"x": 3}, moment, None))
    assert [each.name for each in tmp_path.iterdir()] == ["it's.parquet"]


def test_a_file_that_can_t_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"can't write `.*missing/x\.parquet`"):
        write_parquet(answer(("a",), columns="a"), tmp_path / "missing" / "x.parquet")
    with pytest.raises(DataError, match="it is a folder"):
        write_parquet(answer(("a",), columns="a"), tmp_path)


def test_data_frames_have_the_columns_and_types_of_the_answer() -> None:
    found = answer((1, 0.5, "x"), (2, None, None), columns="n v t", types="BIGINT DOUBLE VARCHAR")
    frame = found.df()
    assert list(frame.columns) == ["n", "v", "t"]
    assert str(frame.dtypes["n"]) == "int64"
    assert found.arrow().to_pylist() == [{"n": 1, "v": 0.5, "t": "x"}, {"n": 2, "v": None, "t": None}]
    pytest.importorskip("polars")
    assert found.pl().rows() == [(1, 0.5, "x"), (2, None, None)]


def test_a_file_keeps_its_mode_and_its_links(tmp_path: Path) -> None:
    path, link = tmp_path / "a.csv", tmp_path / "link.csv"
    path.write_text("old")
    path.chmod(0o600)
    link.symlink_to(path)
    replace_file(link, lambda aside: aside.write_text("new"))
    assert path.read_text() == "new"
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    replace_file(pipe, lambda aside: aside.write_text("new"))
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize(("package", "method"), [("pandas", "df"), ("polars", "pl"), ("pyarrow", "arrow")])
def test_a_package_that_is_missing_is_named(
    package: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SpeccError, match=f"`{package}` is not installed") as caught:
        getattr(answer((1,), columns="n", types="BIGINT"), method)()
    assert caught.value.help is not None
    assert package in caught.value.help
