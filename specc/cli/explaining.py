"""`specc explain`."""

from __future__ import annotations

import re
import sys
import textwrap

from specc.diagnostics import nearest
from specc.diagnostics.codes import CODES
from specc.diagnostics.explain import Example, Explanation, explanation
from specc.words import printable

WIDTH = 88


def explain_code(code: str) -> int:
    """Say what a code stands for, with a wrong and a right example."""
    known = _meant(code)
    if known not in CODES:
        close = nearest(known, CODES)
        print(f"error: there is no code `{printable(code)}`", file=sys.stderr)
        print(
            f"  = help: write `{close}`, or `specc explain` for all of them" if close else _ALL,
            file=sys.stderr,
        )
        return 2
    print(explained(explanation(known)))
    return 0


def _meant(code: str) -> str:
    """A code as it is listed, however it was copied: `error[E0401]`, `e401` and `401` are E0401.

    >>> _meant("warning[W0501]"), _meant("401"), _meant("E04")
    ('W0501', 'E0401', 'E04')
    """
    match = re.fullmatch(r"(?:error|warning)?\[?([ew]?)(\d{3,4})\]?:?", code.strip(), re.IGNORECASE)
    return f"{match[1].upper() or 'E'}{match[2]:0>4}" if match else code.strip().upper()


_ALL = "  = help: `specc explain` lists all codes"


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


def show_reference(name: str | None, kind: str) -> int:
    """Print a page of the reference, all of it as Markdown, or the names of its pages."""
    from specc.reference.pages import listing, markdown, page, page_markdown, page_text

    if name is None:
        print(markdown() if kind == "markdown" else listing(), end="")
        return 0
    found = page(name)
    if found is None:
        print(f"error: the reference has no page `{printable(name)}`", file=sys.stderr)
        print(f"  = help: {_where_else(name)}", file=sys.stderr)
        return 2
    print(page_markdown(found) + "\n" if kind == "markdown" else page_text(found), end="")
    return 0


def _where_else(name: str) -> str:
    """Where a word that has no page of its own is told of, or which was meant."""
    from specc.reference.pages import pages, speaking_of

    speaking = speaking_of(name)
    if speaking:
        return "it is told of by " + ", ".join(f"`specc reference {other}`" for other in speaking[:4])
    close = nearest(name, [each.name for each in pages()])
    return f"write `{close}`" if close else "`specc reference` lists them"
