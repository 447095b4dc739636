"""From text to syntax tree, with every syntax error of a file reported in one run.

The whole file is parsed first. Only if that fails it is cut into items, and each is parsed alone,
so that a mistake in one doesn't hide the next, and the good ones are still checked.
"""

from __future__ import annotations

import re
from typing import Any

from specc.diagnostics import Report, Source, Span
from specc.language import ast
from specc.language.pieces import Piece, imbalance, pieces

LARGEST = 512 * 1024
"""Largest recipe, in characters; a recipe is no place for data."""

_HEAD = re.compile(r"(?:override\s+)?([A-Za-z_]\w*)(?:\s+([A-Za-z_]\w*))?", re.ASCII)
"""The words that an item begins with: what it is, and the name that it declares."""

INSIDE = {"experiment": "member", "stage": "setting", "allocate": "row", "recipe": "override"}
"""What the body of an item is made of."""


def parse(source: Source, report: Report) -> ast.File:
    """Parse a file; what could not be parsed is reported and left out."""
    if len(source.text) > LARGEST:
        report.add(
            "E0004",
            f"`{source.name}` has {len(source.text):,} characters; a recipe has at most {LARGEST:,}",
            None,
            help='keep data in files of its own, and read it with a corpus such as `jsonl("data.jsonl")`',
        )
        return ast.File(Span(source, 0, 0), ())
    unmatched = imbalance(source.text)
    if unmatched is not None:
        _report_imbalance(source, unmatched.kind, unmatched.offset, unmatched.text, report)
        return ast.File(Span(source, 0, 0), ())
    node = _attempt(source, 0, source.text, "file", None)
    if node is not None:
        return node  # type: ignore[no-any-return]  # start "file" builds a File
    items = [recover(source, piece, "item", report) for piece in pieces(source.text, 0, len(source.text))]
    return ast.File(Span(source, 0, len(source.text)), tuple(items))


def _attempt(source: Source, base: int, text: str, start: str, report: Report | None) -> Any:
    """The node of a text that starts at `base` in the source; if it fails None, and a report if wanted."""
    from lark.exceptions import UnexpectedInput

    from specc.language.build import Builder
    from specc.language.grammar import parse_tree
    from specc.language.layout import DEEPEST, TooDeep
    from specc.language.mistakes import describe

    try:
        return Builder(source, base).build(parse_tree(text, start))
    except TooDeep as error:
        if report is not None:
            offset = base + error.offset
            report.add(
                "E0106",
                "this is nested too deeply",
                Span(source, offset, offset + 1),
                f"more than {DEEPEST} {error.what}",
                help="name the inner parts with `let`",
            )
        return None
    except UnexpectedInput as error:
        if report is not None:
            describe(error, source, base, text, start, report)
        return None


def recover(source: Source, piece: Piece, start: str, report: Report) -> Any:
    """Parse an item; if that fails and it has a body, parse the parts of the body.

    What can't be parsed becomes `Broken`, so that nobody complains that it is missing.
    """
    text = source.text[piece.start : piece.stop]
    node = _attempt(source, piece.start, text, start, None)
    if node is not None:
        return node
    word = re.match(r"(?:override\s+)?([a-z]+)", text)
    inside = INSIDE.get(word[1]) if word else None
    if inside is None or piece.open_brace is None or piece.close_brace is None:
        return _attempt(source, piece.start, text, start, report) or _broken(source, piece)
    if piece.close_brace + 1 != piece.stop:
        return _attempt(source, piece.start, text, start, report) or _broken(source, piece)
    head = source.text[piece.start : piece.open_brace] + "{}"
    shell = _attempt(source, piece.start, head, start, report)
    parts = [
        recover(source, inner, inside, report)
        for inner in pieces(source.text, piece.open_brace + 1, piece.close_brace)
    ]
    if shell is None:
        return _broken(source, piece)
    return filled(shell, tuple(parts), Span(source, piece.start, piece.stop))


def _broken(source: Source, piece: Piece) -> ast.Broken:
    """A piece that can't be parsed, with the words that it seems to begin with."""
    span = Span(source, piece.start, piece.stop)
    match = _HEAD.match(source.text, piece.start, piece.stop)
    if match is None:
        return ast.Broken(span, "", None)
    name = ast.Identifier(Span(source, match.start(2), match.end(2)), match[2]) if match[2] else None
    return ast.Broken(span, match[1], name)


def filled(shell: Any, parts: tuple[Any, ...], span: Span) -> Any:
    """An item whose head was parsed alone, with the parts of its body."""
    match shell:
        case ast.Experiment():
            return ast.Experiment(span, shell.name, shell.parameters, shell.extends, parts)
        case ast.Stage():
            return ast.Stage(span, shell.name, shell.parent, parts)
        case ast.OverrideStage():
            return ast.OverrideStage(span, shell.name, shell.parent, parts)
        case ast.Allocate():
            return ast.Allocate(span, parts)
        case ast.Recipe():
            return ast.Recipe(span, shell.name, shell.parameters, shell.extends, parts)
        case ast.Override():
            return ast.Override(span, filled(shell.item, parts, span))
    return shell


def _report_imbalance(source: Source, kind: str, offset: int, text: str, report: Report) -> None:
    span = Span(source, offset, offset + len(text))
    if kind == "string":
        report.add(
            "E0104", "this string is not closed", span, "opened here", help='end it with `"` in the same line'
        )
    elif kind == "sql" and source.text.startswith("```sql", offset):
        whole = Span(source, offset, offset + len("```sql"))
        report.add("E0104", "this SQL block is not closed", whole, "opened here", help="end it with ```")
    elif kind == "sql":
        report.add("E0104", "this block doesn't say what it holds", span, help="begin it with ```sql")
    elif kind == "close":
        report.add("E0103", f"`{text}` closes nothing", span, help=f"remove this `{text}`")
    else:
        closing = {"(": ")", "[": "]", "{": "}"}[text]
        report.add(
            "E0103", f"`{text}` is not closed", span, "opened here", help=f"write the missing `{closing}`"
        )
