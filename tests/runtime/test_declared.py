"""A corpus that is only declared stops a run at once, and says what to write."""

from __future__ import annotations

import pytest

from specc.errors import DataError
from specc.steps import Component
from workshop import Workshop


def test_a_declared_corpus_cannot_be_prepared(workshop: Workshop) -> None:
    reader = Component(name="declared", args={"tokens": 20_000, "vocab": 257})
    step = workshop.step("prepare", {"reader": reader, "tokenizer": "declared:257"})
    with pytest.raises(DataError, match="only declared, with 20,000 tokens") as error:
        workshop.do(step)
    assert "override corpus" in str(error.value.help)
