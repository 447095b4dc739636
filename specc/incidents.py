"""Incidents: one key, two results. A line each in `runs/incidents.jsonl` of the workspace.

The result that was there first stays; the other is described, and dropped.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from specc.errors import disk_errors
from specc.steps import Frozen


class Incident(Frozen):
    """A step that gave other bits the second time.

    Attributes:
        when: UTC, ISO 8601. found: when the step was published again, or re-executed to verify it.
        kept, other: digests of the result that stays and of the one that was dropped, by
            `specc.verify.content.artifact_digest`.
        differs: what differs, in words.
    """

    when: str
    key: str
    op: str
    label: str = ""
    found: Literal["publish", "verify"]
    kept: str
    other: str
    differs: str


def incidents_file(workspace: Path) -> Path:
    return workspace / "runs" / "incidents.jsonl"


def record_incident(workspace: Path, incident: Incident) -> None:
    """Append a line, flushed; one write, so that lines of several processes stay whole.

    Raises:
        DiskFull, WorkspaceError: if it can't be written.
    """
    path = incidents_file(workspace)
    with disk_errors(workspace):
        path.parent.mkdir(exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(handle, incident.model_dump_json().encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)


def read_incidents(workspace: Path) -> tuple[Incident, ...]:
    """All incidents of a workspace, the first first; lines that can't be read are passed over."""
    try:
        lines = incidents_file(workspace).read_bytes().splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        try:
            found.append(Incident.model_validate_json(line))
        except ValidationError:
            continue
    return tuple(found)


def moment() -> str:
    """The time, UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
