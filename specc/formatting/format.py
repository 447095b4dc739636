"""From a recipe's text to its canonical form."""

from __future__ import annotations

from specc.diagnostics import Report, Source
from specc.diagnostics.source import with_line_feeds
from specc.formatting.layout import write_block
from specc.formatting.page import Page
from specc.formatting.same import same_tree
from specc.formatting.scan import Scanned, read_again, scan
from specc.formatting.structure import nest
from specc.language.parse import LARGEST, parse


class NotARecipe(ValueError):
    """A text that can't be parsed; `report` says why."""

    def __init__(self, report: Report) -> None:
        super().__init__("this can't be parsed")
        self.report = report


class Mangled(Exception):
    """The formatter would have changed what a recipe means: a bug, found before it did harm."""


def format_text(text: str, name: str = "recipe.spec") -> str:
    """The canonical form of a recipe, which means the same and has all of its comments.

    Line ends become line feeds, and a byte-order mark is dropped. The form of a form is itself.

    Args:
        text: of a whole file.
        name: of the file, for messages.
    Raises:
        NotARecipe: if it can't be parsed.
        Mangled: if the form would not mean the same, which is a bug.
    """
    source = Source(name, with_line_feeds(text.removeprefix("\ufeff")))
    scanned = _scanned(source)
    comments = scanned.comments
    page = Page()
    write_block(page, nest(scanned), 0)
    formed = page.text()
    if formed != source.text:
        _compare(scanned, comments, formed)
    return formed


def _scanned(source: Source) -> Scanned:
    from specc.language.trees import NOT_IN_THE_LANGUAGE

    try:
        if len(source.text) <= LARGEST:
            return scan(source.text)
    except NOT_IN_THE_LANGUAGE:
        pass
    report = Report()
    parse(source, report)
    raise NotARecipe(report)


def _compare(scanned: Scanned, comments: list[str], formed: str) -> None:
    """Parse what was written.

    Raises:
        Mangled: if it doesn't mean what was read, or if it has other comments.
    """
    from specc.language.trees import NOT_IN_THE_LANGUAGE

    try:
        tree, kept = read_again(formed)
    except NOT_IN_THE_LANGUAGE as error:
        raise Mangled("the form can't be parsed") from error
    if not same_tree(scanned.tree, tree):
        raise Mangled("the form means something else")
    if comments != kept:
        raise Mangled("the form has other comments")
