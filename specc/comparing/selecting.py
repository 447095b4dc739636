"""Groups as people write them: recipes, `early=50%`, arms, experiments, places in other workspaces.

GROUP                           replay  ·  early=50%  ·  replay,early=50%  ·  study/early=0%/seed=1
EXPERIMENT::GROUP               early_text::early=50%
WORKSPACE::EXPERIMENT[::GROUP]  ../other/.specc::early_text::early=50%
WORKSPACE[::GROUP]              ../other/.specc  ·  ../other/.specc::early=50%
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from specc.comparing.groups import same
from specc.comparing.model import Side
from specc.comparing.rows import Source, arms, unknown
from specc.errors import QueryError
from specc.results.reader import experiments

SEPARATOR = "::"

_UNITS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


@dataclass(frozen=True, slots=True)
class Known:
    """What the arms of an experiment are called: each name's values by how they are written.

    Attributes:
        values: of `recipe`, the axes and `seed`.
    """

    experiment: str
    source: Source
    values: dict[str, dict[str, Any]] = field(default_factory=dict)


def known_names(source: Source, experiment: str) -> Known:
    """Names and values of the arms of an experiment.

    Raises:
        QueryError: if there is no such experiment.
    """
    found = arms(source, experiment)
    values: dict[str, dict[str, Any]] = {name: {} for name in ("recipe", *found.axes, "seed")}
    for arm, here in found.values.items():
        for name, value in here.items():
            written = found.texts[arm].get(name, "best" if value is None else str(value))
            values[name].setdefault(written, value)
    return Known(experiment, source, values)


def side(text: str, sources: Sequence[Source], wanted: Sequence[str] = ()) -> Side:
    """The group that a text names.

    Args:
        sources: workspaces, by their names; the first is the one that is meant if none is named.
        wanted: experiments to look in first.
    Raises:
        QueryError: if nothing has that name, or more than one thing.
    """
    if not text.strip():
        raise QueryError("a group has no name", "write a recipe, or `AXIS=VALUE`")
    source, rest = _workspace(text, sources)
    names = experiments(source.connection)
    if not names:
        raise QueryError(f"nothing was run yet in `{source.workspace}`", "run a recipe: `specc run FILE`")
    experiment, group = _experiment(rest, names)
    if experiment is not None:
        return _named(
            text, source, experiment, given(group, known_names(source, experiment)) if group else {}
        )
    candidates = [name for name in names if name.lower() in {each.lower() for each in wanted}] or names
    found: list[tuple[str, dict[str, Any]]] = []
    problem: QueryError | None = None
    for name in candidates:
        try:
            found.append((name, given(group, known_names(source, name))))
        except QueryError as error:
            problem = problem or error
    if len(found) > 1:
        listed = ", ".join(f"`{name}{SEPARATOR}{group}`" for name, _ in found[:4])
        raise QueryError(
            f"`{group}` is in {len(found)} experiments", f"write {listed}, or name one with `-e`"
        )
    if not found:
        assert problem is not None, "there are experiments"
        raise problem
    return _named(text, source, found[0][0], found[0][1])


def given(text: str, known: Known) -> dict[str, Any]:
    """What arms have in common that a text names, for instance `replay, early=50%`.

    Raises:
        QueryError: for a recipe, axis or value that is not there.
    """
    found: dict[str, Any] = {}
    parts = _parts(text, [known])
    if parts and parts[0].lower() == known.experiment.lower() and len(parts) > 1:
        parts = parts[1:]
    for part in parts:
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            name, value = "recipe", part
        found[_axis(name, known)] = _value(name, value, known, bare=not equals)
    if not found:
        raise QueryError("a group has no name", "write a recipe, or `AXIS=VALUE`")
    return found


def condition(text: str, of: Iterable[Known]) -> tuple[str, Any]:
    """A name and a value, for instance of `--given lr=3e-3`: known in any of the experiments.

    Raises:
        QueryError: if it is no condition, or none of them knows it.
    """
    name, equals, value = (piece.strip() for piece in text.partition("="))
    if not equals or not name or not value:
        raise QueryError(f"`{text}` gives no value", "write `NAME=VALUE`, for instance `early=50%`")
    problem: QueryError | None = None
    for known in of:
        try:
            return _axis(name, known), _value(name, value, known, bare=False)
        except QueryError as error:
            problem = problem or error
    raise problem or QueryError("there is no experiment to look in", "run a recipe: `specc run FILE`")


def group_name(text: str, of: Iterable[Known]) -> str:
    """Name of a group as a comparison has it, from what a person wrote: `early=0.5` is `early = 50%`."""
    written = []
    of = list(of)
    for part in _parts(text, of):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            written.append(part)
            continue
        for known in of:
            try:
                axis = _axis(name, known)
                value = _written(axis, _value(name, value, known, bare=False), known)
                name = axis
                break
            except QueryError:
                continue
        written.append(f"{name} = {value}")
    return ", ".join(written)


def _parts(text: str, of: Sequence[Known]) -> list[str]:
    """A text cut at commas and slashes, but for those within a value of an axis, such as a model's name."""
    pieces = re.split(r"([,/])", text)
    found: list[str] = []
    place = 0
    while place < len(pieces):
        last = place
        name, equals, _ = pieces[place].partition("=")
        if equals:
            for end in range(len(pieces) - 1, place, -2):
                if _has_value(name.strip(), "".join(pieces[place : end + 1]).partition("=")[2], of):
                    last = end
                    break
        piece = "".join(pieces[place : last + 1]).strip()
        found += [piece] if piece else []
        place = last + 2  # behind the sign that was cut at
    return found


