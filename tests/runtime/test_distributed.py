"""A step that several processes train is the step that one trains."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from apart import Apart, alive, children
from small_study import small_study
from specc.cli.machine import Machine
from specc.errors import DataError, SpeccError
from specc.execute.console import SilentConsole
from specc.execute.run import RunOptions, run_study
from specc.steps import Step
from specc.store import Store, open_workspace
from specc_runtime.distributed import launch
from specc_runtime.distributed.group import BUCKET_BYTES, buckets
from specc_runtime.update import Updater
from workshop import Workshop, never, random_documents

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available(), reason="autograd can't be forked where there is a GPU"
)

UNEVEN: dict[str, Any] = {"batch": 5}
"""Five rows in three micro-batches: ranks get unequal parts, and prompts make their targets unequal."""

COMPUTED = {"replicate": {}, "shard": {"implementation": "transformers"}}
"""What one process uses to compute as ranks of this kind do."""


class Result:
    """What a finished training step left."""

    def __init__(self, workshop: Workshop, step: Step) -> None:
        self.folder = workshop.store.path(step.key)
        self.manifest = workshop.store.manifest(step.key)
        self.weights: dict[str, Tensor] = load_file(self.folder / "model.safetensors")
        self.state: dict[str, Tensor] = load_file(self.folder / "optimizer.safetensors")
        lines = (self.folder / "metrics.jsonl").read_text().splitlines()
        losses = [line["loss"] for line in map(json.loads, lines) if line.get("loss") is not None]
        self.losses = torch.tensor(losses, dtype=torch.float64)

    def check_same_bits(self, other: Result) -> None:
        assert self.losses.tolist() == other.losses.tolist()
        for mine, theirs in ((self.weights, other.weights), (self.state, other.state)):
            assert mine.keys() == theirs.keys()
            assert all(torch.equal(mine[name], theirs[name]) for name in mine)

    def check_agrees(self, other: Result) -> None:
        """Losses to 1e-6, relative; weights to 1e-5; counts exactly."""
        assert self.losses.shape == other.losses.shape
        assert ((self.losses - other.losses).abs() / other.losses).max() < 1e-6
        assert self.weights.keys() == other.weights.keys()
        assert max((self.weights[name] - other.weights[name]).abs().max() for name in self.weights) < 1e-5
        assert self.state.keys() == other.state.keys()
        for count in ("tokens", "targets", "steps", "lineage_tokens"):
            assert self.manifest.outputs[count] == other.manifest.outputs[count]


class Trainings:
    """Does one training in fresh workspaces, under several execution settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def workshop(self) -> Workshop:
        self.count += 1
        return Workshop(Store(open_workspace(self.folder / str(self.count), create=True)))

    def step(self, workshop: Workshop, execution: dict[str, Any], **changes: Any) -> Step:
        corpus = workshop.corpus(random_documents(200, 0), random_documents(20, 1), prompt=3)
        inputs = {"until": corpus} if "until" in changes else {}
        step = workshop.train(workshop.init(), [corpus], execution=execution, **(UNEVEN | changes))
        return step.model_copy(update={"inputs": step.inputs | inputs})

    def of(self, execution: dict[str, Any], **changes: Any) -> Result:
        workshop = self.workshop()
        step = self.step(workshop, execution, **changes)
        if execution.get("replicas", 1) == 1:
            workshop.do(step)
        else:
            assert Apart(lambda: workshop.do(step)).end() == "done"
        return Result(workshop, step)


@pytest.fixture
def trainings(tmp_path: Path) -> Trainings:
    return Trainings(tmp_path)


def test_two_processes_train_what_one_trains(trainings: Trainings) -> None:
    one = trainings.of({"micro_batch": 2})
    two = trainings.of({"micro_batch": 2, "replicas": 2})
    two.check_agrees(one)
    assert two.manifest.provenance.computed["replicas"] == 2
    assert one.manifest.provenance.computed["micro_batch"] == 2
    assert one.losses[-1] < one.losses[0]


