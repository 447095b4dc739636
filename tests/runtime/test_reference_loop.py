"""A stage from recipe to logged losses, against a loop that shares no code with specc."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import reference_loop
from compiled_study import do_all
from small_recipes import study_of
from specc.store import Store, open_workspace
from specc_runtime.order import Stream
from specc_runtime.prepared import open_split

BATCH, LENGTH, STEPS = 4, 32, 50
RECIPE = """
experiment e {{
  model tiny = llama(layers = 2, width = 16, heads = 2, kv_heads = 1, context = 32 tokens, mlp = 24)
  corpus text = text("*.txt", held_out = 10%)
  allocate {{ text {{ first: fill }} }}
  stage first from tiny {{
    budget = {tokens} tokens
    optimizer = adamw()
    schedule = {schedule}
    batch = {batch} sequences
  }}
}}
"""
SCHEDULES = {
    "cosine": (
        "cosine(peak = 1e-2, warmup = 10 steps, floor = 10%)",
        reference_loop.cosine(1e-2, 1e-3, 10, STEPS),
    ),
    "wsd": ("wsd(peak = 1e-2, warmup = 5 steps, decay = 20%)", reference_loop.wsd(1e-2, 0.0, 5, 10, STEPS)),
}


def write_documents(folder: Path) -> None:
    """Texts of 1 to 90 bytes with structure that can be learned; an epoch is shorter than the stage."""
    generator = np.random.default_rng(7)
    for number in range(90):
        start, stride = generator.integers(0, 26), generator.integers(1, 4)
        letters = (start + np.arange(generator.integers(1, 90)) * stride) % 26
        (folder / f"{number:03d}.txt").write_bytes((97 + letters).astype(np.uint8).tobytes())


@pytest.mark.parametrize(
    ("schedule", "micro_batch", "implementation"),
    [
        ("cosine", 3, "auto"),
        pytest.param("cosine", None, "transformers", marks=pytest.mark.conformance),
        pytest.param("wsd", 1, "transformers", marks=pytest.mark.conformance),
        pytest.param("wsd", None, "plain", marks=pytest.mark.conformance),
        pytest.param("wsd", None, "stacked", marks=pytest.mark.conformance),
    ],
)
def test_losses_of_a_stage_are_those_of_an_independent_loop(
    tmp_path: Path, schedule: str, micro_batch: int | None, implementation: str
) -> None:
    write_documents(tmp_path)
    written, rate = SCHEDULES[schedule]
    text = RECIPE.format(tokens=STEPS * BATCH * LENGTH, schedule=written, batch=BATCH)
    study = study_of(tmp_path, text)
    store = Store(open_workspace(tmp_path / "workspace", create=True))
    do_all(study, store, micro_batch=micro_batch, implementation=implementation)
    trained = [step for step in study.steps if step.op == "train"]
    logged = {}
    for step in trained:
        for line in (store.path(step.key) / "metrics.jsonl").read_text().splitlines():
            logged[json.loads(line)["step"]] = json.loads(line)["loss"]

    corpus = store.path(trained[0].inputs["corpus0"])
    stream = Stream(open_split(corpus, "train"), 0, trained[0].inputs["corpus0"])
    order = np.concatenate([stream.documents(epoch, 0, stream.split.documents) for epoch in range(4)])
    rows = reference_loop.read_rows(corpus, order.tolist(), STEPS * BATCH, LENGTH)
    assert int(rows[1].max()) > stream.split.documents
    expected = reference_loop.losses(
        store.path(trained[0].inputs["parent"]), rows, rate, BATCH, micro_batch or BATCH, 1.0
    )
    assert [logged[step + 1] for step in range(STEPS)] == pytest.approx(expected, rel=1e-6)
    assert expected[-1] < expected[0] - 1
