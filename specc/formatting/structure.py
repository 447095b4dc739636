"""Words as nested brackets, and what lies in them as items: statements, cells, arguments, values."""

from __future__ import annotations

from dataclasses import dataclass, field

from specc.formatting.scan import Remark, Scanned, Word

PAIRS = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
SERIES = {"row", "sweep_table", "use"}
"""Rules whose braces hold a series with commas, or a line each; other braces hold statements."""

TRAILING = {"call", "with", "extends", "parameters", "list", "sweep_zip", *SERIES}
"""Rules whose brackets may end with a comma that means nothing."""


@dataclass(slots=True)
class Item:
    """What stands between two separators.

    Attributes:
        leading: comments on lines of their own before it.
        trailing: the comment at its end, and those that go on with it in the lines below.
        blank: a blank line stands between the comments before it, or what is before them, and it.
        comma: a comma follows it.
    """

    parts: list[Part] = field(default_factory=list)
    leading: list[Remark] = field(default_factory=list)
    trailing: list[Remark] = field(default_factory=list)
    blank: bool = False
    comma: bool = False

    @property
    def first(self) -> Word:
        part = self.parts[0]
        return part if isinstance(part, Word) else part.opening


@dataclass(slots=True)
class Group:
    """Brackets and their items.

    Attributes:
        trailing: comments at the end of the opening bracket's line.
        tail: comments on lines of their own before the closing bracket.
        opened: the writer broke the line after a brace; what is in it then keeps to lines of its own.
        text: in one line, once it is measured; None if it can't be.
    """

    opening: Word
    closing: Word
    items: list[Item] = field(default_factory=list)
    trailing: list[Remark] = field(default_factory=list)
    tail: list[Remark] = field(default_factory=list)
    opened: bool = False
    text: str | None = None
    measured: bool = False

    @property
    def braces(self) -> bool:
        return self.opening.kind == "LBRACE"

    @property
    def statements(self) -> bool:
        """Whether its items are statements, which lines end and commas don't."""
        return self.braces and self.opening.owner not in SERIES

    @property
    def final_comma(self) -> bool:
        """Whether a comma follows the last item where each has a line of its own."""
        if self.statements or not self.items:
            return False
        may = self.opening.owner in TRAILING or (self.opening.owner == "paren" and len(self.items) > 1)
        return may or self.items[-1].comma

    @property
    def needed_comma(self) -> bool:
        """Whether a comma follows the last item in any case: it makes a tuple of one value, say."""
        may = self.opening.owner in TRAILING or (self.opening.owner == "paren" and len(self.items) > 1)
        return bool(self.items) and self.items[-1].comma and not may

    @property
    def remarked(self) -> bool:
        """Whether it has comments outside of the parts of its items."""
        return bool(self.trailing or self.tail or any(item.leading or item.trailing for item in self.items))


Part = Word | Group


def nest(scanned: Scanned) -> Group:
    """The statements of a file, as if there were braces around it."""
    edge = Word("", "LBRACE", "file")
    end = Word("", "RBRACE", "file", before=scanned.tail)
    outer = Group(edge, end, opened=True)
    open_groups = [outer]
    moved: list[Remark] = []
    for word in (*scanned.words, end):
        group = open_groups[-1]
        if moved:
            # Comments between a value and its comma come after the comma.
            for remark in word.before:
                remark.trailing = remark.continued = False
            word.before[:0] = moved
            moved = []
        fresh = not group.items or (bool(group.items[-1].parts) and word.begins and group.braces)
        if word.kind in ("RPAR", "RSQB", "RBRACE"):
            _close(group, word)
            open_groups.pop()
            continue
        if word.kind == "COMMA":
            moved = word.before
            word.before = []
            if not group.statements:
                group.items[-1].comma = True
                continue
        elif fresh or (group.items[-1].comma and not group.statements):
            _open(group, word)
        if word.kind in PAIRS:
            inner = Group(word, word)
            group.items[-1].parts.append(inner)
            open_groups.append(inner)
        else:
            group.items[-1].parts.append(word)
    return outer


def _open(group: Group, word: Word) -> None:
    """Begin an item with a word; comments before it belong to the item before, or to itself."""
    if not group.items:
        group.opened = group.opened or (group.braces and word.newline)
    _end_of_line(group, word)
    group.items.append(Item(leading=word.before, blank=word.blank))
    word.before = []


def _close(group: Group, word: Word) -> None:
    if not group.items:
        group.opened = group.opened or bool(word.before)
    _end_of_line(group, word)
    group.tail = word.before
    group.closing = word
    word.before = []


def _end_of_line(group: Group, word: Word) -> None:
    """Give comments at the end of the line before a word to what is there."""
    ends = 0
    while ends < len(word.before) and (word.before[ends].trailing or word.before[ends].continued):
        ends += 1
    if group.items:
        group.items[-1].trailing += word.before[:ends]
    else:
        group.trailing += word.before[:ends]
    word.before = word.before[ends:]
