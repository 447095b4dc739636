"""The plain learner trains as the one over transformers does, and each goes on from the other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from specc.errors import SpeccError
from specc.steps import TrainExecution, TrainParams
from specc_runtime.checkpoint import restore_learner, write_state
from specc_runtime.learner import Learner
from specc_runtime.packing import IGNORED, Batch
from specc_runtime.train import open_learner
from workshop import TINY, Workshop, random_documents

CPU = torch.device("cpu")


def parameters(**changes: Any) -> TrainParams:
    plain: dict[str, Any] = {
        "steps": 5,
        "sequence": 16,
        "batch": 4,
        "sources": (),
        "phases": (),
        "optimizer": {"name": "adamw"},
        "seed": 3,
        "clip": 1.0,
    }
    return TrainParams(**plain | changes)


def opened(folder: Path, implementation: Any, micro_batch: int | None = None, **changes: Any) -> Learner:
    execution = TrainExecution(implementation=implementation, micro_batch=micro_batch)
    return open_learner(parameters(**changes), execution, folder, CPU)


def batches(count: int) -> list[Batch]:
    """Packed rows of four to sixteen tokens a document, some of them masked."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(count):
        tokens = torch.randint(1, 60, (4, 16), generator=generator).cumsum(-1) % 256
        begins = torch.rand((4, 16), generator=generator) < 0.2
        place = torch.arange(16).repeat(4, 1)
        place -= torch.where(begins, place, 0).cummax(-1).values
        target = (place > 0) & (torch.rand((4, 16), generator=generator) < 0.7)
        labels = torch.where(target, tokens, IGNORED)
        found.append(Batch(tokens.numpy(), place.numpy(), labels.numpy(), int(target.sum()), packed=True))
    return found


