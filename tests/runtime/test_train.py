"""The training loop, against its own definitions and against itself cut into pieces."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from specc.errors import DataError, DiskFull, Diverged, SpeccError
from specc.flops import training_flops_per_token
from specc.graph.environment import differences
from specc.mixture import counts
from specc.shapes import config_shape
from specc.steps import Component
from specc.store import Manifest
from specc.verify.again import hindrance
from specc_runtime import segment as segments
from specc_runtime.attempt import versions
from specc_runtime.device import use_device
from specc_runtime.run import Interrupted
from workshop import EOS, VOCAB, Workshop, random_documents


def metrics(workshop: Workshop, key: str) -> list[dict[str, Any]]:
    text = (workshop.store.path(key) / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def after(steps: int) -> Callable[[], bool]:
    """Asks to stop once it was asked itself this many times: once a training step."""
    asked = 0

    def stopping() -> bool:
        nonlocal asked
        asked += 1
        return asked >= steps

    return stopping


def chain_of_states(
    workshop: Workshop, parent: str, corpora: list[str], cuts: list[int], **changes: Any
) -> str:
    """Train the states of a stage after `cuts` steps, each from the one before; returns the last key."""
    resumed: dict[str, str] = {}
    for steps in cuts:
        step = workshop.train(parent, corpora, steps=steps, **changes)
        workshop.do(step.model_copy(update={"inputs": step.inputs | resumed}))
        resumed = {"resume": step.key}
    return step.key


@pytest.mark.parametrize(
    "changes", [{}, {"dropout": 0.2}, {"optimizer": {"name": "sgd", "args": {"momentum": 0.9}}}]
)
def test_a_stage_cut_into_states_is_the_uncut_stage_bit_for_bit(
    workshop: Workshop, changes: dict[str, Any]
) -> None:
    corpora = [workshop.corpus(random_documents(30, seed), name=str(seed)) for seed in (1, 2)]
    parent = workshop.init()
    whole = chain_of_states(workshop, parent, corpora, [20], **changes)
    names = ("model.safetensors", "optimizer.safetensors", "config.json")
    bits = [(workshop.store.path(whole) / name).read_bytes() for name in names]
    last = metrics(workshop, whole)[-1]["loss"]
    workshop.store.quarantine(whole)

    cut = chain_of_states(workshop, parent, corpora, [1, 8, 20], **changes)
    assert cut == whole
    assert [(workshop.store.path(cut) / name).read_bytes() for name in names] == bits
    assert metrics(workshop, cut)[-1]["loss"] == last
    assert workshop.store.manifest(cut).outputs["lineage_tokens"] == 20 * 64


@pytest.mark.parametrize("changes", [{}, {"dropout": 0.2}])
def test_a_state_that_goes_on_from_an_earlier_one_is_the_one_trained_whole(
    workshop: Workshop, changes: dict[str, Any]
) -> None:
    corpora = [workshop.corpus(random_documents(30, seed), name=str(seed)) for seed in (1, 2)]
    parent = workshop.init()
    whole = workshop.train(parent, corpora, **changes)
    expected, bits = workshop.do(whole), workshop.weights(whole.key)
    lines = metrics(workshop, whole.key)
    workshop.store.quarantine(whole.key)

    early = workshop.train(parent, corpora, steps=8, **changes)
    workshop.do(early)
    later = whole.model_copy(update={"inputs": whole.inputs | {"resume": early.key}})
    with pytest.raises(Interrupted):
        workshop.do(later, stopping=after(3))
    manifest = workshop.do(later)
    assert workshop.weights(whole.key) == bits
    for name in ("tokens", "targets", "loss", "steps", "lineage_steps", "lineage_tokens"):
        assert manifest.outputs[name] == expected.outputs[name]
    assert manifest.provenance.flops == expected.provenance.flops * 12 / 20
    assert [line | {"seconds": 0} for line in metrics(workshop, whole.key)] == [
        line | {"seconds": 0} for line in lines[8:]
    ]


def test_a_checkpoint_behind_the_state_to_go_on_from_is_passed_over(workshop: Workshop) -> None:
    corpus, parent = workshop.corpus(random_documents(30, 1)), workshop.init()
    whole = workshop.train(parent, [corpus])
    with pytest.raises(Interrupted):
        workshop.do(whole, stopping=after(3))
    early = workshop.train(parent, [corpus], steps=8)
    workshop.do(early)
    manifest = workshop.do(whole.model_copy(update={"inputs": whole.inputs | {"resume": early.key}}))
    assert manifest.provenance.resumed == 0
    assert [line["step"] for line in metrics(workshop, whole.key)] == list(range(9, 21))
    bits = workshop.weights(whole.key)
    workshop.store.quarantine(whole.key)
    workshop.do(whole)
    assert workshop.weights(whole.key) == bits


@pytest.mark.parametrize("stops", [[1], [7], [19], [3, 5, 4]])
def test_an_interrupted_segment_ends_as_an_undisturbed_one(workshop: Workshop, stops: list[int]) -> None:
    corpora = [workshop.corpus(random_documents(30, seed), name=str(seed)) for seed in (1, 2)]
    shares = [{"corpus": f"corpus{number}", "share": Fraction(1 + 2 * number, 4)} for number in (0, 1)]
    step = workshop.train(workshop.init(), corpora, dropout=0.1, sources=shares)
    workshop.do(step)
    expected, lines = workshop.weights(step.key), metrics(workshop, step.key)
    undisturbed = workshop.store.manifest(step.key)
    workshop.store.quarantine(step.key)

    for count in stops:
        with pytest.raises(Interrupted):
            workshop.do(step, stopping=after(count))
    assert not workshop.store.has(step.key)
    manifest = workshop.do(step)
    assert workshop.weights(step.key) == expected
    assert manifest.provenance.resumed == len(stops)
    for name in ("tokens", "targets", "loss", "lineage_steps", "lineage_tokens"):
        assert manifest.outputs[name] == undisturbed.outputs[name]
    assert [line | {"seconds": 0} for line in metrics(workshop, step.key)] == [
        line | {"seconds": 0} for line in lines
    ]


def test_a_segment_that_could_not_be_published_goes_on_from_its_checkpoint(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = workshop.train(
        workshop.init(), [workshop.corpus(random_documents(30, 1))], execution={"checkpoint_seconds": 0.0}
    )
    workshop.do(step)
    expected, lines = workshop.weights(step.key), metrics(workshop, step.key)
    workshop.store.quarantine(step.key)

    def full(*given: object) -> Manifest:
        raise DiskFull("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(workshop.store, "publish", full)
        with pytest.raises(DiskFull):
            workshop.do(step)
    assert workshop.do(step).provenance.resumed == 1
    assert workshop.weights(step.key) == expected
    assert [line | {"seconds": 0} for line in metrics(workshop, step.key)] == [
        line | {"seconds": 0} for line in lines
    ]


def test_a_damaged_checkpoint_is_passed_over(workshop: Workshop) -> None:
    step = workshop.train(workshop.init(), [workshop.corpus(random_documents(30, 1))])
    workshop.do(step)
    expected = workshop.weights(step.key)
    workshop.store.quarantine(step.key)
    for count in (5, 5):
        with pytest.raises(Interrupted):
            workshop.do(step, stopping=after(count))
    folders = sorted((workshop.store.work(step.key) / "checkpoints").iterdir())
    assert [folder.name for folder in folders] == ["000000005", "000000010"]
    weights = bytearray((folders[1] / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folders[1] / "model.safetensors").write_bytes(weights)
    with pytest.raises(Interrupted):
        workshop.do(step, stopping=after(1))
    names = sorted(folder.name for folder in (workshop.store.work(step.key) / "checkpoints").iterdir())
    assert names == ["000000006", "000000010"]
    for folder in (workshop.store.work(step.key) / "checkpoints").iterdir():
        (folder / "position.json").write_text("{")
    assert workshop.do(step).provenance.resumed == 0
    assert workshop.weights(step.key) == expected


def test_checkpoints_are_written_as_time_passes_and_two_are_kept(workshop: Workshop) -> None:
    step = workshop.train(
        workshop.init(), [workshop.corpus(random_documents(30, 1))], execution={"checkpoint_seconds": 0.0}
    )
    seen: list[list[str]] = []

    def stopping() -> bool:
        seen.append(sorted(entry.name for entry in (workshop.store.work(step.key) / "checkpoints").iterdir()))
        return False

    workshop.do(step, stopping)
    assert seen[0] == []
    assert seen[-1] == ["000000017", "000000018"]
    assert not workshop.store.work(step.key).exists()


def test_tokens_are_counted_as_planned(workshop: Workshop) -> None:
    shares = [Fraction(3, 7), Fraction(1, 7), Fraction(3, 7)]
    corpora = [workshop.corpus(random_documents(10, seed), name=str(seed)) for seed in range(3)]
    sources = [{"corpus": f"corpus{number}", "share": share} for number, share in enumerate(shares)]
    step = workshop.train(workshop.init(), corpora, sources=sources)
    manifest = workshop.do(step)
    planned = [16 * count for count in counts(shares, 20 * 4)]
    assert manifest.outputs["tokens"] == {f"corpus{number}": count for number, count in enumerate(planned)}
    assert sum(planned) == 20 * 4 * 16
    lines = metrics(workshop, step.key)
    assert [line["tokens"] for line in lines] == [64 * n for n in range(1, 21)]
    shape = config_shape(json.loads((workshop.store.path(step.key) / "config.json").read_text()))
    assert manifest.provenance.flops == 20 * 64 * training_flops_per_token(shape, 16)


def test_micro_batches_change_nothing_but_rounding(workshop: Workshop) -> None:
    """Rows have very different numbers of targets, so a mean of means would differ."""
    documents = [list(range(97, 97 + length)) for length in (1, 1, 2, 40, 1, 3, 30)]
    corpus, parent = workshop.corpus(documents), workshop.init()
    whole = workshop.do(workshop.train(parent, [corpus]))
    losses = [line["loss"] for line in metrics(workshop, whole.key)]
    workshop.store.quarantine(whole.key)
    again = workshop.do(workshop.train(parent, [corpus], execution={"micro_batch": 1}))
    assert again.key == whole.key
    assert [line["loss"] for line in metrics(workshop, again.key)] == pytest.approx(losses, rel=1e-5)


def test_the_name_and_the_place_of_a_corpus_change_nothing(workshop: Workshop) -> None:
    first, second = (workshop.corpus(random_documents(20, seed), name=str(seed)) for seed in (1, 2))
    parent = workshop.init()
    half = Fraction(1, 2)
    one = workshop.train(parent, [first, second])
    renamed = one.model_copy(
        update={
            "key": "0" * 64,
            "inputs": {"parent": parent, "x": first, "y": second},
            "params": one.params
            | {"sources": [{"corpus": "x", "share": str(half)}, {"corpus": "y", "share": str(half)}]},
        }
    )
    workshop.do(one)
    manifest = workshop.do(renamed)
    assert workshop.weights(one.key) == workshop.weights(renamed.key)
    assert manifest.outputs["tokens"] == {"x": 640, "y": 640}


def test_a_batch_without_targets_is_counted_and_changes_nothing(workshop: Workshop) -> None:
    parent = workshop.init()
    corpus = workshop.corpus([[1, 2, 3]] * 10, prompt=4)
    manifest = workshop.do(workshop.train(parent, [corpus]))
    assert manifest.outputs["tokens"] == {"corpus0": 1280}
    assert manifest.outputs["targets"] == 0
    assert manifest.outputs["loss"] is None
    assert workshop.weights(manifest.key) == workshop.weights(parent)


@pytest.mark.parametrize("rate", [1e30, 1e9])
def test_divergence_stops_the_step_and_says_where(workshop: Workshop, rate: float) -> None:
    corpus = workshop.corpus(random_documents(30, 1))
    phases = [{"shape": "constant", "start": 0, "stop": 20, "first": rate, "last": rate}]
    step = workshop.train(workshop.init(), [corpus], phases=phases, clip=None, optimizer={"name": "sgd"})
    with pytest.raises(Diverged, match=r"test/train diverged at step [0-9]+: the (loss|gradient)") as error:
        workshop.do(step)
    assert error.value.help is not None
    assert Path(error.value.help.split(" is ")[-1]).is_dir()
    assert not workshop.store.has(step.key)


def test_a_stage_begins_where_its_source_says(workshop: Workshop) -> None:
    """Two steps of one corpus from the start are one step, and one from the cursor it leaves."""
    corpus, parent = workshop.corpus(random_documents(30, 1)), workshop.init()
    both = workshop.do(workshop.train(parent, [corpus], steps=2))
    source = {"corpus": "corpus0", "share": "1/1", "start": 64}
    second = workshop.train(parent, [corpus], steps=1, sources=[source])
    workshop.do(second)
    targets = workshop.do(workshop.train(parent, [corpus], steps=1)).outputs["targets"]
    assert both.outputs["targets"] == targets + workshop.store.manifest(second.key).outputs["targets"]


def test_progress_is_reported(workshop: Workshop) -> None:
    workshop.do(workshop.train(workshop.init(), [workshop.corpus(random_documents(30, 1))]))
    last = workshop.reports[-1]
    assert (last["kind"], last["step"], last["of"], last["tokens"]) == ("progress", 20, 20, 1280)
    assert last["loss"] > 0
    assert last["tokens_per_second"] > 0
    assert len(workshop.reports) < 20


def test_bfloat16_keeps_float32_weights_and_learns(workshop: Workshop) -> None:
    corpus, parent = workshop.corpus(random_documents(30, 1)), workshop.init()
    losses = {}
    for dtype in ("float32", "bfloat16"):
        manifest = workshop.do(workshop.train(parent, [corpus], dtype=dtype))
        losses[dtype] = [line["loss"] for line in metrics(workshop, manifest.key)]
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)
    header = workshop.weights(manifest.key)[8:2000]
    assert b"F32" in header
    assert b"BF16" not in header


def test_a_corpus_of_more_tokens_than_the_model_knows_is_refused(workshop: Workshop) -> None:
    corpus = workshop.corpus(random_documents(30, 1))
    with pytest.raises(SpeccError, match="257 tokens in its vocabulary, the model knows 100"):
        workshop.do(workshop.train(workshop.init(vocab=100), [corpus]))


def test_a_corpus_without_training_documents_is_told(workshop: Workshop) -> None:
    corpus = workshop.corpus([], random_documents(3, 1))
    with pytest.raises(DataError, match="no documents to train on"):
        workshop.do(workshop.train(workshop.init(), [corpus]))


def test_every_declared_optimizer_is_there() -> None:
    from specc.components import COMPONENTS, Kind
    from specc_runtime.optimizer import OPTIMIZERS

    assert set(OPTIMIZERS) == {name for name, found in COMPONENTS.items() if found.kind is Kind.OPTIMIZER}


def test_sgd_is_the_textbook_update(workshop: Workshop) -> None:
    """w - r (g + d w), from one step's gradient by autograd on the same rows."""
    corpus, parent = workshop.corpus([list(range(97, 112))]), workshop.init()
    optimizer = Component(name="sgd", args={"weight_decay": 0.5})
    phases = [{"shape": "constant", "start": 0, "stop": 1, "first": 0.1, "last": 0.1}]
    step = workshop.train(parent, [corpus], steps=1, optimizer=optimizer, phases=phases, clip=None)
    workshop.do(step)
    model = AutoModelForCausalLM.from_pretrained(workshop.store.path(parent))
    rows = torch.tensor([[*range(97, 112), EOS]] * 4)
    logits = model(rows).logits[:, :-1].reshape(-1, VOCAB)
    torch.autograd.backward(torch.nn.functional.cross_entropy(logits, rows[:, 1:].reshape(-1)))
    trained = AutoModelForCausalLM.from_pretrained(workshop.store.path(step.key))
    for old, new in zip(model.parameters(), trained.parameters(), strict=True):
        assert old.grad is not None
        expected = old - 0.1 * (old.grad + 0.5 * old)
        np.testing.assert_allclose(new.detach().numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["nonsense", "meta"])
def test_a_device_that_can_not_compute_is_refused_in_words(name: str) -> None:
    with pytest.raises(SpeccError, match=f"there is no device `{name}` here"):
        use_device(name, 1)


def test_a_step_that_goes_on_with_another_version_of_torch_says_so(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = workshop.train(workshop.init(), [workshop.corpus(random_documents(30, 1))])
    here = versions()
    with monkeypatch.context() as patch:
        patch.setattr(segments, "versions", lambda: here | {"torch": "1.0"})
        for _ in range(2):
            with pytest.raises(Interrupted):
                workshop.do(step, stopping=after(3))
    with pytest.raises(Interrupted):
        workshop.do(step, stopping=after(3))
    provenance = workshop.do(step).provenance
    assert [way["versions"]["torch"] for way in provenance.computed["earlier"]] == ["1.0"]
    assert provenance.versions == here
    manifest = workshop.store.manifest(step.key)
    assert "first torch 1.0" in hindrance(workshop.store, manifest, None)
    (told,) = differences(workshop.store, [step.key])
    assert told.startswith("1 of 1 finished steps looked at were made with torch 1.0")
