"""A run that holds the lock and writes its status, and does nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fake_workspace import FakeWorkspace, key
from specc.execute.lock import WorkspaceLock
from specc.execute.status import RunningStep, RunStatus, StepCounts, StepFailure


class FakeRun:
    """A context: outside of it the run has been killed, unless it said how it ended."""

    def __init__(self, workspace: FakeWorkspace, number: int = 1) -> None:
        self.workspace = workspace
        self.number = number
        self.folder = workspace.path / "runs" / f"{number:06}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = WorkspaceLock(workspace.path)

    def __enter__(self) -> FakeRun:
        assert self.lock.try_once()
        self.lock.sign(self.number)
        return self

    def __exit__(self, *error: object) -> None:
        self.lock.__exit__(*error)

    def status(
        self,
        running: Sequence[str] = (),
        keys: Sequence[str] = (),
        failures: Sequence[StepFailure] = (),
        **fields: Any,
    ) -> RunStatus:
        """Write a status; steps are named as in the workspace, or by keys of one's own."""
        counts = StepCounts(total=10, done=4, running=len(running))
        given: dict[str, Any] = {"state": "running", "counts": counts, **fields}
        found = RunStatus(
            run=self.number,
            experiment="exposure",
            spec="specs/exposure.spec",
            pid=os.getpid(),
            workers=2,
            running=tuple(
                RunningStep(
                    slot=slot,
                    key=own,
                    label=f"exposure/{name}",
                    step=3,
                    of=15,
                    loss=2.25,
                    tokens_per_second=1500.0,
                )
                for slot, (name, own) in enumerate(
                    zip(running, keys or [key(name) for name in running], strict=True)
                )
            ),
            failures=tuple(failures),
            started="2026-11-21T10:00:00.000+00:00",
            updated="2026-11-21T10:01:00.000+00:00",
            elapsed_seconds=60.0,
            seconds_left=75.0,
            tokens_per_second=3000.0,
            **given,
        )
        aside = self.folder / "status.tmp"
        aside.write_text(found.model_dump_json())
        aside.replace(self.folder / "status.json")
        return found
