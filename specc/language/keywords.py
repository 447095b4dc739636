"""The words of the grammar by role, read from spec.lark: one table for editors, highlighting and documents.

The grammar decides what is a word: nothing is listed here. Lark isn't needed for it, so that the
table costs no start-up time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from specc.language.grammar import grammar_folder

_DEFINITION = re.compile(
    r"^[?!]?([A-Za-z_]\w*)(?:\.\d+)?:(.*?)(?=^[?!]?[A-Za-z_]\w*(?:\.\d+)?:|^%|\Z)", re.MULTILINE | re.DOTALL
)
_COMMENT = re.compile(r"(?:^|\s)//[^\n]*")
_PART = re.compile(
    r'"(?P<word>[a-z_]+)"|(?P<sign>"(?:[^"\\]|\\.)*"|/(?:[^/\\\n]|\\.)+/)|(?P<name>[A-Za-z_]\w*)|(?P<other>\S)'
)
"""A word in quotes, a sign in quotes or a pattern, a name of a rule or terminal, a sign of the notation."""
_ROOTS = ("item", "member", "override")
"""Rules whose first words begin an item."""


@dataclass(frozen=True, slots=True)
class Keywords:
    """Words of the grammar.

    Attributes:
        items: words that a statement begins with, such as `stage`.
        clauses: words that go on with one, such as `from`.
        phrases: words that mean something only beside each other, such as `is equal across`.
    """

    items: tuple[str, ...]
    clauses: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...]

    @property
    def all(self) -> frozenset[str]:
        return frozenset((*self.items, *self.clauses, *(word for phrase in self.phrases for word in phrase)))


@cache
def keywords() -> Keywords:
    """The words of grammar/spec.lark, each role in the order of the grammar.

    >>> {"stage", "sweep"} <= set(keywords().items), {"from", "after"} <= set(keywords().clauses)
    (True, True)
    """
    return read_keywords((grammar_folder() / "spec.lark").read_text(encoding="utf-8"))


def read_keywords(grammar: str) -> Keywords:
    """The words of a grammar in Lark's notation.

    >>> read_keywords('item: stage\\nstage: "stage" NAME "from" NAME _PAIR\\n_PAIR: "is" "equal"')
    Keywords(items=('stage',), clauses=('from',), phrases=(('is', 'equal'),))
    """
    texts = dict(_DEFINITION.findall(_COMMENT.sub("", grammar)))
    # Names of terminals are upper case; one that is a single word is that word.
    single = {
        name: match[1]
        for name, body in texts.items()
        if name.isupper() and (match := re.fullmatch(r'\s*"([a-z_]+)"\s*', body))
    }
    rules = {name: _parts(body, single) for name, body in texts.items() if name not in single}
    every: dict[str, None] = {}
    phrases: dict[tuple[str, ...], None] = {}
    for parts in rules.values():
        for is_word, run in groupby(parts, key=lambda part: part.startswith('"')):
            words = tuple(part.strip('"') for part in run)
            if is_word:
                every.update(dict.fromkeys(words))
            if is_word and len(words) > 1:
                phrases[words] = None
    items = _items(rules)
    phrases = {phrase: None for phrase in phrases if not items.keys() & set(phrase)}
    paired = {word for phrase in phrases for word in phrase}
    clauses = tuple(word for word in every if word not in items and word not in paired)
    return Keywords(tuple(items), clauses, tuple(phrases))


def _parts(body: str, single: dict[str, str]) -> list[str]:
    """Words in quotes, names, and signs of a rule, in order."""
    parts = []
    for match in _PART.finditer(body):
        word = match["word"] or single.get(match["name"] or "", "")
        parts.append(f'"{word}"' if word else "," if match["sign"] else match.group())
    return parts


def _items(rules: dict[str, list[str]]) -> dict[str, None]:
    """Words that the roots may begin with."""
    items: dict[str, None] = {}
    waiting, seen = list(reversed(_ROOTS)), set(_ROOTS)
    while waiting:
        found: list[str] = []
        for first in _firsts(rules.get(waiting.pop(), [])):
            if first.startswith('"'):
                items[first.strip('"')] = None
            elif first in rules and first not in seen:
                seen.add(first)
                found.append(first)
        waiting.extend(reversed(found))
    return items


def _firsts(parts: list[str]) -> list[str]:
    """What the alternatives of a rule begin with."""
    firsts, depth, at_start = [], 0, True
    for part in parts:
        if part == "(":
            depth += 1
        elif part == ")":
            depth -= 1
        elif part == "|":
            at_start |= depth == 0
        elif at_start:
            firsts.append(part)
            at_start = False
    return firsts
