"""Inside `{{ ... }}` and `{% ... %}` of an SQL block: what may be written next, and what a function does."""

from __future__ import annotations

import re

from specc.lsp.offers import ItemKind, Offer, name_offer
from specc.lsp.scan import Place, Token
from specc.lsp.vocabularies import Read, in_scope
from specc.quantities.registry import FUNCTIONS as SQL_FUNCTIONS
from specc.quantities.templates.context import NAMES
from specc.quantities.templates.functions import FUNCTIONS, REF

_OPENING = re.compile(r"\{\{|\{%|\}\}|%\}")
_NAME = re.compile(r"[A-Za-z_]\w*(?=\s*\()")
_WORD = re.compile(r"[A-Za-z_]\w*\Z")
_STRING = re.compile(r"'[^']*'|\"[^\"]*\"|(['\"])")
_CALLED = re.compile(r"([A-Za-z_]\w*)\(\s*\Z")


def in_template(here: Place, block: Token, text: str, path: str, read: Read) -> tuple[list[Offer], int]:
    """Offers at a place in an SQL block, and where what they replace begins; none outside of templates.

    In quotes: names of evaluations, recipes and stages, or of comparisons in `ref`.
    """
    before = text[block.start : here.offset]
    marks = list(_OPENING.finditer(before))
    if not marks or marks[-1][0] in ("}}", "%}"):
        return [], here.offset
    written = before[marks[-1].end() :]
    names = in_scope(text, here, path, read)
    quote = next((match for match in _STRING.finditer(written) if match[1]), None)
    if quote is not None:
        called = _CALLED.search(written[: quote.start()])
        refers = called is not None and called[1] == "ref"
        kinds = ("compare",) if refers else ("eval", "recipe", "stage")
        start = here.offset - (len(written) - quote.end())
        return [name_offer(each) for each in names if each.kind in kinds], start
    word = _WORD.search(written)
    start = here.offset - len(word[0]) if word else here.offset
    offers = [
        Offer(each.signature.partition("(")[0], ItemKind.Function, each.doc[:120], _snippet(each.signature))
        for each in (*FUNCTIONS.values(), REF)
    ]
    offers += [Offer(name, ItemKind.Variable, doc) for name, doc in NAMES.items() if name != "AXIS"]
    offers += [name_offer(each) for each in names if each.kind == "axis"]
    if marks[-1][0] == "{%":
        offers = [Offer(word, ItemKind.Keyword) for word in ("for", "endfor", "raw", "endraw")] + offers
    return offers, start


def explained(block: Token, offset: int) -> tuple[str, int, int] | None:
    """What the function at a place in an SQL block does, as Markdown, and where its name stands.

    In a template it is one of templates; elsewhere one that queries have beside DuckDB's.
    """
    word = next((m for m in _NAME.finditer(block.text) if m.start() <= offset - block.start <= m.end()), None)
    if word is None:
        return None
    place = (block.start + word.start(), block.start + word.end())
    marks = list(_OPENING.finditer(block.text[: word.start()]))
    if marks and marks[-1][0] in ("{{", "{%"):
        template = REF if word[0] == "ref" else FUNCTIONS.get(word[0])
        return None if template is None else (f"`{template.signature}`\n\n{template.doc}", *place)
    function = SQL_FUNCTIONS.get(word[0].lower())
    if function is None:
        return None
    source = f"\n\n{function.source}" if function.source else ""
    return f"`{function.signature}`\n\n{function.doc}{source}", *place


def _snippet(signature: str) -> str:
    """A call with its first argument to be written, in quotes where it is text."""
    name, _, rest = signature.partition("(")
    return f"{name}('$0')" if rest.startswith("'") else f"{name}($0)"
