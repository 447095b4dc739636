"""`specc sql`: scripts, dot-commands, forms, files, and completion at the prompt."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from fake_workspace import EARLY, FakeWorkspace, exposure
from specc.cli.main import specc
from specc.errors import QueryError, SpeccError
from specc.results import schema
from specc.results.answer import Answer
from specc.results.completion import Completer, Names, completions
from specc.results.prompt import prompt
from specc.results.query import run
from specc.results.reader import open_results
from specc.results.session import Session
from specc.results.settings import flattened
from specc.results.statements import is_whole, parts
from specc.results.written import FORMS, written
from specc.study import Axis, Comparison


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> FakeWorkspace:
    made = FakeWorkspace(tmp_path_factory.mktemp("session"))
    study = exposure(axes=(EARLY, Axis(name="width", type="int", values=(8, 16))))
    made.plan(1, study.model_copy(update={"comparisons": (Comparison(name="by_early", sql="select 1"),)}))
    made.plan(2, exposure("other", seeds=(0,)))
    for arm in range(4):
        made.measure(f"{arm}/skill/tune", 1.0 + arm)
    return made


def asked(workspace: FakeWorkspace, *arguments: str, given: str | None = None) -> Result:
    """What `specc sql` does; standard input is no terminal."""
    arguments = ("sql", "-w", str(workspace.path), "-e", "exposure", *arguments)
    return CliRunner().invoke(specc, arguments, input=given)


# ---- scripts


@pytest.mark.parametrize(
    "open_or_empty",
    [
        "select 1",
        "select ';",
        "select ';' as x",
        'select ";',
        "select $$ ; ",
        "select $tag$ ; $$;",
        "select 1 -- ;",
        "select 1 /* ;",
        "",
        "-- nothing;",
    ],
)
def test_a_semicolon_inside_of_something_ends_no_statement(open_or_empty: str) -> None:
    assert not is_whole(open_or_empty)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1;",
        "select ';';",
        "select 1; -- done",
        "select $a$ ; $a$ ;",
        "select 1; /* ; */\n",
        "select 'it''s';",
    ],
)
def test_a_statement_is_whole_at_its_semicolon(sql: str) -> None:
    assert is_whole(sql)


def test_a_script_is_cut_at_its_commands_where_no_statement_is_open() -> None:
    text = "\n.mode csv\nselect 1;\nselect\n.5 as half;\n-- the tables\n.tables\nselect 2"
    assert [(part.text, part.line, part.command) for part in parts(text.split("\n"))] == [
        (".mode csv", 2, True),
        ("select 1;\nselect\n.5 as half;\n-- the tables", 3, False),
        (".tables", 7, True),
        ("select 2", 8, False),
    ]


# ---- the command


def test_a_query_is_answered_in_each_form(workspace: FakeWorkspace) -> None:
    sql = 'select early, seed, value as "v|v" from results order by arm limit 2'
    assert asked(workspace, sql).output.splitlines()[0].split() == ["early", "seed", "v|v"]
    assert json.loads(asked(workspace, sql, "--json").output)[1] == {"early": 0.0, "seed": 1, "v|v": 2.0}
    assert list(csv.reader(io.StringIO(asked(workspace, sql, "--csv").output)))[1] == ["0.0", "0", "1.0"]
    assert asked(workspace, sql, "--md").output.startswith("| early | seed | v\\|v |\n| ----: |")
    assert "\\begin{tabular}{rrr}" in asked(workspace, sql, "--latex").output


def test_several_statements_and_temporary_tables_work_in_one_call(workspace: FakeWorkspace) -> None:
    done = asked(
        workspace,
        "create temp table t as select 1 as one; insert into t values (2); from t; select 3",
        "--csv",
    )
    assert done.output.split() == ["one", "1", "2", "3", "3"]


def test_answers_before_a_statement_that_fails_are_shown(workspace: FakeWorkspace) -> None:
    done = asked(workspace, "select 1 as one; select vlaue from results; select 2 as two", "--csv")
    assert done.exit_code == 2
    assert done.stdout.split() == ["one", "1"]
    assert "no column `vlaue`" in done.stderr


def test_forms_exclude_each_other_in_one_message(workspace: FakeWorkspace, tmp_path: Path) -> None:
    done = asked(workspace, "select 1", "--json", "--md", "--parquet", "x.parquet")
    assert done.exit_code == 2
    assert (
        done.stderr
        == "error: `--json` and `--md` and `--parquet` exclude each other\n  = help: give one of them\n"
    )
    assert "both name a file" in asked(workspace, "select 1", "--parquet", "x", "-o", "y").stderr
    assert "a query and a file" in asked(workspace, "select 1", "-f", "x").stderr


@pytest.mark.parametrize(
    ("name", "begin"),
    [("a.csv", "n\r\n"), ("a.json", "[\n"), ("a.md", "| "), ("a.tex", "% \\use"), ("a.txt", "n\n─")],
)
def test_the_name_of_a_file_says_its_form(
    workspace: FakeWorkspace, tmp_path: Path, name: str, begin: str
) -> None:
    path = tmp_path / name
    path.write_text("old and much longer than what is written now " * 10)
    done = asked(workspace, "select count(*) as n from results", "-o", str(path))
    assert (done.exit_code, done.output) == (0, "")
    assert path.read_bytes().decode().startswith(begin)
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_flag_is_stronger_than_the_name_of_the_file(workspace: FakeWorkspace, tmp_path: Path) -> None:
    asked(workspace, "select 1 as n", "--csv", "-o", str(tmp_path / "a.md"))
    assert (tmp_path / "a.md").read_bytes() == b"n\r\n1\r\n"


@pytest.mark.parametrize("flag", ["--parquet", "-o"])
def test_an_answer_becomes_a_parquet_file(workspace: FakeWorkspace, tmp_path: Path, flag: str) -> None:
    path = tmp_path / "answer.parquet"
    done = asked(workspace, "select early, value from results order by arm", flag, str(path))
    assert (done.exit_code, done.output) == (0, "")
    assert duckdb.read_parquet(str(path)).fetchall() == [(0.0, 1.0), (0.0, 2.0), (0.5, 3.0), (0.5, 4.0)]
    two = asked(workspace, "select 1; select 2", flag, str(path))
    assert "one answer, and there are 2" in two.stderr


def test_a_query_that_fails_leaves_the_file_as_it_was(workspace: FakeWorkspace, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    done = asked(workspace, "select 1; select vlaue from results", "-o", str(path))
    assert done.exit_code == 2
    assert path.read_text() == "old"
    assert "can't write" in asked(workspace, "select 1", "-o", str(tmp_path / "no" / "a.csv")).stderr


def test_a_script_comes_from_a_file_or_from_standard_input(workspace: FakeWorkspace, tmp_path: Path) -> None:
    script = tmp_path / "script.sql"
    script.write_text("\ufeff.mode csv\n-- the answer\nselect 7 as seven;\n.mode json\nselect 8 as eight\n")
    wanted = 'seven\r\n7\r\n[\n {\n  "eight": 8\n }\n]\n'
    assert asked(workspace, "-f", str(script)).stdout_bytes.decode() == wanted
    for arguments in (("-f", "-"), ()):
        assert (
            asked(workspace, *arguments, given=script.read_text("utf-8-sig")).stdout_bytes.decode() == wanted
        )
    assert "can't read the query in" in asked(workspace, "-f", str(tmp_path / "missing")).stderr


def test_a_script_ends_where_it_says_so(workspace: FakeWorkspace) -> None:
    assert asked(workspace, given=".mode csv\nselect 1 as one;\n.quit;\nselect 2;\n").output.split() == [
        "one",
        "1",
    ]


def test_a_mistake_in_a_script_names_its_line(workspace: FakeWorkspace) -> None:
    done = asked(workspace, given=".mode csv\nselect 1;\nselect early,\n  vlaue from results;\n")
    assert done.exit_code == 2
    assert "error: line 4: there is no column `vlaue` here\n  = help: write `value`" in done.stderr


def test_what_does_more_than_read_the_results_is_refused(workspace: FakeWorkspace) -> None:
    done = asked(workspace, "copy results to 'out.csv'")
    assert done.exit_code == 2
    assert "use `specc sql -o FILE`" in done.stderr
    connection = open_results(workspace.path)
    for sql in (
        "insert into results select * from results",
        "create table t (a int)",
        "delete from recorded.steps",
        "drop view results",
        "attach 'x.duckdb'",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "install httpfs",
        "set threads = 1",
    ):
        with pytest.raises(
            QueryError, match=r"can only be read|can't reach files|can't change settings|no table"
        ):
            run(connection, sql)
    connection.close()


# ---- dot-commands


def test_tables_columns_and_functions_describe_themselves(workspace: FakeWorkspace) -> None:
    listed = asked(workspace, ".tables").output
    for table in schema.TABLES:
        assert re.search(rf"^  {table.name} +{re.escape(table.doc)}$", listed, re.MULTILINE)
    assert re.search(r"^  exposure +one row per arm", listed, re.MULTILINE)
    assert "best_max(value)" in asked(workspace, ".macros").output
    assert (
        "\nresults(experiment, arm, recipe, early, width, seed, stage," in asked(workspace, ".schema").output
    )
    columns = asked(workspace, ".schema results").output
    assert re.search(r"^  early +DOUBLE +swept axis", columns, re.MULTILINE)
    assert re.search(r"^  tokens +BIGINT +tokens of the stage .*\[tokens\]$", columns, re.MULTILINE)
    assert schema.table("results").example in columns
    assert re.search(
        r"^  skill_tune +DOUBLE +result of `skill`", asked(workspace, ".schema exposure").output, re.M
    )
    assert "width" not in asked(workspace, ".schema other.recipes").output
    wrong = asked(workspace, ".schema reslts")
    assert (wrong.exit_code, wrong.stderr.splitlines()[1]) == (2, "  = help: write `results`")


def test_answers_go_to_files_and_back(workspace: FakeWorkspace, tmp_path: Path) -> None:
    path = tmp_path / "it's here.csv"
    script = f".mode csv\n.output {path}\nselect 1 as a;\n.read {tmp_path / 'two.sql'}\n"
    script += ".output\n.mode table\nselect 3 as c;"
    (tmp_path / "two.sql").write_text("select 2 as b;")
    assert asked(workspace, given=script).output.split() == ["c", "─", "3"]
    assert path.read_bytes() == b"a\r\n1\r\nb\r\n2\r\n"


def test_commands_that_are_wrong_say_what_to_write(workspace: FakeWorkspace, tmp_path: Path) -> None:
    loop = tmp_path / "loop.sql"
    loop.write_text(f".read {loop}\n")
    for line, message in {
        ".tabels": "there is no command `.tabels`",
        ".mode xml": "there is no form `xml`",
        ".timing": "`on` or `off`",
        ".use nothing": "no results of an experiment `nothing`",
        f".read {loop}": "is read by a file that it reads",
        ".read /no/such/file": "can't read the query",
    }.items():
        done = asked(workspace, line)
        assert done.exit_code in (2, 4), line
        assert message in done.stderr


def test_timing_is_told_beside_the_answer(workspace: FakeWorkspace) -> None:
    done = asked(workspace, ".timing on\nselect 1 as a", "--csv")
    assert done.stdout == "a\n1\n"
    assert re.fullmatch(r"[\d,]+ ms\n", done.stderr)


def test_another_experiment_is_put_first(workspace: FakeWorkspace) -> None:
    assert asked(
        workspace, ".mode csv\n.use other\nselect distinct experiment from results"
    ).output.split() == [
        "experiment",
        "other",
    ]


def test_a_table_of_several_experiments_is_asked_of_one_of_them(workspace: FakeWorkspace) -> None:
    with open_results(workspace.path) as connection, pytest.raises(QueryError) as caught:
        run(connection, "select * from wide")
    assert caught.value.help in ("write `exposure.wide`", "write `other.wide`")


def test_what_is_temporary_lives_on_in_the_prompt(workspace: FakeWorkspace) -> None:
    waiting = [
        "create temp table kept as select 7 as seven;",
        "from kept;",
        "create temp macro twice(x) as 2 * x;",
        "select twice(4) as eight;",
        ".refresh",
        "from kept;",
    ]

    def read(shown: str) -> str:
        if not waiting:
            raise EOFError
        return waiting.pop(0)

    out, error = io.StringIO(), io.StringIO()
    prompt(workspace.path, "exposure", out, error, read, form="csv")
    assert out.getvalue().split() == ["seven", "7", "eight", "8"]
    assert "no table `kept`" in error.getvalue()


# ---- completion


@pytest.fixture(scope="module")
def completer(workspace: FakeWorkspace) -> Completer:
    return Completer(Session(workspace.path, "exposure", io.StringIO(), io.StringIO()), lambda: "")


@pytest.mark.parametrize(
    ("line", "wanted", "unwanted"),
    [
        ("select * from res", ["results"], ["reverse"]),
        ("select * from exp", ["exposure", "experiments", "expectations"], ["explain"]),
        ("select * from exposure.al", ["exposure.allocations"], ["exposure.planned"]),
        ("select * from main.", ["main.results", "main.exposure"], ["main.plans"]),
        ("select ea", ["early"], []),
        ("select skill_t", ["skill_tune"], []),
        ("select val", ["value", "value_after", "values"], []),
        ("select value_ from results where val", ["value"], ["value_after"]),
        ("select bes", ["best_min(", "best_max("], []),
        ("select r.ste from results r where r.st", ["r.stage", "r.steps", "r.stderr"], ["r.started"]),
        ("select baseline.e", ["baseline.early"], ["baseline.eval"]),
        ("select results.wi", ["results.width"], []),
        ("from results where eval = 'sk", ["'skill"], ["'seed"]),
        ("from results where eval = 'skill' and sta", ["stage"], ["'stage"]),
        ("from results group b", ["by"], []),
        (".sch", [".schema"], [".tables"]),
        (".schema sta", ["stages"], ["stage"]),
        (".mode l", ["latex"], ["like"]),
        (".use o", ["other"], ["or"]),
        (".timing o", ["on", "off"], []),
    ],
)
def test_the_prompt_completes(
    completer: Completer, line: str, wanted: list[str], unwanted: list[str]
) -> None:
    found = [each.removesuffix("'") for each in completer.candidates(line)]
    assert {*wanted} <= {*found}, found
    assert not {*unwanted} & {*found}


def test_completion_sees_the_lines_that_were_written_before(workspace: FakeWorkspace) -> None:
    session = Session(workspace.path, "exposure", io.StringIO(), io.StringIO())
    found = Completer(session, lambda: "select * from metrics\nwhere").candidates("  lineage_")
    assert found == ["lineage_tokens"]


def test_completion_of_a_workspace_that_is_gone_is_empty(tmp_path: Path) -> None:
    gone = FakeWorkspace(tmp_path)
    session = Session(gone.path, "missing", io.StringIO(), io.StringIO())
    with pytest.raises(SpeccError):
        session.connect()
    assert Completer(session, lambda: "").candidates("select ") == []


def test_completion_is_what_readline_asks_for(completer: Completer, monkeypatch: pytest.MonkeyPatch) -> None:
    readline = pytest.importorskip("readline")
    monkeypatch.setattr(readline, "get_line_buffer", lambda: "select lineage_to")
    monkeypatch.setattr(readline, "get_endidx", lambda: len("select lineage_to"))
    assert completer.complete("lineage_to", 0) == "lineage_tokens"
    assert completer.complete("lineage_to", 1) is None


def test_the_shell_completes_experiments(workspace: FakeWorkspace) -> None:
    from click.shell_completion import ShellComplete

    complete = ShellComplete(specc, {}, "specc", "_SPECC_COMPLETE")
    for arguments, begun, names in (
        (["sql", "-w", str(workspace.path), "-e"], "exp", ["exposure"]),
        (["compare", "-w", str(workspace.path), "--by"], "", ["recipe", "early", "width"]),
        (["compare", "-w", str(workspace.path), "--metric"], "sk", ["skill"]),
        (["compare", "-w", str(workspace.path), "--stage"], "", ["pretrain", "tune"]),
        (["compare", "-w", str(workspace.path)], "", ["by_early", "base"]),
    ):
        assert [each.value for each in complete.get_completions(arguments, begun)] == names
    assert complete.get_completions(["sql", "-w", "/no/such/folder", "-e"], "exp") == []


def test_a_name_with_quotes_is_completed_as_a_query_has_to_write_it(tmp_path: Path) -> None:
    odd = FakeWorkspace(tmp_path)
    odd.plan(1, exposure('it\'s "odd"', axes=(Axis(name="order", type="int", values=(1, 2)),)))
    session = Session(odd.path, None, io.StringIO(), io.StringIO())
    known = Completer(session, lambda: "").known()
    assert '"order"' in completions("select ", known)
    assert '"it\'s ""odd"""' in completions("select * from ", known)


