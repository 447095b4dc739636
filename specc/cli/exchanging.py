"""`specc export --study` and `specc import`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from specc.cli.places import find_workspace
from specc.errors import QueryError
from specc.store import open_workspace
from specc.words import count, printable


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
    print(f"{listed}: {_size(total)} in {printable(str(made.folder))}")
    for kind, size in made.bytes.items():
        print(f"  {kind:<10} {_size(size):>10}")
    for name in ("results", "metrics", "samples"):
        told = count(made.rows[name], "row") if name in made.rows else "left out"
        print(f"  {name + ':':<10} {told}")
    print(f"open it with `specc compare -w {printable(str(made.folder))}`")
    return 0


def _size(size: int) -> str:
    """Bytes in words.

    >>> _size(999), _size(1_500_000)
    ('999 B', '1.5 MB')
    """
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{size} B"
