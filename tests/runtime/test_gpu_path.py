"""The learner of a GPU, on a CPU: the same numbers, and nothing that waits where it shouldn't."""

from __future__ import annotations

import json
import runpy
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._dynamo.exc import InternalTorchDynamoError
from torch._dynamo.utils import counters
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from specc.steps import Component, TrainExecution, TrainParams
from specc.store import Store, open_workspace
from specc_runtime.attempt import Attempt, Interrupted
from specc_runtime.device import use_device
from specc_runtime.gpu.forward import rotary_tables, summed_loss
from specc_runtime.gpu.learner import LAG, DeviceLearner, device_architecture, made_up
from specc_runtime.gpu.masks import BLOCK, block_mask, dense_mask, document_blocks, document_starts
from specc_runtime.gpu.micro_batch import Fit, Memory, find_fit, halved
from specc_runtime.gpu.updater import DeviceUpdater
from specc_runtime.gpu.utilisation import peak, utilisation
from specc_runtime.learner import Known, Lagging, Learner, Reading
from specc_runtime.llama import Architecture, Layout
from specc_runtime.packing import IGNORED, Batch
from specc_runtime.train import open_learner, open_segment
from workshop import Workshop, never, random_documents

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(Store(open_workspace(tmp_path_factory.mktemp("gpu"), create=True)))


def parameters(workshop: Workshop, **changes: Any) -> TrainParams:
    step = workshop.train("0" * 64, ["0" * 64], **changes)
    return TrainParams.model_validate(step.params)


def device_learner(
    workshop: Workshop,
    folder: Path,
    params: TrainParams,
    micro_batch: int | None = None,
    compiled: Literal["auto", "on", "off"] = "off",
) -> DeviceLearner:
    execution = TrainExecution(micro_batch=micro_batch, compiled=compiled)
    architecture = device_architecture(params, execution, folder)
    assert architecture is not None
    memory = Memory(workshop.store.workspace / "fits.json")
    return DeviceLearner(architecture, params, execution, folder, CPU, memory=memory)


def batches(count: int, rows: int = 4, length: int = 16, packed: bool = True) -> list[Batch]:
    generator = np.random.default_rng(0)
    made = []
    for _ in range(count):
        tokens = generator.integers(0, 200, (rows, length))
        place = np.broadcast_to(np.arange(length), (rows, length)).copy()
        if packed:
            for row in range(rows):
                cut = generator.integers(1, length)
                place[row, cut:] -= cut
        labels = np.where(place > 0, tokens, IGNORED)
        made.append(Batch(tokens, place, labels, int((labels != IGNORED).sum()), packed))
    return made


def train(learner: Learner, given: Sequence[Batch], rate: float = 1e-2) -> list[tuple[float, float]]:
    return [learner.update(batch, rate, number) for number, batch in enumerate(given)]


def check_close(first: dict[str, Tensor], second: dict[str, Tensor], largest: float) -> None:
    assert first.keys() == second.keys()
    assert max((first[name] - second[name]).abs().max().item() for name in first) < largest


@pytest.mark.parametrize("packed", [True, False])
def test_it_trains_as_transformers_does(workshop: Workshop, packed: bool) -> None:
    folder = workshop.store.path(workshop.init())
    params = parameters(workshop, clip=0.5)
    use_device("cpu", 1)
    reference = open_learner(params, TrainExecution(implementation="transformers"), folder, CPU)
    learner = device_learner(workshop, folder, params, micro_batch=3)
    given = batches(8, packed=packed)
    ours, theirs = train(learner, given), train(reference, given)
    assert np.allclose(ours, theirs, rtol=1e-5, atol=0)
    check_close(learner.weights(), reference.weights(), 1e-5)
    assert learner.optimizer_state().keys() == reference.optimizer_state().keys()
    assert learner.provenance()["micro_batch"] == 3


