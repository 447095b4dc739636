"""Rows with named columns as runs: what each column is, from its name or as it was told.

Two forms: long, a row for each result (columns `eval` or `metric`, and `value`); wide, a row for each run
(or for each of its training steps), whose results are columns of their own. All other columns are parameters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from specc.exchange.foreign import (
    MOST_VALUES,
    ForeignResult,
    ForeignRun,
    Source,
    digest_of,
    flattened,
    number,
    parsed,
    refused,
    unreadable,
    whole,
)
from specc.exchange.sources.records import Row, read_rows

Role = Literal[
    "run",
    "recipe",
    "seed",
    "stage",
    "steps",
    "tokens",
    "eval",
    "metric",
    "value",
    "stderr",
    "n",
    "axis",
    "setting",
    "result",
    "logged",
    "skip",
]
ROLES: tuple[Role, ...] = get_args(Role)

MANY: frozenset[Role] = frozenset({"axis", "setting", "result", "logged", "skip"})
"""Roles that several columns can have."""

KNOWN: dict[str, Role] = {
    **dict.fromkeys(("run", "run_id", "run_name", "run_uuid"), "run"),
    "recipe": "recipe",
    **dict.fromkeys(("seed", "random_seed", "random_state"), "seed"),
    "stage": "stage",
    **dict.fromkeys(("steps", "step", "_step", "global_step", "training_step"), "steps"),
    "tokens": "tokens",
    **dict.fromkeys(("eval", "evaluation", "task", "benchmark"), "eval"),
    "metric": "metric",
    **dict.fromkeys(("value", "score"), "value"),
    **dict.fromkeys(("stderr", "std_err", "standard_error"), "stderr"),
    "n": "n",
}
"""What columns with these names are, in lower case, unless it is told."""


@dataclass(frozen=True, slots=True)
class Told:
    """What columns, parameters and logged names are.

    Attributes:
        roles: by name as it was given. names: other names that they get.
    """

    roles: Mapping[str, Role] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def of(self, role: Role) -> list[str]:
        return [name for name, each in self.roles.items() if each == role]

    def called(self, name: str) -> str:
        return self.names.get(name, name)


def read(path: Path, told: Told) -> Source:
    """Read the rows of a file.

    Raises:
        DataError: if it can't be read. QueryError: if nothing says which columns are results.
    """
    rows = read_rows(path)
    if not rows:
        unreadable(path, "it has no rows")
    return Source("table", path.stem, digest_of([path], path), runs_of(rows, told, str(path)))


def runs_of(rows: Sequence[Row], told: Told, where: str) -> list[ForeignRun]:
    """Runs from rows.

    Raises:
        QueryError: if nothing says which columns are results, or a column that was told is not there.
    """
    flat = [dict(flattened(row)) | {n: v for n, v in row.items() if isinstance(v, float)} for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    role = _roles(columns, told, where)
    single = {each: name for name, each in role.items() if each not in MANY}
    long = "value" in single and ("eval" in single or "metric" in single)
    results = [name for name, each in role.items() if each == "result"]
    logged = [name for name, each in role.items() if each == "logged"]
    if not (long or results or logged):
        numeric = [
            n for n in columns if n not in role and any(number(row.get(n)) is not None for row in flat)
        ]
        refused(
            f"nothing says which columns of {where} are results; it has {_listed(columns)}",
            f"write `--map {numeric[-1] if numeric else 'COLUMN'}=result`, once for each; or give it columns "
            "`eval` and `value`",
        )
    by_metric = _several_metrics(flat, single) if long else False
    parameters = [name for name in columns if role.get(name) in (None, "axis", "setting")]
    runs: dict[Any, ForeignRun] = {}
    counted = 0
    for place, row in enumerate(flat):
        own = {told.called(name): row[name] for name in parameters if name in row}
        seed = whole(_cell(row, single, "seed"))
        if seed is None and _cell(row, single, "seed") is not None:
            refused(
                f"`{single['seed']}` of row {place + 1} in {where} is no whole number of 64 bits",
                f"mend it; or write `--map {single['seed']}=axis`, or `=setting`",
            )
        recipe = _text(row, single, "recipe")
        named = _cell(row, single, "run")
        key = ("run", str(named)) if named is not None else (recipe, seed, *sorted(map(repr, own.items())))
        if key not in runs and not long and "steps" not in single and named is None:
            key = (*key, place)  # a row is a run
        run = runs.get(key)
        if run is None:
            title = str(named) if named is not None else f"row {place + 1}"
            run = runs[key] = ForeignRun(
                title, named=named is not None, parameters=own, recipe=recipe, seed=seed
            )
        stage = _text(row, single, "stage") or "train"
        step = whole(_cell(row, single, "steps"))
        tokens = whole(_cell(row, single, "tokens"))
        if step is not None and tokens is not None:
            run.tokens.setdefault(stage, {})[step] = tokens
        for name, value, result in _values(row, single, results, logged, (long, by_metric), told):
            counted += 1
            if step is not None:
                run.log(name, step, value, stage)
            if result is not None:
                run.results = [
                    each for each in run.results if (each.eval, each.metric, each.stage) != (*result, stage)
                ]
                stderr = number(_cell(row, single, "stderr"))
                n = whole(_cell(row, single, "n"))
                run.results.append(ForeignResult(*result, value, stage, n, stderr))
    if counted > MOST_VALUES:
        refused(f"{where} has more than {MOST_VALUES:,} values", "leave columns out: `--map COLUMN=skip`")
    return list(runs.values())


def _cell(row: Row, single: Mapping[Role, str], role: Role) -> Any:
    """What a row has in the column of a role; None if there is no such column, or nothing in it."""
    return row.get(single[role]) if role in single else None


def _text(row: Row, single: Mapping[Role, str], role: Role) -> str | None:
    found = _cell(row, single, role)
    return None if found is None else str(found)


def _values(
    row: Row,
    single: Mapping[Role, str],
    results: Iterable[str],
    logged: Iterable[str],
    long: tuple[bool, bool],
    told: Told,
) -> Iterable[tuple[str, float, tuple[str, str] | None]]:
    """Name, value, and evaluation with metric if it is a result, of all values of a row.

    Args:
        long: whether the form is, and whether metrics are told in the names of evaluations.
    """
    if long[0]:
        value = number(row.get(single["value"]))
        metric = _text(row, single, "metric") or ""
        name = _text(row, single, "eval") or metric
        if value is not None and name:
            called = told.called(f"{name}/{metric}" if long[1] and metric and metric != name else name)
            yield called, value, (called, metric or measured_by(called))
    for name in results:
        value = number(row.get(name))
        if value is not None:
            yield told.called(name), value, (told.called(name), measured_by(told.called(name)))
    for name in logged:
        value = number(row.get(name))
        if value is not None:
            yield told.called(name), value, None


def _several_metrics(rows: Sequence[Row], single: Mapping[Role, str]) -> bool:
    """Whether an evaluation has several metrics."""
    if not {"eval", "metric"} <= set(single):
        return False
    pairs = {(row.get(single["eval"]), row.get(single["metric"])) for row in rows}
    return len(pairs) > len({name for name, _ in pairs})


def measured_by(name: str) -> str:
    """What a result measures, from its name: the part behind the last slash or dot.

    >>> measured_by("eval/loss"), measured_by("acc")
    ('loss', 'acc')
    """
    return name.replace(".", "/").rstrip("/").rpartition("/")[2] or name


def _roles(columns: Sequence[str], told: Told, where: str) -> dict[str, Role]:
    for name in told.roles:
        if name not in columns:
            refused(f"{where} has no column `{name}`", f"it has {_listed(columns)}")
    role = dict(told.roles)
    taken = set(role.values())
    for name in columns:
        known = KNOWN.get(name.lower())
        if known is not None and name not in role and known not in taken:
            role[name] = known
            taken.add(known)
    for each in set(role.values()) - MANY:
        twice = [name for name, other in role.items() if other == each]
        if len(twice) > 1:
            refused(f"{_listed(twice)} can't both be the `{each}`", "tell it of one column")
    return role


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:30]) + (", ..." if len(names) > 30 else "")


def object_in(value: Any) -> Mapping[str, Any] | None:
    """The object that a cell holds, or spells as JSON or as Python writes a dictionary; None if none."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str) or not value.lstrip().startswith("{") or len(value) > 1_000_000:
        return None
    try:
        found = parsed(value)
    except (ValueError, RecursionError):
        import ast

        try:
            spelt = value.replace(": nan", ": None").replace(": inf", ": 1e999")
            found = parsed(json.dumps(ast.literal_eval(spelt), ensure_ascii=True))
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return None
    return found if isinstance(found, dict) else None
