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
            f"  = help: write `{close}`, or `specc explain` for all of them" if close else _ALL,
            file=sys.stderr,
        )
        return 2
    print(explained(explanation(known)))
    return 0


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
    from specc.reference.pages import listing, markdown, page, page_markdown, page_text, pages

    if name is None:
        print(markdown() if kind == "markdown" else listing(), end="")
        return 0
    found = page(name)
    if found is None:
        close = nearest(name, [each.name for each in pages()])
        print(f"error: the language has no word `{printable(name)}`", file=sys.stderr)
        print(
            f"  = help: write `{close}`" if close else "  = help: `specc reference` lists them",
            file=sys.stderr,
        )
        return 2
    print(page_markdown(found) + "\n" if kind == "markdown" else page_text(found), end="")
    return 0
