"""A stage with an early stop that is killed again and again ends where, and with what, a calm one does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import specc_runtime.evaluate  # noqa: F401 - loaded once, not in every fork
from forked import FORKS, forked
from specc.faults import Fault, FaultKind
from training import Bench, do_all, left_over, outcome
from workshop import random_documents

pytestmark = pytest.mark.skipif(not FORKS, reason="autograd can't be forked where there is a GPU")

STEPS = 12


@pytest.mark.conformance
@pytest.mark.parametrize("seed", range(3))
def test_F02_F03_an_early_stop_killed_at_random_keeps_its_best(tmp_path: Path, seed: int) -> None:
    bench = Bench(tmp_path)
    corpus = bench.template.corpus(random_documents(6, 1), random_documents(6, 2))
    rate = 0.1 if seed else 3e-2  # of which the last result is the best, and is not
    training = bench.template.train(
        bench.model,
        [corpus],
        steps=STEPS,
        phases=[{"shape": "constant", "start": 0, "stop": STEPS, "first": rate, "last": rate}],
        until={
            "evaluator": {"name": "loss"},
            "data": {"corpus": "until", "split": "held_out"},
            "better": "lower",
            "every": 2,
            "patience": 2,
        },
        execution={"checkpoint_seconds": 0.0},
    )
    inputs = training.inputs | {"until": corpus}
    step = bench.template.step("train", training.params, inputs, training.execution, "until")
    calm = bench.workspace()
    assert forked(lambda: do_all(calm, [step])).error == ""
    expected = outcome(calm, [step])

    store = bench.workspace()
    draw = random.Random(seed)
    kinds: list[FaultKind] = ["kill", "torn"]
    kills = 0
    while (
        end := forked(lambda: do_all(store, [step]), Fault(draw.choice(kinds), draw.randrange(8, 45)))
    ).killed:
        kills += 1
    assert (end.status, end.error) == (0, "")
    assert kills >= 3
    assert outcome(store, [step]) == expected
    assert left_over(store) == []
