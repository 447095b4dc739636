"""Do finished steps again, in a scratch workspace, and compare what comes out with what is there."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from specc.errors import CorruptArtifact
from specc.execute.executor import Done, Failed, Progress
from specc.execute.local import LocalExecutor
from specc.graph.environment import installed
from specc.incidents import record_incident
from specc.steps import RESUME, VERSIONS, Frozen
from specc.store import Manifest, Store
from specc.study import PlannedStep
from specc.verify.compare import Difference, as_incident, compare, within
from specc.verify.executions import execution_again, recorded_executions
from specc.verify.scratch import link_input, scratch_store

LANES_TOLERANCE = 1e-4
"""Largest relative difference of a step that was trained together with others, and is now done alone."""

SOURCE_GONE = ("DataError", "PluginError", "CorruptArtifact")
"""Classes of failures that say that what a step was made from isn't there any more."""

DECIDING = (
    "activation_checkpointing",
    "adapter",
    "attention",
    "compiled",
    "float32_products",
    "implementation",
    "micro_batch",
    "replicas",
    "sharding",
)
"""What provenance says of how a step was computed that may change rounding, but for lanes."""

State = Literal["same", "close", "different", "not comparable", "failed", "damaged"]


class Redone(Frozen):
    """A step that was done again.

    Attributes:
        state: "same" bits; "close", if it was trained in lanes and now alone, and differs by
            `LANES_TOLERANCE` at most; "different"; "not comparable", if it was made from, with or on
            something that isn't here; "failed", if it can't be done any more; "damaged", if its files
            are not what its manifest says.
        message: why, in words. differences: file by file.
    """

    key: str
    op: str = ""
    label: str = ""
    state: State
    message: str = ""
    differences: tuple[Difference, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes that do steps; see `specc.execute.run.RunOptions`."""

    count: int = 1
    entry: str | None = None
    preload: tuple[str, ...] | None = None


def chosen(keys: Sequence[str], number: int, seed: int) -> list[str]:
    """`number` of the keys, drawn by a seed whatever their order; all of them if there are fewer."""
    ordered = sorted(keys)
    return random.Random(seed).sample(ordered, min(number, len(ordered)))


def do_again(
    store: Store,
    keys: Sequence[str],
    workers: Workers | None = None,
    progress: Callable[[PlannedStep, Progress], None] = lambda step, event: None,
) -> Iterator[Redone]:
    """Do finished steps again and compare; each is told as soon as it is known.

    What differs is recorded as an incident of the workspace; nothing in the store is changed.

    Raises:
        ExecutorLost: if the processes that do steps can't be started, or are gone.
        DiskFull, WorkspaceError: if there is no room for a scratch folder.
    """
    recorded = recorded_executions(store.workspace, keys)
    manifests: dict[str, Manifest] = {}
    waiting: list[PlannedStep] = []
    for key in keys:
        try:
            manifest = store.verify(key)
        except CorruptArtifact as error:
            yield Redone(key=key, state="damaged", message=error.message)
            continue
        reason = hindrance(store, manifest, recorded.get(key))
        if reason:
            yield _told(manifest, "not comparable", reason)
            continue
        manifests[key] = manifest
        waiting.append(_planned(store, manifest, recorded.get(key)))
    if waiting:
        with scratch_store(store) as scratch:
            yield from _run(store, scratch, manifests, waiting, workers or Workers(), progress)


def hindrance(store: Store, manifest: Manifest, execution: dict[str, Any] | None) -> str:
    """Why a step can't be done again as it was; empty if it can."""
    if manifest.version != VERSIONS[manifest.op]:
        here = VERSIONS[manifest.op]
        return f"made by version {manifest.version} of `{manifest.op}`; here is version {here}"
    versions = manifest.provenance.versions
    other = [(package, made, installed(package)) for package, made in sorted(versions.items())]
    told = [f"{package} {made}; here is {here or 'none'}" for package, made, here in other if here != made]
    if told:
        return f"made with {', '.join(told)}"
    computed = manifest.provenance.computed
    now = computed | {"device": manifest.provenance.device, "threads": manifest.provenance.threads}
    for way in computed.get("earlier", ()):
        before = way.get("versions", versions)
        others = [f"{name} {made}" for name, made in sorted(before.items()) if made != versions.get(name)]
        if others:
            return (
                f"it was interrupted, and another run went on with other versions; first {', '.join(others)}"
            )
        if changed := differing(way, now):
            return f"it was interrupted, and another run went on in another way: {changed}"
    for role, key in manifest.inputs.items():
        if role != RESUME and not store.has(key):
            return f"its input `{role}`, step {key[:12]}, is gone"
    if execution is None and (
        manifest.op in ("tokenizer", "prepare", "import") or manifest.provenance.device != "cpu"
    ):
        if manifest.op == "prepare" and not manifest.params.get("fingerprint"):
            return ""  # a generator: it reads nothing
        return "no run of this workspace says how it was done"
    execution = execution or {}
    sources = [*execution.get("files", ()), execution.get("tokenizer_path"), execution.get("path")]
    for source in filter(None, sources):
        if not Path(source).exists():
            return f"{source} is gone"
    return ""


def _planned(store: Store, manifest: Manifest, execution: dict[str, Any] | None) -> PlannedStep:
    inputs = {role: key for role, key in manifest.inputs.items() if role != RESUME or store.has(key)}
    return PlannedStep(
        key=manifest.key,
        op=manifest.op,
        inputs=inputs,
        params=manifest.params,
        execution=execution_again(manifest, execution),
        label=manifest.label,
    )


def _run(
    store: Store,
    scratch: Store,
    manifests: dict[str, Manifest],
    waiting: list[PlannedStep],
    workers: Workers,
    progress: Callable[[PlannedStep, Progress], None],
) -> Iterator[Redone]:
    """Do steps in the scratch store, each on its own: their inputs are finished."""
    steps = {step.key: step for step in waiting}
    waiting = waiting[::-1]
    count = max(1, min(workers.count, len(waiting)))
    log = scratch.workspace / "workers.log"
    executor = LocalExecutor(scratch.workspace, count, log, workers.entry, workers.preload)
    busy: set[int] = set()
    try:
        while waiting or busy:
            for slot in executor.idle():
                if waiting:
                    step = waiting.pop()
                    for key in step.inputs.values():
                        link_input(scratch, store, key)
                    busy.add(slot)
                    executor.submit(slot, step)
            for event in executor.poll(0.2):
                if isinstance(event, Progress):
                    progress(steps[event.key], event)
                    continue
                busy.discard(event.slot)
                manifest = manifests[event.key]
                if isinstance(event, Done):
                    yield _judged(store, scratch, manifest, event.seconds)
                elif isinstance(event, Failed):
                    yield _failed(manifest, event)
    finally:
        executor.close()


def _failed(manifest: Manifest, event: Failed) -> Redone:
    if event.error in SOURCE_GONE:
        return _told(manifest, "not comparable", event.message)
    return _told(manifest, "failed", event.message)


def _judged(store: Store, scratch: Store, manifest: Manifest, seconds: float) -> Redone:
    """Compare a step's two results."""
    again = scratch.manifest(manifest.key)
    reason = otherwise_computed(manifest, again)
    if reason:
        return _told(manifest, "not comparable", reason, seconds=seconds)
    kept, other = store.path(manifest.key), scratch.path(manifest.key)
    differences = compare(kept, manifest, other, again)
    if not differences:
        return _told(manifest, "same", seconds=seconds)
    lanes = manifest.provenance.computed.get("lanes") or 1
    most = max((gap.relative or 0.0 for gap in differences), default=0.0)
    if lanes > 1 and within(differences, LANES_TOLERANCE):
        message = f"trained together with {lanes - 1} others, now alone: within {most:.2g} relative"
        return _told(manifest, "close", message, differences, seconds)
    message = "; ".join(map(str, differences))
    if lanes > 1:
        message = f"trained together with {lanes - 1} others, now alone: {message}"
    record_incident(store.workspace, as_incident("verify", differences, kept, manifest, other, again))
    return _told(manifest, "different", message, differences, seconds)


def otherwise_computed(manifest: Manifest, again: Manifest) -> str:
    """What was another device, or another way to compute, the second time; empty if nothing was."""
    first, second = manifest.provenance, again.provenance
    before: dict[str, Any] = first.computed | {"device": first.device, "threads": first.threads}
    now: dict[str, Any] = second.computed | {"device": second.device, "threads": second.threads}
    return differing(before, now)


def differing(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Two ways to compute, where they are not the same."""
    told = [
        f"{name} was {before.get(name, 'none')}, is now {now.get(name, 'none')}"
        for name in ("device", "threads", *DECIDING)
        if before.get(name) != now.get(name)
    ]
    return "; ".join(told)


def _told(
    manifest: Manifest,
    state: State,
    message: str = "",
    differences: tuple[Difference, ...] = (),
    seconds: float = 0.0,
) -> Redone:
    return Redone(
        key=manifest.key,
        op=manifest.op,
        label=manifest.label,
        state=state,
        message=message,
        differences=differences,
        seconds=seconds,
    )
