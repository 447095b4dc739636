"""Train the segments of several steps together, each with its own data, log, checkpoints and result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from specc.errors import disk_errors
from specc.steps import Step, TrainExecution, TrainParams
from specc.store import Manifest, Store
from specc_runtime.attempt import Attempt
from specc_runtime.lanes.lane import Lane, open_lane, stacked
from specc_runtime.lanes.stack import Stack
from specc_runtime.memory import is_out_of_memory
from specc_runtime.run import run_step
from specc_runtime.segment import Segment, Turn
from specc_runtime.train import open_segment, publish_segment

Report = Callable[[Step, dict[str, Any]], None]
Settle = Callable[[Step, Manifest | Exception], None]


class NoLane(Exception):
    """A model can't be stacked."""


@dataclass(slots=True)
class Member:
    """A step in training, and the training step that is due."""

    step: Step
    segment: Segment
    lane: Lane
    turn: Turn | None = None


class Group:
    """Steps of one lane shape that are trained together.

    A step that ends early is published while the others go on. One that fails, because it diverges or
    its disk is full, leaves alone. A model that can't be stacked after all is trained by itself when
    the others are done, and so are all if their stack finds no memory.

    Args:
        report: told the progress of each step.
        settle: told once for each step what it published, or why it did not.
        stopping: asked often; once it is true, every lane saves a checkpoint and ends.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        store: Store,
        report: Report,
        settle: Settle,
        stopping: Callable[[], bool],
    ) -> None:
        self.steps = steps
        self.store = store
        self.report = report
        self.settle = settle
        self.stopping = stopping
        self.members: list[Member] = []
        self.alone: list[Step] = []

    def train(self) -> None:
        """Take every step to its end, whichever that is."""
        for step in self.steps:
            with self._settled(step):
                self._open(step)
        stack: Stack | None = None
        while self._take_turns():
            lanes = [member.lane for member in self.members]
            if stack is None or stack.states != [lane.state for lane in lanes]:
                stack = stacked(lanes)
            self._update(stack)
        for step in self.alone:
            with self._settled(step):
                self.settle(step, run_step(step, self.store, self._reporter(step), self.stopping))

    @contextmanager
    def _settled(self, step: Step) -> Iterator[None]:
        """What goes wrong in the block is the end of this step, and of no other."""
        try:
            with disk_errors(self.store.workspace):
                yield
        except Exception as error:
            for member in self.members:
                if member.step is step:
                    member.segment.__exit__(None, None, None)
            self.members = [member for member in self.members if member.step is not step]
            self.settle(step, error)

    def _reporter(self, step: Step) -> Callable[[dict[str, Any]], None]:
        return lambda message: self.report(step, message)

    def _open(self, step: Step) -> None:
        attempt = Attempt(step, self.store, self._reporter(step), self.stopping)
        try:
            segment = open_segment(attempt, open_with=as_lane)
        except NoLane:
            self.alone.append(step)
            return
        lane = segment.learner
        assert isinstance(lane, Lane), "as_lane makes nothing else"
        if self.members and lane.layout != self.members[0].lane.layout:
            self.alone.append(step)  # selections have chosen models of different shapes
            return
        segment.__enter__()
        self.members.append(Member(step, segment, lane))

    def _take_turns(self) -> bool:
        """Ask every lane for its next training step, and publish those that have none; whether any has."""
        for member in list(self.members):
            with self._settled(member.step):
                member.turn = member.segment.turn()
                if member.turn is None:
                    self._publish(member)
        return bool(self.members)

    def _publish(self, member: Member) -> None:
        position = member.segment.finish()
        member.segment.__exit__(None, None, None)
        manifest = publish_segment(member.segment, position)
        self.members.remove(member)
        self.settle(member.step, manifest)

    def _update(self, stack: Stack) -> None:
        """Make the training step that is due in every lane."""
        began = time.process_time()
        due = [(member, member.turn) for member in self.members if member.turn is not None]
        asked = [member.lane.asked(turn.batch, turn.rate, turn.lineage_step) for member, turn in due]
        try:
            results = stack.update(asked)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            self._part()
            return
        others = (time.process_time() - began) * (1 - 1 / len(due))
        for (member, turn), result in zip(due, results, strict=True):
            member.segment.attempt.spent_on_others += others
            with self._settled(member.step):
                member.segment.took(turn, *result)

    def _part(self) -> None:
        """There is no memory for all at once: train each by itself, from its last checkpoint."""
        for member in self.members:
            member.segment.__exit__(None, None, None)
            self.alone.append(member.step)
        self.members = []


def as_lane(params: TrainParams, execution: TrainExecution, folder: Path, device: torch.device) -> Lane:
    """The model of a folder as a lane.

    Raises:
        NoLane: if it can't be one.
    """
    lane = open_lane(params, folder, device)
    if lane is None:
        raise NoLane
    return lane


def train_together(
    steps: Sequence[Step], store: Store, report: Report, settle: Settle, stopping: Callable[[], bool]
) -> None:
    """Train steps of one lane shape in one process; see `Group`."""
    group = Group(steps, store, report, settle, stopping)
    try:
        group.train()
    except Exception as error:  # of the stack itself: no lane can go on
        for member in group.members:
            member.segment.__exit__(None, None, None)
            settle(member.step, error)
        for step in group.alone:
            settle(step, error)
