"""Lanes: stacked models train as each would by itself, and stay steps of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from specc.errors import Diverged, SpeccError
from specc.steps import Component, Phase, Step, TrainExecution, TrainParams
from specc.store import Manifest, Store, open_workspace
from specc_runtime.attempt import Interrupted
from specc_runtime.lanes.choice import stackable
from specc_runtime.lanes.dropping import draw
from specc_runtime.lanes.group import train_together
from specc_runtime.lanes.lane import Lane, open_lane, stacked
from specc_runtime.learner import TransformersLearner
from specc_runtime.model import load
from specc_runtime.optimizer import build_optimizer
from specc_runtime.packing import IGNORED, Batch
from specc_runtime.train import open_learner
from specc_runtime.update import Updater
from workshop import TINY, VOCAB, Workshop, random_documents

ROWS, LENGTH = 4, 16
RATES = (1e-3, 3e-3, 5e-4, 2e-3)
SHAPES: dict[str, dict[str, Any]] = {
    "tied": {},
    "untied": {"tied": False},
    "shared keys": {"heads": 4, "kv_heads": 2},
}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(Store(open_workspace(tmp_path_factory.mktemp("lanes") / "w", create=True)))


def settings(number: int, **changes: Any) -> TrainParams:
    """Lane `number`: lanes differ in seed, clipping and weight decay."""
    content = {
        "steps": 100,
        "sequence": LENGTH,
        "batch": ROWS,
        "sources": (),
        "phases": (),
        "optimizer": {"name": "adamw", "args": {"weight_decay": 0.1 * number}},
        "clip": (1.0, None, 0.5, 1.0)[number],
        "seed": number,
    }
    return TrainParams.model_validate(content | changes)


def packed_batch(generator: np.random.Generator) -> Batch:
    """Rows that count up, cut into two documents at a place of their own."""
    tokens = (generator.integers(0, 200, (ROWS, 1)) + np.arange(LENGTH) * generator.integers(1, 3)) % VOCAB
    positions = np.tile(np.arange(LENGTH), (ROWS, 1))
    for row, cut in enumerate(generator.integers(2, LENGTH - 1, ROWS)):
        positions[row, cut:] = np.arange(LENGTH - cut)
    labels = np.where(positions > 0, tokens, IGNORED)
    return Batch(tokens, positions, labels, int(np.count_nonzero(positions)), packed=True)


def folder(models: Workshop, seed: int, shape: dict[str, Any]) -> Path:
    return models.store.path(models.init(Component(name="llama", args=TINY.args | shape), seed=seed))


def lane(models: Workshop, number: int, shape: dict[str, Any] | None = None, **changes: Any) -> Lane:
    made = open_lane(settings(number, **changes), folder(models, number, shape or {}), CPU)
    assert made is not None
    return made


def transformers_learner(
    models: Workshop, number: int, shape: dict[str, Any] | None = None
) -> TransformersLearner:
    params = settings(number)
    model = load(folder(models, number, shape or {}), CPU)
    optimizer = build_optimizer(model, params.optimizer)
    return TransformersLearner(model, optimizer, Updater(model, optimizer, params, None))


def distance(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> float:
    """Norm of the difference over the norm."""
    assert found.keys() == wanted.keys()
    apart = sum(float((found[name] - wanted[name]).double().square().sum()) for name in wanted)
    return float((apart / sum(float(value.double().square().sum()) for value in wanted.values())) ** 0.5)


@pytest.mark.parametrize("name", SHAPES)
def test_lanes_agree_with_separate_training_by_transformers(models: Workshop, name: str) -> None:
    steps = 100 if name == "tied" else 5
    lanes = [lane(models, number, SHAPES[name]) for number in range(4)]
    alone = [transformers_learner(models, number, SHAPES[name]) for number in range(4)]
    stack = stacked(lanes)
    generators = [np.random.default_rng(number) for number in range(4)]
    for step in range(steps):
        batches = [packed_batch(generator) for generator in generators]
        asked = [one.asked(batch, rate, step) for one, batch, rate in zip(lanes, batches, RATES, strict=True)]
        together = stack.update(asked)
        for learner, batch, rate, (loss, norm) in zip(alone, batches, RATES, together, strict=True):
            wanted_loss, wanted_norm = learner.update(batch, rate, step)
            assert loss == pytest.approx(wanted_loss, rel=1e-5)
            assert norm == pytest.approx(wanted_norm, rel=1e-4)
    assert loss < 5.0 or steps < 100, "it has learned something, so there was something to agree on"
    for one, learner in zip(lanes, alone, strict=True):
        assert distance(one.weights(), learner.weights()) < 1e-5
        state, wanted = one.optimizer_state(), learner.optimizer_state()
        for what in ("exp_avg/", "exp_avg_sq/", "step/"):
            assert distance(of(state, what), of(wanted, what)) < 1e-4


def test_lanes_in_bfloat16_agree_with_the_plain_implementation(models: Workshop) -> None:
    """Both round the same tensors, but add up in another order.

    The tolerance is the error that rounding makes anyway: the distance of the plain implementation in
    bfloat16 from itself in float32. Two computations that round independently are sqrt(2) of it apart, and
    these share most of their roundings. An operand that one of them rounds and the other does not, or a sum
    in bfloat16, is as large. Losses are compared over 30 updates, as root mean squares.
    """
    halved = [lane(models, number, dtype="bfloat16") for number in range(4)]
    stack = stacked(halved)
    execution = TrainExecution(implementation="plain")
    plain = {
        dtype: [
            open_learner(settings(number, dtype=dtype), execution, folder(models, number, {}), CPU)
            for number in range(4)
        ]
        for dtype in ("float32", "bfloat16")
    }
    generators = [np.random.default_rng(number) for number in range(4)]
    curves: dict[str, list[list[float]]] = {"lanes": [], "float32": [], "bfloat16": []}
    for step in range(30):
        batches = [packed_batch(generator) for generator in generators]
        asked = [one.asked(batch, 3e-3, step) for one, batch in zip(halved, batches, strict=True)]
        curves["lanes"].append([loss for loss, _ in stack.update(asked)])
        for dtype, learners in plain.items():
            each = zip(learners, batches, strict=True)
            curves[dtype].append([learner.update(batch, 3e-3, step)[0] for learner, batch in each])
        if step == 0:
            for number in range(4):
                mine, theirs, exact = (
                    of(learner.optimizer_state(), "exp_avg/")
                    for learner in (halved[number], plain["bfloat16"][number], plain["float32"][number])
                )
                assert 0 < distance(mine, theirs) < distance(theirs, exact) < 0.01
    lanes, half, full = (np.array(curves[name]) for name in ("lanes", "bfloat16", "float32"))
    assert np.sqrt(((lanes - half) ** 2).mean()) < 1.5 * np.sqrt(((half - full) ** 2).mean())
    assert full[-1].max() < full[0].min()


def of(state: dict[str, torch.Tensor], what: str) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if name.startswith(what)}


@pytest.mark.parametrize("changes", [{}, {"dropout": 0.1}, {"dtype": "bfloat16"}], ids=str)
def test_a_lane_has_the_same_bits_whoever_it_is_stacked_with(
    models: Workshop, changes: dict[str, Any]
) -> None:
    def bits(members: tuple[int, ...]) -> list[torch.Tensor]:
        """Lane 0 after three steps with these, and three without the last of them."""
        lanes = [lane(models, number, **changes) for number in members]
        generators = [np.random.default_rng(number) for number in members]
        for step in range(6):
            if step == 3 and len(lanes) > 1:
                lanes = lanes[:-1]
            if step in (0, 3):
                stack = stacked(lanes)
            stack.update(
                [
                    one.asked(packed_batch(generator), 1e-2, step)
                    for one, generator in zip(lanes, generators, strict=False)
                ]
            )
        return [lanes[0].state.values, lanes[0].state.first, lanes[0].state.second]

    alone = bits((0,))
    for members in ((0, 1), (0, 1, 2, 3)):
        for found, wanted in zip(bits(members), alone, strict=True):
            assert torch.equal(found, wanted)


def test_the_gradient_is_the_slope_of_the_loss_with_dropout_too(models: Workshop) -> None:
    one = lane(models, 0, {"heads": 4, "kv_heads": 2}, dropout=0.2)
    asked = [one.asked(packed_batch(np.random.default_rng(0)), 0.0, 7)]
    stack = stacked([one])
    stack.differentiate(asked)
    gradient, start = stack.gradients_KP.clone(), stack.values_KP.clone()

    def loss_at(values: torch.Tensor) -> float:
        stack.values_KP.copy_(values)
        return float(stack.differentiate(asked))

    torch.manual_seed(0)
    random_ways = [torch.randn_like(gradient) * (start != 0) for _ in range(3)]
    for way in (gradient, *random_ways):
        step = 2e-2 * way / way.norm()
        slope = float((gradient * step).sum())
        assert loss_at(start + step) - loss_at(start - step) == pytest.approx(2 * slope, rel=0.02, abs=2e-5)


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    architecture = stackable(TINY_CONFIG)
    assert architecture is not None
    kept = draw(architecture, 64, 32, [1, 2], [0.25, 0.5], CPU)
    inner_KNM = kept.layers[1].inner
    for factors, probability in zip(inner_KNM, (0.25, 0.5), strict=True):
        assert float((factors == 0).float().mean()) == pytest.approx(probability, abs=0.01)
        assert float(factors.mean()) == pytest.approx(1.0, abs=0.02)
    assert not torch.equal(kept.layers[0].inner, kept.layers[1].inner)
    again = draw(architecture, 64, 32, [2], [0.5], CPU)
    assert torch.equal(again.layers[1].attention[:, 0], kept.layers[1].attention[:, 1])


TINY_CONFIG = {
    "model_type": "llama",
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": VOCAB,
}


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "mistral"},
        {"attention_bias": True},
        {"hidden_act": "gelu"},
        {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}},
    ],
    ids=str,
)
def test_a_model_that_is_no_plain_llama_is_no_lane(changes: dict[str, Any]) -> None:
    assert stackable(TINY_CONFIG) is not None
    assert stackable(TINY_CONFIG | changes) is None


def test_a_lane_and_a_model_of_transformers_go_on_from_each_others_state(models: Workshop) -> None:
    batches = [packed_batch(np.random.default_rng(number)) for number in range(8)]
    first = lane(models, 0)
    reference = transformers_learner(models, 0)
    for step, batch in enumerate(batches[:4]):
        first.update(batch, 1e-3, step)
        reference.update(batch, 1e-3, step)
    changed = transformers_learner(models, 0)
    changed.restore(first.weights(), first.optimizer_state(), models.store.root)
    returned = lane(models, 0)
    returned.restore(reference.weights(), reference.optimizer_state(), models.store.root)
    for step, batch in enumerate(batches[4:], 4):
        for learner in (first, reference, changed, returned):
            learner.update(batch, 1e-3, step)
    for learner in (first, changed, returned):
        assert distance(learner.weights(), reference.weights()) < 1e-5
        assert distance(learner.optimizer_state(), reference.optimizer_state()) < 1e-4


# ---------------------------------------------------------------- steps trained together


class Ends:
    """What became of each step of a group, in order of their ends."""

    def __init__(self) -> None:
        self.of: dict[str, Manifest | Exception] = {}

    def __call__(self, step: Step, end: Manifest | Exception) -> None:
        assert step.key not in self.of, "each step ends once"
        self.of[step.key] = end


def together(workshop: Workshop, steps: list[Step], stop_after: int | None = None) -> dict[str, Any]:
    """Train steps as a group; asked to stop after so many questions, if told to."""
    ends, asked = Ends(), 0

    def stopping() -> bool:
        nonlocal asked
        asked += 1
        return stop_after is not None and asked > stop_after

    train_together(steps, workshop.store, lambda step, message: None, ends, stopping)
    return ends.of


def four(workshop: Workshop, **changes: Any) -> list[Step]:
    """Steps of one shape that differ in seed, data, learning rate and length."""
    corpora = [workshop.corpus(random_documents(30, seed), name=f"hand{seed}") for seed in range(2)]
    return [
        workshop.train(
            workshop.init(seed=seed),
            [corpora[seed % 2]],
            seed=seed,
            steps=12 if seed == 1 else 20,
            phases=[
                Phase(shape="constant", start=0, stop=20, first=2e-3 * (seed + 1), last=2e-3 * (seed + 1))
            ],
            **changes,
        )
        for seed in range(4)
    ]


def logged(workshop: Workshop, key: str) -> list[dict[str, Any]]:
    text = (workshop.store.path(key) / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_group_leaves_what_its_steps_leave_by_themselves(workshop: Workshop, tmp_path: Path) -> None:
    apart = Workshop(Store(open_workspace(tmp_path / "apart", create=True)))
    steps = four(workshop)
    ends = together(workshop, steps)
    assert next(iter(ends)) == steps[1].key, "the shortest is published first"
    for step in four(apart):
        wanted, manifest = apart.do(step), ends[step.key]
        assert isinstance(manifest, Manifest)
        assert manifest.provenance.computed["lanes"] == 4
        for name in ("steps", "tokens", "targets", "lineage_steps", "lineage_tokens"):
            assert manifest.outputs[name] == wanted.outputs[name]
        for mine, theirs in zip(logged(workshop, step.key), logged(apart, step.key), strict=True):
            for name in ("step", "tokens", "lineage_tokens", "learning_rate"):
                assert mine[name] == theirs[name]
            assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        folders = [shop.store.path(step.key) / "model.safetensors" for shop in (workshop, apart)]
        assert distance(load_file(folders[0]), load_file(folders[1])) < 1e-5


def test_a_lane_that_diverges_fails_alone(workshop: Workshop, tmp_path: Path) -> None:
    steps = four(workshop)
    rate = Phase(shape="constant", start=0, stop=20, first=1e30, last=1e30)
    wild = workshop.train(steps[2].inputs["parent"], [steps[2].inputs["corpus0"]], seed=9, phases=[rate])
    ends = together(workshop, [*steps[:2], wild, steps[3]])
    assert isinstance(ends[wild.key], Diverged)
    undisturbed = Workshop(Store(open_workspace(tmp_path / "undisturbed", create=True)))
    again = four(undisturbed)
    together(undisturbed, [again[0], again[1], again[3]])
    for number in (0, 1, 3):
        assert workshop.weights(steps[number].key) == undisturbed.weights(steps[number].key)


def test_lanes_that_were_stopped_go_on_to_the_same_bits_in_other_company(
    workshop: Workshop, tmp_path: Path
) -> None:
    whole = Workshop(Store(open_workspace(tmp_path / "whole", create=True)))
    together(whole, four(whole, dropout=0.1))
    steps = four(workshop, dropout=0.1)
    ends = together(workshop, steps, stop_after=30)
    assert all(isinstance(end, Interrupted) for end in ends.values())
    ends = together(workshop, [steps[3], steps[0]]) | together(workshop, [steps[1], steps[2]])
    for step in steps:
        manifest = ends[step.key]
        assert isinstance(manifest, Manifest)
        assert manifest.provenance.resumed == 1
        assert manifest.provenance.computed["lanes"] == 2
        assert workshop.weights(step.key) == whole.weights(step.key)


def test_a_step_that_goes_on_in_another_way_says_how_it_began(workshop: Workshop) -> None:
    steps = four(workshop)[:2]
    together(workshop, steps, stop_after=4)
    in_a_group = together(workshop, steps[:1], stop_after=4)
    assert isinstance(in_a_group[steps[0].key], Interrupted)
    began = [workshop.do(step).provenance.computed["earlier"] for step in steps]
    assert [[way["implementation"] for way in ways] for ways in began] == [["stacked"] * 2, ["stacked"]]
    assert [way["lanes"] for way in began[0]] == [2, 1]


def test_an_input_that_is_missing_ends_its_step_alone(workshop: Workshop) -> None:
    steps = four(workshop)[:2]
    lost = steps[0].model_copy(update={"inputs": steps[0].inputs | {"corpus0": "0" * 64}})
    ends = together(workshop, [lost, steps[1]])
    assert isinstance(ends[lost.key], SpeccError)
    assert isinstance(ends[steps[1].key], Manifest)


def test_a_step_that_can_be_no_lane_is_trained_by_itself(workshop: Workshop) -> None:
    steps = four(workshop)[:1]
    other = workshop.train(
        steps[0].inputs["parent"], [steps[0].inputs["corpus0"]], optimizer={"name": "sgd"}, steps=2
    )
    ends = together(workshop, [other, steps[0]])
    manifest = ends[other.key]
    assert isinstance(manifest, Manifest)
    assert "lanes" not in manifest.provenance.computed


def test_a_model_of_another_shape_is_trained_by_itself(workshop: Workshop) -> None:
    corpus = workshop.corpus(random_documents(30, 0), name="hand0")
    wide = Component(name="llama", args=TINY.args | {"mlp": 64})
    steps = [workshop.train(model, [corpus], steps=2) for model in (workshop.init(), workshop.init(wide))]
    ends = together(workshop, steps)
    manifests = [end for step in steps if isinstance(end := ends[step.key], Manifest)]
    assert [one.provenance.computed.get("lanes") for one in manifests] == [1, None]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_lanes_on_a_gpu_learn_what_they_learn_on_a_cpu(models: Workshop, dtype: str) -> None:
    losses = {}
    for device in (CPU, torch.device("cuda")):
        found = [
            open_lane(settings(number, dtype=dtype), folder(models, number, {}), device)
            for number in range(4)
        ]
        lanes = [one for one in found if one is not None]
        stack = stacked(lanes)
        generator = np.random.default_rng(0)
        for step in range(20):
            together = stack.update([one.asked(packed_batch(generator), 1e-3, step) for one in lanes])
        losses[device.type] = [loss for loss, _ in together]
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=1e-4 if dtype == "float32" else 2e-2)
