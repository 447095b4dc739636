"""Texts that the editor has open, by the real path of their files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from specc.lsp.positions import Text


@dataclass(frozen=True, slots=True)
class Buffer:
    """An open document. `path` is the file that it is, or that it would be if it were saved."""

    uri: str
    path: str
    version: int
    text: Text


def path_of(uri: str) -> str:
    """Real path of a document; one that was never saved is taken to lie in the current folder."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        path = url2pathname(unquote(parts.path)) if os.name == "nt" else unquote(parts.path)
    else:
        name = os.path.basename(unquote(parts.path)) or "untitled"
        path = os.path.join(os.getcwd(), name if name.endswith(".spec") else f"{name}.spec")
    return os.path.realpath(path.replace("\0", ""))


def uri_of(path: str) -> str:
    return Path(os.path.realpath(path)).as_uri()


class Buffers:
    """All open documents."""

    def __init__(self) -> None:
        self._open: dict[str, Buffer] = {}

    def put(self, buffer: Buffer) -> None:
        self._open[buffer.path] = buffer

    def close(self, path: str) -> Buffer | None:
        return self._open.pop(path, None)

    def get(self, path: str) -> Buffer | None:
        return self._open.get(path)

    def paths(self) -> list[str]:
        return list(self._open)

    def uri(self, path: str) -> str:
        """How the editor names a file: as it opened it, if it did."""
        buffer = self._open.get(path)
        return buffer.uri if buffer else uri_of(path)
