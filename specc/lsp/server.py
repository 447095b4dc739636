"""The protocol: what an editor asks, and which feature answers.

Requests wait for the snapshot of the text that the editor shows. A handler that fails is logged and
answers nothing; the server goes on. It listens on stdin and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

from specc.diagnostics import Report
from specc.lsp import messages
from specc.lsp.buffers import Buffer, path_of
from specc.lsp.handlers import guarded
from specc.lsp.index import FileIndex, index
from specc.lsp.positions import Text
from specc.lsp.project import Project, Snapshot
from specc.lsp.reading import add_reading
from specc.lsp.writing import add_writing
from specc.version import __version__

logger = logging.getLogger("specc.lsp")

LONGEST_WAIT = 20.0
"""Seconds that a request waits for its snapshot."""

MOST_FILES = 2000
"""Recipes of a workspace that are looked into for uses of a name."""

_SKIPPED = {"node_modules", "__pycache__", "site-packages"}


class _Protocol(LanguageServerProtocol):
    """Texts are kept by us: pygls ends lines at signs that end none for editors."""

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> Iterator[Any]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_OPEN], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Iterator[Any]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> Iterator[Any]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE], (params,), None


class Server(LanguageServer):
    """A language server for recipes."""

    def __init__(self) -> None:
        super().__init__("specc", __version__, protocol_cls=_Protocol)
        self.project = Project(self._checked)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._indexes: dict[str, tuple[Snapshot, dict[str, FileIndex]]] = {}
        self._shown: dict[str, set[str]] = {}
        self.dismissed = False

    # ---- snapshots

    def opened(self, uri: str) -> Buffer | None:
        return self.project.buffers.get(path_of(uri))

    async def snapshot(self, uri: str) -> Snapshot | None:
        """The snapshot of what the editor shows; None if the document isn't open or can't be compiled."""
        try:
            waiting = asyncio.wrap_future(self.project.snapshot(path_of(uri)))
            return await asyncio.wait_for(waiting, LONGEST_WAIT)
        except (asyncio.CancelledError, TimeoutError):
            return None

    def files(self, snapshot: Snapshot) -> dict[str, FileIndex]:
        """The names of a snapshot, worked out once."""
        known = self._indexes.get(snapshot.path)
        if known is None or known[0] is not snapshot:
            known = (snapshot, index(snapshot))
            if self.project.buffers.get(snapshot.path) is not None:
                self._indexes[snapshot.path] = known
        return known[1]

    def read(self, path: str) -> str | None:
        """Text of a recipe: as it is shown, or as it lies on the disk."""
        buffer = self.project.buffers.get(path)
        if buffer is not None:
            return buffer.text.text
        from specc.analysis.load import read_source

        source = read_source(Path(path), None, Report())
        return source.text if source else None

    # ---- diagnostics

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()

    def _checked(self, snapshot: Snapshot) -> None:
        """A snapshot was made, in the compiling thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(guarded(self.publish), snapshot)

    def publish(self, snapshot: Snapshot) -> None:
        """Show the diagnostics of a snapshot, together with what others say of the same files."""
        if self.project.buffers.get(snapshot.path) is None:
            return
        found = messages.published(snapshot, self.project.buffers)
        before = self._shown.get(snapshot.path, set())
        self._shown[snapshot.path] = set(found)
        for path in before | set(found):
            self._show(path)

    def _show(self, path: str) -> None:
        buffers = self.project.buffers
        merged: dict[tuple[object, ...], types.Diagnostic] = {}
        for snapshot in self.project.snapshots():
            if path in self._shown.get(snapshot.path, ()):
                for each in messages.published(snapshot, buffers).get(path, ()):
                    start = each.range.start
                    merged.setdefault((each.code, start.line, start.character, each.message), each)
        buffer = buffers.get(path)
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(
                buffers.uri(path), list(merged.values()), buffer.version if buffer else None
            )
        )

    def closed(self, path: str, uri: str) -> None:
        """Forget what was shown for a document, and what it said of others."""
        self._indexes.pop(path, None)
        shown = self._shown.pop(path, set())
        for other in shown - {path}:
            self._show(other)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))
        if any(path in snapshot.texts for snapshot in self.project.snapshots()):
            self._show(path)

    # ---- the workspace

    def recipes(self) -> list[str]:
        """Recipes in the folders of the workspace, by real path; hidden and installed ones left out."""
        found: list[str] = []
        folders = [folder.uri for folder in self.workspace.folders.values()]
        for uri in folders or ([self.workspace.root_uri] if self.workspace.root_uri else []):
            for base, inner, names in os.walk(path_of(uri)):
                inner[:] = sorted(n for n in inner if not n.startswith(".") and n not in _SKIPPED)
                found.extend(os.path.realpath(os.path.join(base, n)) for n in names if n.endswith(".spec"))
                if len(found) >= MOST_FILES:
                    return found[:MOST_FILES]
        return found

    def users(self, own: Snapshot) -> list[tuple[Snapshot, dict[str, FileIndex]]]:
        """Snapshots in which a name of one may be used: itself, and recipes that read the same files."""
        found = {own.path: own}
        for snapshot in self.project.snapshots():
            found.setdefault(snapshot.path, snapshot)
        ours = set(own.texts)
        for path in self.recipes():
            text = self.read(path) if path not in found else None
            if text is not None and "use" in text:
                found[path] = self.project.compiled(path)
        return [(s, self.files(s)) for s in found.values() if ours & set(s.texts)]


def make_server() -> Server:
    """A server with all its features."""
    server = Server()

    # ---- documents

    @server.feature(types.INITIALIZED)
    def initialized(params: types.InitializedParams) -> None:
        server.start()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    @guarded
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        server.start()
        document = params.text_document
        encoding = server.workspace.position_encoding or types.PositionEncodingKind.Utf16
        text = Text(document.text, types.PositionEncodingKind(encoding).value)
        buffer = Buffer(document.uri, path_of(document.uri), document.version, text)
        server.project.buffers.put(buffer)
        server.project.change(buffer.path)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    @guarded
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        buffer = server.opened(params.text_document.uri)
        if buffer is None:
            return
        text = buffer.text.changed(params.content_changes)
        server.project.buffers.put(Buffer(buffer.uri, buffer.path, params.text_document.version, text))
        server.project.change(buffer.path)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    @guarded
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        path = path_of(params.text_document.uri)
        if server.project.buffers.close(path) is not None:
            server.project.close_document(path)
            server.closed(path, params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    @guarded
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        server.project.refresh()

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    @guarded
    def did_change_files(params: types.DidChangeWatchedFilesParams) -> None:
        server.project.refresh()

    @server.feature(types.SHUTDOWN)
    @guarded
    def shutdown(*params: Any) -> None:
        server.dismissed = True
        server.project.close()

    add_reading(server)
    add_writing(server)
    return server


__all__ = ["Server", "make_server"]
