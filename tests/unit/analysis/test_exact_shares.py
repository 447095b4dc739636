"""Proportions of a stage's corpora are those that are written, whatever the stage's length rounds to."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from small_recipes import codes_of, points_of

RECIPE = """\
experiment exact {{
  sweep size in [{sizes}]
  model tiny = llama(layers = 1, width = 16, heads = 2, context = 8 tokens)
  corpus web = markov(tokens = 4K tokens, max_epochs = 1_000_000)
  corpus skill = markov(tokens = 1K tokens, seed = 1, max_epochs = 1_000_000)
  corpus drift = markov(tokens = 1K tokens, seed = 2, max_epochs = 1_000_000)
  allocate {{
    web   {{ first: 320 tokens, second: fill }}
    skill {{ first: 96 tokens, second: {skill}% of stage }}
    drift {{ second: {drift}% of stage{place} }}
  }}
  stage first from tiny {{
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 1 sequences
  }}
  stage second from first {{
    budget = size
    replay = past(share = {replay}%)
  }}
}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recipes")


@settings(max_examples=10)
@given(
    skill=st.integers(1, 30),
    drift=st.integers(1, 30),
    replay=st.integers(1, 30),
    sizes=st.sets(st.integers(2_000, 200_000), min_size=3, max_size=3),
)
def test_shares_of_a_stage_do_not_depend_on_its_length(
    folder: Path, skill: int, drift: int, replay: int, sizes: set[int]
) -> None:
    amounts = ", ".join(f"{size} tokens" for size in sorted(sizes))
    text = RECIPE.format(sizes=amounts, skill=skill, drift=drift, replay=replay, place="")
    # Of what is read again, 320 parts are of web and 96 of skill.
    parts = [
        *(Fraction(part, 100) for part in (100 - skill - drift - replay, skill, drift)),
        *(Fraction(replay * part, 100 * 416) for part in (320, 96)),
    ]
    for point in points_of(folder, text):
        stage = point.stages["second"]
        found = {(reading.corpus.name, reading.replay_of): reading for reading in stage.readings}
        keys = [("web", ""), ("skill", ""), ("drift", ""), ("web", "first"), ("skill", "first")]
        assert [found[key].share for key in keys] == parts
        assert sum(reading.planned for reading in stage.readings) == stage.tokens
        assert all(abs(reading.nominal - reading.share * stage.nominal) < 5 for reading in stage.readings)


def test_a_stage_that_shares_fill_but_for_rounding_is_no_mistake(folder: Path) -> None:
    """Two tokens are left by rounding, none exactly: `fill` is given what is left."""
    text = RECIPE.format(sizes="2_001 tokens", skill=66, drift=33, replay=1, place=" within 0%..100%")
    (point,) = points_of(folder, text)
    stage = point.stages["second"]
    assert sum(reading.planned for reading in stage.readings) == stage.tokens
    assert {reading.corpus.name: reading.nominal for reading in stage.readings if not reading.replay_of}[
        "web"
    ] in (1, 2)


def test_shares_above_the_whole_are_still_refused(folder: Path) -> None:
    text = RECIPE.format(sizes="2_001 tokens", skill=70, drift=33, replay=1, place="")
    assert "E0405" in codes_of(folder, text)
