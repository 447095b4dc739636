"""Every file of finished steps against the checksums in their manifests."""

from __future__ import annotations

from typing import Literal

from specc.errors import CorruptArtifact, reason
from specc.steps import Frozen
from specc.store import Store


class Checked(Frozen):
    """What became of a finished step's files.

    Attributes:
        state: "whole"; "damaged" if a file is missing or isn't what the manifest says, or the
            manifest can't be read; "unreadable" if the system refuses to read a file.
        bytes: size of its files, by its manifest.
        set_aside: whether it was moved into `quarantine/`, so that its step counts as not done.
    """

    key: str
    op: str = ""
    label: str = ""
    state: Literal["whole", "damaged", "unreadable"]
    bytes: int = 0
    message: str = ""
    set_aside: bool = False


def check_step(store: Store, key: str) -> Checked:
    """Compare the files of a finished step with its manifest."""
    op = label = ""
    try:
        manifest = store.manifest(key)
        op, label = manifest.op, manifest.label
        if manifest.key != key:
            raise CorruptArtifact(key, f"the manifest of step {key[:12]} is that of step {manifest.key[:12]}")
        store.verify(key)
    except CorruptArtifact as error:
        refused = isinstance(error.__cause__, PermissionError)
        state: Literal["damaged", "unreadable"] = "unreadable" if refused else "damaged"
        return Checked(key=key, op=op, label=label, state=state, message=error.message)
    except OSError as error:
        message = f"{error.filename or f'a file of step {key[:12]}'} can't be read: {reason(error)}"
        return Checked(key=key, op=op, label=label, state="unreadable", message=message)
    size = sum(record.bytes for record in manifest.files.values())
    return Checked(key=key, op=op, label=label, state="whole", bytes=size)


def set_aside(store: Store, checked: Checked) -> Checked:
    """Move a damaged step into `quarantine/`; the caller holds the workspace's lock."""
    if checked.state != "damaged":
        return checked
    try:
        store.quarantine(checked.key)
    except OSError:
        return checked
    return checked.model_copy(update={"set_aside": True})