def test_gradients_are_summed_in_buckets_that_keep_their_order() -> None:
    row = torch.zeros(BUCKET_BYTES // 16)
    tensors = [
        row,
        row,
        row,
        row,
        row,
        torch.zeros(3, dtype=torch.float64),
        torch.zeros(2 * BUCKET_BYTES // 8),
    ]
    found = buckets(tensors)
    assert [tensor for bucket in found for tensor in bucket] == tensors
    assert [len(bucket) for bucket in found] == [4, 1, 1, 1]
    assert buckets([]) == []


def test_how_a_machine_trains_is_said_to_training_steps_and_in_no_key(trainings: Trainings) -> None:
    study = small_study()
    placed = Machine(device="cuda", replicas=2, micro_batch=4).run_by(study)
    assert [step.key for step in placed.steps] == [step.key for step in study.steps]
    by_kind = {step.op: step.execution for step in placed.steps}
    assert by_kind["train"]["replicas"] == 2
    assert by_kind["train"]["micro_batch"] == 4
    assert by_kind["eval"] == {"device": "cuda"}
    assert by_kind["init"] == {}
    assert Machine().arguments() == []
    assert Machine(replicas=2).arguments() == ["--replicas", "2"]
    assert Machine(replicas=64).workers(None) == 1
    assert Machine(replicas=64).workers(3) == 3


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("sharding", "changes"),
    [
        ("replicate", {"dropout": 0.1}),
        ("replicate", {"optimizer": {"name": "sam"}}),
        ("shard", {"dropout": 0.1, "optimizer": {"name": "sam"}}),
        ("shard", {"dtype": "bfloat16"}),
        ("shard", {"optimizer": {"name": "sgd", "args": {"momentum": 0.9}}, "clip": None}),
    ],
)
def test_every_kind_of_training_agrees_with_one_process(
    trainings: Trainings, sharding: str, changes: dict[str, Any]
) -> None:
    one = trainings.of({"micro_batch": 2} | COMPUTED[sharding], **changes)
    two = trainings.of({"micro_batch": 2, "replicas": 2, "sharding": sharding}, **changes)
    if changes.get("dtype") == "bfloat16":
        assert ((two.losses - one.losses).abs() / one.losses).max() < 1e-3
    else:
        two.check_agrees(one)


@pytest.mark.conformance
@pytest.mark.parametrize("sharding", ["replicate", "shard"])
def test_three_processes_for_two_micro_batches_agree_with_one(trainings: Trainings, sharding: str) -> None:
    """One of them has no rows, and no dimension of a weight is a multiple of three."""
    one = trainings.of({"micro_batch": 4} | COMPUTED[sharding])
    trainings.of({"micro_batch": 4, "replicas": 3, "sharding": sharding}).check_agrees(one)


@pytest.mark.conformance
def test_a_sharded_model_is_a_checkpoint_that_transformers_loads(trainings: Trainings) -> None:
    from transformers import AutoModelForCausalLM

    result = trainings.of({"replicas": 2, "sharding": "shard"}, dtype="float32")
    assert result.manifest.provenance.computed["sharding"] == "shard"
    model = AutoModelForCausalLM.from_pretrained(result.folder, local_files_only=True)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, result.weights[name])


@pytest.mark.conformance
@pytest.mark.parametrize("sharding", ["replicate", "shard"])
def test_an_early_stop_judges_and_restores_with_all_ranks(trainings: Trainings, sharding: str) -> None:
    until = {
        "evaluator": {"name": "loss"},
        "data": {"corpus": "until", "split": "held_out"},
        "better": "higher",
        "every": 3,
        "patience": 2,
    }
    one = trainings.of({"micro_batch": 3} | COMPUTED[sharding], until=until)
    two = trainings.of({"micro_batch": 3, "replicas": 2, "sharding": sharding}, until=until)
    two.check_agrees(one)
    assert two.manifest.outputs["best_at"] == one.manifest.outputs["best_at"] < 20


