"""`specc compare`: groups as people write them, what is printed, and the gate for CI."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from made_study import EARLY, Made, make, swept
from made_study import Result as Outcome
from specc.cli.main import specc
from specc.comparing import Compared, Frontier, Source, compare
from specc.comparing.model import Question
from specc.comparing.selecting import side
from specc.comparing.terminal import ASCII, UNICODE, compared_page, frontier_page, plain
from specc.errors import QueryError
from specc.results.reader import open_results
from specc.study import Axis, Comparison, Expectation
from specc.words import display_width
from specc.workspace import open as specc_open

LR = Axis(name="lr", type="float", values=(0.001, 0.003))
SKILL: dict[float, list[Outcome]] = {
    0.0: [2.0, 2.4, 1.9, 2.2],
    0.5: [1.8, 2.3, 1.6, 2.1],
    1.0: [2.9, 3.4, 2.8, "diverged"],
}
EVIL = "<script>\x1b[31m‮"


def arms() -> Iterator[Made]:
    """By `early` and `lr`, of two recipes; `replay` is better by 0.5 and reads more."""
    for early, values in SKILL.items():
        for seed, value in enumerate(values):
            for lr in LR.values:
                for recipe in ("base", "replay"):
                    shift = 0.01 * seed * (lr > 0.002) - 0.5 * (recipe == "replay") * (1 + 0.01 * seed)
                    results: dict[str, Outcome] = {"skill": value, "drift": value}
                    if isinstance(value, float):
                        results = {"skill": value + shift, "drift": 5.0 - value + shift}
                    yield Made(
                        seed=seed,
                        results=results,
                        recipe=recipe,
                        axes={"early": early, "lr": lr},
                        tokens=600 if recipe == "replay" else 500,
                    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    mean = Comparison(name="means", sql="select early, avg(value) as skill from results group by early")
    wrong = Expectation(name="e", text="skill is low", sql="select false")
    path = make(folder, list(arms()), (EARLY, LR), comparisons=(mean,), expectations=(wrong,))
    odd = swept({0.0: [1.0], 0.5: [2.0]}, recipe=EVIL)
    make(folder, [*odd, *swept({0.0: [1.0]})], (EARLY,), name="odd", run=2)
    return path


@pytest.fixture(scope="module")
def source(workspace: Path) -> Iterator[Source]:
    connection = open_results(workspace)
    yield Source(connection)
    connection.close()


def run(workspace: Path, *arguments: str, code: int = 0) -> Result:
    place = [] if "-w" in arguments else ["-w", str(workspace)]
    named = [] if "-e" in arguments or "::" in "".join(arguments) else ["-e", "made"]
    done = CliRunner().invoke(specc, ["compare", *arguments, *place, *named])
    assert done.exit_code == code, done.output
    return done


def answers(done: Result) -> list[Compared]:
    return [Compared.model_validate(each) for each in json.loads(done.stdout)]


# ---- groups as they are written


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("replay", {"recipe": "replay"}),
        ("early=50%", {"early": 0.5}),
        ("early = 0.5", {"early": 0.5}),
        ("EARLY=50%", {"early": 0.5}),
        ("lr=3e-3", {"lr": 0.003}),
        ("replay, early=0%", {"recipe": "replay", "early": 0.0}),
        ("made::base", {"recipe": "base"}),
        ("made", {}),
        ("made/replay/early=50%/lr=0.003/seed=1", {"recipe": "replay", "early": 0.5, "lr": 0.003, "seed": 1}),
    ],
)
def test_a_group_is_what_its_text_names(source: Source, text: str, given: dict[str, object]) -> None:
    found = side(text, [source], ["made"])
    assert (found.experiment, found.given, found.name) == ("made", given, text)


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        ("erly=50%", "no axis `erly`", "write `early`"),
        ("early=51%", "no group `early=51%`", "write `early=50%`"),
        ("replya", "no recipe or group `replya`", "write `replay`"),
        ("mad::replay", "no experiment `mad`", "write `made`"),
        (",", "a group has no name", "AXIS=VALUE"),
    ],
)
def test_a_group_that_is_not_there_is_told_with_what_may_be_meant(
    source: Source, text: str, message: str, help: str
) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        side(text, [source], ["made"])
    assert help in (caught.value.help or "")


# ---- what is printed


def test_two_groups_are_compared_on_all_they_share(workspace: Path) -> None:
    found = answers(run(workspace, "base", "replay", "--json"))
    assert [each.question.eval for each in found] == ["skill", "drift"]
    effect = found[0].effects[0]
    assert (effect.baseline, effect.group, effect.verdict) == ("base", "replay", "not resolvable")
    # Seed 3 of early = 100% diverged in both: the other four arms of each are what pairs.
    differences = [round(pair.difference, 6) for pair in effect.pairs]
    assert differences == [-0.5, -0.505, -0.51, -0.515]
    assert any("reads 6.7% more tokens" in note for note in found[0].notes)


def test_by_an_axis_others_are_held_or_averaged(workspace: Path) -> None:
    [found] = answers(
        run(
            workspace,
            "--by",
            "early",
            "--metric",
            "skill",
            "--given",
            "lr=1e-3",
            "--given",
            "recipe=base",
            "--json",
        )
    )
    assert [group.name for group in found.groups] == ["early = 0%", "early = 50%", "early = 100%"]
    assert [group.arms for group in found.groups] == [1, 1, 1]
    assert found.effects[0].mean == pytest.approx(-0.175)
    [averaged] = answers(run(workspace, "--by", "early", "--metric", "skill", "--json"))
    assert [group.arms for group in averaged.groups] == [4, 4, 4]
    [turned] = answers(
        run(
            workspace,
            "--by",
            "early",
            "--metric",
            "skill",
            "--baseline",
            "early=1",
            "--level",
            "0.9",
            "--json",
        )
    )
    assert turned.question.baseline == "early = 100%"
    assert turned.question.level == 0.9


@pytest.mark.conformance
def test_without_by_each_factor_is_a_question(workspace: Path) -> None:
    found = answers(run(workspace, "--metric", "skill", "--json"))
    assert [(each.question.by, each.question.given) for each in found] == [
        (("recipe",), {}),
        (("early",), {"recipe": "base"}),
        (("lr",), {"recipe": "base"}),
    ]


def test_tables_have_a_row_for_each_group(workspace: Path) -> None:
    arguments = ("--by", "early", "--metric", "skill")
    rows = list(csv.DictReader(io.StringIO(run(workspace, *arguments, "--csv").stdout)))
    assert [(row["group"], row["n"], row["diverged"]) for row in rows] == [
        ("early = 0%", "4", "0"),
        ("early = 50%", "4", "0"),
        ("early = 100%", "3", "1"),
    ]
    assert rows[0]["difference"] == ""
    assert float(rows[1]["difference_low"]) < float(rows[1]["difference"]) < float(rows[1]["difference_high"])
    markdown = run(workspace, *arguments, "--md").stdout
    assert markdown.count("\n| early = ") == 3
    latex = run(workspace, *arguments, "--latex").stdout
    assert r"\toprule" in latex
    assert r"early = 50\%" in latex
    sql = run(workspace, *arguments, "--sql").stdout
    assert sql.startswith('select "early", seed')


def test_a_workspace_compares_from_python(workspace: Path, source: Source) -> None:
    ws = specc_open(workspace)
    found = ws.compare("early=0%", "early=50%", metric="skill", given={"lr": 0.003}, experiment="made")
    effect = found.effects[0]
    assert [group.arms for group in found.groups] == [2, 2]
    assert effect.mean == pytest.approx(-0.175)
    assert "early=50%" in str(found)
    table = found.table()
    assert table.columns[4:6] == ("group", "baseline")
    values = source.connection.execute(found.sql).fetchall()
    assert [(name, seed, arms) for name, seed, _, arms in values] == [
        (name, seed, 2) for name in ("early=0%", "early=50%") for seed in range(4)
    ]
    plane = ws.frontier("skill", "drift", by=("recipe", "early"), experiment="made")
    assert len(plane.table()) == 6
    assert "<svg" in plane._repr_html_()
    assert "<svg" in found._repr_html_()


def test_a_frontier_is_printed_and_given_as_data(workspace: Path) -> None:
    done = run(workspace, "--frontier", "skill", "drift", "--by", "recipe", "--by", "early", "--json")
    [found] = [Frontier.model_validate(each) for each in json.loads(done.stdout)]
    assert len(found.points) == 6
    assert {point.series for point in found.points} == {"base", "replay"}
    text = run(workspace, "--frontier", "skill", "drift", "--by", "recipe", "--by", "early").stdout
    assert "of 6 groups are on the frontier" in text
    assert "hypervolume" in text
    rows = run(workspace, "--frontier", "skill", "drift", "--csv").stdout.splitlines()
    assert len(rows) == 1 + 12  # by recipe, early and lr, which all differ


def test_alone_it_answers_first_and_then_prints_what_the_recipe_says(workspace: Path) -> None:
    text = run(workspace, code=3).stdout
    places = [
        text.index(each) for each in ("made: which of them?", "skill after tune, by recipe", "made: means")
    ]
    assert places == sorted(places)
    assert text.rstrip().endswith("not met  skill is low")
    whole = json.loads(run(workspace, "--json", code=3).stdout)
    assert set(whole) == {"experiment", "comparisons", "expectations", "answers", "frontiers"}
    assert Compared.model_validate(whole["answers"][0]).effects
    assert json.loads(run(workspace, "means", "--json").stdout)[0]["early"] == 0
    assert (
        run(workspace, "means", "--sql").stdout
        == "select early, avg(value) as skill from results group by early\n"
    )
    assert run(workspace, "means", "--latex").stdout.count(r" \\") == 1 + 3


@pytest.mark.conformance
def test_a_workspace_elsewhere_is_named_before_the_group(workspace: Path, tmp_path: Path) -> None:
    other = make(tmp_path, swept({0.0: [1.0, 1.3, 1.2, 1.1]}), (EARLY,))
    [found] = answers(
        run(workspace, f"{workspace}::made::base,early=0%", f"{other}::made", "--metric", "skill", "--json")
    )
    assert [round(pair.difference, 3) for pair in found.effects[0].pairs] == [-1.0, -1.105, -0.71, -1.115]
    [by] = answers(
        run(
            workspace, "-w", str(workspace), "-w", str(other), "-e", "made", "--metric", "skill",
            "--given", "early=0%", "--given", "recipe=base", "--json",
        )
    )  # fmt: skip
    assert by.question.by == ("workspace",)
    assert by.effects[0].mean == pytest.approx(found.effects[0].mean)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json", "--csv", "--metric", "skill"], "exclude each other"),
        (["--metric", "skil"], "write `skill`"),
        (["--metric", "skill", "--stage", "tun"], "write `tune`"),
        (["--metric", "skill", "--position", "50%"], "nothing is measured after 50% of the stage"),
        (["--metric", "skill", "--position", "half"], "`half` is no position"),
        (["--level", "2", "--metric", "skill"], "`2` is no level"),
        (["--given", "lr", "--metric", "skill"], "`lr` gives no value"),
        (["--by", "ealry", "--metric", "skill"], "write `early`"),
        (["replay", "--metric", "skill"], "is compared with nothing"),
        (["base", "base"], "`base` is named twice"),
        (["base", "replay", "--fail-if-worse=x"], "`x` is no margin"),
        (["--frontier", "skill", "drift", "--metric", "skill"], "leave out"),
        (["loses"], "no comparison `loses`"),
    ],
)
def test_a_mistake_is_told_in_two_lines(workspace: Path, arguments: list[str], message: str) -> None:
    done = run(workspace, *arguments, code=2)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert not done.stdout


# ---- the gate


def test_what_is_worse_beyond_its_interval_fails(workspace: Path) -> None:
    done = run(workspace, "replay", "base", "--metric", "skill", "--fail-if-worse", code=3)
    assert re.search(r"worse: skill after tune: `base` is worse than `replay` by 0.5", done.stderr)
    run(workspace, "base", "replay", "--metric", "skill", "--fail-if-worse")
    run(workspace, "replay", "base", "--metric", "skill", "--fail-if-worse=0.6")
    assert (
        "beyond the margin"
        in run(workspace, "replay", "base", "--metric", "skill", "--fail-if-worse=0.4", code=3).stderr
    )


def test_a_seed_that_the_group_lost_fails_and_one_that_both_lost_does_not(workspace: Path) -> None:
    done = run(workspace, "early=0%", "early=100%", "--metric", "skill", "--fail-if-worse=100", code=3)
    assert "diverged at seed 3 where `early=0%` has results" in done.stderr
    run(workspace, "base,early=100%", "replay,early=100%", "--metric", "skill", "--fail-if-worse")


def test_what_is_not_resolvable_passes_and_is_told(workspace: Path, tmp_path: Path) -> None:
    values: dict[float, list[Outcome]] = {0.0: [2.0, 2.4, 1.9], 0.5: [2.1, 2.3, 2.0], 1.0: ["missing"] * 3}
    path = make(tmp_path, swept(values), (EARLY,))
    done = run(path, "early=0%", "early=50%", "--fail-if-worse")
    assert "not resolvable, passes" in done.stderr
    done = run(path, "early=0%", "early=100%", "--fail-if-worse", code=2)
    assert "there is nothing to judge" in done.stderr
    one = run(path, "early=0%/seed=0", "early=50%/seed=0", "--fail-if-worse")
    assert "a margin would judge it" in one.stderr
    run(path, "early=0%/seed=0", "early=50%/seed=0", "--fail-if-worse=0.05", code=3)


# ---- on a terminal


def test_pages_keep_to_the_width(source: Source) -> None:
    question = Question(
        experiments=("made",), eval="skill", metric="loss", stage="tune", by=("recipe", "early", "lr")
    )
    found = compare(source.connection, question)
    for width in (40, 60, 80, 140):
        for signs in (UNICODE, ASCII):
            text = plain(compared_page(found, width, signs))
            assert max(map(display_width, text.splitlines())) <= width
            assert text.isascii() == (signs is ASCII)
            assert "replay" in text
            assert "diverged" in text


def test_the_forest_places_effects_on_one_scale(source: Source) -> None:
    question = Question(experiments=("made",), eval="skill", metric="loss", stage="tune", by=("recipe",))
    page = plain(compared_page(compare(source.connection, question), 100, UNICODE))
    [row] = [line for line in page.splitlines() if "●" in line]
    zero = row.index("│")
    assert row.index("├") < row.index("●") < row.index("┤") < zero
    axis = next(line for line in page.splitlines() if line.strip().startswith("-0.5"))
    assert axis.index(" 0") + 1 == zero
    assert "← better" in page


def test_hostile_names_come_out_as_text(workspace: Path) -> None:
    text = run(workspace, "-e", "odd", "--by", "recipe").stdout
    assert "<script>" in text
    assert "\x1b" not in text
    assert "‮" not in text
    [found] = answers(run(workspace, "-e", "odd", "--by", "recipe", "--json"))
    assert "<script>" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()


@pytest.mark.conformance
def test_many_groups_are_summed_up(tmp_path: Path) -> None:
    many = Axis(name="size", type="int", values=tuple(range(60)))
    made = [
        Made(seed, {"skill": 2.0 + 0.01 * seed + 0.001 * n * seed, "drift": 3.0 - n}, axes={"size": n})
        for n in many.values
        for seed in (0, 1)
    ]
    path = make(tmp_path, made, (many,))
    text = run(path, "--by", "size", "--metric", "skill").stdout
    assert "47 groups more" in text
    assert len(text.splitlines()) < 90
    assert len(run(path, "--by", "size", "--metric", "skill", "--csv").stdout.splitlines()) == 61
    connection = open_results(path)
    found = frontier_page(
        Frontier.model_validate(json.loads(run(path, "--frontier", "skill", "drift", "--json").stdout)[0]),
        80,
        UNICODE,
    )
    connection.close()
    assert "more, " in plain(found)
