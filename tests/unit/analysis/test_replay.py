"""Replay: what the stages before have read, once more, in exact shares."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from small_recipes import points_of, study_of
from specc.analysis.resolved import Reading

RECIPE = """\
experiment again {{
  model tiny = llama(layers = 1, width = 16, heads = 2, context = 32 tokens)
  corpus web = markov(tokens = 40K tokens)
  corpus skill = markov(tokens = 40K tokens, seed = 1)
  corpus drift = markov(tokens = 40K tokens, seed = 2)
  allocate {{
    web   {{ pretrain: 19_200 tokens, posttrain: 3_200 tokens }}
    skill {{ pretrain: 6_400 tokens }}
    drift {{ finetune: {drift} }}
  }}
  stage pretrain from tiny {{
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 4 sequences
  }}
  stage posttrain from pretrain {{}}
  stage finetune from {parent} {{
    replay = {replay}
    {budget}
  }}
}}
"""


def finetune(
    folder: Path, replay: str, parent: str = "posttrain", drift: str = "12_800 tokens", budget: str = ""
) -> tuple[Reading, ...]:
    text = RECIPE.format(replay=replay, parent=parent, drift=drift, budget=budget)
    (point,) = points_of(folder, text)
    return point.stages["finetune"].readings


def again(readings: tuple[Reading, ...]) -> dict[tuple[str, str], int]:
    return {(r.replay_of, r.corpus.name): r.nominal for r in readings if r.replay_of}


@pytest.mark.parametrize("decay", [Fraction(1), Fraction(1, 2), Fraction(0)])
def test_tokens_read_weigh_less_by_the_age_of_their_stage(tmp_path: Path, decay: Fraction) -> None:
    found = again(finetune(tmp_path, f"past(share = 20%, decay = {decay * 100}%)"))
    # A fifth of the stage is a quarter of what its own cells bring.
    weights = {
        ("posttrain", "web"): Fraction(3200),
        ("pretrain", "web"): 19200 * decay,
        ("pretrain", "skill"): 6400 * decay,
    }
    assert sum(found.values()) == 3200
    for key, weight in weights.items():
        assert abs(found.get(key, 0) - 3200 * weight / sum(weights.values())) < 1


def test_it_begins_where_the_earlier_stage_began_and_goes_around_in_what_that_read(tmp_path: Path) -> None:
    readings = {(r.replay_of, r.corpus.name): r for r in finetune(tmp_path, "past(share = 20%)")}
    first = readings["pretrain", "web"]
    assert (first.start, first.span) == (0, 19200)
    second = readings["posttrain", "web"]
    assert (second.start, second.span) == (19200, 3200)


def test_inside_a_budget_it_takes_from_what_fills(tmp_path: Path) -> None:
    readings = finetune(
        tmp_path, "past(share = 25%, decay = 50%)", drift="fill", budget="budget = 12_800 tokens"
    )
    assert sum(again(readings).values()) == 3200
    assert {r.corpus.name: r.nominal for r in readings if not r.replay_of} == {"drift": 9600}


def test_only_what_lies_before_a_place_in_a_stage_is_past(tmp_path: Path) -> None:
    readings = finetune(tmp_path, "past(share = 20%)", parent="pretrain@50%")
    assert {(r.replay_of, r.corpus.name): r.span for r in readings if r.replay_of} == {
        ("pretrain", "web"): 9600,
        ("pretrain", "skill"): 3200,
    }


def test_a_share_of_nothing_is_the_stage_without_replay(tmp_path: Path) -> None:
    without = RECIPE.format(replay="past(share = 0%)", parent="posttrain", drift="12_800 tokens", budget="")
    plain = without.replace("replay = past(share = 0%)", "")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    keys = [
        {step.key for step in study_of(tmp_path / folder, text).steps}
        for folder, text in (("a", without), ("b", plain))
    ]
    assert keys[0] == keys[1]


def test_later_stages_read_on_as_if_nothing_had_been_read_again(tmp_path: Path) -> None:
    text = RECIPE.format(replay="past(share = 20%)", parent="posttrain", drift="12_800 tokens", budget="")
    text = text.replace(
        "drift { finetune: 12_800 tokens }", "drift { finetune: 12_800 tokens, last: 640 tokens }"
    )
    text = text.replace("web   { ", "web   { last: 640 tokens, ").replace(
        "\n}\n", "\n  stage last from finetune {}\n}\n"
    )
    (point,) = points_of(tmp_path, text)
    starts = {r.corpus.name: r.start for r in point.stages["last"].readings}
    assert starts == {"web": 22400, "drift": 12800}
    assert point.table.row_total("web") == 19200 + 3200 + 640


def test_cells_of_the_plan_tell_replay_from_what_rows_spend(tmp_path: Path) -> None:
    text = RECIPE.format(replay="past(share = 20%)", parent="posttrain", drift="12_800 tokens", budget="")
    study = study_of(tmp_path, text)
    cells = [cell for cell in study.cells if cell.stage == "finetune"]
    assert {(cell.corpus, cell.replay_of) for cell in cells} == {
        ("drift", ""),
        ("web", "pretrain"),
        ("web", "posttrain"),
        ("skill", "pretrain"),
    }
    assert sum(cell.planned for cell in cells) == 16000
    assert len({cell.role for cell in cells}) == 4
