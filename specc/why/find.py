"""Steps by what people call them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from specc.diagnostics import nearest
from specc.errors import QueryError
from specc.graph.uses import aliases
from specc.study import Study
from specc.words import count

SHORTEST_KEY = 4
"""Hex digits that are taken for the beginning of a key."""

MOST_LISTED = 8
"""Steps that are listed where a name fits several."""

MOST_GUESSED = 5_000
"""Different words in names that a misspelt one is compared with."""


def find(study: Study, name: str) -> dict[str, str]:
    """Steps that a name fits: key -> readable name.

    A name is a key or its beginning, a label (of any arm that needs the step), or the end of one.
    """
    labels = {step.key: step.label for step in study.steps}
    if name in labels:
        return {name: labels[name]}
    if len(name) >= SHORTEST_KEY and re.fullmatch(r"[0-9a-f]+", name):
        found = {key: label for key, label in labels.items() if key.startswith(name)}
        if found:
            return found
    known = aliases(study)
    if name in known:
        return {known[name]: name}
    ending = f"/{name}"
    return {key: alias for alias, key in reversed(known.items()) if alias.endswith(ending)}


def the_one(found: Mapping[str, str], name: str) -> str:
    """The only step that was found.

    Raises:
        QueryError: if there are several.
    """
    if len(found) > 1:
        listed = [f"{label} ({key[:12]})" for key, label in found.items()]
        more = [f"... {len(listed) - MOST_LISTED} more"] if len(listed) > MOST_LISTED else []
        raise QueryError(
            f"`{name}` fits {count(len(found), 'step')}",
            "name one of them: " + "; ".join([*listed[:MOST_LISTED], *more]),
        )
    return next(iter(found))


def guess(study: Study, name: str) -> str | None:
    """The name that was probably meant, if it is that of a step: each part replaced by the nearest known."""
    words: dict[str, None] = {}
    for alias in aliases(study):
        words.update(dict.fromkeys(alias.split("/")))
        if len(words) > MOST_GUESSED:
            break
    parts = [part if part in words else nearest(part, words) for part in name.split("/")]
    meant = "/".join(part for part in parts if part is not None)
    return meant if None not in parts and find(study, meant) else None
