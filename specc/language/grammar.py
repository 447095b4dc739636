"""Finding the grammar and building its parser."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lark import Lark, Token, Tree
    from lark.lexer import TerminalDef

    from specc.language.layout import Layout

PIECES = ("item", "member", "setting", "row", "override")
"""Where a parser for the pieces of a broken file may start."""


def grammar_folder() -> Path:
    """Folder of the grammar: inside the package if installed, beside it in a checkout."""
    packaged = Path(__file__).resolve().parents[1] / "grammar"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "grammar"


@cache
def _built(starts: tuple[str, ...]) -> tuple[Lark, Layout]:
    from lark import Lark

    from specc.language.layout import Layout

    layout = Layout()
    lark = Lark(
        (grammar_folder() / "spec.lark").read_text(encoding="utf-8"),
        parser="lalr",
        start=list(starts),
        propagate_positions=True,
        maybe_placeholders=False,
        postlex=layout,
        edit_terminals=_whole_word,
    )
    return lark, layout


def _whole_word(terminal: TerminalDef) -> None:
    """Let a word of the grammar stand for itself alone, and not for the beginning of `evaluate`."""
    from lark.lexer import PatternRE, PatternStr

    if isinstance(terminal.pattern, PatternStr) and terminal.pattern.value.isalpha():
        terminal.pattern = PatternRE(terminal.pattern.value + r"(?![A-Za-z0-9_])")
        terminal.priority = 1  # before NAME


def parse_tree(text: str, start: str) -> Tree[Token]:
    """Parse a file (`start` "file"), or a piece of one; the parser for pieces is built on first use.

    Raises:
        UnexpectedInput, TooDeep: if the text is not in the language.
    """
    lark, layout = _built(("file",) if start == "file" else PIECES)
    layout.text = text
    return lark.parse(text, start=start)


def parse_tokens(text: str) -> tuple[Tree[Token], list[Token]]:
    """Parse a file, and give its tokens along with the tree: those that the layout left, line ends included.

    Raises:
        UnexpectedInput, TooDeep: if the text is not in the language.
    """
    _, layout = _built(("file",))
    return parse_tree(text, "file"), layout.tokens
