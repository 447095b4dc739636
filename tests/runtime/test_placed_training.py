"""Training on a mixture with places: the tokens of each source, and the same bits however it is cut."""

from __future__ import annotations

from typing import Any

import pytest

from specc.steps import Step
from specc_runtime.run import Interrupted
from workshop import Workshop, random_documents

STEPS, BATCH, SEQUENCE = 20, 4, 16
# Half of the sequences from 40 on, and a ramp from nothing to half over the whole stage.
LATE = {"start": 40, "stop": 80, "placed": [{"source": 1, "first": "1/2"}]}
RAMP = {"start": 0, "stop": 80, "placed": [{"source": 1, "first": "0/1", "last": "1/2"}]}
SOURCES = [{"corpus": "corpus0", "share": "1/1"}, {"corpus": "corpus1", "share": "0/1"}]


def corpora(workshop: Workshop) -> list[str]:
    return [
        workshop.corpus(random_documents(60, seed), name=name) for seed, name in ((1, "base"), (2, "placed"))
    ]


def placed(workshop: Workshop, interval: dict[str, Any], **changes: Any) -> Step:
    return workshop.train(
        workshop.init(), corpora(workshop), sources=SOURCES, intervals=[interval], **changes
    )


@pytest.mark.parametrize(("interval", "expected"), [(LATE, 20), (RAMP, 20)])
def test_each_source_gives_what_its_place_says(
    workshop: Workshop, interval: dict[str, Any], expected: int
) -> None:
    found = workshop.do(placed(workshop, interval)).outputs["tokens"]
    whole = STEPS * BATCH
    assert found == {"corpus0": (whole - expected) * SEQUENCE, "corpus1": expected * SEQUENCE}


def test_a_stage_goes_on_from_a_state_that_knows_nothing_of_the_place(workshop: Workshop) -> None:
    straight = placed(workshop, LATE)
    workshop.do(straight)
    parent, keys = workshop.init(), corpora(workshop)
    before = workshop.train(parent, keys[:1], steps=10, sources=SOURCES[:1])
    workshop.do(before)
    whole = (workshop.weights(straight.key), workshop.store.manifest(straight.key).outputs["tokens"])
    again = Workshop(workshop.store)
    step = straight.model_copy(update={"inputs": straight.inputs | {"resume": before.key}, "key": "e" * 64})
    found = again.do(step)
    assert (again.weights(step.key), found.outputs["tokens"]) == whole


@pytest.mark.parametrize("interval", [LATE, RAMP])
def test_stopping_and_going_on_changes_no_bit(workshop: Workshop, interval: dict[str, Any]) -> None:
    step = placed(workshop, interval)
    workshop.do(step)
    other = step.model_copy(update={"key": "f" * 64})
    asked = 0

    def stopping() -> bool:
        nonlocal asked
        asked += 1
        return asked % 7 == 0

    for _ in range(10):
        try:
            found = workshop.do(other, stopping)
            break
        except Interrupted:
            continue
    assert workshop.weights(other.key) == workshop.weights(step.key)
    assert found.outputs["tokens"] == workshop.store.manifest(step.key).outputs["tokens"]
    assert found.provenance.resumed > 0
