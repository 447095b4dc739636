"""Scripts of SQL and dot-commands, cut into their parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_TOKENS = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$   # texts and names
      | --[^\n]* | /\*.*?\*/ | \s+                                          # what has no meaning
      | (?P<open>['"]|/\*|\$\w*\$)                                          # what never ends
      | (?P<end>;) | [^;'"\-/$\s]+ | .""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A dot-command, or one or more statements; `line` is where it begins, from 1."""

    text: str
    line: int

    @property
    def command(self) -> bool:
        return self.text.lstrip().startswith(".")


def is_whole(sql: str) -> bool:
    """Whether the last statement is ended by a `;`, which in a text, a name or a comment ends nothing.

    >>> is_whole("select 1; -- done"), is_whole("select ';"), is_whole("select 1")
    (True, False, False)
    """
    return _last_sign(sql) == ";"


def _last_sign(sql: str) -> str | None:
    """The last thing that has a meaning; empty if nothing has, None if something is never closed."""
    last = ""
    for token in _TOKENS.finditer(sql):
        text = token[0]
        if token["open"]:
            return None
        if not text.isspace() and not text.startswith(("--", "/*")):
            last = text
    return last


def without_end(sql: str) -> str:
    """A single statement without its `;` and what has no meaning around it: it can stand in brackets.

    >>> without_end("select ';' -- a; text\\n; -- done")
    "select ';'"
    """
    stop = 0
    for token in _TOKENS.finditer(sql):
        text = token[0]
        if text != ";" and not text.isspace() and not text.startswith(("--", "/*")):
            stop = token.end()
    return sql[:stop].strip()


def parts(lines: Iterable[str]) -> Iterator[Part]:
    """Parts of a script: a dot-command is a line of its own, where no statement is open.

    Statements that follow each other are one part.
    """
    written: list[str] = []
    unended: list[str] = []
    begin = 1
    for number, line in enumerate(lines, 1):
        if not unended and line.lstrip().startswith("."):
            if written:
                yield Part("\n".join(written), begin)
                written = []
            yield Part(line.strip(), number)
            continue
        if not written and not line.strip():
            continue
        if not written:
            begin = number
        written.append(line)
        unended.append(line)
        ends = len(unended) == 1 or ";" in line or "*/" in line  # else what is open stays so
        if ends and _last_sign("\n".join(unended)) in (";", ""):
            unended = []
    if written:
        yield Part("\n".join(written), begin)
