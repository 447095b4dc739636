"""`specc gc`: shows what no kept result needs, moves it to the trash, and empties that, each when asked."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from contextlib import suppress
from pathlib import Path

from specc.cli.places import find_workspace
from specc.errors import QueryError, SpeccError, disk_errors
from specc.execute.lock import NO_RUN, WorkspaceLock
from specc.history.collect import KINDS, Collection, collect
from specc.history.trash import bins, move_to_trash, purge, restore
from specc.store import open_workspace
from specc.words import byte_size, count, printable

MOST_NAMES = 5
"""Names of foreign files, and steps of a kind, that are listed."""


def collect_garbage(
    workspace: str | None,
    runs_kept: int,
    results_too: bool,
    yes: bool,
    purge_wanted: bool,
    restore_wanted: bool,
    json_wanted: bool,
) -> int:
    """Show, move to the trash, delete what is there, or put it back.

    Raises:
        QueryError: for options that exclude each other. WorkspaceError: if a run works in the workspace.
    """
    if purge_wanted and restore_wanted:
        raise QueryError("`--purge` and `--restore` exclude each other", "give one of them")
    place = open_workspace(find_workspace(workspace), write=True)
    named = f" -w {shlex.quote(workspace)}" if workspace else ""
    if purge_wanted:
        return _purge(place, yes, named, json_wanted)
    if restore_wanted:
        with _locked(place):
            restored = restore(place)
        if json_wanted:
            print(restored.model_dump_json(indent=1))
        else:
            print(f"{count(restored.items, 'folder')} put back")
            for path in restored.left:
                print(f"  {path} was made again meanwhile; the old one stays in the trash")
            for name in restored.damaged:
                print(f"  the list of {place / 'trash' / name} is damaged; what is not in it stays there")
        return 0
    if yes:
        with _locked(place), disk_errors(place):
            found = collect(place, runs_kept, results_too)
            name = move_to_trash(place, found.items) if found.items else ""
    else:
        with disk_errors(place):
            found, name = collect(place, runs_kept, results_too), ""
    if json_wanted:
        told = {**found.model_dump(mode="json"), "bytes": found.bytes, "moved_to": name}
        print(json.dumps(told, indent=1))
    else:
        keep = f" --keep {runs_kept}" if runs_kept > 1 else ""
        options = f"{named}{keep}{' --results' if results_too else ''}"
        print("\n".join(_told(found, bool(name), named, options)))
    return 0


def _purge(place: Path, yes: bool, named: str, json_wanted: bool) -> int:
    found = bins(place)
    total = sum(each.bytes for each in found)
    if yes:
        with _locked(place):
            purge(place)
    if json_wanted:
        print(json.dumps({"bins": [each.model_dump() for each in found], "deleted": yes}, indent=1))
    elif not found:
        print("the trash is empty")
    else:
        for each in found:
            print(f"  {each.name}  {count(each.items, 'folder')}  {byte_size(each.bytes)}")
        print(
            f"deleted: {byte_size(total)}"
            if yes
            else f"{byte_size(total)} in the trash; `specc gc{named} --purge --yes` deletes it for good"
        )
    return 0


def _locked(place: Path) -> WorkspaceLock:
    """The workspace to oneself: nothing is taken away under a run.

    Raises:
        WorkspaceError: if a run works in it.
    """
    lock = WorkspaceLock(place)
    try:
        lock.acquire(wait=False, waiting=lambda holder: None, give_up=lambda: False)
        with suppress(SpeccError):  # it only tells people, and the disk may be full
            lock.sign(NO_RUN)
    except BaseException:
        lock.__exit__()
        raise
    return lock


def _told(found: Collection, moved: bool, named: str, options: str) -> list[str]:
    """What was found, in lines.

    Args:
        named, options: what the command is to be given again: the workspace; that and what is kept.
    """
    lines = []
    if found.items:
        lines.append("moved to the trash:" if moved else "no kept result needs:")
        for kind, words in KINDS.items():
            items = [item for item in found.items if item.kind == kind]
            if items:
                total = byte_size(sum(item.bytes for item in items))
                ops = Counter(item.op or "unknown" for item in items)
                listed = ", ".join(f"{number:,} {op}" for op, number in ops.most_common())
                lines.append(f"  {len(items):,} {words} ({listed})  {total}")
    else:
        lines.append("there is nothing to take away")
    lines.append("kept:" if found.keepers else "kept: no run")
    for keeper in found.keepers:
        steps = count(keeper.steps, "finished step")
        lines.append(f"  run {keeper.run} of {printable(keeper.experiment)} ({keeper.why}): {steps}")
    if found.spared:
        lines.append(
            f"  results of other runs: {count(found.spared, 'evaluation')}; `--results` gives them up"
        )
    if found.foreign:
        names = ", ".join(printable(name) for name in found.foreign[:MOST_NAMES])
        more = f" and {len(found.foreign) - MOST_NAMES} more" if len(found.foreign) > MOST_NAMES else ""
        lines.append(f"not specc's, left alone: {names}{more}")
    if found.items and moved:
        lines.append(f"`specc gc{named} --restore` puts it back, `specc gc{named} --purge --yes` deletes it")
    elif found.items:
        lines.append(
            f"nothing was changed; `specc gc{options} --yes` moves {byte_size(found.bytes)} to the trash"
        )
    return lines
