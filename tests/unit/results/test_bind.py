"""Queries of a recipe are bound when it is checked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fake_workspace import EARLY
from specc.errors import QueryError
from specc.results import bind as bind_module
from specc.results.bind import Binder, KeptBinder, bind
from specc.study import Axis


def refused(sql: str) -> QueryError:
    with pytest.raises(QueryError) as caught:
        bind("exposure", [EARLY], sql)
    return caught.value


def test_a_query_has_the_columns_that_it_will_return() -> None:
    sql = "select early, avg(value) as loss, count(*) as n from results where eval = 'skill' group by early"
    assert bind("exposure", [EARLY], sql) == [("early", "DOUBLE"), ("loss", "DOUBLE"), ("n", "BIGINT")]


def test_tables_have_their_schema_s_name_too() -> None:
    with Binder("select", [Axis(name="from", type="string", values=("a",))]) as binder:
        assert binder.bind('select "from" from "select".results') == [("from", "VARCHAR")]
        assert binder.bind("select best_max(value) as best from main.results") == [("best", "DOUBLE")]
        assert binder.bind("select baseline.recipe as r from pairs") == [("r", "VARCHAR")]


def test_a_misspelt_column_is_shown_where_it_stands() -> None:
    error = refused("select early,\n       vlaue as é from results")
    assert error.message == "there is no column `vlaue` here"
    assert error.position == 21
    assert error.candidates[0] == "value"


def test_positions_count_characters_and_not_bytes() -> None:
    error = refused("select 'äöü' as x, erly from results")
    assert error.position == len("select 'äöü' as x, ")
    assert error.candidates[0] == "early"


def test_a_misspelt_table_gets_the_one_that_was_meant() -> None:
    error = refused("select * from reslts")
    assert (error.message, error.help) == ("there is no table `reslts`", "write `results`")
    assert error.position == 14


def test_a_syntax_error_is_shown_where_it_stands() -> None:
    error = refused("select early from results group early")
    assert "syntax error" in error.message
    assert error.position == 32


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing",
        "select 1; select 2",
        "select 1; drop table results",
        "drop table results",
        "insert into results select * from results",
        "with gone as (delete from results returning *) select * from gone",
        "copy results to 'out.csv'",
        "attach 'other.duckdb'",
        "set threads = 4",
        "pragma database_list",
        "call pragma_version()",
        "install httpfs",
        "select $1",
        "select ?",
        "select * from read_text('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select getenv('HOME')",
        "select * from EARLY",
        "select * from glob('*')",
    ],
)
def test_what_does_not_only_read_the_results_is_refused(sql: str) -> None:
    assert refused(sql).message


def test_ends_and_comments_may_surround_a_query() -> None:
    assert bind("exposure", [EARLY], "  -- a comment\n select 1 as one -- more\n ; ") == [("one", "INTEGER")]


def test_importing_the_binder_loads_no_duckdb() -> None:
    """Recipes without SQL are checked without the time that importing it takes."""
    program = "import specc.results.bind, sys; sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_experiments_that_share_a_connection_see_their_own_axes_only() -> None:
    early, late = (
        KeptBinder("first", [EARLY]),
        KeptBinder("second", [Axis(name="late", type="int", values=(1,))]),
    )
    for _ in range(2):
        assert early.bind("select early from results join recipes using (arm, early)") == [
            ("early", "DOUBLE")
        ]
        assert late.bind("select late from results") == [("late", "BIGINT")]
        assert late.bind('select late from "second".RESULTS') == [("late", "BIGINT")]
    for wrong in ("select early from results", "select late from first.results"):
        with pytest.raises(QueryError):
            late.bind(wrong)
    with pytest.raises(QueryError):
        late.bind("from query('select early from re' || 'cipes')")


def test_a_shared_connection_refuses_with_the_words_of_one_of_its_own() -> None:
    for wrong in (
        "select vlaue from results",
        "select * from reslts",
        "",
        "select 1; select 2",
        "set threads = 2",
    ):
        with pytest.raises(QueryError) as caught:
            KeptBinder("exposure", [EARLY]).bind(wrong)
        own = refused(wrong)
        assert (caught.value.message, caught.value.help) == (own.message, own.help)
        assert caught.value.position == own.position


@pytest.mark.parametrize("name", ["wide", "exposure"])
def test_a_table_whose_columns_depend_on_the_arms_is_told_to_be_elsewhere(name: str) -> None:
    error = refused(f"select * from {name}")
    assert error.message == f"there is no table `{name}`"
    assert error.help is not None
    assert "is for `specc sql` alone" in error.help


@pytest.mark.parametrize(
    ("sql", "message", "help"),
    [
        (
            "select half_width(value) filter (early = 0) from results",
            "`half_width` takes no `filter`, `distinct` or `order by`",
            "write the condition inside: `half_width(case when ... then value end)`",
        ),
        (
            "select half_width(value) over () from results",
            "this function can't stand before `over`",
            "ask for it by `group by` in a subquery, and join that",
        ),
    ],
)
def test_what_functions_do_not_take_is_said(sql: str, message: str, help: str) -> None:
    error = refused(sql)
    assert (error.message, error.help) == (message, help)
    bind("exposure", [EARLY], "select half_width(case when early = 0 then value end) as within from results")


def test_a_query_that_computes_for_long_while_it_is_bound_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bind_module, "_MOST_SECONDS", 0.2)
    error = refused("pivot (select i % 2 as i from range(100000000000) r(i)) on i using count(*)")
    assert "can't be checked within 0.2 seconds" in error.message
    assert bind("exposure", [EARLY], "select 1 as x") == [("x", "INTEGER")]
    kept = KeptBinder("exposure", [EARLY])
    with pytest.raises(QueryError, match="can't be checked within"):
        kept.bind("pivot (select i % 2 as i from range(100000000000) r(i)) on i using count(*)")
    assert kept.bind("select 1 as x") == [("x", "INTEGER")]


def test_a_process_that_has_bound_ends_quietly() -> None:
    script = (
        "from specc.results.bind import KeptBinder\n"
        "KeptBinder('exposure', []).bind('select avg(value) as loss from results')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
