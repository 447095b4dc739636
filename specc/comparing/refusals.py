"""Why two results don't pair: what was measured differs."""

from __future__ import annotations

import json
from typing import Any

from specc.comparing.rows import Measured, relation


def why_not(one: Measured, other: Measured) -> str:
    """What differs between the evaluations of two arms, in words."""
    ours, theirs = _params(one), _params(other)
    parts = [
        f"`{name}` is {_text(ours.get(name))} against {_text(theirs.get(name))}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    ]
    if not parts:
        parts = [f"the data behind it are {_inputs(one)} against {_inputs(other)}"]
    where = f" at seed {one.seed}" if one.seed == other.seed else ""
    return f"what was measured differs{where}: " + "; ".join(parts[:4])


def _params(row: Measured) -> dict[str, Any]:
    found = row.source.connection.execute(
        f"SELECT params FROM {relation(row.experiment, 'steps')} WHERE step = ?", [row.step]
    ).fetchone()
    flat: dict[str, Any] = {}

    def flatten(value: Any, name: str) -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                flatten(each, f"{name}.{key}" if name else str(key))
        else:
            flat[name] = value

    flatten(json.loads(found[0]) if found is not None and found[0] else {}, "")
    return flat


def _inputs(row: Measured) -> str:
    """Labels of the steps that the evaluation reads beside the checkpoint."""
    found = row.source.connection.execute(
        f"""SELECT s.label, s.step FROM {relation(row.experiment, "lineage")} l
            JOIN {relation(row.experiment, "steps")} s ON s.step = l.parent
            WHERE l.child = ? AND l.role <> 'checkpoint' ORDER BY l.role""",
        [row.step],
    ).fetchall()
    return ", ".join(f"`{label}` ({step[:8]})" for label, step in found) or "unknown"


def _text(value: Any) -> str:
    return "absent" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"
