"""`specc verify`: checksums of what is there, and steps done again."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from specc.cli.asking import studies_of_runs
from specc.cli.compiling import compiled, study_of
from specc.cli.failures import STEP_FAILED, WRONG_SPEC
from specc.cli.places import find_workspace, workspace_of
from specc.errors import QueryError
from specc.store import Store, open_workspace
from specc.study import Study
from specc.why.find import SHORTEST_KEY, find
from specc.words import count, duration, printable

if TYPE_CHECKING:
    from specc.verify.again import Redone
    from specc.verify.checksums import Checked


def verify(
    words: Sequence[str],
    only: Sequence[str],
    max_arms: int,
    workspace: str | None,
    rerun: int | None,
    seed: int,
    workers: int | None,
    json_wanted: bool,
) -> int:
    """Compare finished steps with their checksums, or with what they give when done again.

    Args:
        words: a recipe, steps, or both; none for all finished steps of the workspace.
        rerun: how many steps are done again; None for none.
    Raises:
        QueryError: for several recipes, or a step that isn't known.
    """
    files = [word for word in words if word.endswith(".spec")]
    names = [word for word in words if not word.endswith(".spec")]
    if len(files) > 1:
        raise QueryError("more than one recipe is named", "name one recipe, or none for all finished steps")
    studies: list[Study] | None = None
    store = Store(open_workspace(workspace_of(files[0], workspace) if files else find_workspace(workspace)))
    if files:
        compilation = compiled(files[0], only, max_arms)
        if compilation.report.failed:
            return WRONG_SPEC
        studies = [study_of(experiment, store)[0] for experiment in compilation.experiments]
    keys = [key for key in wanted(store, studies, names, only) if store.has(key)]
    if rerun is None:
        return check_files(store, keys, json_wanted, all_steps=not words and not only)
    return do_steps_again(store, keys, rerun, seed, workers, json_wanted)


def wanted(
    store: Store, studies: Sequence[Study] | None, names: Sequence[str], only: Sequence[str]
) -> list[str]:
    """Keys of the steps that are meant, each once: of recipes, of these all that fit a name, or of all."""
    if not names:
        if studies is None and not only:
            return sorted(store.keys())
        known = studies if studies is not None else list(studies_of_runs(store.workspace, only))
        return list(dict.fromkeys(step.key for study in known for step in study.steps))
    known = studies if studies is not None else list(studies_of_runs(store.workspace, only))
    keys: dict[str, None] = {}
    for name in names:
        found = {key for study in known for key in find(study, name)}
        if not found and studies is None:
            found = {key for key in store.done() if len(name) >= SHORTEST_KEY and key.startswith(name)}
        if not found:
            raise QueryError(
                f"there is no step `{name}`",
                "name it by its label, the end of one, or the beginning of its key",
            )
        keys.update(dict.fromkeys(sorted(found)))
    return list(keys)


def check_files(store: Store, keys: Sequence[str], json_wanted: bool, all_steps: bool) -> int:
    """Compare every file with its checksum; what is damaged is set aside.

    Args:
        all_steps: whether all of the workspace are meant, imports too.
    """
    from specc.execute.lock import WorkspaceLock
    from specc.incidents import incidents_file, read_incidents
    from specc.results import numbers
    from specc.verify.checksums import check_step, set_aside

    found: list[Checked] = []
    for number, key in enumerate(keys, start=1):
        _count(number, len(keys))
        found.append(check_step(store, key))
    _clear()
    bad = [checked for checked in found if checked.state != "whole"]
    if any(checked.state == "damaged" for checked in bad):
        with WorkspaceLock(store.workspace) as lock:
            if lock.try_once():
                bad = [set_aside(store, checked) for checked in bad]
    incidents = read_incidents(store.workspace)
    elsewhere = numbers.damaged(store.workspace) if all_steps else []
    size = sum(checked.bytes for checked in found)
    if json_wanted:
        told = {
            "workspace": str(store.workspace),
            "checked": len(found),
            "bytes": size,
            "bad": [checked.model_dump(mode="json") for checked in bad],
            "damaged_imports": elsewhere,
            "incidents": [incident.model_dump(mode="json") for incident in incidents],
        }
        print(json.dumps(told, indent=1))
        return STEP_FAILED if bad or elsewhere else 0
    for run in elsewhere:
        print(f"damaged     numbers of run {run}: import them again (see `specc log {run}`)")
    for checked in bad:
        name = f"{checked.label} ({checked.key[:12]})" if checked.label else checked.key[:12]
        print(f"{checked.state:<10}  {printable(name)}: {printable(checked.message)}")
    whole = "all are" if not bad else f"{len(bad)} not"
    print(f"{count(len(found), 'finished step')}, {size / 1e6:,.1f} MB: {whole} as their manifests say")
    aside = sum(checked.set_aside for checked in bad)
    if aside:
        print(f"{aside} set aside in {store.workspace / 'quarantine'}; `specc run FILE` makes them again")
    if any(checked.state == "damaged" and not checked.set_aside for checked in bad):
        print("a run works here: nothing was set aside; verify again when it has ended")
    if incidents:
        place = incidents_file(store.workspace)
        print(f"{count(len(incidents), 'incident')} of steps with two results: see {place}")
    return STEP_FAILED if bad or elsewhere else 0


def do_steps_again(
    store: Store, keys: Sequence[str], number: int, seed: int, workers: int | None, json_wanted: bool
) -> int:
    """Do some steps again and compare; tell each as soon as it is known."""
    from specc.execute.local import default_workers
    from specc.verify.again import Workers, chosen, do_again

    redone: list[Redone] = []
    again = do_again(store, chosen(keys, number, seed), Workers(workers or default_workers()))
    for step in again:
        redone.append(step)
        if not json_wanted:
            print(step_text(step), flush=True)
    bad = [step for step in redone if step.state in ("different", "failed", "damaged")]
    if json_wanted:
        told = {
            "workspace": str(store.workspace),
            "finished": len(keys),
            "seed": seed,
            "steps": [step.model_dump(mode="json") for step in redone],
        }
        print(json.dumps(told, indent=1))
    else:
        states = ("same", "close", "different", "not comparable", "failed", "damaged")
        counts = [(sum(step.state == state for step in redone), state) for state in states]
        parts = ", ".join(f"{found} {state}" for found, state in counts if found)
        print(
            f"{len(redone)} of {count(len(keys), 'finished step')} done again"
            + (f": {parts}" if parts else "")
        )
        if any(step.state == "different" for step in redone):
            from specc.incidents import incidents_file

            print(f"what differs was recorded in {incidents_file(store.workspace)}; the store is unchanged")
    return STEP_FAILED if bad else 0


def step_text(step: Redone) -> str:
    """A step that was done again, in a line."""
    name = f"{step.label} ({step.key[:12]})" if step.label else step.key[:12]
    took = f", in {duration(step.seconds)}" if step.seconds >= 1 else ""
    message = f": {printable(step.message)}" if step.message else ""
    return f"{step.state:<14}  {printable(name)}{took}{message}"


def _count(number: int, of: int) -> None:
    """Show on a terminal how far checking has come."""
    if sys.stderr.isatty() and (number % 20 == 0 or number == of):
        print(f"\rchecked {number:,} of {of:,}", end="", file=sys.stderr, flush=True)


def _clear() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
