"""Where a recipe does not say in which numbers a stage computes, the model's size or origin does."""

from __future__ import annotations

from pathlib import Path

import pytest

from small_recipes import RECIPE, stage_of
from specc.precision import automatic_dtype
from specc.shapes import llama_shape
from specc.steps import Component

LARGE = "llama(layers = 4, width = 128, heads = 4, context = 32 tokens)"


def of_size(layers: int, width: int) -> str:
    component = Component(name="llama", args={"layers": layers, "width": width, "heads": 2, "context": 64})
    return automatic_dtype(llama_shape(component, 257))


def test_new_models_compute_in_bfloat16_from_a_hundred_thousand_parameters() -> None:
    """Some 12 layers x width^2: 50,000 parameters stay float32, 101,000 do not."""
    assert (of_size(1, 64), of_size(2, 64)) == ("float32", "bfloat16")
    wide = Component(name="llama", args={"layers": 1, "width": 64, "heads": 2, "context": 64})
    assert automatic_dtype(llama_shape(wide, 100_000)) == "float32"


@pytest.mark.parametrize(
    ("said", "expected"), [("", "bfloat16"), ('"auto"', "bfloat16"), ('"float32"', "float32")]
)
def test_a_recipe_overrules_the_size(tmp_path: Path, said: str, expected: str) -> None:
    start = RECIPE.index("model ")
    model = RECIPE[start : RECIPE.index("\n", start)]
    name = model.split()[1]
    text = RECIPE.replace(model, f"model {name} = {LARGE}")
    if said:
        text = text.replace("batch     = 4 sequences", f"batch     = 4 sequences\n    dtype = {said}")
    for stage in ("pretrain", "posttrain"):
        assert stage_of(tmp_path, text, stage).settings.dtype == expected
    assert stage_of(tmp_path, RECIPE, "pretrain").settings.dtype == "float32"
