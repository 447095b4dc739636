"""Answers to queries, and how they are written."""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
import os
import re
import signal
import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest

from fake_workspace import FakeWorkspace, exposure
from specc.errors import QueryError
from specc.results.compare import compare, comparison
from specc.results.prompt import prompt
from specc.results.query import Answer, as_csv, as_json, run
from specc.results.reader import open_results
from specc.results.table import as_table
from specc.study import Comparison


@pytest.fixture
def workspace(tmp_path: Path) -> FakeWorkspace:
    workspace = FakeWorkspace(tmp_path)
    workspace.plan(1, exposure())
    for arm, value in enumerate([1.0, None, 3.0, 4.0]):
        workspace.measure(f"{arm}/skill/tune", value)
    return workspace


def answer(*rows: tuple[object, ...], columns: str = "a b") -> Answer:
    names = tuple(columns.split())
    return Answer(names, ("VARCHAR",) * len(names), list(rows))


def test_several_statements_give_several_answers(workspace: FakeWorkspace) -> None:
    connection = open_results(workspace.path)
    first, second = run(connection, "select seed from results order by 1; select 'x' as y;")
    connection.close()
    assert first.columns == ("seed",)
    assert [row[0] for row in first.rows] == [0, 0, 1, 1]
    assert (second.columns, second.rows) == (("y",), [("x",)])


@pytest.mark.parametrize(
    ("sql", "message", "position"),
    [
        ("select sed from results", "there is no column `sed` here", 7),
        ("select 1; select sed from results", "there is no column `sed` here", 17),
        ("select cast(stage as int) from results", "could not convert string", 7),
        ("selct 1", "syntax error at or near `selct`", 0),
        ("", "the query is empty", None),
        ("select ?", "can't have parameters", None),
        ("delete from recorded.steps", "results can only be read", None),
        ("copy results to 'out.csv'", "can't reach files", None),
        ("set threads = 1", "a query can't change settings", None),
    ],
)
def test_what_duckdb_refuses_is_said_in_a_line(
    workspace: FakeWorkspace, sql: str, message: str, position: int | None
) -> None:
    connection = open_results(workspace.path)
    with pytest.raises(QueryError) as caught:
        run(connection, sql)
    connection.close()
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.position == position


def test_tables_are_aligned_numbers_to_the_right() -> None:
    table = as_table(answer(("left", 1.0), ("a", 12.5), (None, None)))
    assert table == "a        b\n────  ────\nleft     1\na     12.5\n\n"


def test_floats_keep_five_digits_and_whole_numbers_all() -> None:
    values = (0.123456789, 1234567.0, 1e-7, math.nan, -math.inf, 123456789012, Decimal("0.5"))
    table = as_table(answer(*((value,) for value in values), columns="v"))
    assert [line.strip() for line in table.splitlines()[2:]] == [
        "0.12346",
        "1234567",
        "1e-07",
        "nan",
        "-inf",
        "123456789012",
        "0.5",
    ]


def test_text_can_t_control_the_terminal() -> None:
    table = as_table(answer(("\x1b[31mred\x07\n\u202etxet", "\x9b2J"), columns="a b"))
    assert "\ufffd[31mred\ufffd⏎\ufffdtxet" in table
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(table)


def test_a_table_fits_the_terminal_and_says_what_is_left_out() -> None:
    long = answer(("x" * 200, "日本語" * 40, 1.5), *[("y", "z", 2.5)] * 20, columns="first second value")
    lines = as_table(long, width=60, most_rows=5).splitlines()
    assert all(len(line) <= 60 for line in lines)
    assert "…" in lines[2]
    assert lines[2].endswith("1.5")
    assert lines[-1] == "(5 of 21 rows shown)"
    many = answer(tuple(range(40)), columns=" ".join(f"column_{number}" for number in range(40)))
    lines = as_table(many, width=60).splitlines()
    assert all(len(line) <= 60 for line in lines[:3])
    assert lines[-1].startswith("(34 columns left out: column_6, ")


def test_an_answer_without_rows_says_so() -> None:
    assert as_table(answer()) == "a  b\n─  ─\n\n(no rows)\n".replace("\n\n", "\n")


def test_json_has_null_for_what_is_not_a_number() -> None:
    moment = datetime.datetime(2026, 11, 21, 10, 0)
    rows = json.loads(as_json(answer((math.nan, {"x": [math.inf, 1]}), (moment, Decimal("1.5")))))
    assert rows == [{"a": None, "b": {"x": [None, 1]}}, {"a": "2026-11-21T10:00:00", "b": 1.5}]


def test_json_keeps_columns_of_the_same_name_apart() -> None:
    assert json.loads(as_json(answer((1, 2, 3), columns="a a a_2"))) == [{"a": 1, "a_2": 2, "a_2_2": 3}]


