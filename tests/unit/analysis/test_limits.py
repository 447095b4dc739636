"""How much a recipe may have of everything; past that, one message."""

from __future__ import annotations

from pathlib import Path

import pytest

from small_recipes import RECIPE, compiled
from specc.analysis.definition import MOST_RECIPES, MOST_STAGES
from specc.analysis.load import MOST_EXPERIMENTS
from specc.language.parse import LARGEST


def titles(folder: Path, text: str) -> list[tuple[str, str]]:
    report = compiled(folder, text).report
    return [(found.code, found.title) for found in report.ordered() if found.code.startswith("E")]


def inside(text: str) -> str:
    """The recipe with further items at its end."""
    return RECIPE[: RECIPE.rindex("}")] + text + "}\n"


def stages(number: int) -> str:
    """A chain of stages behind the two of the recipe; the last is evaluated."""
    chain = "".join(f"stage s{n} from {f's{n - 1}' if n else 'posttrain'} {{}}\n" for n in range(number))
    return inside(f"{chain}eval last = loss(skill.held_out) after s{number - 1}\n")


def recipes(number: int) -> str:
    return inside("".join(f"recipe r{n} {{ override seeds 0 }}\n" for n in range(number)))


def experiments(number: int) -> str:
    return RECIPE + "".join(f"experiment e{n}(a) {{ let b{n} = a }}\n" for n in range(number - 1))


@pytest.mark.parametrize(
    ("make", "most", "title"),
    [
        (recipes, MOST_RECIPES, "an experiment has at most 500 recipes"),
        (
            experiments,
            MOST_EXPERIMENTS,
            "a recipe has at most 1,000 experiments, those of used files included",
        ),
    ],
)
def test_one_more_than_the_most_is_said_once(make: object, most: int, title: str, tmp_path: Path) -> None:
    assert callable(make)
    assert titles(tmp_path, make(most)) == []
    assert titles(tmp_path, make(most + 3)) == [("E0505", title)]


def test_one_stage_more_than_the_most_is_said_once(tmp_path: Path) -> None:
    found = titles(tmp_path, stages(MOST_STAGES + 3))
    assert found == [("E0505", "an experiment has at most 1,000 stages")]


def test_a_text_may_be_as_large_as_half_a_million_characters(tmp_path: Path) -> None:
    assert titles(tmp_path, RECIPE + "#" * (LARGEST - len(RECIPE))) == []
    ((code, _),) = titles(tmp_path, RECIPE + "#" * (LARGEST - len(RECIPE) + 1))
    assert code == "E0004"


def test_ten_thousand_links_are_no_recursion(tmp_path: Path) -> None:
    names = "".join(f"let a{n} = {f'a{n - 1} + 1' if n else '1'}\n" for n in range(5000))
    assert titles(tmp_path, names + inside("check 4_000 < a4999\n")) == []
    models = "".join(f"let m{n} = {f'm{n - 1}' if n else 'adamw()'}\n" for n in range(5000))
    assert titles(tmp_path, models + RECIPE.replace("adamw(beta2 = 0.9)", "m4999")) == []


def test_long_chains_of_operators_and_signs_are_no_recursion(tmp_path: Path) -> None:
    for chain in ("1" + " + 1" * 9000, "1" + " * 1" * 9000, "-" * 9000 + "1"):
        assert titles(tmp_path, inside(f"check 0 < {chain}\n")) == []
