"""Names that may stand at a place, read from texts that need not parse."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from specc.lsp.scan import Declared, Place, declared, heads, parameters_in

Read = Callable[[str], str | None]
"""Text of a file by real path; None if it can't be had."""


_TEMPLATES = ("let", "model", "corpus", "recipe", "experiment")


@dataclass(frozen=True, slots=True)
class Known:
    """A name in scope.

    Attributes:
        kind: the word that declares it. value: the component that it stands for, if it is one.
        parameters: of a template. parts: named splits of a corpus.
    """

    kind: str
    name: str
    value: str
    start: int
    experiment: str
    parameters: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


def in_scope(text: str, place: Place, path: str, read: Read) -> list[Known]:
    """Names that may be used at a place: of the file, of what it uses, of the experiment around."""
    around = experiment_around(place)
    names, used, extends = declared(text)
    wanted = {""}
    name = around
    while name and name not in wanted:
        wanted.add(name)
        name = extends.get(name, "")
    found = [_known(each) for each in names if each.experiment in wanted]
    other_files: dict[str, list[Declared]] = {}
    for use in used:
        if use.path not in other_files:
            other_files[use.path] = _offered(os.path.join(os.path.dirname(path), use.path), read)
        for each in other_files[use.path]:
            if each.name == use.name:
                found.append(replace(_known(each), name=use.alias, start=-1, experiment=""))
    return [*found, *_parameters(text, place)]


def _parameters(text: str, place: Place) -> list[Known]:
    """Parameters of the templates that a place lies in."""
    found = []
    statements = [*(block.head for block in place.blocks), *(tuple(b.statement) for b in place.blocks)]
    for statement in statements:
        group = statement[2] if len(statement) > 2 else None
        declares = bool(statement) and statement[0].text in _TEMPLATES
        if declares and group is not None and group.kind == "group" and group.text == "(":
            for name in parameters_in(text[group.start : group.stop]):
                found.append(Known("parameter", name, "", group.start, ""))
    return found


def _known(each: Declared) -> Known:
    return Known(each.kind, each.name, each.value, each.start, each.experiment, each.parameters, each.parts)


def _offered(path: str, read: Read) -> list[Declared]:
    """Names that a file declares for others."""
    text = read(os.path.realpath(path)) if path.endswith(".spec") else None
    return [] if text is None else [each for each in declared(text)[0] if not each.experiment]


def offered(path: str, read: Read) -> list[Known]:
    """Names that a file declares for others."""
    return [_known(each) for each in _offered(path, read)]


def experiment_around(place: Place) -> str:
    """Name of the experiment that a place lies in; "" outside."""
    for block in place.blocks:
        if heads(block) == "experiment" and len(block.head) > 1:
            return block.head[1].text
    return ""
