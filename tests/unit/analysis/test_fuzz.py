"""Whatever the text, checking it ends in diagnostics, soon: no exception, no endless work."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest

from small_recipes import RECIPE, compiled
from specc.diagnostics import as_json, render

LARGER = RECIPE.replace(
    "  eval fit",
    """  let slow = constant(peak = 5e-4) with (warmup = 3 steps)
  stage finetune from posttrain@50% { schedule = slow }
  eval often = perplexity(take(web.held_out, 1K tokens)) after finetune every 25%
  check tokens(pretrain) is equal across early
  check epochs(skill) <= 1 epoch * 2
  expect good = mean(fit after posttrain given early in [25%, 50%]) < 2 * 3 - 1 by 0.1
  recipe replay { override allocate { web { pretrain: fill, posttrain: 1% of stage } } }
  eval fit""",
).replace("posttrain: rest", "posttrain: 25%, finetune: rest")

TOKENS = re.compile(r'\s+|[A-Za-z_]\w*|[0-9][\w.]*%?|"[^"]*"|.', re.DOTALL)
WORDS = [
    *dict.fromkeys(TOKENS.findall(LARGER)),
    *("use", "sql", "```", "```sql", "given", "override", "in", "0", "-1", "1e400", "99999999999T", "100%"),
    *('"', "'", "(", ")", "[", "]", "{", "}", "@", "\\", "\0", "\u202e", "é", "\n", "..", "0%", "epochs"),
]
SLOWEST = 2.0
"""Seconds that one text may take; a usual one takes 10 ms."""


def mutated(source: random.Random, text: str) -> str:
    """The text with one to four of its words removed, doubled, swapped or replaced."""
    words = TOKENS.findall(text)
    for _ in range(source.randint(1, 4)):
        place, other = source.randrange(len(words)), source.randrange(len(words))
        match source.randrange(5):
            case 0:
                del words[place]
            case 1:
                words.insert(place, words[place])
            case 2:
                words[place], words[other] = words[other], words[place]
            case 3:
                words[place] = source.choice(WORDS)
            case 4:
                words[place:place] = words[other : other + source.randint(1, 12)]
    return "".join(words)


def checked(folder: Path, text: str) -> None:
    started = time.perf_counter()
    compilation = compiled(folder, text)
    assert render(compilation.report) or compilation.experiments
    as_json(compilation.report)
    assert time.perf_counter() - started < SLOWEST, text
    if not compilation.report.failed:
        for experiment in compilation.experiments:
            for recipe in experiment.recipes:
                assert len(recipe.points) == len(experiment.recipes[0].points) > 0


@pytest.mark.parametrize("seed", range(20))
def test_a_mutated_recipe_raises_nothing(seed: int, tmp_path: Path) -> None:
    source = random.Random(seed)
    for _ in range(100):
        checked(tmp_path, mutated(source, source.choice((RECIPE, LARGER))))


def test_random_characters_raise_nothing(tmp_path: Path) -> None:
    source = random.Random(1)
    for _ in range(100):
        checked(tmp_path, "".join(source.choices(WORDS, k=source.randint(1, 60))))


def test_a_cut_off_recipe_raises_nothing_and_is_wrong(tmp_path: Path) -> None:
    for stop in range(0, LARGER.rindex("}"), 11):
        assert compiled(tmp_path, LARGER[:stop]).report.failed


def test_the_recipe_that_is_mutated_is_right(tmp_path: Path) -> None:
    compilation = compiled(tmp_path, LARGER)
    assert not compilation.report.failed, render(compilation.report)
