"""What every rank but the first does: open the same step, then whatever rank 0 says."""

from __future__ import annotations

from pathlib import Path

from specc.faults import before_training_step
from specc.steps import RESUME, Step, TrainParams
from specc.store import Manifest, Store
from specc_runtime.attempt import Attempt
from specc_runtime.checkpoint import restore_learner
from specc_runtime.distributed.group import Group, Order
from specc_runtime.learner import Gathering, Learner, Spread
from specc_runtime.packing import Mixture


class Onlooker(Attempt):
    """An attempt as ranks behind the first see it: inputs, and nothing that it could change.

    Rank 0 has compared the checksums of the inputs, or is about to.
    """

    def __init__(self, step: Step, store: Store) -> None:
        self.step = step
        self.store = store
        self.params, self.execution = step.parsed()
        self.work = store.work(step.key)

    def input(self, role: str) -> tuple[Path, Manifest]:
        key = self.step.inputs[role]
        return self.store.path(key), self.store.manifest(key)


def follow_step(step: Step, store: Store, group: Group) -> None:
    """Open a `train` step as rank 0 does, and do its orders until it ends the step."""
    from specc_runtime.train import open_learner, open_mixture, rank_device

    attempt = Onlooker(step, store)
    params: TrainParams = attempt.params
    folder, parent = attempt.input("parent")
    mixture = open_mixture(attempt, params, parent.outputs["vocab"])
    if RESUME in step.inputs:
        folder, _ = attempt.input(RESUME)
    learner = open_learner(params, attempt.execution, folder, rank_device(attempt.execution, group), group)
    follow(group, learner, mixture, params.batch, parent.outputs.get("lineage_steps", 0))


def follow(group: Group, learner: Learner, mixture: Mixture, rows: int, lineage_steps: int) -> None:
    """Do the orders of rank 0.

    Args:
        rows: sequences in a global batch. lineage_steps: training steps before the stage.
    """
    while (message := group.hear()).order is not Order.END:
        match message.order:
            case Order.UPDATE:
                step = message.lineage_step - lineage_steps
                before_training_step(step + 1, group.rank)
                batch, _ = mixture.batch(step * rows, (step + 1) * rows)
                learner.update(batch, message.rate, message.lineage_step)
            case Order.WEIGHTS:
                assert isinstance(learner, Spread)
                take_part(learner.gather_weights())
            case Order.STATE:
                assert isinstance(learner, Spread)
                take_part(learner.gather_state())
            case Order.RESTORE:
                restore_learner(Path(message.text), learner, message.with_state)
                group.wait()
            case Order.MODULE:
                learner.module()


def take_part(tensors: Gathering) -> None:
    """Give this rank's parts of tensors that rank 0 gathers."""
    for _ in tensors.items():
        pass