def train(
    learner: Learner, rows: list[Batch], first: int = 0, rate: float = 1e-2
) -> list[tuple[float, float]]:
    return [learner.update(batch, rate, first + number) for number, batch in enumerate(rows)]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initialised model."""
    from specc.store import Store, open_workspace

    place = tmp_path_factory.mktemp("plain")
    workshop = Workshop(Store(open_workspace(place / "workspace", create=True)))
    return workshop.store.path(workshop.init(TINY))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": {"name": "sgd", "args": {"momentum": 0.9}}},
        {"optimizer": {"name": "sam"}},
        {"dropout": 0.1},
    ],
    ids=["adamw", "sgd", "sam", "dropout"],
)
@pytest.mark.parametrize("first", ["plain", "transformers"])
def test_each_goes_on_from_what_the_other_left(
    start: Path, tmp_path: Path, first: str, changes: dict[str, Any]
) -> None:
    """Three updates by one and three by the other are six by transformers, in losses, norms and weights."""
    rows = batches(6)
    reference = opened(start, "transformers", **changes)
    expected = train(reference, rows)
    one = opened(start, first, **changes)
    found = train(one, rows[:3])
    write_state(tmp_path, one, start / "config.json")
    other = opened(start, {"plain": "transformers", "transformers": "plain"}[first], **changes)
    restore_learner(tmp_path, other)
    found += train(other, rows[3:], first=3)
    assert one.provenance()["implementation"] != other.provenance()["implementation"]
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), rtol=1e-4, atol=1e-6)
    for name, weight in reference.weights().items():
        torch.testing.assert_close(other.weights()[name], weight, rtol=0, atol=1e-4, msg=name)
    assert other.optimizer_state().keys() == reference.optimizer_state().keys()


def test_a_restored_state_is_the_saved_one_to_the_bit(start: Path, tmp_path: Path) -> None:
    rows = batches(6)
    straight, cut = opened(start, "plain"), opened(start, "plain")
    whole = train(straight, rows)
    parts = train(cut, rows[:3])
    write_state(tmp_path, cut, start / "config.json")
    again = opened(start, "plain")
    restore_learner(tmp_path, again)
    assert parts + train(again, rows[3:], first=3) == whole
    for name, value in straight.optimizer_state().items():
        assert torch.equal(again.optimizer_state()[name], value), name


def test_micro_batches_change_rounding_only(start: Path) -> None:
    rows = batches(5)
    whole, split = train(opened(start, "plain"), rows), train(opened(start, "plain", micro_batch=1), rows)
    torch.testing.assert_close(torch.tensor(split), torch.tensor(whole), rtol=1e-5, atol=1e-6)
    assert split != whole


def test_the_loss_curve_is_that_of_transformers(start: Path) -> None:
    rows = batches(100)
    losses = [
        [loss for loss, _ in train(opened(start, kind), rows, rate=3e-3)]
        for kind in ("plain", "transformers")
    ]
    torch.testing.assert_close(*(torch.tensor(curve) for curve in losses), rtol=1e-4, atol=0)
    assert losses[0] != losses[1]


def test_bfloat16_keeps_float32_weights_and_follows_float32(start: Path) -> None:
    rows = batches(40)
    exact = opened(start, "plain")
    halved = opened(start, "plain", dtype="bfloat16")
    curves = [torch.tensor(train(learner, rows))[:, 0] for learner in (exact, halved)]
    torch.testing.assert_close(curves[1], curves[0], rtol=1e-2, atol=0)
    assert not torch.equal(curves[0], curves[1])
    assert all(weight.dtype == torch.float32 for weight in halved.weights().values())
    assert any((weight != weight.bfloat16()).any() for weight in halved.weights().values())


def test_the_model_to_be_measured_follows_the_weights(start: Path) -> None:
    rows = batches(2)
    learner = opened(start, "plain")
    measured = learner.module()
    train(learner, rows)
    assert learner.module() is measured
    assert not measured.training
    for name, parameter in measured.named_parameters():
        assert torch.equal(parameter, learner.weights()[name])


def test_a_batch_that_is_not_finite_changes_no_weight(start: Path) -> None:
    learner = opened(start, "plain")
    weights = learner.weights()
    weights["model.norm.weight"][0] = torch.inf
    before = {name: value.clone() for name, value in weights.items()}
    loss, _ = train(learner, batches(1))[0]
    assert not torch.isfinite(torch.tensor(loss))
    assert all(torch.equal(value, before[name]) for name, value in learner.weights().items())


def test_state_of_another_model_is_refused(start: Path) -> None:
    learner = opened(start, "plain")
    with pytest.raises(ValueError, match="for an unknown parameter"):
        learner.restore(learner.weights(), {"exp_avg/model.extra": torch.zeros(2)}, start)
    with pytest.raises(ValueError, match="no `exp_avg` for"):
        learner.restore(learner.weights(), {"exp_avg/model.norm.weight": torch.zeros(16)}, start)


def test_what_it_does_not_cover_is_trained_by_transformers(start: Path, tmp_path: Path) -> None:
    config = json.loads((start / "config.json").read_text()) | {"attention_bias": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(SpeccError, match="does not know a model of type llama"):
        opened(tmp_path, "plain")
    assert opened(start, "auto").provenance()["implementation"] == "plain"


def test_a_step_records_which_implementation_trained_it(workshop: Workshop) -> None:
    parent, corpus = workshop.init(), workshop.corpus(random_documents(40, 1))
    found: dict[str, Any] = {}
    for name in ("plain", "transformers"):
        step = workshop.train(parent, [corpus], steps=3, seed=len(found), execution={"implementation": name})
        found[name] = workshop.do(step).provenance.computed["implementation"]
        stored = load_file(workshop.store.path(step.key) / "model.safetensors")
        assert set(stored) == set(load_file(workshop.store.path(parent) / "model.safetensors"))
    assert found == {"plain": "plain", "transformers": "transformers"}


def test_training_goes_on_without_a_compiler_that_fails(
    start: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The same bits as uncompiled, dropout included; the record says why."""

    def failing(*args: object) -> Tensor:
        torch.rand(7)  # what was drawn before it failed is drawn again
        raise RuntimeError("backend='inductor' raised:\nno such compiler\nmore about it")

    monkeypatch.setattr("specc_runtime.llama.learner.compiled_loss", lambda *args: failing)
    rows = batches(3)
    learner = open_learner(parameters(dropout=0.2), TrainExecution(compiled="on"), start, CPU)
    assert train(learner, rows) == train(opened(start, "plain", dropout=0.2), rows)
    assert learner.provenance() == {
        "implementation": "plain",
        "compiled": False,
        "compile_failure": "no such compiler",
    }
    assert "no such compiler" in caplog.text


@pytest.mark.conformance
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns of parts of torch
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_compiled_training_differs_by_rounding_and_not_from_itself(start: Path) -> None:
    """With dropout, which draws the same with a compiler as without."""
    rows = batches(20)
    curves = []
    for compiled in ("on", "on", "off"):
        execution = TrainExecution(compiled=compiled)
        learner = open_learner(parameters(dropout=0.2), execution, start, CPU)
        curves.append(train(learner, rows))
        assert learner.provenance()["compiled"] == (compiled == "on")
    assert curves[0] == curves[1]
    torch.testing.assert_close(torch.tensor(curves[0]), torch.tensor(curves[2]), rtol=1e-5, atol=0)
