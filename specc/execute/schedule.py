"""Which step runs next: the state of every step of a run, without any input or output.

Of the steps that can start, the one with the longest path behind it (in predicted seconds) goes
first; ties fall to the earlier in the study's order. A slot that has just made or loaded an
artifact is given a step that uses it, those that nothing waits for first (evaluations: their
numbers can be read while the run goes on), as long as that doesn't make the run longer: there is
plenty of other work, or that step's own path is at least half of the longest.

A selection doesn't wait for candidates whose training has diverged: it is done with what is left of
its inputs, once all others are there.

Training steps of one lane shape may be given to a slot together; see `specc.execute.lanes`.

Everything is linear in steps and edges, and nothing recurses: each step enters two heaps once for
each time it becomes ready, and entries of steps that have been taken are skipped when met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from heapq import heappop, heappush

from specc.execute.lanes import STACKED, Lanes, LaneShapes
from specc.steps import SELECT
from specc.study import PlannedStep

LEAST_SECONDS = 1e-3
"""What a step counts in a path at least, so that depth orders steps without a prediction."""

LOCAL_ROLES = ("parent", "checkpoint")
"""Inputs worth having loaded already."""


LETTERS = "abcdefghijklmnopqrstuvwxyz"

THREADED = ("prepare",)
"""Operations that can use several threads, and are given those that no other step has a use for."""

PLENTY = 2.0
"""Work is plenty while it keeps all slots busy for this many times the longest path."""

Entry = tuple[bool, float, int, str]
"""Of a heap: whether others wait for it (in heaps of local steps), -path, place in the study, key."""


class State(Enum):
    """Where a step stands in this run."""

    WAITING = "waiting for its inputs"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked by a failure"


@dataclass(slots=True)
class Counts:
    """Steps by what became of them. `todo` counts those that wait or are ready."""

    total: int = 0
    reused: int = 0
    done: int = 0
    running: int = 0
    failed: int = 0
    blocked: int = 0
    todo: int = 0


class Schedule:
    """The steps of a study and what became of them.

    Attributes:
        path: key -> predicted seconds from the step's start to the end of all that needs it.
        seconds_todo: predicted seconds of the steps that have not begun.
        diverged: steps that diverged, and those blocked by one; a selection does without them.

    Args:
        steps: all steps, each key once, in any order.
        done: keys that need not run.
        slots: how many steps are done at once.
        processors: threads that may work at once.
        lanes: how many steps are trained together at most.
    Raises:
        ValueError: for an input that no step makes, or a cycle; the compiler makes neither.
    """

    def __init__(
        self,
        steps: Sequence[PlannedStep],
        done: Collection[str],
        slots: int = 1,
        processors: int = 1,
        lanes: Lanes = "off",
    ) -> None:
        self.slots = slots
        self.processors = processors
        self.steps = {step.key: step for step in steps}
        self.lanes = LaneShapes(self.steps, lanes)
        self.order = {step.key: number for number, step in enumerate(steps)}
        self.users: dict[str, list[str]] = {step.key: [] for step in steps}
        for step in steps:
            for key in set(step.inputs.values()):
                if key not in self.users:
                    raise ValueError(
                        f"no step of the study makes {key}, an input of {step.label or step.key}"
                    )
                self.users[key].append(step.key)
        self.path = remaining_paths(steps, self.users)
        self.state = {key: State.DONE if key in done else State.WAITING for key in self.steps}
        self.reused = {key for key, state in self.state.items() if state is State.DONE}
        reused = len(self.reused)
        self.counts = Counts(total=len(self.steps), reused=reused, todo=len(self.steps) - reused)
        self.seconds_todo = sum(step.seconds for step in steps if self.state[step.key] is not State.DONE)
        self.missing: dict[str, int] = {}
        self.diverged: set[str] = set()
        self.ready: list[Entry] = []
        self.ready_by_input: dict[str, list[Entry]] = {}
        self.ready_by_shape: dict[str, list[Entry]] = {}
        self.ready_lanes: Counter[str] = Counter()
        for key, state in self.state.items():
            if state is State.WAITING:
                self.wait(key)

    def wait(self, key: str) -> None:
        """Count the inputs that a step lacks: it is ready if there are none, blocked if one failed."""
        states = [self.state[made] for made in set(self.awaited(key).values())]
        self.missing[key] = sum(1 for state in states if state is not State.DONE)
        if State.FAILED in states or State.BLOCKED in states:
            self.block(key)
            self.block_users(key)
        elif self.missing[key] == 0:
            self.offer(key)
        else:
            self.state[key] = State.WAITING

    def awaited(self, key: str) -> dict[str, str]:
        """Inputs that a step can't do without, by role: of a selection not those that diverged."""
        inputs = self.steps[key].inputs
        if self.steps[key].op != SELECT or self.diverged.isdisjoint(inputs.values()):
            return inputs
        lost = {role.lstrip(LETTERS) for role, made in inputs.items() if made in self.diverged}
        return {role: made for role, made in inputs.items() if role.lstrip(LETTERS) not in lost}

    def offer(self, key: str) -> None:
        """Make a step ready to be taken."""
        self.state[key] = State.READY
        heappush(self.ready, (False, -self.path[key], self.order[key], key))
        shape = self.lanes.of(key)
        if shape is not None:
            self.ready_lanes[shape] += 1
            heappush(
                self.ready_by_shape.setdefault(shape, []), (False, -self.path[key], self.order[key], key)
            )
        local = (bool(self.users[key]), -self.path[key], self.order[key], key)
        for role in LOCAL_ROLES:
            made = self.steps[key].inputs.get(role)
            if made is not None:
                heappush(self.ready_by_input.setdefault(made, []), local)

    def take_group(self, warm: Iterable[str], sizes: dict[str, int]) -> list[PlannedStep]:
        """Choose a step for a slot, and those that are trained in lanes beside it; none if none is ready.

        Args:
            warm: as of `take`.
            sizes: lane shape -> lanes of each of its groups, filled where it is asked for first; the
                same for all slots that are idle at a time, so that their groups are even.
        """
        first = self.take(warm)
        if first is None:
            return []
        group, shape = [first], self.lanes.of(first.key)
        if shape is None:
            return group
        heap = self.ready_by_shape[shape]
        if shape not in sizes:
            sizes[shape] = self.lanes.size(first.key, 1 + self.ready_lanes[shape], self.slots)
        while len(group) < sizes[shape] and (other := self.first_ready(heap)) is not None:
            heappop(heap)
            if self.lanes.of(other) == shape:  # else it was given a shape of its own since it came here
                group.append(self.taken(other))
        return [replace(step, execution=step.execution | STACKED) for step in group]

    def take(self, warm: Iterable[str] = ()) -> PlannedStep | None:
        """Choose a step for a slot and count it as running.

        Args:
            warm: keys of artifacts that the slot has in memory, the latest first.
        """
        best = self.first_ready(self.ready)
        if best is None:
            return None
        plenty = self.seconds_todo >= PLENTY * self.slots * self.path[best]
        for key in warm:
            local = self.first_ready(self.ready_by_input.get(key, []))
            if local is None or self.lanes.of(local) is not None:
                continue  # a lane would go ahead of what makes others ready to share its moment
            if plenty or self.path[local] * 2 >= self.path[best]:
                best = local
                break
        return self.taken(best)

    def withdraw(self, key: str) -> None:
        """A step is no longer among those that are ready."""
        shape = self.lanes.of(key)
        if shape is not None:
            self.ready_lanes[shape] -= 1

    def taken(self, key: str) -> PlannedStep:
        """Count a step as running; it is returned as it is to be done now."""
        self.withdraw(key)
        self.state[key] = State.RUNNING
        self.counts.todo -= 1
        self.counts.running += 1
        self.seconds_todo -= self.steps[key].seconds
        step = self.steps[key]
        if step.op in THREADED:
            return replace(step, execution={**step.execution, "threads": self.threads()})
        return replace(step, inputs=self.awaited(key)) if step.op == SELECT else step

    def threads(self) -> int:
        """Threads for a step that has just been taken: its part of the processors, which it shares with
        the steps that run and those that could start beside it."""
        ready = sum(state is State.READY for state in self.state.values())
        beside = min(self.slots, self.counts.running + ready)
        return max(1, self.processors // max(1, beside))

    def first_ready(self, heap: list[Entry]) -> str | None:
        while heap and self.state[heap[0][3]] is not State.READY:
            heappop(heap)
        return heap[0][3] if heap else None

    def finish(self, key: str) -> None:
        """A running step is done; what waited only for it becomes ready."""
        self.leave(key, State.DONE)
        self.counts.done += 1
        for user in self.users[key]:
            if self.state[user] is State.WAITING:
                self.missing[user] -= 1
                if self.missing[user] == 0:
                    self.offer(user)

    def fail(self, key: str, diverged: bool = False) -> list[str]:
        """A running step has failed for good.

        Returns:
            the steps that can't run any more because of it, and were not blocked before.
        """
        self.leave(key, State.FAILED)
        self.counts.failed += 1
        return self.block_users(key, diverged)

    def block_users(self, key: str, diverged: bool = False) -> list[str]:
        """Block all that waits for a step, near or far; each step is met once in a run.

        Args:
            diverged: whether selections can do without it.
        """
        blocked = []
        frontier = [key]
        while frontier:
            made = frontier.pop()
            if diverged:
                self.diverged.add(made)
            for user in self.users[made]:
                if diverged and self.steps[user].op == SELECT:
                    if self.state[user] is State.WAITING:
                        self.wait(user)
                elif self.state[user] in (State.WAITING, State.READY):
                    self.block(user)
                    blocked.append(user)
                    frontier.append(user)
        return blocked

    def block(self, key: str) -> None:
        if self.state[key] is State.READY:
            self.withdraw(key)
        self.state[key] = State.BLOCKED
        self.seconds_todo -= self.steps[key].seconds
        self.counts.blocked += 1
        self.counts.todo -= 1

    def retry(self, key: str) -> None:
        """A running step goes back to those that wait or are ready."""
        self.leave(key, State.WAITING)
        self.counts.todo += 1
        self.seconds_todo += self.steps[key].seconds
        self.wait(key)

    def remake(self, key: str) -> None:
        """A step that was done must be done again: its artifact is no more.

        Steps that use it and have not begun wait for it again. Those that have finished stay.
        """
        self.state[key] = State.WAITING
        self.counts.todo += 1
        if key in self.reused:
            self.reused.remove(key)
            self.counts.reused -= 1
        else:
            self.counts.done -= 1
        self.seconds_todo += self.steps[key].seconds
        for user in self.users[key]:
            if self.state[user] in (State.WAITING, State.READY):
                if self.state[user] is State.READY:
                    self.withdraw(user)
                self.state[user] = State.WAITING
                self.missing[user] += 1
        self.wait(key)

    def leave(self, key: str, state: State) -> None:
        self.state[key] = state
        self.counts.running -= 1

    def longest_path(self) -> float:
        """Predicted seconds of the longest chain of steps that has not begun."""
        best = self.first_ready(self.ready)
        return 0.0 if best is None else self.path[best]


def remaining_paths(steps: Sequence[PlannedStep], users: dict[str, list[str]]) -> dict[str, float]:
    """Longest chain of predicted seconds from the start of each step to the end of the run.

    Raises:
        ValueError: if steps need each other in a circle.
    """
    unseen = {key: len(waiting) for key, waiting in users.items()}
    by_key = {step.key: step for step in steps}
    longest = dict.fromkeys(users, 0.0)
    frontier = [key for key, count in unseen.items() if count == 0]
    path: dict[str, float] = {}
    while frontier:
        key = frontier.pop()
        path[key] = longest[key] + max(by_key[key].seconds, LEAST_SECONDS)
        for made in set(by_key[key].inputs.values()):
            longest[made] = max(longest[made], path[key])
            unseen[made] -= 1
            if unseen[made] == 0:
                frontier.append(made)
    if len(path) < len(users):
        raise ValueError("the steps of the study need each other in a circle")
    return path
