"""`specc export`: a finished checkpoint as a folder that transformers loads."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from specc.cli.asking import studies_of_runs, unknown_step
from specc.cli.places import find_workspace
from specc.exporting import export_checkpoint
from specc.store import Store, open_workspace
from specc.study import Study
from specc.why.find import SHORTEST_KEY, find, the_one
from specc.words import count


def export(
    name: str, folder: str, dtype: str | None, only: Sequence[str], workspace: str | None, json_wanted: bool
) -> int:
    """Write a checkpoint to a folder.

    Args:
        name: the step that made it, as `specc why` finds it. dtype: of the weights; None for their own.
    Raises:
        QueryError: if there is no such step, it makes no checkpoint, or the folder holds something.
    """
    store = Store(open_workspace(find_workspace(workspace)))
    study, key = _named(store, name, only)
    runs = [run for run in study.stages if key in (run.checkpoint, *run.segments)] if study else []
    labels = {arm.arm: arm.label for arm in study.arms} if study else {}
    made = export_checkpoint(
        store,
        key,
        Path(folder),
        dtype,
        tuple(dict.fromkeys(labels[run.arm] for run in runs)),
        runs[0].settings if runs else {},
        study.spec if study else "",
    )
    if json_wanted:
        content = {
            "folder": str(made.folder),
            "key": made.key,
            "label": made.label,
            "dtype": made.dtype,
            "bytes": made.bytes,
            "files": list(made.files),
        }
        print(json.dumps(content, indent=1))
    else:
        print(f"{made.label} is in {made.folder}: {made.dtype}, {count(made.bytes, 'byte')}")
        print(f"  {', '.join(made.files)}")
    return 0


def _named(store: Store, name: str, only: Sequence[str]) -> tuple[Study | None, str]:
    """The step of a name and the latest run that has it; a step of no run by the beginning of its key."""
    for study in studies_of_runs(store.workspace, only):
        if found := find(study, name):
            return study, the_one(found, name)
    if len(name) >= SHORTEST_KEY and re.fullmatch(r"[0-9a-f]+", name):
        keys = {key: "a step of no run" for key in store.done() if key.startswith(name)}
        if keys:
            return None, the_one(keys, name)
    raise unknown_step(name, list(studies_of_runs(store.workspace, only)), "the runs of this workspace")
