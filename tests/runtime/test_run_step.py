"""What every step has in common: verified inputs, provenance, memory, published once."""

from __future__ import annotations

import pytest

from specc.errors import CorruptArtifact
from specc.store import Manifest, Store
from specc_runtime import attempt
from specc_runtime.run import run_step
from workshop import Workshop, never, random_documents


def test_a_damaged_input_is_found_before_it_is_used(workshop: Workshop) -> None:
    parent, corpus = workshop.init(), workshop.corpus(random_documents(30, 1))
    path = workshop.store.path(corpus) / "train.tokens.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptArtifact, match=r"train\.tokens\.npy") as error:
        workshop.do(workshop.train(parent, [corpus]))
    assert error.value.key == corpus


def test_an_input_is_verified_once_in_a_process(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    parent, corpus = workshop.init(), workshop.corpus(random_documents(30, 1))
    verified: list[str] = []
    verify = Store.verify

    def noted(store: Store, key: str) -> Manifest:
        verified.append(key)
        return verify(store, key)

    monkeypatch.setattr(Store, "verify", noted)
    for seed in range(3):
        workshop.do(workshop.train(parent, [corpus], seed=seed, steps=1))
    # The checkpoint was made by this very process.
    assert verified == [corpus]


def test_the_record_says_how_it_came_about(workshop: Workshop) -> None:
    key = workshop.init()
    record = workshop.store.manifest(key).provenance
    assert set(record.versions) == {"specc", "python", "numpy", "torch", "transformers"}
    assert record.wall_seconds > 0
    assert record.cpu_seconds > 0
    assert record.started.endswith("+00:00")


def test_a_finished_step_leaves_no_scratch_and_what_a_killed_one_left_is_in_no_way(
    workshop: Workshop,
) -> None:
    step = workshop.step("init", {"architecture": {"name": "llama", "args": SIZES}, "vocab": 20, "seed": 0})
    left = workshop.store.work(step.key) / "artifact" / "half.safetensors"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    manifest = run_step(step, workshop.store, workshop.reports.append, never)
    assert set(manifest.files) == {"model.safetensors", "config.json"}
    assert not workshop.store.work(step.key).exists()


SIZES = {"layers": 1, "width": 8, "heads": 1, "context": 8}


def test_a_step_that_another_did_first_is_taken_from_it(workshop: Workshop) -> None:
    key = workshop.init()
    first = workshop.store.manifest(key)
    step = workshop.step(
        "init", {"architecture": first.params["architecture"], "vocab": first.params["vocab"], "seed": 0}
    )
    assert step.key == key
    assert workshop.do(step) == first


@pytest.mark.parametrize("text", ["DefaultCPUAllocator: can't allocate memory: you tried to allocate"])
def test_full_memory_is_told_apart_from_a_bug(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    def full(self: attempt.Attempt, role: str) -> None:
        raise RuntimeError(text)

    step = workshop.train(workshop.init(), [workshop.corpus(random_documents(3, 1))])
    monkeypatch.setattr(attempt.Attempt, "input", full)
    with pytest.raises(MemoryError):
        workshop.do(step)
