"""The folder of a run: its plan, its status and its events.

runs/<6 digits>/plan.json      the study, as it was compiled
                status.json    how the run stands; replaced as a whole, once a second at most
                recipe.json    the text of the recipe and of the files that it uses
                events.jsonl   a line for each start, end, failure and retry of a step
                workers.log    what worker processes print; its last part, if that is too much
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from specc.errors import SpeccError, disk_errors
from specc.execute.status import RunStatus, run_folder, run_numbers
from specc.files import make_folder, operation, sweep_aside, write_atomic
from specc.history.recipe import KeptRecipe, write_recipe
from specc.study import Study

STATUS_SECONDS = 1.0
"""Least time between two versions of `status.json`."""


class RunRecord:
    """Writes a run's folder. Only the holder of the workspace's lock makes one.

    Once the folder can't be written any more, the reason is kept in `trouble` and nothing more is
    written: a run must end in good order on a full disk too.

    Raises:
        DiskFull, WorkspaceError: if the folder can't be made.
    """

    def __init__(self, workspace: Path, study: Study, recipe: KeptRecipe | None = None) -> None:
        self.run = max(run_numbers(workspace), default=0) + 1
        self.folder = run_folder(workspace, self.run)
        self.trouble: SpeccError | None = None
        self.written = float("-inf")
        with disk_errors(workspace):
            for left in run_numbers(workspace)[-1:]:
                sweep_aside(run_folder(workspace, left))
            make_folder(self.folder)
            if recipe is not None:
                write_recipe(self.folder, recipe)
            write_atomic(self.folder / "plan.json", study.model_dump_json() + "\n")
            self.events = open(self.folder / "events.jsonl", "a", encoding="utf-8")  # noqa: SIM115 - closed by close()

    @property
    def log(self) -> Path:
        return self.folder / "workers.log"

    def event(self, kind: str, **fields: Any) -> None:
        """Append a line to the events."""
        if self.trouble is None:
            line = {"time": now(), "event": kind, **fields}
            try:
                with disk_errors(self.folder), operation("append", self.folder / "events.jsonl"):
                    self.events.write(json.dumps(line) + "\n")
                    self.events.flush()
            except SpeccError as error:
                self.trouble = error

    def status_is_due(self) -> bool:
        return time.monotonic() - self.written >= STATUS_SECONDS

    def status(self, status: RunStatus) -> None:
        """Replace the status."""
        self.written = time.monotonic()
        if self.trouble is None:
            try:
                write_atomic(self.folder / "status.json", status.model_dump_json(indent=1) + "\n")
            except SpeccError as error:
                self.trouble = error

    def close(self) -> None:
        try:
            with disk_errors(self.folder):
                self.events.close()
        except SpeccError as error:
            self.trouble = self.trouble or error


def now() -> str:
    """The time, UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
