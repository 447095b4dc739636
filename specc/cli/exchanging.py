"""`specc export --study` and `specc import`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from specc.cli.places import WORKSPACE, find_workspace
from specc.errors import QueryError
from specc.store import open_workspace
from specc.words import byte_size, count, printable

if TYPE_CHECKING:
    from specc.exchange.sources.tables import Role, Told


def step_and_folder(names: Sequence[str], without: Sequence[str]) -> tuple[str, str]:
    """What `specc export` was given without `--study`."""
    if without:
        raise QueryError("`--without` is about a study", "add `--study`, or leave it out")
    if len(names) == 1:
        raise QueryError(
            "there is a checkpoint or a folder, and not both",
            f"write `specc export CHECKPOINT {names[0]}`, or `specc export --study {names[0]}`",
        )
    if len(names) > 2:
        raise QueryError(f"{len(names)} names are too many", "write `specc export CHECKPOINT FOLDER`")
    return names[0], names[1]


def export_to(
    names: Sequence[str],
    experiments: Sequence[str],
    without: Sequence[str],
    dtype: str | None,
    workspace: str | None,
    json_wanted: bool,
) -> int:
    """Write a study to a folder, and print how much it is."""
    from specc.exchange.study import export_study

    if len(names) != 1:
        raise QueryError("a study is written to one folder", "write `specc export --study FOLDER`")
    if dtype is not None:
        raise QueryError("`--dtype` is about a checkpoint's weights", "leave it out")
    made = export_study(
        open_workspace(find_workspace(workspace)), Path(names[0]), experiments, tuple(dict.fromkeys(without))
    )
    total = sum(made.bytes.values())
    if json_wanted:
        content = {
            "folder": str(made.folder),
            "experiments": list(made.experiments),
            "bytes": total,
            "bytes_of": made.bytes,
            "rows": made.rows,
            "without": list(without),
        }
        print(json.dumps(content, indent=1))
        return 0
    listed = ", ".join(printable(name) for name in made.experiments)
    print(f"{listed}: {byte_size(total)} in {printable(str(made.folder))}")
    for kind, size in made.bytes.items():
        print(f"  {kind:<10} {byte_size(size):>10}")
    for name in ("results", "metrics", "samples"):
        told = count(made.rows[name], "row") if name in made.rows else "left out"
        print(f"  {name + ':':<10} {told}")
    print(f"open it with `specc compare -w {printable(str(made.folder))}`")
    return 0


def bring_in(
    source: str,
    name: str | None,
    kind: str | None,
    take: str | None,
    seed: str | None,
    mapped: Sequence[str],
    better: Sequence[str],
    data: str | None,
    replace: bool,
    dry_run: bool,
    workspace: str | None,
    json_wanted: bool,
) -> int:
    """Import results, and tell what became of them.

    Args:
        mapped: what names are, `NAME=ROLE[:NEW]`. better: `EVAL=lower` or `EVAL=higher`.
    """
    from specc.exchange.bringing import Wanted, bring, read_planned

    wanted = Wanted(
        path=source,
        name=name,
        kind=kind,  # type: ignore[arg-type] # one of the option's choices
        take=take,
        told=_told(mapped, seed),
        better=_better(better),
        data=data,
        replace=replace,
    )
    found, made = read_planned(wanted)
    run, new, notes = None, False, found.notes
    if not dry_run:
        brought = bring(open_workspace(_place(workspace), create=True), wanted, found, made)
        run, new = brought.run, brought.new
    study = made.study
    axes = {axis.name: axis.type for axis in study.axes}
    evaluations = [evaluation.eval for evaluation in study.evaluations]
    recipes = list(dict.fromkeys(arm.recipe for arm in study.arms))
    if json_wanted:
        content = {
            "experiment": study.experiment,
            "run": run,
            "new": new,
            "from": found.kind,
            "arms": {arm.label: made.labels[arm.label] for arm in study.arms},
            "axes": axes,
            "seeds": list(study.seeds),
            "recipes": recipes,
            "evaluations": [evaluation.model_dump() for evaluation in study.evaluations],
            "results": sum(row[12] is not None for row in made.steps),
            "logged": len(made.metrics),
            "samples": len(made.samples),
            "notes": list(notes),
        }
        print(json.dumps(content, indent=1, ensure_ascii=False))
        return 0
    head = f"{study.experiment}: {count(len(study.arms), 'arm')}"
    if run is None:
        head += ", not imported (--dry-run)"
    else:
        head += f", imported as run {run}" if new else f", imported before as run {run}: nothing has changed"
    print(printable(head))
    listed = ", ".join(
        f"{axis.name} ({axis.type}, {count(len(axis.values), 'value')})" for axis in study.axes
    )
    print(f"  axes         {printable(listed) or 'none'}")
    print(f"  recipes      {printable(_few(recipes))}")
    print(f"  seeds        {_few([str(seed) for seed in study.seeds])}")
    print(f"  evaluations  {printable(_few(evaluations))}")
    results = count(sum(row[12] is not None for row in made.steps), "result")
    print(f"  {results}, {count(len(made.metrics), 'logged value')}, {count(len(made.samples), 'sample')}")
    for note in notes:
        print(f"note: {printable(note)}", file=sys.stderr)
    if run is not None:
        print(f"compare with `specc compare -e {study.experiment}`")
    return 0


def remove_import(name: str, workspace: str | None, json_wanted: bool) -> int:
    """Remove an imported experiment."""
    from specc.exchange.bringing import remove

    runs = remove(open_workspace(find_workspace(workspace), write=True), name)
    if json_wanted:
        print(json.dumps({"experiment": name, "runs": runs}))
    else:
        print(f"{printable(name)} is removed: run{'s' * (len(runs) > 1)} {', '.join(map(str, runs))}")
    return 0


def _place(workspace: str | None) -> Path:
    """The workspace to write to: as given, the one near, else a new one here."""
    from specc.errors import WorkspaceError

    try:
        return find_workspace(workspace)
    except WorkspaceError as error:
        if "no workspace" in error.message:
            return Path(WORKSPACE)
        raise


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f", ... ({len(names)} in all)" if len(names) > 12 else "")


def _told(mapped: Sequence[str], seed: str | None) -> Told:
    from specc.exchange.sources.tables import ROLES, Told

    roles: dict[str, Role] = {seed: "seed"} if seed is not None else {}
    names: dict[str, str] = {}
    for text in mapped:
        name, equals, said = text.rpartition("=")
        role, _, new = said.partition(":")
        if not (equals and name and role in ROLES):
            listed = ", ".join(ROLES)
            raise QueryError(f"`{text}` says not what a name is", f"write `--map NAME=ROLE`; roles: {listed}")
        roles[name] = role
        if new:
            names[name] = new
    return Told(roles, names)


def _better(texts: Sequence[str]) -> dict[str, Literal["lower", "higher"]]:
    found: dict[str, Literal["lower", "higher"]] = {}
    for text in texts:
        name, _, which = text.rpartition("=")
        if not name or which not in ("lower", "higher"):
            raise QueryError(f"`{text}` says not which results are better", "write `--better EVAL=lower`")
        found[name] = which  # type: ignore[assignment] # it is one of the two
    return found
