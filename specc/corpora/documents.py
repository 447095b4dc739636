"""A document, what identifies it, and which split it belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Document:
    """A piece of text that is trained on, or measured on, as a whole.

    Attributes:
        text: the text, where there is no prompt.
        prompt: what is given; None for plain text. It carries no loss.
        completion: what follows the prompt, and carries loss.
        options: completions to choose from, `completion` among them; empty where there are none.
        turns: of a conversation, what is given and what is learned, in turn; empty for all else.
        markup: whether text that reads like a special token is one.
        ids: of a document that has tokens and no text, their ids in 4 bytes each, little-endian.
    """

    text: str = ""
    prompt: str | None = None
    completion: str = ""
    options: tuple[str, ...] = ()
    turns: tuple[str, ...] = ()
    markup: bool = False
    ids: bytes = b""

    @property
    def parts(self) -> tuple[str, ...]:
        """The text; or prompt and completion; or turns; none where there are only ids.

        Options are not what a document is about.
        """
        if self.ids:
            return ()
        if self.turns:
            return self.turns
        return (self.text,) if self.prompt is None else (self.prompt, self.completion)

    @property
    def size(self) -> int:
        """Characters of all its texts, options included, or its number of ids."""
        return sum(map(len, self.parts)) + sum(map(len, self.options)) + len(self.ids) // 4

    @property
    def bytes(self) -> int:
        """Bytes of its content in UTF-8; 0 where there are only ids."""
        return sum(len(part) if part.isascii() else len(part.encode()) for part in self.parts)

    @property
    def content(self) -> str:
        """All that a model reads: the text, or prompt and completion, or turns."""
        return "".join(self.parts)


def document_id(document: Document) -> str:
    """SHA-256 of a document's content, as 64 hex digits.

    What is hashed is the kind, then each part in UTF-8 behind its length in bytes, so that no two
    documents are written alike; of ids, all of them. Names and places of files are no part of it.
    """
    known: str = getattr(document, "identity", "")
    if known:
        return known
    if document.ids:
        return hashlib.sha256(b"ids %d:" % len(document.ids) + document.ids).hexdigest()
    kind = b"turns" if document.turns else b"text" if document.prompt is None else b"prompt"
    content = hashlib.sha256(kind)
    for part in document.parts:
        data = part.encode()
        content.update(b" %d:" % len(data))
        content.update(data)
    return content.hexdigest()


def is_held_out(document_id: str, share: Fraction) -> bool:
    """Whether a document is kept for evaluation.

    The first 16 hex digits of the id, as a number, are compared with share * 2**64, in integers.
    A document is always in the same split, and one that is held out at a share is held out at
    every larger share.

    >>> is_held_out("8" + 63 * "0", Fraction(1, 2)), is_held_out("7" + 63 * "f", Fraction(1, 2))
    (False, True)
    """
    return int(document_id[:16], 16) * share.denominator < share.numerator << 64


def split_of(document_id: str, held_out: Fraction, splits: Sequence[tuple[str, Fraction]] = ()) -> str:
    """The split of a document: "held_out", the name of another split, or "train".

    The id's first 16 hex digits, as a share of 2**64, say where a document lies. Held out is what lies
    below `held_out`; the other splits lie one below the other from the top. So a larger share of any
    of them takes from the training split alone, and so does one more split at the end of the list.

    >>> [split_of(digit + 63 * "0", Fraction(1, 4), [("probe", Fraction(1, 8))]) for digit in "03def"]
    ['held_out', 'held_out', 'train', 'probe', 'probe']
    """
    if held_out and is_held_out(document_id, held_out):
        return "held_out"
    if splits:
        left = (1 << 64) - int(document_id[:16], 16)  # above 0, to 2**64
        reached = Fraction(0)
        for name, share in splits:
            reached += share
            if left * reached.denominator <= reached.numerator << 64:
                return name
    return "train"