@pytest.mark.conformance
@pytest.mark.parametrize("sharding", ["replicate", "shard"])
def test_interrupted_ranks_stop_at_one_step_and_go_on_to_the_same_bits(
    trainings: Trainings, sharding: str
) -> None:
    execution = {"replicas": 2, "sharding": sharding}
    undisturbed = trainings.of(execution)
    workshop = trainings.workshop()
    step = trainings.step(workshop, execution)
    asked = iter(range(100))
    end = Apart(lambda: workshop.do(step, lambda: next(asked) == 6)).end()
    assert end == "Interrupted: test/train at step 7"
    assert Apart(lambda: workshop.do(step)).end() == "done"
    result = Result(workshop, step)
    assert result.manifest.provenance.resumed == 1
    result.check_same_bits(undisturbed)


@pytest.mark.conformance
def test_a_checkpoint_of_many_ranks_is_gone_on_from_by_any_number(trainings: Trainings) -> None:
    one = trainings.of({"micro_batch": 2})
    for before, after in (("shard", 1), ("replicate", 3)):
        workshop = trainings.workshop()
        first = trainings.step(workshop, {"micro_batch": 2, "replicas": 2, "sharding": before})
        asked = iter(range(100))
        assert Apart(lambda: workshop.do(first, lambda: next(asked) == 6)).end().startswith("Interrupted")  # noqa: B023
        second = trainings.step(workshop, {"micro_batch": 2, "replicas": after})
        assert second.key == first.key
        assert Apart(lambda: workshop.do(second)).end() == "done"  # noqa: B023
        result = Result(workshop, second)
        assert result.manifest.provenance.resumed == 1
        result.check_agrees(one)


def killed(trainings: Trainings, kill: Callable[[Apart], None]) -> tuple[Workshop, Step, Apart, list[int]]:
    """A long training by two processes one of which is killed after a checkpoint."""
    workshop = trainings.workshop()
    phases = [{"shape": "constant", "start": 0, "stop": 150, "first": 1e-3, "last": 1e-3}]
    step = trainings.step(workshop, {"replicas": 2, "checkpoint_seconds": 0.2}, steps=150, phases=phases)
    checkpoints = workshop.store.work(step.key) / "checkpoints"
    apart = Apart(lambda: workshop.do(step))
    apart.await_that(lambda: bool(list(checkpoints.glob("0*"))))
    ranks = children(apart.pid)
    assert len(ranks) == 1
    kill(apart)
    return workshop, step, apart, ranks


@pytest.mark.conformance
def test_a_killed_rank_is_a_lost_worker_and_the_next_attempt_goes_on(trainings: Trainings) -> None:
    workshop, step, apart, ranks = killed(
        trainings, lambda found: os.kill(children(found.pid)[0], signal.SIGKILL)
    )
    assert apart.end().startswith("WorkerLost: process 2 of those that train together was killed by SIGKILL")
    assert not any(alive(pid) for pid in ranks)
    assert Apart(lambda: workshop.do(step)).end() == "done"
    result = Result(workshop, step)
    assert result.manifest.provenance.resumed == 1
    assert result.manifest.outputs["steps"] == 150


@pytest.mark.conformance
def test_ranks_end_with_the_first(trainings: Trainings) -> None:
    _, _, apart, ranks = killed(trainings, Apart.kill)
    assert apart.end() == ""
    apart.await_that(lambda: not any(alive(pid) for pid in ranks), 5.0)


def test_a_rank_whose_end_is_not_noticed_ends_the_first_as_well() -> None:
    """As where a kernel of a GPU waits for it."""

    def wait_for_ever() -> None:
        other = os.fork()
        if other == 0:
            os._exit(0)
        launch.watch([other], threading.Event(), grace_seconds=0.1)
        time.sleep(60)

    began = time.monotonic()
    assert Apart(wait_for_ever).end() == ""
    assert time.monotonic() - began < 30