def _has_value(name: str, text: str, of: Sequence[Known]) -> bool:
    """Whether a name has a value that is written so."""
    return any(
        _squeezed(written) == _squeezed(text)
        for known in of
        for axis, values in known.values.items()
        if axis.lower() == name.lower()
        for written in values
    )


def _squeezed(text: str) -> str:
    return "".join(text.split()).strip("\"'").lower()


def _axis(name: str, known: Known) -> str:
    for each in known.values:
        if each.lower() == name.lower():
            return each
    raise unknown("axis", name, known.values, f" in `{known.experiment}`")


def _value(name: str, text: str, known: Known, bare: bool) -> Any:
    """The value of a name that a text means: as it is written in the recipe, or equal to it."""
    values = known.values[_axis(name, known)]
    if text in values:
        return values[text]
    for written, value in values.items():
        if _squeezed(written) == _squeezed(text):
            return value
    number = _number(_squeezed(text))
    for value in values.values():
        if number is not None and isinstance(value, int | float) and same(value, number):
            return value
    if bare:
        others = [
            f"{axis}={each}" for axis, here in known.values.items() if axis != "recipe" for each in here
        ]
        names = [*values, *others]
        raise unknown("recipe or group", text, names, f" in `{known.experiment}`")
    raise unknown(
        "group", f"{name}={text}", [f"{name}={each}" for each in values], f" in `{known.experiment}`"
    )


def _written(name: str, value: Any, known: Known) -> str:
    return next(text for text, each in known.values[name].items() if each is value or same(each, value))


def _number(text: str) -> float | None:
    """A quantity as recipes write it.

    >>> _number("50%"), _number("3e-3"), _number("20m tokens"), _number("1_000"), _number("x")
    (0.5, 0.003, 20000000.0, 1000.0, None)
    """
    text = text.replace("_", "").replace(" ", "")
    for unit in ("tokens", "steps", "sequences", "epochs"):
        text = text.removesuffix(unit)
    scale = 1.0
    if text.endswith("%"):
        text, scale = text[:-1], 0.01
    elif text[-1:].upper() in _UNITS:
        text, scale = text[:-1], _UNITS[text[-1:].upper()]
    try:
        return float(text) * scale
    except ValueError:
        return None


def _workspace(text: str, sources: Sequence[Source]) -> tuple[Source, str]:
    """The workspace that a text begins with, and the rest of it."""
    by_name: Mapping[str, Source] = {source.workspace: source for source in sources if source.workspace}
    first, separator, rest = text.partition(SEPARATOR)
    if first in by_name and (separator or first not in experiments(sources[0].connection)):
        return by_name[first], rest
    return sources[0], text


def _experiment(text: str, names: Sequence[str]) -> tuple[str | None, str]:
    """The experiment that a text names, and the rest of it; the only one if nothing is named."""
    first, separator, rest = text.partition(SEPARATOR)
    for name in names:
        if name.lower() == first.strip().lower():
            return name, rest.strip()
    if separator:
        raise unknown("experiment", first, names)
    if not text.strip():
        if len(names) > 1:
            listed = ", ".join(f"`{name}`" for name in names[:6])
            raise QueryError(
                f"the workspace holds several experiments: {listed}", "name one, as `WORKSPACE::EXPERIMENT`"
            )
        return names[0], ""
    return None, text.strip()


def _named(text: str, source: Source, experiment: str, conditions: dict[str, Any]) -> Side:
    return Side(name=text.strip(), workspace=source.workspace, experiment=experiment, given=conditions)
