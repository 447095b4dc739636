"""A recipe as words with what stands between them: comments, blank lines, ends of statements."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from specc.language.grammar import parse_tokens
from specc.words import display_width

if TYPE_CHECKING:
    from specc.language.trees import Token, Tree


@dataclass(slots=True)
class Remark:
    """A comment.

    Attributes:
        trailing: it ends a line of code; otherwise it has a line of its own.
        continued: it stands under a trailing one, and goes on with it.
        blank: a blank line stands before it.
    """

    text: str
    column: int
    trailing: bool = False
    continued: bool = False
    blank: bool = False


@dataclass(slots=True)
class Word:
    """A token that is no line end.

    Attributes:
        kind: its terminal in the grammar; a keyword is a terminal of its own.
        owner: the rule of the grammar that it belongs to, without regard to what is inside of it.
        before: comments between the word before and this one.
        blank: a blank line stands before it, after the comments.
        newline: it begins a line.
        begins: a statement ended before it.
        pad: further spaces before it, for columns.
    """

    text: str
    kind: str
    owner: str
    before: list[Remark] = field(default_factory=list)
    blank: bool = False
    newline: bool = False
    begins: bool = False
    pad: int = 0


@dataclass(slots=True)
class Scanned:
    """Words of a text, comments after the last one, and the tree that the parser made."""

    words: list[Word]
    tail: list[Remark]
    tree: Tree[Token]

    @property
    def comments(self) -> list[str]:
        """All comments, in order; `structure.nest` takes them away."""
        inside = [remark.text for word in self.words for remark in word.before]
        return inside + [remark.text for remark in self.tail]


def scan(text: str) -> Scanned:
    """Words and comments of a text; its lines end with a line feed alone.

    Raises:
        UnexpectedInput, TooDeep: if the text is not in the language.
    """
    tree, tokens = parse_tokens(text)
    words: list[Word] = []
    position, begins = 0, True
    owners = _owners(tree, tokens)
    for token, owner in zip(tokens, owners, strict=True):
        if token.type == "_NL":
            begins = True
            continue
        start = token.start_pos or 0
        before, blank, newline = _between(text, position, start)
        words.append(Word(str(token), token.type, owner, before, blank, newline, begins))
        position, begins = start + len(token), False
    tail, _, _ = _between(text, position, len(text))
    return Scanned(words, tail, tree)


def read_again(text: str) -> tuple[Tree[Token], list[str]]:
    """The tree of a text, and its comments.

    Raises:
        UnexpectedInput, TooDeep: if the text is not in the language.
    """
    tree, tokens = parse_tokens(text)
    comments: list[str] = []
    position = 0
    for token in tokens:
        start = token.start_pos or 0
        if "#" in text[position:start]:
            comments += [remark.text for remark in _between(text, position, start)[0]]
        position = start + len(token)
    return tree, comments + [remark.text for remark in _between(text, position, len(text))[0]]


def _owners(tree: Tree[Token], tokens: list[Token]) -> Iterator[str]:
    """For each token the innermost rule that holds it."""
    spans = [
        (part.meta.start_pos, -part.meta.end_pos, number, part.data)
        for number, part in enumerate(tree.iter_subtrees_topdown())  # type: ignore[no-untyped-call]  # lark
        if not part.meta.empty
    ]
    spans.sort()
    waiting = 0
    inside: list[tuple[float, str]] = [(math.inf, "file")]
    for token in tokens:
        start = token.start_pos or 0
        while waiting < len(spans) and spans[waiting][0] <= start:
            inside.append((-spans[waiting][1], str(spans[waiting][3])))
            waiting += 1
        while inside[-1][0] <= start:
            inside.pop()
        yield inside[-1][1]


def _between(text: str, start: int, stop: int) -> tuple[list[Remark], bool, bool]:
    """Comments in [start, stop), which holds nothing but them and white space.

    Returns:
        the comments; whether a blank line comes before what follows; whether that begins a line.
    """
    if "\n" not in text[start:stop] and "#" not in text[start:stop]:
        return [], False, start == 0
    remarks: list[Remark] = []
    lines = text[start:stop].split("\n")
    # Line 0 is the rest of the line of the word before; at the start of a file there is no such word.
    last = 0 if start else -1
    for number, line in enumerate(lines):
        mark = line.find("#")
        if mark < 0:
            continue
        opened = text[text.rfind("\n", 0, start) + 1 : start] if number == 0 else ""
        remark = Remark(line[mark:].rstrip(" \t\r\f"), display_width(opened + line[:mark]))
        remark.trailing = number == last == 0
        remark.blank = number - last > 1
        if remarks and not remark.blank:
            above = remarks[-1]
            remark.continued = (above.trailing or above.continued) and above.column == remark.column
        remarks.append(remark)
        last = number
    return remarks, len(lines) - 1 - last > 1, len(lines) > 1 or start == 0
