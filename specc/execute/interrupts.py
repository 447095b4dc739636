"""Ctrl-C, SIGTERM and SIGUSR1, counted instead of raised."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

PREEMPTIONS = (signal.SIGTERM, signal.SIGUSR1)
"""What a batch system sends before it takes the machine away: the run is to be started again elsewhere."""


class Interrupts:
    """How often this process was asked to stop, while this context is open.

    Attributes:
        preempted: whether the first who asked was a batch system, not a person at a terminal.

    Outside of the main thread Python lets nobody take signals; the count then stays 0.
    """

    def __init__(self) -> None:
        self.count = 0
        self.preempted = False
        self.before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, *PREEMPTIONS):
                self.before[number] = signal.signal(number, self.take)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def take(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count == 1:
            self.preempted = number in PREEMPTIONS