def test_in_bfloat16_it_is_as_near_to_float32_as_autocast_is(workshop: Workshop) -> None:
    folder = workshop.store.path(workshop.init())
    given = batches(6)
    exact = train(device_learner(workshop, folder, parameters(workshop)), given)
    params = parameters(workshop, dtype="bfloat16")
    ours = train(device_learner(workshop, folder, params), given)
    assert ours != exact
    assert np.allclose([loss for loss, _ in ours], [loss for loss, _ in exact], rtol=1e-3, atol=0)


def test_layers_that_are_computed_again_give_the_same(workshop: Workshop) -> None:
    folder = workshop.store.path(workshop.init())
    params = parameters(workshop)
    learners = [device_learner(workshop, folder, params) for _ in range(2)]
    learners[1]._device_updater.use(Fit(4, checkpointed=True))
    kept, again = (train(learner, batches(3)) for learner in learners)
    assert kept == again
    assert learners[1].provenance()["activation_checkpointing"] is True


def test_an_update_that_is_not_finite_changes_no_weight(workshop: Workshop) -> None:
    folder = workshop.store.path(workshop.init())
    learner = device_learner(workshop, folder, parameters(workshop))
    first, second, third = batches(3)
    learner.update(first, 1e-2, 0)
    before = {name: value.clone() for name, value in learner.weights().items()}
    state = learner.optimizer_state()
    norm = learner._model.vectors
    kept = norm.detach().clone()
    with torch.no_grad():
        norm[0] = torch.inf
    loss, size = learner.update(second, 1e-2, 1)
    assert not np.isfinite(loss + size)
    with torch.no_grad():
        norm.copy_(kept)
    after = learner.weights()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert all(torch.equal(value, state[name]) for name, value in learner.optimizer_state().items())
    assert np.isfinite(learner.update(third, 1e-2, 2)).all()


