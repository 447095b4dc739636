"""Text to token ids, and the end token that closes each document."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from queue import LifoQueue
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from specc.corpora.contents import read_bytes
from specc.corpora.documents import Document
from specc.corpora.word_memory import WordMemory, cuts_words, place_between_words
from specc.errors import DataError, reason
from specc.steps import Component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer

END_TOKENS = (
    "</s>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<eos>",
    "<|eos|>",
    "[EOS]",
    "<|im_end|>",
    "[SEP]",
)
"""Special tokens that end a text, by convention; the first that a tokenizer has is used."""


TOKEN_FILES = "token_files"
"""Name of the reader whose documents have ids and no text."""

FEW_THREADS = 2
"""Up to so many threads of the library are no faster than one that remembers words."""

MOST_ENTRIES = 1 << 20
"""Entries of the vocabularies of all copies of a tokenizer, which take some hundred bytes each."""

BYTES = "byte"
"""Identity of the tokens that need no tokenizer."""


class Tokens(Protocol):
    """A tokenizer.

    Attributes:
        identity: "byte", or the SHA-256 of the tokenizer's file; part of a prepared corpus' key.
        vocab: number of token ids, the end token's among them. eos: the end token's id.
    """

    @property
    def identity(self) -> str: ...
    @property
    def vocab(self) -> int: ...
    @property
    def eos(self) -> int: ...

    def threads(self, most: int) -> int:
        """How many threads are best, of at most so many, and get ready for them."""
        ...

    def cut(self, text: str, near: int) -> int:
        """A place inside a text, the last up to `near` or the first behind it, at which it can be cut: ids
        of both parts are those of the whole, whatever follows. 0 if none is known."""
        ...

    def encode(self, text: str) -> NDArray[np.integer[Any]]:
        """Token ids of a text, without an end token; of the type that `token_type` names."""
        ...

    def encode_many(
        self, texts: Sequence[str], markup: bool = False
    ) -> tuple[NDArray[np.integer[Any]], NDArray[np.int64]]:
        """Token ids of texts one after another, as `encode` makes them, and how many each has.

        With `markup`, text that reads like a special token is one. May be called by several threads
        at once.
        """
        ...

    def count_many(self, texts: Sequence[str], markup: bool = False) -> NDArray[np.int64]:
        """How many token ids each text has, without an end token; for several threads too."""
        ...

    def decode(self, ids: NDArray[np.integer[Any]]) -> str:
        """The text of token ids; what is no text is shown as U+FFFD."""
        ...


class ByteTokens:
    """The bytes of UTF-8 as tokens 0..255; 256 ends a document."""

    identity = BYTES
    vocab = 257
    eos = 256

    def threads(self, most: int) -> int:
        return 1

    def cut(self, text: str, near: int) -> int:
        return near

    def encode(self, text: str) -> NDArray[np.integer[Any]]:
        import numpy as np

        return np.frombuffer(text.encode(), np.uint8).astype(np.uint16)

    def encode_many(
        self, texts: Sequence[str], markup: bool = False
    ) -> tuple[NDArray[np.integer[Any]], NDArray[np.int64]]:
        return self.encode("".join(texts)), self.count_many(texts)

    def count_many(self, texts: Sequence[str], markup: bool = False) -> NDArray[np.int64]:
        import numpy as np

        sizes = (len(text) if text.isascii() else len(text.encode()) for text in texts)
        return np.fromiter(sizes, np.int64, len(texts))

    def decode(self, ids: NDArray[np.integer[Any]]) -> str:
        return bytes(ids[ids < 256].tolist()).decode(errors="replace")


class FileTokens:
    """A tokenizer from a file of the `tokenizers` library (tokenizer.json).

    The end token is the first of `END_TOKENS` that the file declares as special; if it declares
    none, an id behind all others is added. Only a document's end gets it: text that reads like a
    special token is tokenised as text. Truncation, padding and templates in the file are not used.

    Raises:
        DataError: if the file can't be read as a tokenizer.
    """

    def __init__(self, path: Path | str) -> None:
        from tokenizers import Tokenizer

        data = read_bytes(Path(path))
        self.identity = hashlib.sha256(data).hexdigest()
        try:
            self._tokenizer = Tokenizer.from_buffer(data)
        except Exception as error:  # the library raises plain `Exception`
            raise DataError(
                f"{path} can't be read as a tokenizer: {reason(error)}",
                "name a tokenizer.json as the `tokenizers` library saves it",
            ) from error
        # Threads of the library's own would be dead in a process that is forked; ours end before.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self._data = data
        self._plain(self._tokenizer)
        ids = self._tokenizer.get_vocab(with_added_tokens=True).values()
        self.vocab = max(ids, default=-1) + 1
        added = self._tokenizer.get_added_tokens_decoder()
        special = {token.content: number for number, token in added.items() if token.special}
        self.eos = next((special[name] for name in END_TOKENS if name in special), self.vocab)
        self.vocab = max(self.vocab, self.eos + 1)
        self._free: LifoQueue[Tokenizer] = LifoQueue()
        self._free.put(self._tokenizer)
        self._left = max(1, MOST_ENTRIES // self.vocab) - 1
        self._making = Lock()
        self._cuts_words = cuts_words(data)
        self._words: WordMemory | None = None

    def threads(self, most: int) -> int:
        self._words = WordMemory(self._ids) if self._cuts_words and most <= FEW_THREADS else None
        return 1 if self._words is not None else most

    def cut(self, text: str, near: int) -> int:
        return place_between_words(text, near) if self._cuts_words else 0

    def _ids(self, text: str) -> list[int]:
        with self._borrowed() as tokenizer:
            return list(tokenizer.encode(text, add_special_tokens=False).ids)

    @staticmethod
    def _plain(tokenizer: Tokenizer) -> None:
        """Turn off what would change text or ids beyond tokenising."""
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True

    @contextmanager
    def _borrowed(self) -> Iterator[Tokenizer]:
        """A tokenizer for one thread alone: threads that share one wait for its cache.

        There are as many as threads ask for at once, up to what `MOST_ENTRIES` allows.
        """
        with self._making:
            another = self._free.empty() and self._left > 0
            self._left -= another
        if another:
            from tokenizers import Tokenizer

            found = Tokenizer.from_buffer(self._data)
            self._plain(found)
        else:
            found = self._free.get()
        try:
            yield found
        finally:
            self._free.put(found)

    def encode(self, text: str) -> NDArray[np.integer[Any]]:
        import numpy as np

        return np.array(self._ids(text), dtype=token_type(self.vocab))

    def encode_many(
        self, texts: Sequence[str], markup: bool = False
    ) -> tuple[NDArray[np.integer[Any]], NDArray[np.int64]]:
        import numpy as np

        words = self._words
        if words is None or markup:
            found = [encoding.ids for encoding in self._encode_batch(texts, markup)]
        else:
            others = iter(self._encode_batch([text for text in texts if not text.isascii()], markup))
            found = [words.ids(text) if text.isascii() else next(others).ids for text in texts]
        lengths = np.fromiter(map(len, found), np.int64, len(found))
        ids = np.fromiter(chain.from_iterable(found), token_type(self.vocab), int(lengths.sum()))
        return ids, lengths

    def count_many(self, texts: Sequence[str], markup: bool = False) -> NDArray[np.int64]:
        import numpy as np

        words = self._words
        if words is None or markup:
            counts: Iterator[int] = map(len, self._encode_batch(texts, markup))
        else:
            others = iter(self._encode_batch([text for text in texts if not text.isascii()], markup))
            counts = (words.count(text) if text.isascii() else len(next(others)) for text in texts)
        return np.fromiter(counts, np.int64, len(texts))

    def _encode_batch(self, texts: Sequence[str], markup: bool) -> Sequence[Encoding]:
        with self._borrowed() as tokenizer:
            tokenizer.encode_special_tokens = not markup
            try:
                return tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
            finally:
                tokenizer.encode_special_tokens = True

    def decode(self, ids: NDArray[np.integer[Any]]) -> str:
        text: str = self._tokenizer.decode(ids[ids != self.eos].tolist(), skip_special_tokens=False)
        return text


class IdTokens:
    """Token ids that were made elsewhere, of which no text is known.

    Raises:
        DataError: if the end token is not one of the vocabulary.
    """

    def __init__(self, vocab: int, eos: int) -> None:
        if not 0 <= eos < vocab:
            raise DataError(
                f"the end token {eos} is not one of {vocab:,} tokens",
                "ids are counted from 0; check `vocab` and `eos`",
            )
        self.vocab = vocab
        self.eos = eos
        self.identity = f"ids {vocab} {eos}"

    def threads(self, most: int) -> int:
        return 1

    def cut(self, text: str, near: int) -> int:
        return 0

    def encode(self, text: str) -> NDArray[np.integer[Any]]:
        raise _no_text()

    def encode_many(
        self, texts: Sequence[str], markup: bool = False
    ) -> tuple[NDArray[np.integer[Any]], NDArray[np.int64]]:
        raise _no_text()

    def count_many(self, texts: Sequence[str], markup: bool = False) -> NDArray[np.int64]:
        raise _no_text()

    def decode(self, ids: NDArray[np.integer[Any]]) -> str:
        return " ".join(f"<{number}>" for number in ids.tolist() if number != self.eos)


def _no_text() -> DataError:
    return DataError(
        "token files without a tokenizer have ids and no text",
        'name the tokenizer that made them: `tokenizer = "tokenizer.json"`',
    )


def tokens_of(reader: Component, tokenizer_path: Path | str | None) -> Tokens:
    """The tokens of a corpus: of its tokenizer; of token files without one, as they say themselves.

    Raises:
        DataError: if the file can't be read as a tokenizer, or token files don't say what they hold.
    """
    if reader.name == TOKEN_FILES and not tokenizer_path:
        vocab, eos = int(reader.args.get("vocab", 0)), int(reader.args.get("eos", -1))
        if vocab == 0 or eos < 0:
            lacking = "vocab" if vocab == 0 else "eos"
            raise DataError(
                f"`{TOKEN_FILES}` has no `{lacking}`",
                "give `vocab`, the number of tokens, and `eos`, the id of the end token, or a `tokenizer`",
            )
        return IdTokens(vocab, eos)
    return load_tokens(tokenizer_path)


def with_ids(reader: Component, tokenizer_path: Path | str | None) -> Component:
    """A reader of token files that is told what its tokenizer knows: the vocabulary and the end token.

    Raises:
        DataError: if the file can't be read as a tokenizer, or says something else than the recipe.
    """
    if reader.name != TOKEN_FILES or not tokenizer_path:
        return reader
    tokens = load_tokens(tokenizer_path)
    known = {"vocab": tokens.vocab, "eos": tokens.eos}
    for name, value in known.items():
        if reader.args.get(name, value) != value:
            raise DataError(
                f"`{name}` is {reader.args[name]}, but that of the tokenizer is {value}",
                f"leave `{name}` out, or give the tokenizer that made the files",
            )
    return reader.model_copy(update={"args": {**reader.args, **known}})


def load_tokens(tokenizer_path: Path | str | None) -> Tokens:
    """The tokenizer of a file; bytes if there is none ("" or None).

    Raises:
        DataError: if the file can't be read as a tokenizer.
    """
    return FileTokens(tokenizer_path) if tokenizer_path else ByteTokens()


def token_type(vocab: int) -> str:
    """Name of the numpy type that stores tokens: "uint16", or "uint32" for a vocabulary beyond 65535."""
    return "uint16" if vocab <= 65535 else "uint32"


def encode_document(document: Document, tokens: Tokens) -> tuple[NDArray[np.integer[Any]], int]:
    """Token ids of a document with its end token, and how many of them are the prompt's.

    Prompt and completion are tokenised apart, so that the prompt's tokens are the same with and
    without its completion.

    Returns:
        ids, shape (tokens,), and the length of the prompt in tokens: 0 for plain text.
    """
    import numpy as np

    end = np.array([tokens.eos], dtype=token_type(tokens.vocab))
    ids, lengths = tokens.encode_many(document.parts, document.markup)
    return np.concatenate([ids, end]), int(lengths[0]) if len(lengths) > 1 else 0


def count_tokens(document: Document, tokens: Tokens) -> int:
    """Length of what `encode_document` returns, end token included."""
    return int(tokens.count_many(document.parts, document.markup).sum()) + 1
