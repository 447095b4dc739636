"""Tokenizers of pinned models: known by the lock file, and fetched when their text is needed."""

from __future__ import annotations

from pathlib import Path

from specc.errors import DataError
from specc.hub.cache import place_of


def tokenizer_identity(path: str | None) -> str:
    """Identity of a tokenizer's tokens; of one that is pinned and was not fetched, by the lock file.

    Raises:
        DataError: if the file can't be read as a tokenizer, and no lock knows it.
    """
    from specc.corpora.tokens import load_tokens
    from specc.locking import current

    place = place_of(path) if path and not Path(path).is_file() else None
    if place is not None:
        name, revision, file = place
        for key, pinned in current().models.items():
            if key.partition("@")[0] == name and pinned.revision == revision and file in pinned.files:
                return pinned.files[file]
    return load_tokens(path).identity


def check_fetched(path: str) -> None:
    """Refuse a tokenizer of the hub that is not on this machine, where text is to be counted with it.

    Raises:
        DataError: which says how to fetch it.
    """
    place = place_of(path)
    if place is not None and not Path(path).is_file():
        raise DataError(
            f"the tokenizer of the model `{place[0]}` was not fetched on this machine",
            "run `specc lock FILE` once on this machine, where there is a network",
        )


def fetched(path: Path | None) -> Path | None:
    """The tokenizer of a step; one of the hub that is not on this machine is fetched.

    Raises:
        DataError: if it can't be fetched.
    """
    place = place_of(path) if path is not None and not path.is_file() else None
    if place is not None:
        from specc.hub.fetch import fetch

        name, revision, file = place
        fetch(name, revision, [file])
    return path