def test_errors_of_a_session_are_told_as_those_of_queries(workspace: FakeWorkspace) -> None:
    with (
        Session(workspace.path, "exposure", io.StringIO(), io.StringIO()) as session,
        pytest.raises(QueryError),
    ):
        session.do("select")


# ---- whatever is written


SQL = st.text(alphabet="ab ;'\"$/*-.\n(é", max_size=40)


@given(SQL)
def test_a_script_is_cut_into_all_of_its_lines(text: str) -> None:
    found = list(parts(text.split("\n")))
    assert "".join("".join(part.text.split()) for part in found) == "".join(text.split())
    assert [part.line for part in found] == sorted({part.line for part in found})


def test_a_long_statement_is_cut_in_no_time() -> None:
    text = "select 'a' in (\n" + "'it''s', -- a note\n" * 20_000 + "'b');\n.tables"
    begun = time.process_time()
    assert [part.command for part in parts(text.split("\n"))] == [False, True]
    assert time.process_time() - begun < 2


NAMES = Names(
    {"results": ("early", "value", '"order"'), '"odd name"': ("x",)},
    {"main": ("results",), "exposure": ("results",)},
    {"baseline": ("early",)},
    ("best_min(",),
    ("exposure",),
    ("skill", "it's"),
)


@given(st.text(alphabet="abers .'\"(,=;\n$é", max_size=30))
def test_a_completion_goes_on_from_what_is_written(before: str) -> None:
    for candidate in completions(before, NAMES):
        begins = [before[place:] for place in range(len(before) + 1)]
        assert any(candidate.lower().startswith(word.lower()) for word in begins)


@given(st.text(max_size=40))
def test_any_text_of_a_setting_is_read(text: str) -> None:
    found = flattened({"schedule": text})
    assert all(value is None or isinstance(value, float) for _, value in found.values())


@given(st.lists(st.text(max_size=6), min_size=1, max_size=3), st.floats())
def test_any_names_and_values_are_written_in_every_form(names: list[str], value: float) -> None:
    answer = Answer(tuple(names), ("VARCHAR",) * len(names), [tuple(names), (value,) * len(names)])
    for form in FORMS:
        assert written(answer, form).endswith("\n")


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_query_is_told(workspace: FakeWorkspace, text: str) -> None:
    for done in (asked(workspace, text), asked(workspace, given=text)):
        assert (done.exit_code, done.stderr.splitlines()[0]) == (2, "error: the query is empty")
