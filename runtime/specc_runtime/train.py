"""Train a segment of a stage: a checkpoint and a mixture go in, a checkpoint comes out.

The artifact holds model.safetensors and config.json in the hub's format, optimizer.safetensors for
the segment that goes on from here, metrics.jsonl, and position.json.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch

from specc.components import gradient_passes
from specc.errors import SpeccError
from specc.files import copy_file
from specc.flops import training_flops_per_token
from specc.steps import RESUME, TrainExecution, TrainParams
from specc.store import Manifest
from specc_runtime import model as models
from specc_runtime.attempt import Attempt
from specc_runtime.checkpoint import Position, read_position, restore_learner, write_position, write_state
from specc_runtime.dataset import order_of
from specc_runtime.device import use_device
from specc_runtime.dropout import add_dropout
from specc_runtime.early_stop import EarlyStop
from specc_runtime.gpu.utilisation import utilisation
from specc_runtime.learner import Learner, TransformersLearner
from specc_runtime.llama.choice import plain_architecture
from specc_runtime.llama.learner import PlainLearner
from specc_runtime.optimizer import build_optimizer
from specc_runtime.order import Stream
from specc_runtime.packing import Mixture
from specc_runtime.prepared import open_split
from specc_runtime.ranks import ALONE, Ranks
from specc_runtime.segment import Lineage, Segment
from specc_runtime.update import Updater


def train(attempt: Attempt) -> Manifest:
    """Train a segment, going on from a scratch checkpoint if an earlier attempt left one.

    Raises:
        Interrupted: if asked to stop; a checkpoint was saved.
        Diverged: if a loss or gradient norm is not finite; nothing is published.
    """
    with all_ranks(attempt) as ranks:
        segment = open_segment(attempt, ranks)
        return publish_segment(segment, segment.train())


def all_ranks(attempt: Attempt) -> AbstractContextManager[Ranks]:
    """The processes that train a segment together; those beside this one end with the block."""
    if attempt.execution.replicas == 1:
        return nullcontext(ALONE)
    from specc_runtime.distributed.launch import joined

    return joined(attempt)


def publish_segment(segment: Segment, position: Position) -> Manifest:
    """Write what a segment that was trained to its end leaves, and publish it."""
    attempt, execution = segment.attempt, segment.execution
    write_state(attempt.artifact, segment.learner, segment.folder / "config.json")
    if segment.params.adapter is not None:
        from specc_runtime.adapter import AdapterLearner

        assert isinstance(segment.learner, AdapterLearner)
        segment.learner.write_adapter(attempt.artifact)
    # A copy: should publishing fail, the scratch checkpoints are only of use with their log.
    copy_file(segment.log_path, attempt.artifact / "metrics.jsonl")
    outputs = outputs_after(attempt, segment, position)
    write_position(attempt.artifact, position, outputs["lineage_steps"], outputs["lineage_tokens"])
    shape = models.read_shape(segment.folder)
    passes = gradient_passes(segment.params.optimizer)
    frozen = segment.params.adapter is not None
    each = passes * training_flops_per_token(shape, segment.params.sequence, frozen)
    computed = segment.way()
    device, threads = computed.pop("device"), computed.pop("threads")
    speed = outputs["tokens_per_second"] / execution.replicas
    return attempt.publish(
        outputs,
        device=device,
        threads=threads,
        flops=float(each * trained(segment, position)),
        resumed=position.resumed,
        computed=computed
        | earlier_ways(segment, position)
        | utilisation(device, segment.params.dtype, each, speed),
    )


def earlier_ways(segment: Segment, position: Position) -> dict[str, Any]:
    """How attempts before the last have computed, as far as that was another way; lanes are one way.

    What another version of torch or of a library has computed is another way too.
    """
    last = segment.way_here() | {"lanes": None}
    earlier = [way for way in position.ways if way | {"lanes": None} != last]
    return {"earlier": earlier} if earlier else {}


def trained(segment: Segment, position: Position) -> int:
    """Tokens that this step itself trained on, without those of the state it went on from."""
    return sum(position.tokens.values()) - sum(segment.origin.tokens.values())


def outputs_after(attempt: Attempt, segment: Segment, position: Position) -> dict[str, Any]:
    """The numbers of a finished step, for its manifest; they count from the start of the stage."""
    _, parent = attempt.input("parent")
    steps, tokens = position.step, sum(position.tokens.values())
    ending = segment.stop.outputs(position.judged) if segment.stop and position.judged else {}
    return {
        **{name: parent.outputs[name] for name in ("parameters", "non_embedding", "vocab")},
        "steps": steps,
        "tokens": position.tokens,
        "targets": position.targets,
        "lineage_steps": segment.lineage.steps + steps,
        "lineage_tokens": segment.lineage.tokens + tokens,
        "loss": sum(position.losses) / len(position.losses) if position.losses else None,
        "tokens_per_second": trained(segment, position) / max(position.seconds, 1e-9),
        **ending,
    }


OpenLearner = Callable[[TrainParams, TrainExecution, Path, torch.device], Learner]


def open_segment(attempt: Attempt, ranks: Ranks = ALONE, open_with: OpenLearner | None = None) -> Segment:
    """Load what a segment starts from: the model, the optimizer's state, and the streams it reads.

    That is the parent, or, where the step has one, an earlier state of the same stage (`RESUME`):
    the same bits come out, and only the steps behind it are trained.

    Args:
        open_with: makes the learner; None for `open_learner`.
    Raises:
        SpeccError: if these do not fit together, or there is no such device.
    """
    params: TrainParams = attempt.params
    execution: TrainExecution = attempt.execution
    device = rank_device(execution, ranks)
    folder, parent = attempt.input("parent")
    mixture = open_mixture(attempt, params, parent.outputs["vocab"])
    origin = Position(step=0)
    beneath = folder  # what an adapter is added to
    if RESUME in attempt.step.inputs:
        folder, _ = attempt.input(RESUME)
        origin = read_position(folder)
    learner: Learner
    if open_with is not None:
        learner = open_with(params, execution, folder, device)
    elif params.adapter is not None:
        from specc_runtime.adapter import open_adapter

        learner = open_adapter(params, execution, beneath, device)
    else:
        learner = ranks.led(open_learner(params, execution, folder, device, ranks))
    if origin.step > 0 or params.optimizer_state == "kept":
        restore_learner(folder, learner)
    until = params.until
    return Segment(
        attempt,
        learner,
        mixture,
        Lineage(parent.outputs.get("lineage_steps", 0), parent.outputs.get("lineage_tokens", 0)),
        origin,
        folder,
        EarlyStop(attempt, params, until, learner, folder / "config.json", parent.outputs["vocab"])
        if until is not None
        else None,
    )


def rank_device(execution: TrainExecution, ranks: Ranks) -> torch.device:
    """Set up the device of this process: its own where several train together on GPUs."""
    name = execution.device
    if ranks.size > 1 and torch.device(name).type == "cuda":
        name = f"cuda:{ranks.rank}"
    return use_device(name, execution.threads)


def open_learner(
    params: TrainParams,
    execution: TrainExecution,
    folder: Path,
    device: torch.device,
    ranks: Ranks = ALONE,
) -> Learner:
    """What trains the model of a folder; it has its weights, and a fresh optimizer."""
    if ranks.size > 1:
        from specc_runtime.distributed import sharded

        if sharded.shards(execution, folder):
            return sharded.open_sharded(params, execution, folder, ranks, device)
    if execution.implementation == "stacked":
        from specc_runtime.lanes.lane import open_lane

        lane = open_lane(params, folder, device)
        if lane is not None:
            return lane
        execution = execution.model_copy(update={"implementation": "auto"})
    if device.type == "cuda":
        from specc_runtime.gpu.learner import DeviceLearner, device_architecture

        covered = device_architecture(params, execution, folder)
        if covered is not None:
            return DeviceLearner(covered, params, execution, folder, device, ranks)
    architecture = plain_architecture(params, execution, folder)
    if architecture is not None:
        return PlainLearner(architecture, params, execution, folder, device, ranks)
    model = models.load(folder, device, models.attention_kernel(device, params.dtype))
    add_dropout(model, params.dropout)
    optimizer = build_optimizer(model, params.optimizer)
    updater = Updater(model, optimizer, params, execution.micro_batch, ranks)
    return TransformersLearner(model, optimizer, updater)


def open_mixture(attempt: Attempt, params: TrainParams, vocab: int) -> Mixture:
    """Open the streams that a stage reads.

    Raises:
        SpeccError: if a corpus has tokens that the model does not know.
        DataError: if a corpus has nothing to train on.
    """
    streams = []
    for source in params.sources:
        folder, prepared = attempt.input(source.corpus)
        name = prepared.label or source.corpus
        if prepared.outputs["vocab"] > vocab:
            raise SpeccError(
                f"{name} has {prepared.outputs['vocab']} tokens in its vocabulary, the model knows {vocab}",
                "start from a model with the tokenizer of this corpus",
            )
        streams.append(Stream(open_split(folder, source.split), params.seed, order_of(prepared), name))
    return Mixture(
        roles=tuple(source.corpus for source in params.sources),
        streams=tuple(streams),
        shares=tuple(source.share for source in params.sources),
        starts=tuple(source.start for source in params.sources),
        sequence=params.sequence,
        spans=tuple(source.span for source in params.sources),
        intervals=params.intervals,
    )
