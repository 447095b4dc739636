"""How finished steps were executed: files, devices and threads, as the plans of the runs say.

No key holds these, nor do manifests; the folder of each run has them in its plan.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from specc.execute.status import run_folder, run_numbers
from specc.files import file_digest
from specc.steps import EXECUTION
from specc.store import Manifest
from specc.study import Study


def recorded_executions(workspace: Path, keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """Key -> execution settings: of the latest run that did the step, else of the latest that planned it."""
    wanted = set(keys)
    found: dict[str, dict[str, Any]] = {}
    planned: dict[str, dict[str, Any]] = {}
    seen: dict[str, dict[str, dict[str, Any]]] = {}
    for number in reversed(run_numbers(workspace)):
        if not wanted - found.keys():
            break
        folder = run_folder(workspace, number)
        settings = _plan(folder / "plan.json", wanted, seen)
        for key in _finished(folder / "events.jsonl") & settings.keys():
            found.setdefault(key, settings[key])
        for key, execution in settings.items():
            planned.setdefault(key, execution)
    return planned | found


def _plan(
    path: Path, wanted: set[str], seen: dict[str, dict[str, dict[str, Any]]]
) -> dict[str, dict[str, Any]]:
    """Settings of the wanted steps in a plan; equal plans are read once, damaged ones are empty."""
    try:
        mark = file_digest(path)
        if mark not in seen:
            study = Study.model_validate_json(path.read_bytes())
            seen[mark] = {step.key: step.execution for step in study.steps if step.key in wanted}
        return seen[mark]
    except (OSError, ValueError):
        return {}


def _finished(path: Path) -> set[str]:
    """Keys of the steps that a run has done, by its events."""
    keys = set()
    try:
        with open(path, "rb") as file:
            for line in file:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict) and event.get("event") == "finished":
                    keys.add(str(event.get("key")))
    except OSError:
        return set()
    return keys


def execution_again(manifest: Manifest, recorded: dict[str, Any] | None) -> dict[str, Any]:
    """Settings to do a step again with: those recorded, and what its provenance says `auto` has chosen."""
    fields = EXECUTION[manifest.op].model_fields
    used = manifest.provenance.computed
    execution = dict(recorded or {})
    if "threads" in fields:
        execution["threads"] = manifest.provenance.threads
    for name in ("batch_tokens", "implementation", "micro_batch", "replicas", "sharding"):
        if name in fields and name in used:
            execution[name] = used[name]
    if "compiled" in fields and "compiled" in used:
        execution["compiled"] = "on" if used["compiled"] else "off"
    return execution
