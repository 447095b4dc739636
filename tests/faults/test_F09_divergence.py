"""Training that diverges says where, on which batch, and publishes nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from specc.errors import Diverged
from specc.store import Store, open_workspace
from workshop import EOS, Workshop


def test_F09_divergence_is_recorded_with_its_place_and_its_batch(tmp_path: Path) -> None:
    workshop = Workshop(Store(open_workspace(tmp_path, create=True)))
    document = list(range(97, 112))
    huge = [{"shape": "constant", "start": 0, "stop": 20, "first": 1e30, "last": 1e30}]
    step = workshop.train(
        workshop.init(), [workshop.corpus([document])], phases=huge, clip=None, execution={"log_every": 1}
    )
    with pytest.raises(Diverged) as met:
        workshop.do(step)
    path = workshop.store.work(step.key) / "diverged.json"
    record = json.loads(path.read_text())
    assert str(path) in met.value.message
    assert record["step"] == record["lineage_step"] > 1
    assert record["tokens"] == record["step"] * 4 * 16
    assert record["counted"] == {"corpus0": 64}
    assert not np.isfinite(float(record["loss"])) or not np.isfinite(float(record["grad_norm"]))

    # Each row of the only batch there is holds the document: position 0 is no target.
    tokens = np.array([[*document, EOS]] * 4, dtype="<i8")
    positions = np.tile(np.arange(16, dtype="<i8"), (4, 1))
    labels = np.where(positions > 0, tokens, -100)
    expected = hashlib.sha256(tokens.tobytes() + positions.tobytes() + labels.tobytes()).hexdigest()
    assert record["batch_sha256"] == expected
    assert not workshop.store.has(step.key)
    logged = (workshop.store.work(step.key) / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in logged] == list(range(1, record["step"]))
