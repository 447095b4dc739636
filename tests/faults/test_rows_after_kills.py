"""A study of real steps that is killed again and again: the rows of its index are those of a calm one."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb  # noqa: F401 - loaded once, not in every fork
import pytest

import specc_runtime.evaluate
import specc_runtime.init
import specc_runtime.prepare  # noqa: F401
import training  # noqa: F401 - loads what trains
from forked import FORKS, forked
from small_study import small_study
from specc.faults import Fault
from specc.results.index import Indexer
from specc.store import Store
from specc_runtime.run import run_step
from toy_run import rows, run_here

pytestmark = pytest.mark.skipif(not FORKS, reason="autograd can't be forked where there is a GPU")


@pytest.mark.conformance
def test_F01_F02_I2_I4_rows_of_a_study_killed_at_random_are_those_of_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    study = small_study(seeds=2, segments=2, length=4, checkpoint_seconds=0.0)
    calm, disturbed = tmp_path / "calm", tmp_path / "disturbed"
    whole = forked(lambda: run_here(study, calm, run_step))
    assert whole.error == ""
    draw = random.Random(0)
    kills = 0
    while True:
        fault = Fault(draw.choice(["kill", "torn"]), draw.randrange(1, 50))
        end = forked(lambda: run_here(study, disturbed, run_step), fault)
        if not end.killed:
            break
        kills += 1
        found = rows(disturbed)  # a reader comes by: what it indexes must not stay behind
        done = Store(disturbed).done()
        assert {row[2:66] for row in found["recorded.steps"]} == done
    assert (end.status, end.error) == (0, "")
    assert kills >= 5
    expected = rows(calm)
    assert len(expected["recorded.metrics"]) == 2 * 2 * 4
    assert len(expected["recorded.tokens"]) == 4
    assert rows(disturbed) == expected
    Indexer(disturbed).rebuild()
    assert rows(disturbed) == expected
