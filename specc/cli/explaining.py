"""`specc explain`."""

from __future__ import annotations

import sys
import textwrap

from specc.diagnostics import nearest
from specc.diagnostics.codes import CODES
from specc.diagnostics.explain import Example, Explanation, explanation
from specc.words import printable

WIDTH = 88


def explain_code(code: str) -> int:
    """Say what a code stands for, with a wrong and a right example."""
    known = code.upper()
    if known not in CODES:
        close = nearest(known, CODES)
        print(f"error: there is no code `{printable(code)}`", file=sys.stderr)
        print(
            f" = help: write `{close}`, or `specc explain` for all of them" if close else _ALL,
            file=sys.stderr,
        )
        return 2
    print(explained(explanation(known)))
    return 0


_ALL = " = help: `specc explain` lists all codes"


def list_codes() -> int:
    """All codes, a line each."""
    for code, title in CODES.items():
        print(f"{code}  {title}")
    return 0


def explained(found: Explanation) -> str:
    """An explanation as text for a terminal."""
    severity = "error" if found.code.startswith("E") else "warning"
    parts = [f"{severity}[{found.code}]: {found.title}", textwrap.fill(found.text, WIDTH)]
    for title, example in (("Wrong:", found.wrong), ("Right:", found.right)):
        if example is not None:
            parts.append(_example(title, example))
    return "\n\n".join(parts)


def _example(title: str, example: Example) -> str:
    name = f" (in `{example.file}`)" if example.file else ""
    return f"{title[:-1]}{name}:\n\n{textwrap.indent(example.text, '    ')}"
