"""One attempt at a step: its inputs, its scratch folder, its progress, and its publication."""

from __future__ import annotations

import platform
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import specc
from specc.errors import disk_errors
from specc.files import make_folder, remove_folder
from specc.steps import Step
from specc.store import Manifest, Provenance, Store

REPORT_SECONDS = 0.25
"""Least time between two progress reports of a step."""

_verified: set[tuple[str, str]] = set()
"""Artifacts whose checksums this process has compared: (store, key)."""


class Interrupted(Exception):
    """The step was asked to stop, and what it had done is kept where it can be."""


class Attempt:
    """What an operation needs to know and to call while it works on a step.

    Attributes:
        params, execution: the step's typed parameters and settings.
        work: scratch folder, kept between attempts. artifact: empty folder to be filled.
        spent_on_others: processor seconds of this process, since it began, that other steps had.
    """

    def __init__(
        self,
        step: Step,
        store: Store,
        report: Callable[[dict[str, Any]], None],
        stopping: Callable[[], bool],
    ) -> None:
        self.step = step
        self.store = store
        self.stopping = stopping
        self.params, self.execution = step.parsed()
        self.work = store.work(step.key)
        self.artifact = self.work / "artifact"
        self._report = report
        self._reported = 0.0
        self.spent_on_others = 0.0
        self._started = datetime.now(UTC)
        self._wall = time.monotonic()
        self._cpu = _cpu_seconds()
        with disk_errors(store.workspace):
            self.work.mkdir(parents=True, exist_ok=True)
            if self.artifact.exists():
                remove_folder(self.artifact)
            make_folder(self.artifact)

    def input(self, role: str) -> tuple[Path, Manifest]:
        """Folder and completion record of an input; its checksums are compared once per process.

        Raises:
            CorruptArtifact: if a file is missing or differs.
        """
        key = self.step.inputs[role]
        known = (str(self.store.root), key)
        if known in _verified:
            return self.store.path(key), self.store.manifest(key)
        manifest = self.store.verify(key)
        _verified.add(known)
        return self.store.path(key), manifest

    def progress(
        self,
        done: int,
        of: int,
        tokens: int = 0,
        loss: float | None = None,
        tokens_per_second: float = 0.0,
    ) -> None:
        """Tell how far the step is, at most four times a second."""
        now = time.monotonic()
        if now - self._reported < REPORT_SECONDS and done < of:
            return
        self._reported = now
        self._report(
            {
                "kind": "progress",
                "step": done,
                "of": of,
                "tokens": tokens,
                "loss": loss,
                "tokens_per_second": tokens_per_second,
            }
        )

    def silent(self) -> Attempt:
        """The same attempt for a measurement in the middle of it, which is no progress of the step."""
        quiet = copy(self)
        quiet._report = lambda message: None
        return quiet

    def stop_if_asked(self) -> None:
        """Leave a step that keeps nothing between attempts.

        Raises:
            Interrupted: if it was asked to stop.
        """
        if self.stopping():
            raise Interrupted(self.step.label)

    def publish(
        self,
        outputs: dict[str, Any],
        *,
        device: str = "cpu",
        threads: int = 1,
        flops: float = 0.0,
        resumed: int = 0,
        computed: dict[str, Any] | None = None,
    ) -> Manifest:
        """Move the filled artifact into the store and clear the scratch folder."""
        provenance = Provenance(
            versions=versions(),
            device=device,
            threads=threads,
            started=self._started.isoformat(timespec="seconds"),
            wall_seconds=time.monotonic() - self._wall,
            cpu_seconds=_cpu_seconds() - self._cpu - self.spent_on_others,
            flops=flops,
            resumed=resumed,
            computed=computed or {},
        )
        manifest = self.store.publish(self.step, self.artifact, outputs, provenance)
        _verified.add((str(self.store.root), self.step.key))
        with suppress(OSError):  # the step is done; what can't be removed is in nobody's way
            remove_folder(self.work)
        return manifest


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@cache
def versions() -> dict[str, str]:
    """Packages that decide on the bits, Python among them, and their versions here."""
    packages = {name: version(name) for name in ("numpy", "torch", "transformers")}
    return {"specc": specc.__version__, "python": platform.python_version(), **packages}
