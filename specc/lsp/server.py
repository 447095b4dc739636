"""The protocol: what an editor asks, and which feature answers.

Requests wait for the snapshot of the text that the editor shows. A handler that fails is logged and
answers nothing; the server goes on. It listens on stdin and nowhere else.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

from specc.diagnostics import Report
from specc.lsp import colours, completion, formatting, hints, messages, navigation, outline, signatures
from specc.lsp.actions import code_actions
from specc.lsp.buffers import Buffer, path_of
from specc.lsp.hover import hover
from specc.lsp.index import FileIndex, index
from specc.lsp.positions import Text
from specc.lsp.project import Project, Snapshot
from specc.version import __version__

logger = logging.getLogger("specc.lsp")

LONGEST_WAIT = 20.0
"""Seconds that a request waits for its snapshot."""

MOST_FILES = 2000
"""Recipes of a workspace that are looked into for uses of a name."""

_SKIPPED = {"node_modules", "__pycache__", "site-packages"}

T = TypeVar("T")
P = TypeVar("P")


class RequestFailed(JsonRpcException):
    """A request that was understood and is refused; its message is for the user (LSP 3.17, error codes)."""

    CODE = -32803
    MESSAGE = "Request failed"


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


def guarded(function: Callable[..., T]) -> Callable[..., T | None]:
    """A function whose bugs are logged, and answer nothing."""

    @functools.wraps(function)
    def safe(*args: Any) -> T | None:
        try:
            return function(*args)
        except Exception:
            logger.exception("internal error in %s", getattr(function, "__name__", "a handler"))
            return None

    return safe


def answered(function: Callable[[Server, P], Awaitable[T]]) -> Callable[[Server, P], Awaitable[T | None]]:
    """A handler whose bugs are logged, and answer nothing; refusals are told."""

    @functools.wraps(function)
    async def safe(server: Server, params: P) -> T | None:
        try:
            return await function(server, params)
        except RequestFailed:
            raise
        except Exception:
            logger.exception("internal error in %s", function.__name__)
            return None

    return safe


def _thread(work: Callable[..., T], *args: Any) -> Awaitable[T]:
    """Work that compiles, off the loop that reads messages."""
    return asyncio.to_thread(work, *args)


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

    _add_reading(server)
    _add_writing(server)
    return server


def _add_reading(server: Server) -> None:
    """Features that tell what is there."""

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    @functools.partial(_bound, server)
    async def on_hover(server: Server, params: types.HoverParams) -> types.Hover | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        offset = snapshot.text.offset(params.position)
        return hover(snapshot, server.files(snapshot), snapshot.text, offset)

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    @functools.partial(_bound, server)
    async def on_definition(server: Server, params: types.DefinitionParams) -> types.Location | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        offset = snapshot.text.offset(params.position)
        place = navigation.definition(server.files(snapshot), snapshot.path, offset)
        return _location(server, snapshot, place) if place else None

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    @functools.partial(_bound, server)
    async def on_references(server: Server, params: types.ReferenceParams) -> list[types.Location] | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        here = server.files(snapshot).get(snapshot.path)
        found = here.at(snapshot.text.offset(params.position)) if here else None
        if found is None or found.symbol is None:
            return None
        locations: dict[tuple[str, int], types.Location] = {}
        for other, files in await _thread(server.users, snapshot):
            for place in navigation.references(files, found.symbol):
                if place.role != "declaration" or params.context.include_declaration:
                    locations.setdefault((place.path, place.start), _location(server, other, place))
        return [locations[key] for key in sorted(locations)]

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
    @functools.partial(_bound, server)
    async def on_highlight(
        server: Server, params: types.DocumentHighlightParams
    ) -> list[types.DocumentHighlight] | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        offset = snapshot.text.offset(params.position)
        return navigation.highlights(server.files(snapshot), snapshot.path, offset, snapshot.text)

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    @functools.partial(_bound, server)
    async def on_symbols(
        server: Server, params: types.DocumentSymbolParams
    ) -> list[types.DocumentSymbol] | None:
        snapshot = await server.snapshot(params.text_document.uri)
        return outline.symbols(snapshot.tree, snapshot.text) if snapshot and snapshot.readable else None

    @server.feature(types.WORKSPACE_SYMBOL)
    @functools.partial(_bound, server)
    async def on_workspace_symbols(
        server: Server, params: types.WorkspaceSymbolParams
    ) -> list[types.WorkspaceSymbol] | None:
        found: dict[tuple[str, int], types.WorkspaceSymbol] = {}
        for snapshot in server.project.snapshots():
            for symbol in outline.workspace_symbols(server.files(snapshot), params.query):
                place = navigation.Place(symbol.path, symbol.start, symbol.stop, "declaration")
                found.setdefault(
                    (symbol.path, symbol.start),
                    types.WorkspaceSymbol(
                        location=_location(server, snapshot, place),
                        name=symbol.name,
                        kind=types.SymbolKind.Variable,
                        container_name=symbol.experiment or None,
                    ),
                )
        return list(found.values())

    @server.feature(types.TEXT_DOCUMENT_FOLDING_RANGE)
    @functools.partial(_bound, server)
    async def on_folding(server: Server, params: types.FoldingRangeParams) -> list[types.FoldingRange] | None:
        buffer = server.opened(params.text_document.uri)
        return outline.folding(buffer.text) if buffer else None

    @server.feature(
        types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL,
        types.SemanticTokensRegistrationOptions(legend=colours.LEGEND, full=True, range=True),
    )
    @functools.partial(_bound, server)
    async def on_tokens(server: Server, params: types.SemanticTokensParams) -> types.SemanticTokens | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        return colours.semantic_tokens(snapshot.text, server.files(snapshot).get(snapshot.path))

    @server.feature(
        types.TEXT_DOCUMENT_SEMANTIC_TOKENS_RANGE,
        types.SemanticTokensRegistrationOptions(legend=colours.LEGEND, full=True, range=True),
    )
    @functools.partial(_bound, server)
    async def on_tokens_range(
        server: Server, params: types.SemanticTokensRangeParams
    ) -> types.SemanticTokens | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        here = server.files(snapshot).get(snapshot.path)
        return colours.semantic_tokens(snapshot.text, here, params.range.start.line, params.range.end.line)

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    @functools.partial(_bound, server)
    async def on_hints(server: Server, params: types.InlayHintParams) -> list[types.InlayHint] | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        where = params.range
        return hints.inlay_hints(snapshot, snapshot.text.offset(where.start), snapshot.text.offset(where.end))


def _add_writing(server: Server) -> None:
    """Features that help to write."""

    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION,
        types.CompletionOptions(
            trigger_characters=[".", "(", ",", "=", ":", "{", "@", '"', "/", " "], resolve_provider=True
        ),
    )
    @functools.partial(_bound, server)
    async def on_completion(server: Server, params: types.CompletionParams) -> types.CompletionList | None:
        buffer = server.opened(params.text_document.uri)
        if buffer is None:
            return None
        offset = buffer.text.offset(params.position)
        items = completion.complete(buffer.text, offset, buffer.path, server.read, _takes_snippets(server))
        return types.CompletionList(is_incomplete=False, items=items)

    @server.feature(types.COMPLETION_ITEM_RESOLVE)
    @functools.partial(_bound, server)
    async def on_resolve(server: Server, item: types.CompletionItem) -> types.CompletionItem:
        return completion.documented(item)

    @server.feature(
        types.TEXT_DOCUMENT_SIGNATURE_HELP,
        types.SignatureHelpOptions(trigger_characters=["(", ","], retrigger_characters=["="]),
    )
    @functools.partial(_bound, server)
    async def on_signature(server: Server, params: types.SignatureHelpParams) -> types.SignatureHelp | None:
        buffer = server.opened(params.text_document.uri)
        if buffer is None:
            return None
        offset = buffer.text.offset(params.position)
        return signatures.signature_help(buffer.text, offset, buffer.path, server.read)

    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    @functools.partial(_bound, server)
    async def on_prepare_rename(
        server: Server, params: types.PrepareRenameParams
    ) -> types.PrepareRenamePlaceholder | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        try:
            offset = snapshot.text.offset(params.position)
            found = navigation.renamed(server.files(snapshot), snapshot.path, offset)
        except navigation.Refused as refused:
            raise RequestFailed(str(refused)) from None
        return types.PrepareRenamePlaceholder(
            range=snapshot.text.range(found.start, found.stop), placeholder=found.text
        )

    @server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    @functools.partial(_bound, server)
    async def on_rename(server: Server, params: types.RenameParams) -> types.WorkspaceEdit | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        offset = snapshot.text.offset(params.position)
        users = await _thread(server.users, snapshot)
        try:
            places = navigation.rename(users, snapshot.path, offset, params.new_name)
        except navigation.Refused as refused:
            raise RequestFailed(str(refused)) from None
        texts = {path: text for other, _ in users for path, text in other.texts.items()}
        changes: dict[str, Any] = {
            server.project.buffers.uri(path): [
                types.TextEdit(texts[path].range(place.start, place.stop), params.new_name) for place in found
            ]
            for path, found in places.items()
        }
        return types.WorkspaceEdit(changes=changes)

    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    @functools.partial(_bound, server)
    async def on_formatting(
        server: Server, params: types.DocumentFormattingParams
    ) -> list[types.TextEdit] | None:
        buffer = server.opened(params.text_document.uri)
        return await _thread(_format, server, buffer.text) if buffer else None

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
    )
    @functools.partial(_bound, server)
    async def on_actions(server: Server, params: types.CodeActionParams) -> list[types.CodeAction] | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        return await _thread(code_actions, server.project, snapshot, params.range, server.project.buffers)


def _bound(
    server: Server, function: Callable[[Server, P], Awaitable[T]]
) -> Callable[[P], Awaitable[T | None]]:
    """A handler of one server, safe from its own bugs."""
    safe = answered(function)

    # Not `functools.wraps`: pygls would read the signature of the function inside, and hand us a server.
    async def handler(params: P) -> T | None:
        return await safe(server, params)

    handler.__name__ = getattr(function, "__name__", "handler")
    return handler


def _format(server: Server, text: Text) -> list[types.TextEdit] | None:
    with server.project.compiler():
        return formatting.formatted(text)


def _takes_snippets(server: Server) -> bool:
    document = server.client_capabilities.text_document
    item = document.completion.completion_item if document and document.completion else None
    return bool(item and item.snippet_support)


def _location(server: Server, snapshot: Snapshot, place: navigation.Place) -> types.Location:
    text = snapshot.texts.get(place.path, snapshot.text)
    return types.Location(server.project.buffers.uri(place.path), text.range(place.start, place.stop))


__all__ = ["Server", "make_server"]
