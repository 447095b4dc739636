"""`permute_units`: lines, sentences or words of a document in another order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from specc.corpora.blocks import Block, ranges
from specc.corpora.draws import document_keys, draws
from specc.corpora.tokens import Tokens
from specc.corpora.transforms.corrupt import of_side

_BLANKS = " \t\n\r\v\f"
_CLOSERS = "\"')]}"
_STOPS = (".", "!", "?")


def permute_units(blocks: Iterator[Block], args: Mapping[str, Any], tokens: Tokens) -> Iterator[Block]:
    """The units of each document in an order of their own; what separates them stays in its place.

    Units are runs of tokens, so that as many tokens come out as go in, and each keeps its mask. A
    token that is nothing but white space (for lines: and holds a line break; for sentences: and
    follows one) separates units; a token that begins with such white space begins a unit. Words end
    at white space, lines at a line break, sentences at white space behind . ! or ? and closing quotes
    or brackets. Prompt and completion (a text is one) are permuted each by itself. The order is
    drawn by `seed` and the document's id. Options are dropped.
    """
    surfaces = _Surfaces(tokens)
    for block in blocks:
        places = block.places()
        owners = block.owners()
        completed = places >= block.prompts[owners]
        separates, begins = _boundaries(surfaces.of(block.tokens), args["unit"])
        fixed = separates | (block.tokens == tokens.eos) | ~of_side(block, args["side"], places)
        group = 2 * owners + completed
        begins |= np.concatenate([[True], group[1:] != group[:-1]])
        source = _permuted(block, fixed, begins, group, args["seed"])
        masked = None if block.masked is None else block.masked[source]
        yield replace(block, tokens=block.tokens[source], masked=masked, options=None)


def _permuted(
    block: Block,
    fixed: NDArray[np.bool_],
    begins: NDArray[np.bool_],
    group: NDArray[np.int64],
    seed: int,
) -> NDArray[np.int64]:
    """Where each token of the result comes from, [N].

    Segments are units and the separators between them. In each group (a prompt or a completion) the
    units change places, longer ones taking more room.
    """
    changes = np.concatenate([[True], fixed[1:] != fixed[:-1]])
    starts = np.flatnonzero(changes | (begins & ~fixed) | fixed)
    lengths = np.diff(np.append(starts, len(fixed)))
    units = np.flatnonzero(~fixed[starts])
    of_unit = group[starts[units]]
    keys = document_keys(block.ids, "permute units", seed)[of_unit // 2]
    drawn = draws(keys, starts[units] - block.offsets[of_unit // 2])
    order = np.arange(len(starts))
    order[units] = units[np.lexsort((drawn, of_unit))]
    return ranges(starts[order], lengths[order])


def _boundaries(surface: _Kinds, unit: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which tokens separate units, and which begin one, [N] each."""
    if unit == "words":
        separates, opens, closes = surface.blank, surface.opens_blank, surface.ends_blank
    elif unit == "lines":
        separates = surface.blank & surface.has_break
        opens, closes = surface.opens_break, surface.ends_break
    else:
        separates, opens, closes = _sentences(surface)
    after = np.concatenate([[False], (closes | separates)[:-1]])
    return separates, (opens | after) & ~separates


def _sentences(surface: _Kinds) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """The same for sentences: white space counts where the text before it ends one."""
    size = len(surface.blank)
    number = np.arange(size)
    # What a run of closing quotes and brackets says is what stands before it.
    told = np.maximum.accumulate(np.where(surface.closer, -1, number))
    stopped = (told >= 0) & surface.stops[np.maximum(told, 0)]
    # And white space is looked through, back to what is visible.
    seen = np.maximum.accumulate(np.where(surface.blank, -1, number))
    ended = (seen >= 0) & stopped[np.maximum(seen, 0)]
    before = np.concatenate([[False], ended[:-1]])
    separates = surface.blank & before
    return separates, surface.opens_blank & before, surface.ends_blank & ended


class _Kinds(NamedTuple):
    """What the text of each token is like, [N] each; "blank" is white space, a "break" a line's end."""

    blank: NDArray[np.bool_]
    has_break: NDArray[np.bool_]
    opens_blank: NDArray[np.bool_]
    opens_break: NDArray[np.bool_]
    ends_blank: NDArray[np.bool_]
    ends_break: NDArray[np.bool_]
    stops: NDArray[np.bool_]
    closer: NDArray[np.bool_]


class _Surfaces:
    """Looks at the text of each token of the vocabulary once, when it is first met."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        # What a token looks like shows behind another: alone it may lose the space that it begins with.
        self._anchor = tokens.encode("a")
        self._shift = len(tokens.decode(self._anchor))
        self._known = np.zeros(tokens.vocab, dtype=bool)
        self._kinds = np.zeros((tokens.vocab, len(_Kinds._fields)), dtype=bool)

    def of(self, ids: NDArray[Any]) -> _Kinds:
        """The kinds of a document's tokens, [N] each."""
        for number in np.unique(ids).tolist():
            if not self._known[number]:
                self._known[number] = True
                self._kinds[number] = _kinds(self._text(number))
        return _Kinds(*self._kinds[ids].T)

    def _text(self, number: int) -> str:
        if number == self._tokens.eos:
            return ""
        return self._tokens.decode(np.append(self._anchor, self._anchor.dtype.type(number)))[self._shift :]


def _kinds(text: str) -> tuple[bool, ...]:
    inner = text.strip(_BLANKS)
    opening = text[: len(text) - len(text.lstrip(_BLANKS))]
    ending = text[len(text.rstrip(_BLANKS)) :]
    visible = inner.rstrip(_CLOSERS)
    return (
        bool(text) and not inner,
        "\n" in text,
        bool(opening),
        "\n" in opening,
        bool(ending),
        "\n" in ending,
        visible.endswith(_STOPS),
        bool(inner) and not visible,
    )
