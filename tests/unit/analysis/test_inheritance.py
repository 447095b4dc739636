"""What a stage takes from its parent, and what a recipe replaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from small_recipes import RECIPE, codes_of, points_of, stage_of

GIVEN = RECIPE.replace(
    "batch     = 4 sequences",
    "batch     = 4 sequences\n    clip = 0.5\n    sequence = 16 tokens\n    dropout = 0.25",
)


def test_a_child_takes_optimizer_schedule_batch_sequence_clip_and_dtype(tmp_path: Path) -> None:
    text = GIVEN.replace("schedule = constant(peak = 5e-4)", "").replace(
        "dropout = 0.25", 'dtype = "bfloat16"'
    )
    first, second = (stage_of(tmp_path, text, name).settings for name in ("pretrain", "posttrain"))
    for name in ("optimizer", "schedule", "batch", "sequence", "clip", "dtype"):
        assert getattr(first, name) == getattr(second, name)
    assert (second.batch, second.sequence, second.clip, second.dtype) == (4, 16, 0.5, "bfloat16")


def test_budget_and_dropout_are_a_stages_own(tmp_path: Path) -> None:
    child = stage_of(tmp_path, GIVEN, "posttrain").settings
    assert child.budget is None
    assert child.dropout == 0


def test_what_a_child_gives_replaces_what_it_would_take(tmp_path: Path) -> None:
    text = GIVEN.replace("schedule = constant(peak = 5e-4)", "batch = 8 sequences\n    clip = 0")
    child = stage_of(tmp_path, text, "posttrain").settings
    assert (child.batch, child.clip, child.sequence) == (8, None, 16)


def test_a_grandchild_takes_from_the_nearest_that_gives(tmp_path: Path) -> None:
    text = RECIPE.replace("posttrain: rest", "posttrain: 25%, finetune: rest").replace(
        "  eval fit", "  stage finetune from posttrain {}\n  eval fit"
    )
    grandchild = stage_of(tmp_path, text, "finetune").settings
    assert grandchild.schedule.signature.name == "constant"
    assert grandchild.batch == 4


RECIPES = RECIPE.replace(
    "  eval fit",
    """  recipe longer { override stage posttrain { batch = 2 sequences } }
  recipe early_ { override allocate { skill 12_800 tokens { pretrain: 75%, posttrain: rest } } }
  recipe wider  { override model tiny = llama(layers = 1, width = 32, heads = 2, context = 32 tokens) }
  recipe seeded { override seeds [7] }
  eval fit""",
)


def test_a_recipe_changes_only_what_it_overrides(tmp_path: Path) -> None:
    base = stage_of(tmp_path, RECIPES, "posttrain").settings
    longer = stage_of(tmp_path, RECIPES, "posttrain", "longer").settings
    assert (base.batch, longer.batch) == (4, 2)
    assert longer.schedule == base.schedule
    assert longer.optimizer == base.optimizer


def test_a_recipe_replaces_rows_whole(tmp_path: Path) -> None:
    base, early = (points_of(tmp_path, RECIPES, name) for name in ("base", "early_"))
    assert [p.table.tokens["skill", "pretrain"] for p in base] == [3200, 6400]
    assert [p.table.tokens["skill", "pretrain"] for p in early] == [9600, 9600]
    assert [p.table.tokens["web", "pretrain"] for p in early] == [16_000, 16_000]


def test_a_recipe_replaces_a_declaration_everywhere_in_the_experiment(tmp_path: Path) -> None:
    widths = [
        point.models[stage].shape.width
        for name in ("base", "wider")
        for point in points_of(tmp_path, RECIPES, name)[:1]
        for stage in ("pretrain", "posttrain")
    ]
    assert widths == [16, 16, 32, 32]


@pytest.mark.parametrize(
    ("override", "codes"),
    [
        ("override stage third { clip = 1 }", ["E0208"]),
        ("override stage posttrain { clipp = 1 }", ["E0101"]),
        ("override allocate { drift { posttrain: 100% } }", ["E0208"]),
        ("override corpus tiny = markov(tokens = 1K tokens)", ["E0208"]),
        ("override stage posttrain { clip = 1% }", ["E0301"]),
    ],
)
def test_a_recipe_adds_nothing(override: str, codes: list[str], tmp_path: Path) -> None:
    text = RECIPE.replace("  eval fit", f"  recipe other {{ {override} }}\n  eval fit")
    assert codes_of(tmp_path, text) == codes