@pytest.mark.conformance
@pytest.mark.parametrize("name", ["ready", "join"])
def test_a_rank_that_fails_before_it_meets_the_others_is_not_waited_for(
    trainings: Trainings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    honest, first = getattr(launch, name), os.getpid()

    def failing(*given: Any) -> Any:
        if os.getppid() != first:  # neither the test's process nor the first rank, which is its child
            raise DataError("it fails here", "")
        return honest(*given)

    monkeypatch.setattr(launch, name, failing)
    monkeypatch.setattr(launch, "GRACE_SECONDS", 0.2)
    workshop = trainings.workshop()
    step = trainings.step(workshop, {"replicas": 2})
    end = Apart(lambda: workshop.do(step)).end()
    assert end == "DataError: it fails here" if name == "ready" else end in ("", "DataError: it fails here")


def test_ranks_that_are_well_are_watched_in_peace() -> None:
    def work() -> None:
        over = threading.Event()
        other = Apart(lambda: time.sleep(60))
        launch.watch([other.pid], over, grace_seconds=0.0)
        time.sleep(0.6)
        over.set()
        other.kill()
        other.end()
        time.sleep(0.6)

    assert Apart(work).end() == "done"


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError("none left"), "MemoryError: none left"),
        (KeyError("a bug"), "RankFailed: in process 2 of those that train together"),
    ],
)
def test_what_goes_wrong_in_another_rank_is_told_as_if_it_were_here(
    trainings: Trainings, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    honest = Updater.update

    def update(self: Updater, *given: Any) -> tuple[float, float]:
        if self._ranks.rank == 1 and given[2] == 3:
            raise error
        return honest(self, *given)

    monkeypatch.setattr(Updater, "update", update)
    workshop = trainings.workshop()
    step = trainings.step(workshop, {"replicas": 2})
    assert Apart(lambda: workshop.do(step)).end().startswith(told)


@pytest.mark.conformance
def test_ranks_started_afresh_compute_what_forked_ones_do(
    trainings: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    forked = trainings.of({"replicas": 2})
    monkeypatch.setattr(launch, "can_fork", lambda: False)
    trainings.of({"replicas": 2}).check_same_bits(forked)


@pytest.mark.conformance
def test_a_run_goes_on_after_one_of_the_processes_of_a_step_was_killed(tmp_path: Path) -> None:
    study = Machine(replicas=2).run_by(small_study(seeds=1, segments=1, length=250, checkpoint_seconds=0.3))
    trained = next(step for step in study.steps if step.op == "train")
    checkpoints = Store(tmp_path / "workspace").work(trained.key) / "checkpoints"
    killed = []

    def kill_a_rank() -> None:
        deadline = time.monotonic() + 120
        while not list(checkpoints.glob("0*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        for server in children(os.getpid()):
            for worker in children(server):
                killed.extend(children(worker))
        os.kill(killed[0], signal.SIGKILL)

    disturber = threading.Thread(target=kill_a_rank)
    disturber.start()
    outcome = run_study(study, tmp_path / "workspace", RunOptions(workers=1), SilentConsole())
    disturber.join()
    assert outcome.exit_code == 0
    assert Store(tmp_path / "workspace").manifest(trained.key).provenance.resumed == 1
    assert len(killed) == 1
    assert not alive(killed[0])


def test_more_processes_than_gpus_are_refused(trainings: Trainings, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop = trainings.workshop()
    step = trainings.step(workshop, {"replicas": 3, "device": "cuda"})
    for count, advice in ((0, "--device cpu"), (2, "--replicas 2")):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)  # noqa: B023
        with pytest.raises(SpeccError, match=f"there are {count} GPUs here, and 3 processes") as refused:
            workshop.do(step)
        assert advice in (refused.value.help or "")


def test_a_training_that_diverges_says_so_whoever_takes_part(trainings: Trainings) -> None:
    workshop = trainings.workshop()
    phases = [{"shape": "constant", "start": 0, "stop": 20, "first": 1e30, "last": 1e30}]
    step = trainings.step(workshop, {"replicas": 2}, phases=phases, clip=None)
    assert Apart(lambda: workshop.do(step, never)).end().startswith("Diverged")