def test_csv_reads_back_and_runs_no_formula() -> None:
    rows = [("=1+1", -1.5), ('a "b"\nc,d', None), ("@x", math.nan), ("\tx", True), ("-2", Decimal("-0.10"))]
    text = as_csv(answer(*rows))
    assert text.startswith("a,b\r\n'=1+1,-1.5\r\n")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["a", "b"],
        ["'=1+1", "-1.5"],
        ['a "b"\nc,d', ""],
        ["'@x", "nan"],
        ["'\tx", "true"],
        ["'-2", "-0.10"],
    ]


def test_floats_in_csv_and_json_read_back_exactly() -> None:
    value = 0.1 + 0.2
    assert json.loads(as_json(answer((value,), columns="a"))) == [{"a": value}]
    assert float(as_csv(answer((value,), columns="a")).split()[1]) == value


def test_comparisons_run_by_name(workspace: FakeWorkspace) -> None:
    study = exposure().model_copy(
        update={
            "comparisons": (
                Comparison(name="best", sql="select early, best_min(value) as best from results group by 1"),
                Comparison(name="broken", sql="select cast(stage as int) from results"),
            )
        }
    )
    connection = open_results(workspace.path)
    best = compare(connection, comparison(study, "best"))
    assert sorted(best.rows) == [(0.0, 1.0), (0.5, 3.0)]
    with pytest.raises(QueryError, match="comparison `broken`: could not convert"):
        compare(connection, comparison(study, "broken"))
    connection.close()
    with pytest.raises(QueryError) as caught:
        comparison(study, "bast")
    assert caught.value.help == "write `best`"


def typed(workspace: FakeWorkspace, *lines: str | type[BaseException]) -> tuple[str, str]:
    """What the prompt writes when these lines are typed and then Ctrl-D."""
    waiting = list(lines)

    def read(shown: str) -> str:
        if not waiting:
            raise EOFError
        line = waiting.pop(0)
        if isinstance(line, str):
            return line
        raise line

    out, error = io.StringIO(), io.StringIO()
    prompt(workspace.path, None, out, error, read)
    assert not waiting or ".quit" in lines
    return out.getvalue(), error.getvalue()


def test_the_prompt_answers_statements_of_several_lines(workspace: FakeWorkspace) -> None:
    out, error = typed(workspace, "select count(*)", "  as arms", "from recipes;")
    assert out.split() == ["arms", "────", "4"]
    assert error == ""


def test_ctrl_c_drops_what_was_written(workspace: FakeWorkspace) -> None:
    out, error = typed(workspace, "select nonsense", KeyboardInterrupt, "select 7 as seven;")
    assert out.split() == ["seven", "─────", "7"]
    assert error == ""


def test_the_prompt_goes_on_after_an_error(workspace: FakeWorkspace) -> None:
    out, error = typed(
        workspace, "select sed from results;", ".tabels", ".schema nothing", "select 7 as seven;"
    )
    assert error.splitlines()[0] == "error: there is no column `sed` here"
    assert "there is no command `.tabels`" in error
    assert "there is no table `nothing`" in error
    assert "seven" in out


def test_the_prompt_sees_results_that_come_while_it_is_open(workspace: FakeWorkspace) -> None:
    waiting = ["select count(*) as n from results;"] * 2
    out = io.StringIO()

    def read(shown: str) -> str:
        if not waiting:
            raise EOFError
        if len(waiting) == 1:
            workspace.measure("0/skill/pretrain", 1.0)
        return waiting.pop()

    prompt(workspace.path, "exposure", out, out, read)
    assert out.getvalue().split() == ["n", "─", "4", "n", "─", "5"]


def test_the_prompt_documents_the_tables(workspace: FakeWorkspace) -> None:
    out, _ = typed(workspace, ".tables", ".schema allocations", ".macros", ".help", ".quit", "select 1;")
    assert re.search(r"allocations +tokens of each corpus in each stage of each arm", out)
    assert re.search(r"tokens_counted  BIGINT +tokens that training counted; .* \[tokens\]", out)
    assert "Ctrl-C" in out
    assert "best_max(value)" in out


def test_ctrl_c_ends_a_query_at_once(workspace: FakeWorkspace) -> None:
    """DuckDB alone may not look for a signal before this query is done, which takes minutes."""
    connection = open_results(workspace.path)
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(
            connection,
            "select count(*) from range(10000000) a, range(10000) b where a.range % 7 = b.range % 11",
        )
    assert time.monotonic() - begun < 20
    timer.join()
    assert run(connection, "select 7")[0].rows == [(7,)]
    connection.close()