def test_values_are_read_after_later_steps_have_begun(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, corpus = workshop.init(), workshop.corpus(random_documents(200, 0))
    honest = workshop.do(
        workshop.train(parent, [corpus], seed=7, execution={"implementation": "transformers"})
    )
    step = workshop.train(parent, [corpus], seed=7)
    events: list[str] = []

    class Noted:
        def __init__(self, number: int, reading: Reading) -> None:
            self.number, self.reading = number, reading

        def read(self) -> tuple[float, float]:
            events.append(f"read {self.number}")
            return self.reading.read()

    class Slow(DeviceLearner):
        def launch(self, batch: Batch, rate: float, lineage_step: int) -> Reading:
            events.append(f"launch {lineage_step}")
            return Noted(lineage_step, super().launch(batch, rate, lineage_step))

    def open_slow(params: TrainParams, execution: TrainExecution, folder: Path, *rest: Any) -> Learner:
        architecture = device_architecture(params, execution, folder)
        assert architecture is not None
        memory = Memory(workshop.store.workspace / "fits.json")
        execution = execution.model_copy(update={"compiled": "off"})
        return Slow(architecture, params, execution, folder, CPU, memory=memory)

    monkeypatch.setattr("specc_runtime.train.open_learner", open_slow)
    asked = iter(range(100))
    attempt = Attempt(step, workshop.store, workshop.reports.append, lambda: next(asked) == 11)
    with pytest.raises(Interrupted):
        open_segment(attempt).train()
    assert events.index("read 0") == events.index(f"launch {LAG}") + 1
    # all is read before a checkpoint
    assert [event for event in events if event.startswith("read")] == [f"read {n}" for n in range(12)]
    segment = open_segment(Attempt(step, workshop.store, workshop.reports.append, never))
    assert isinstance(segment.learner, Lagging)
    position = segment.train()
    assert (position.step, position.resumed) == (20, 1)
    assert position.tokens == honest.outputs["tokens"]
    assert position.targets == honest.outputs["targets"]
    logged = [json.loads(line) for line in segment.log_path.read_text().splitlines()]
    assert [line["step"] for line in logged] == list(range(1, 21))
    told = (workshop.store.path(step.key) / "metrics.jsonl").read_text()
    expected = [json.loads(line) for line in told.splitlines()]
    assert np.allclose([line["loss"] for line in logged], [line["loss"] for line in expected], rtol=1e-5)


def test_the_largest_number_of_rows_that_fits_is_found_and_remembered(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workshop.store.path(workshop.init())
    tried: list[int] = []
    honest = DeviceUpdater._backward

    def limited(self: DeviceUpdater, batch: Batch, rows: slice, weight: float) -> Tensor:
        count = len(batch.tokens[rows])
        tried.append(count)
        if count > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return honest(self, batch, rows, weight)

    monkeypatch.setattr(DeviceUpdater, "_backward", limited)
    params = parameters(workshop, batch=10, sequence=24)
    learner = device_learner(workshop, folder, params)
    assert tried == [10, 5, 3, 3]
    assert learner.provenance()["micro_batch"] == 3
    assert learner.provenance()["micro_batch_found"] is True
    tried.clear()
    again = device_learner(workshop, folder, params)
    assert (tried, again.provenance()["micro_batch"]) == ([], 3)
    monkeypatch.undo()
    given = batches(3, rows=10, length=24)
    assert train(learner, given) == train(device_learner(workshop, folder, params, micro_batch=3), given)


def test_memory_that_runs_out_later_halves_the_rows_and_repeats_the_step(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workshop.store.path(workshop.init())
    params = parameters(workshop, sequence=40)
    honest = DeviceUpdater._backward
    calls: list[int] = []

    def once(self: DeviceUpdater, batch: Batch, rows: slice, weight: float) -> Tensor:
        calls.append(len(batch.tokens[rows]))
        if len(calls) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return honest(self, batch, rows, weight)

    given = batches(3, length=40)
    expected = train(device_learner(workshop, folder, params, micro_batch=2), given)
    learner = device_learner(workshop, folder, params)
    assert learner.provenance()["micro_batch"] == 4
    monkeypatch.setattr(DeviceUpdater, "_backward", once)
    found = train(learner, given)
    assert calls == [4, 4, 2, 2, 2, 2]
    assert np.allclose(found, expected, rtol=1e-5)
    assert device_learner(workshop, folder, params).provenance()["micro_batch"] == 2


def test_a_compiler_that_fails_is_done_without_unless_it_was_asked_for(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any) -> Tensor:
        raise InternalTorchDynamoError("no compiler here\nand much more")

    monkeypatch.setattr(torch, "compile", lambda function, **settings: broken)
    folder = workshop.store.path(workshop.init())
    params = parameters(workshop)
    learner = device_learner(workshop, folder, params, 4, "auto")
    given = batches(2)
    assert train(learner, given) == train(device_learner(workshop, folder, params, 4), given)
    record = learner.provenance()
    assert record["compiled"] is False
    assert record["not_compiled"] == "InternalTorchDynamoError: no compiler here"
    with pytest.raises(InternalTorchDynamoError):
        train(device_learner(workshop, folder, params, 4, "on"), given)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns of parts of torch
def test_compiled_it_computes_the_same(workshop: Workshop) -> None:
    folder = workshop.store.path(workshop.init())
    params = parameters(workshop)
    compiled = device_learner(workshop, folder, params, 4, "on")
    given = batches(2) + batches(2, packed=False)
    ours, theirs = train(compiled, given), train(device_learner(workshop, folder, params, 4), given)
    assert np.allclose(ours, theirs, rtol=1e-5)
    assert compiled.provenance()["compiled"] is True


def test_rows_are_halved_down_to_one_before_layers_are_computed_again() -> None:
    def attempt(fit: Fit) -> None:
        if not fit.checkpointed or fit.rows > 5:
            raise MemoryError

    assert find_fit(18, attempt, lambda rows: False) == Fit(5, True)
    assert find_fit(18, lambda fit: None, lambda rows: rows > 4) == Fit(3)
    assert halved(Fit(5)) == Fit(3)
    assert halved(Fit(1)) == Fit(1, True)
    with pytest.raises(MemoryError):
        halved(Fit(1, True))

    def never_fits(fit: Fit) -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        find_fit(4, never_fits, lambda rows: False)


def packed_positions(rows: int, length: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Documents of very different lengths: within a block, over several, and at a block's edge."""
    generator = np.random.default_rng(1)
    positions = np.empty((rows, length), dtype=np.int64)
    for row in range(rows):
        ends = {BLOCK, length} if row == 0 else {length}
        ends |= set(generator.integers(1, length, size=row * 4).tolist())
        begin = 0
        for end in sorted(ends):
            positions[row, begin:end] = np.arange(end - begin)
            begin = end
    return positions


def test_blocks_are_those_that_torch_finds_by_looking_at_every_pair() -> None:
    starts = document_starts(packed_positions(5, 6 * BLOCK))
    ours = document_blocks(starts)
    starts_BT = torch.from_numpy(starts)
    found = create_block_mask(
        lambda row, head, query, key: (key <= query) & (key >= starts_BT[row, query]),
        5,
        None,
        6 * BLOCK,
        6 * BLOCK,
        device="cpu",
    )
    for counts, indices, torch_counts, torch_indices in (
        (ours.some, ours.some_indices, found.kv_num_blocks, found.kv_indices),
        (ours.all, ours.all_indices, found.full_kv_num_blocks, found.full_kv_indices),
    ):
        assert torch_counts is not None
        assert torch_indices is not None
        assert counts.flags.c_contiguous  # the compiled kernel takes it for granted
        assert indices.flags.c_contiguous
        assert counts.tolist() == torch_counts[:, 0].tolist()
        for row, query in np.ndindex(counts.shape):
            used = counts[row, query]
            assert indices[row, query, :used].tolist() == torch_indices[row, 0, query, :used].tolist()


def test_attention_by_blocks_is_attention_within_documents() -> None:
    starts = document_starts(packed_positions(3, 2 * BLOCK))
    starts_BT = torch.from_numpy(starts)
    blocks = [torch.from_numpy(part) for part in document_blocks(starts)]
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(3, heads, 2 * BLOCK, 16, generator=generator) for heads in (4, 2, 2))
    mask = block_mask((blocks[0], blocks[1], blocks[2], blocks[3]), starts_BT)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # that it is slow without a compiler
        by_blocks = flex_attention(query, key, value, block_mask=mask, enable_gqa=True)
    expected = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=dense_mask(starts_BT), enable_gqa=True
    )
    assert isinstance(by_blocks, Tensor)
    assert (by_blocks - expected).abs().max() < 1e-5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns of parts of torch
def test_the_compiled_loss_looks_by_blocks_and_is_compiled_once_for_all_masks() -> None:
    architecture = Architecture(
        layers=2, width=32, heads=4, kv_heads=2, head=16, mlp=64, vocab=100, tied=True
    )
    layout = Layout(architecture)
    flat = torch.randn(layout.size, generator=torch.Generator().manual_seed(0)) * 0.05
    flat[layout.matrices :] = 1.0
    weights = layout.merged(flat)
    tables = rotary_tables(architecture, 2 * BLOCK, CPU)
    compiled = torch.compile(summed_loss, fullgraph=True, dynamic=False)
    torch._dynamo.reset()
    before = counters["stats"]["unique_graphs"]
    for rows in (2, 3):
        positions = packed_positions(rows, 2 * BLOCK)[-2:]
        starts = document_starts(positions)
        blocks = [torch.from_numpy(part) for part in document_blocks(starts)]
        starts_BT, tokens_BT = torch.from_numpy(starts), torch.from_numpy(positions % 100)
        mask = block_mask((blocks[0], blocks[1], blocks[2], blocks[3]), starts_BT)
        cosine, sine = (table[torch.from_numpy(positions)][:, :, None] for table in tables)
        given = (architecture, weights, tokens_BT, tokens_BT, cosine, sine)
        with torch.no_grad():
            assert compiled(*given, mask).isclose(summed_loss(*given, dense_mask(starts_BT)), rtol=1e-6)
    assert counters["stats"]["unique_graphs"] - before == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns of parts of torch
def test_on_a_gpu_it_trains_as_transformers_does_waits_for_nothing_and_repeats_its_bits(
    workshop: Workshop, packed: bool
) -> None:
    device = use_device("cuda", 1)
    wide = {"layers": 2, "width": 64, "heads": 4, "kv_heads": 2, "context": BLOCK}
    folder = workshop.store.path(workshop.init(Component(name="llama", args=wide)))
    params = parameters(workshop, sequence=BLOCK, clip=0.5)
    architecture = device_architecture(params, TrainExecution(), folder)
    assert architecture is not None
    given = batches(8, length=BLOCK, packed=packed)
    reference = train(open_learner(params, TrainExecution(), folder, CPU), given)
    found = []
    for _ in range(2):
        learner = DeviceLearner(architecture, params, TrainExecution(micro_batch=2), folder, device)
        learner.update(given[0], 1e-2, 0)  # compiles
        torch.cuda.set_sync_debug_mode("error")
        try:
            readings = [learner.launch(batch, 1e-2, number) for number, batch in enumerate(given[1:], 1)]
        finally:
            torch.cuda.set_sync_debug_mode("default")
        found.append([reading.read() for reading in readings])
    assert found[0] == found[1]
    assert np.allclose(found[0], reference[1:], rtol=1e-4)


def test_utilisation_is_told_with_its_formula_or_not_at_all() -> None:
    assert utilisation("NVIDIA H200", "bfloat16", 1_231_000_000, 320_000.0) == {
        "mfu": 0.3981,
        "mfu_formula": "PaLM",
    }
    assert utilisation("NVIDIA H200", "float32", 10, 1.0) == {}
    assert utilisation("a new device", "bfloat16", 10, 1.0) == {}
    names = {
        "NVIDIA H100 80GB HBM3": 989.4e12,
        "NVIDIA H100 PCIe": 756e12,
        "NVIDIA A100-SXM4-80GB": 311.8e12,
        "NVIDIA L40S": 362.1e12,
        "NVIDIA L4": 121e12,
        "NVIDIA A10G": 70e12,
        "NVIDIA GeForce RTX 4090": None,
        "cpu": None,
    }
    assert {name: peak(name) for name in names} == names


@pytest.mark.conformance
@pytest.mark.parametrize("words", [["--packed"], ["--lanes"]])
def test_the_benchmark_of_a_gpu_runs_on_a_cpu(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("accelerate")
    script = Path(__file__).parents[1] / "benchmarks" / "gpu.py"
    figures = tmp_path / "figures.json"
    monkeypatch.setattr("sys.argv", [str(script), "--smoke", "--json", str(figures), *words])
    # Deterministic kernels are switched on and off by the script; warnings are those of the Trainer.
    before = torch.are_deterministic_algorithms_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            runpy.run_path(str(script), run_name="__main__")
        finally:
            torch.use_deterministic_algorithms(before)
    found = json.loads(figures.read_text())["figures"]
    assert found.keys() == (
        {"1", "2", "4", "8"}
        if words == ["--lanes"]
        else {"specc", "specc, free", "bare loop, compiled", "HF Trainer, tuned"}
    )


def test_a_made_up_batch_is_as_large_as_a_real_one() -> None:
    batch = made_up(3, 10, packed=True)
    assert batch.tokens.shape == batch.labels.shape == batch.positions.shape == (3, 10)
    assert batch.positions[2].tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    assert Known(1.0, 2.0).read() == (1.0, 2.0)
