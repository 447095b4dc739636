"""Ctrl-C and SIGTERM, counted instead of raised."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Interrupts:
    """How often this process was asked to stop, while this context is open.

    Outside of the main thread Python lets nobody take signals; the count then stays 0.
    """

    def __init__(self) -> None:
        self.count = 0
        self.before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self.take)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def take(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
