"""Steps that make checkpoints of checkpoints, against a few lines of numpy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from specc.components import COMPONENTS, Kind
from specc.errors import DataError, Diverged
from specc.steps import Component
from specc.store import Provenance
from specc_runtime.transform import TRANSFORMS
from workshop import TINY, Workshop, random_documents

Arrays = dict[str, NDArray[np.float32]]


def weights_of(workshop: Workshop, key: str) -> Arrays:
    return load_file(workshop.store.path(key) / "model.safetensors")


def combined(workshop: Workshop, weights: list[str], keys: list[str]) -> str:
    inputs = {f"checkpoint{number}": key for number, key in enumerate(keys)}
    step = workshop.step("combine", {"weights": weights}, inputs)
    workshop.do(step)
    return step.key


def transformed(workshop: Workshop, key: str, name: str, seed: int | None = None, **args: Any) -> str:
    params = {"component": Component(name=name, args=args), "seed": seed}
    step = workshop.step("transform", params, {"checkpoint": key})
    workshop.do(step)
    return step.key


def is_matrix(name: str, array: NDArray[np.float32]) -> bool:
    return array.ndim == 2 and "embed" not in name and "lm_head" not in name


# ---- combine


def test_a_weighted_sum_is_the_sum_of_its_tensors(workshop: Workshop) -> None:
    a, b, c = (workshop.init(seed=seed) for seed in range(3))
    made = weights_of(workshop, combined(workshop, ["2/3", "2/3", "-1/3"], [a, b, c]))
    first, second, third = (weights_of(workshop, key) for key in (a, b, c))
    assert made.keys() == first.keys()
    for name, array in made.items():
        exact = (2 * first[name].astype(np.float64) + 2 * second[name] - third[name]) / 3
        np.testing.assert_allclose(array, exact, rtol=1e-7, atol=1e-12)
        assert array.dtype == np.float32


def test_the_order_of_inputs_changes_nothing(workshop: Workshop) -> None:
    a, b = workshop.init(seed=0), workshop.init(seed=1)
    one = workshop.weights(combined(workshop, ["1/4", "3/4"], [a, b]))
    assert one == workshop.weights(combined(workshop, ["3/4", "1/4"], [b, a]))


def test_a_combination_counts_the_longest_lineage_and_drops_the_optimizer(workshop: Workshop) -> None:
    start = workshop.init()
    corpus = workshop.corpus(random_documents(60, seed=0))
    short = workshop.train(start, [corpus], steps=2)
    long = workshop.train(start, [corpus], steps=5)
    for step in (short, long):
        workshop.do(step)
    key = combined(workshop, ["1/2", "1/2"], [short.key, long.key])
    outputs = workshop.store.manifest(key).outputs
    assert (outputs["lineage_steps"], outputs["lineage_tokens"]) == (5, 5 * 4 * 16)
    assert outputs["vocab"] == 257
    assert sorted(workshop.store.manifest(key).files) == ["config.json", "model.safetensors"]


def test_different_models_are_refused(workshop: Workshop) -> None:
    other = Component(name="llama", args=TINY.args | {"rope_base": 500.0})
    keys = [workshop.init(), workshop.init(other)]
    with pytest.raises(DataError, match="different models: `rope_parameters`"):
        combined(workshop, ["1/2", "1/2"], keys)
    wider = Component(name="llama", args=TINY.args | {"mlp": 32})
    with pytest.raises(DataError, match="different models: `intermediate_size` is 24 and 32"):
        combined(workshop, ["1/2", "1/2"], [workshop.init(), workshop.init(wider)])


# ---- transforms


def test_the_runtime_has_every_transform_that_is_declared() -> None:
    declared = {name for name, signature in COMPONENTS.items() if signature.kind is Kind.CHECKPOINT}
    assert {name for name in declared if not COMPONENTS[name].plugin} == set(TRANSFORMS)


def reference_rounding(row: NDArray[np.float64], bits: int, scheme: str) -> NDArray[np.float64]:
    if scheme == "absmax":
        scale = np.abs(row).max() / (2 ** (bits - 1) - 1)
        return np.asarray(np.round(row / scale) * scale)
    scale = (row.max() - row.min()) / (2**bits - 1) or 1.0
    return np.asarray(row.min() + np.round((row - row.min()) / scale) * scale)


@pytest.mark.parametrize("scheme", ["absmax", "affine"])
@pytest.mark.parametrize(("bits", "group"), [(4, 0), (2, 0), (8, 5), (3, 16)])
def test_quantised_rows_are_those_of_the_definition(
    workshop: Workshop, bits: int, group: int, scheme: str
) -> None:
    start = workshop.init()
    before = weights_of(workshop, start)
    after = weights_of(
        workshop, transformed(workshop, start, "quantize", bits=bits, group=group, scheme=scheme)
    )
    for name, array in before.items():
        if not is_matrix(name, array):
            np.testing.assert_array_equal(after[name], array)
            continue
        size = group or array.shape[1]
        for row, changed in zip(array.astype(np.float64), after[name], strict=True):
            pieces = [reference_rounding(row[i : i + size], bits, scheme) for i in range(0, len(row), size)]
            np.testing.assert_allclose(changed, np.concatenate(pieces), rtol=1e-6, atol=1e-9)
            assert all(len(set(changed[i : i + size])) <= 2**bits for i in range(0, len(row), size))


def test_quantising_takes_effect_and_says_so(workshop: Workshop) -> None:
    start = workshop.init()
    coarse = transformed(workshop, start, "quantize", bits=2)
    fine = transformed(workshop, start, "quantize", bits=8)
    again = transformed(workshop, coarse, "quantize", bits=2)
    changes = [workshop.store.manifest(key).outputs for key in (coarse, fine, again)]
    assert changes[0]["relative_change"] > 10 * changes[1]["relative_change"] > 0
    assert changes[2]["changed"] == 0, "what is on the grid stays there"
    inside = transformed(workshop, start, "quantize", bits=2, embeddings=True)
    name = "model.embed_tokens.weight"
    assert (weights_of(workshop, inside)[name] != weights_of(workshop, start)[name]).any()


@pytest.mark.parametrize("normalise", ["none", "rms", "frobenius", "inverse_frobenius"])
def test_noise_has_the_size_of_its_rule(workshop: Workshop, normalise: str) -> None:
    start = workshop.init()
    before = weights_of(workshop, start)
    key = transformed(workshop, start, "perturb", 3, sigma=0.1, normalise=normalise)
    for name, array in weights_of(workshop, key).items():
        noise = array.astype(np.float64) - before[name]
        if array.ndim < 2:
            assert not noise.any()
            continue
        norm, count = np.linalg.norm(before[name].astype(np.float64)), array.size
        expected = {
            "none": 0.1 * count**0.5,
            "rms": 0.1 * norm,
            "frobenius": 0.1 * norm,
            "inverse_frobenius": 0.1 / norm * count**0.5,
        }[normalise]
        # The norm of n standard normals is sqrt(n) within a few times 1 / sqrt(2).
        allowed = 1e-5 if normalise == "frobenius" else 4 / (2 * count) ** 0.5
        assert abs(np.linalg.norm(noise) / expected - 1) < allowed, name
        assert abs(noise.mean()) < 5 * noise.std() / count**0.5


def test_noise_depends_on_arm_seed_and_draw_and_on_nothing_else(workshop: Workshop) -> None:
    a, b = workshop.init(seed=0), workshop.init(seed=1)

    def noise(key: str, seed: int, draw: int) -> NDArray[np.float32]:
        args = {"sigma": 0.5, "normalise": "none", "seed": draw}
        params = {"component": Component(name="perturb", args=args), "seed": seed}
        step = workshop.step("transform", params, {"checkpoint": key})
        workshop.do(step)
        name = "model.layers.0.mlp.up_proj.weight"
        difference: NDArray[np.float32] = (
            weights_of(workshop, step.key)[name] - weights_of(workshop, key)[name]
        )
        return difference

    first = noise(a, 0, 0)
    np.testing.assert_allclose(first, noise(b, 0, 0), atol=1e-6)
    for seed, draw in ((1, 0), (0, 1)):
        assert abs(np.corrcoef(first.ravel(), noise(a, seed, draw).ravel())[0, 1]) < 0.2


def test_pruning_zeroes_the_smallest_weights_of_each_matrix(workshop: Workshop) -> None:
    start = workshop.init()
    before = weights_of(workshop, start)
    after = weights_of(workshop, transformed(workshop, start, "prune", share="3/10"))
    for name, array in before.items():
        expected = array.copy()
        if is_matrix(name, array):
            order = np.argsort(np.abs(array).ravel(), kind="stable")
            expected.ravel()[order[: int(Fraction(3, 10) * array.size)]] = 0
        np.testing.assert_array_equal(after[name], expected)


def test_resetting_the_optimizer_keeps_the_weights(workshop: Workshop) -> None:
    trained = workshop.train(workshop.init(), [workshop.corpus(random_documents(60, seed=0))])
    workshop.do(trained)
    key = transformed(workshop, trained.key, "reset_optimizer")
    np.testing.assert_equal(weights_of(workshop, key), weights_of(workshop, trained.key))
    manifest = workshop.store.manifest(key)
    assert "optimizer.safetensors" not in manifest.files
    assert manifest.outputs["changed"] == 0
    assert manifest.outputs["lineage_tokens"] == 20 * 4 * 16


# ---- select


def measured(workshop: Workshop, checkpoint: str, value: float | None) -> str:
    """An evaluation of a checkpoint with a given result, published without the code under test."""
    params = {
        "evaluator": {"name": "loss"},
        "data": {"corpus": "corpus0", "split": "train"},
        "sequence": 16,
    }
    step = workshop.step("eval", params, {"checkpoint": checkpoint, "corpus0": workshop.corpus([[1, 2]])})
    folder = workshop.store.work(step.key) / "artifact"
    folder.mkdir(parents=True)
    workshop.store.publish(step, folder, {"metric": "loss", "value": value}, Provenance(versions={}))
    return step.key


def chosen(workshop: Workshop, values: list[float | None], better: str = "lower") -> dict[str, Any]:
    inputs = {}
    for number, value in enumerate(values):
        inputs[f"candidate{number}"] = workshop.init(seed=number)
        inputs[f"result{number}"] = measured(workshop, inputs[f"candidate{number}"], value)
    labels = {str(number): f"lr = {number}" for number in range(len(values))}
    step = workshop.step("select", {"better": better}, inputs, {"labels": labels})
    outputs = workshop.do(step).outputs
    assert workshop.weights(step.key) == workshop.weights(outputs["chosen"])
    return outputs


def test_the_lowest_or_the_highest_result_wins(workshop: Workshop) -> None:
    assert chosen(workshop, [2.0, 1.0, 3.0])["label"] == "lr = 1"


def test_the_highest_result_wins_where_higher_is_better(workshop: Workshop) -> None:
    outputs = chosen(workshop, [0.2, 0.1, 0.3], "higher")
    assert (outputs["label"], outputs["value"]) == ("lr = 2", 0.3)
    assert outputs["results"] == {"lr = 0": 0.2, "lr = 1": 0.1, "lr = 2": 0.3}


def test_of_equal_results_the_first_wins_and_what_is_no_number_never_does(workshop: Workshop) -> None:
    outputs = chosen(workshop, [None, 1.0, 1.0])
    assert outputs["label"] == "lr = 1"
    assert outputs["results"]["lr = 0"] is None


def test_a_selection_among_diverged_candidates_has_diverged(workshop: Workshop) -> None:
    with pytest.raises(Diverged, match="all candidates diverged"):
        chosen(workshop, [None, None])


def test_a_selected_checkpoint_shares_its_files_with_the_chosen_one(workshop: Workshop) -> None:
    start = workshop.init()
    step = workshop.step(
        "select", {"better": "lower"}, {"candidate0": start, "result0": measured(workshop, start, 1.0)}
    )
    workshop.do(step)
    own, its = (workshop.store.path(key) / "model.safetensors" for key in (step.key, start))
    assert own.samefile(its)
    workshop.store.verify(step.key)


# ---- the optimizer's state


def test_a_stage_that_keeps_the_optimizer_goes_on_as_if_it_had_never_stopped(workshop: Workshop) -> None:
    start, corpus = workshop.init(), workshop.corpus(random_documents(300, seed=1))
    phases = [{"shape": "constant", "start": 0, "stop": 12, "first": 1e-2, "last": 1e-2}]
    whole = workshop.train(start, [corpus], steps=12, phases=phases)
    first = workshop.train(start, [corpus], steps=8, phases=[phases[0] | {"stop": 8}])
    workshop.do(whole)
    workshop.do(first)
    sources = [{"corpus": "corpus0", "share": "1/1", "start": 8 * 4 * 16}]
    rest = {"steps": 4, "phases": [phases[0] | {"stop": 4}], "sources": sources}
    kept = workshop.train(first.key, [corpus], **rest, optimizer_state="kept")
    fresh = workshop.train(first.key, [corpus], **rest)
    workshop.do(kept)
    workshop.do(fresh)
    assert workshop.weights(kept.key) == workshop.weights(whole.key)
    assert workshop.weights(fresh.key) != workshop.weights(whole.key)


def test_a_kept_state_that_is_not_there_is_told(workshop: Workshop) -> None:
    corpus = workshop.corpus(random_documents(60, seed=0))
    with pytest.raises(DataError, match="the optimizer state"):
        workshop.do(workshop.train(workshop.init(), [corpus], optimizer_state="kept"))


def test_weights_of_several_files_and_precisions_are_one_model(workshop: Workshop) -> None:
    """An imported checkpoint may be in bfloat16, in parts, and hold its tied output head twice."""
    import torch
    from safetensors.torch import load_file as load_torch
    from safetensors.torch import save_file as save_torch

    start = workshop.init()
    folder = workshop.store.work("imported") / "artifact"
    folder.mkdir(parents=True)
    source = load_torch(workshop.store.path(start) / "model.safetensors")
    halves = {name: tensor.to(torch.bfloat16) for name, tensor in source.items()}
    names = sorted(halves)
    head = {"lm_head.weight": halves["model.embed_tokens.weight"].clone()}
    save_torch({name: halves[name] for name in names[:5]}, folder / "a.safetensors")
    save_torch({name: halves[name] for name in names[5:]} | head, folder / "b.safetensors")
    (folder / "config.json").write_bytes((workshop.store.path(start) / "config.json").read_bytes())
    step = workshop.step("import", {"fingerprint": "0" * 64}, execution={"path": ""})
    outputs = workshop.store.manifest(start).outputs
    workshop.store.publish(step, folder, outputs, Provenance(versions={}))
    made = weights_of(workshop, combined(workshop, ["1/2", "1/2"], [start, step.key]))
    assert sorted(made) == names
    for name in names:
        mean = (source[name].double() + halves[name].double()) / 2
        np.testing.assert_allclose(made[name], mean.numpy(), rtol=1e-7, atol=1e-12)
