"""The interface between the schedule and whatever runs steps.

An executor has numbered slots; a slot does one step at a time, or trains several in lanes. It
launches processes and tells how steps ended, and nothing else: results travel through the store, what
to run next and what to try again is the schedule's business, and no key depends on the executor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from specc.errors import SpeccError
from specc.study import PlannedStep

WORKER_LOST = "WorkerLost"
"""Class of a failure that says nothing about the step: its process was killed."""


OUT_OF_MEMORY = "OutOfMemory"
"""Class of a failure for which memory, or that of a device, was too small."""

MEMORY_HELP = "give `--micro-batch` fewer sequences, or do fewer steps at once with `--workers`"
"""What to do about it."""


class ExecutorLost(SpeccError):
    """The processes that run steps can't be started, or are gone."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step has come: training steps done, and their figures where there are some."""

    slot: int
    key: str
    step: int = 0
    of: int = 0
    tokens: int = 0
    loss: float | None = None
    tokens_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """A step is in the store; `seconds` it took, by its own clock, shared with those in the other lanes."""

    slot: int
    key: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A step ended without a result.

    Attributes:
        error: name of a class of `specc.errors`, "WorkerLost", "OutOfMemory" or "InternalError".
        culprit: key of the damaged input, for "CorruptArtifact".
    """

    slot: int
    key: str
    error: str
    message: str
    help: str | None = None
    culprit: str | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """A step was asked to stop and has saved what it needs to go on."""

    slot: int
    key: str


Event = Progress | Done | Failed | Stopped


class Executor(Protocol):
    """Runs steps in numbered slots."""

    def idle(self) -> list[int]:
        """Slots that can take a step now, in order."""

    def submit(self, slot: int, *steps: PlannedStep) -> None:
        """Start a step in an idle slot, or several that are trained together; each ends by itself.

        Raises:
            ExecutorLost: if no process can be started.
        """

    def poll(self, timeout: float) -> list[Event]:
        """What happened since the last call; waits up to `timeout` seconds for something.

        Raises:
            ExecutorLost: if the processes are gone.
        """

    def stop(self) -> None:
        """Ask the running steps to save a checkpoint and end; `poll` tells when they have."""

    def close(self) -> None:
        """End all processes at once, whatever they do."""
