"""What a report's recipe changed against another: in words, and line by line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import unified_diff

from specc.difference.compare import compare
from specc.difference.show import as_text
from specc.reporting.model import Diff
from specc.study import Study

MOST_LINES = 2_000
"""Lines of a difference that are shown."""


def against(
    name: str,
    study: Study | None,
    texts: Mapping[str, str],
    own_name: str,
    own_study: Study,
    own_texts: Mapping[str, str],
    done: Collection[str] = (),
) -> Diff:
    """The difference from another recipe (`name`, `study`, `texts`) to the report's own.

    Args:
        study: None if the other recipe can't be compiled; then only texts are compared.
        texts: of the files of each recipe, its own first.
        done: keys of finished steps, which need no more time.
    """
    told = "" if study is None else as_text(compare(study, own_study, done))
    lines = _lines(name, texts, own_name, own_texts)
    notes = []
    if study is None:
        notes.append("its plan can't be made, so only the texts are compared")
    if not texts or not own_texts:
        notes.append("the text of one of the two was not kept")
    elif not lines:
        notes.append("the texts are the same")
    if len(lines) > MOST_LINES:
        notes.append(f"{len(lines) - MOST_LINES:,} more lines differ")
    return Diff(name, own_name, told, tuple(lines[:MOST_LINES]), "; ".join(notes))


def _lines(name: str, texts: Mapping[str, str], own_name: str, own_texts: Mapping[str, str]) -> list[str]:
    """A unified diff of the recipes themselves, and of the files that both use."""
    if not texts or not own_texts:
        return []
    first, *others = texts
    own_first, *own_others = own_texts
    pairs = [(name, texts[first], own_name, own_texts[own_first])]
    for each in dict.fromkeys((*others, *own_others)):
        pairs.append((each, texts.get(each, ""), each, own_texts.get(each, "")))
    found: list[str] = []
    for old_name, old, new_name, new in pairs:
        found += [
            line.rstrip("\n")
            for line in unified_diff(old.splitlines(), new.splitlines(), old_name, new_name, n=3, lineterm="")
        ]
    return found
