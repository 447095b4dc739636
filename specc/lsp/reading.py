"""Requests of an editor that are answered by what is there."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from lsprotocol import types

from specc.lsp import colours, hints, navigation, outline
from specc.lsp.handlers import bound, thread
from specc.lsp.hover import hover
from specc.lsp.project import Snapshot

if TYPE_CHECKING:
    from specc.lsp.server import Server


def add_reading(server: Server) -> None:
    """Features that tell what is there."""

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    @functools.partial(bound, server)
    async def on_hover(server: Server, params: types.HoverParams) -> types.Hover | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        offset = snapshot.text.offset(params.position)
        return hover(snapshot, server.files(snapshot), snapshot.text, offset)

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    @functools.partial(bound, server)
    async def on_definition(server: Server, params: types.DefinitionParams) -> types.Location | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        offset = snapshot.text.offset(params.position)
        place = navigation.definition(server.files(snapshot), snapshot.path, offset)
        return _location(server, snapshot, place) if place else None

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    @functools.partial(bound, server)
    async def on_references(server: Server, params: types.ReferenceParams) -> list[types.Location] | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        here = server.files(snapshot).get(snapshot.path)
        found = here.at(snapshot.text.offset(params.position)) if here else None
        if found is None or found.symbol is None:
            return None
        locations: dict[tuple[str, int], types.Location] = {}
        for other, files in await thread(server.users, snapshot):
            for place in navigation.references(files, found.symbol):
                if place.role != "declaration" or params.context.include_declaration:
                    locations.setdefault((place.path, place.start), _location(server, other, place))
        return [locations[key] for key in sorted(locations)]

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
    @functools.partial(bound, server)
    async def on_highlight(
        server: Server, params: types.DocumentHighlightParams
    ) -> list[types.DocumentHighlight] | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        offset = snapshot.text.offset(params.position)
        return navigation.highlights(server.files(snapshot), snapshot.path, offset, snapshot.text)

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    @functools.partial(bound, server)
    async def on_symbols(
        server: Server, params: types.DocumentSymbolParams
    ) -> list[types.DocumentSymbol] | None:
        snapshot = await server.snapshot(params.text_document.uri)
        return outline.symbols(snapshot.tree, snapshot.text) if snapshot and snapshot.readable else None

    @server.feature(types.WORKSPACE_SYMBOL)
    @functools.partial(bound, server)
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
    @functools.partial(bound, server)
    async def on_folding(server: Server, params: types.FoldingRangeParams) -> list[types.FoldingRange] | None:
        buffer = server.opened(params.text_document.uri)
        return outline.folding(buffer.text) if buffer else None

    @server.feature(
        types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL,
        types.SemanticTokensRegistrationOptions(legend=colours.LEGEND, full=True, range=True),
    )
    @functools.partial(bound, server)
    async def on_tokens(server: Server, params: types.SemanticTokensParams) -> types.SemanticTokens | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        return colours.semantic_tokens(snapshot.text, server.files(snapshot).get(snapshot.path))

    @server.feature(
        types.TEXT_DOCUMENT_SEMANTIC_TOKENS_RANGE,
        types.SemanticTokensRegistrationOptions(legend=colours.LEGEND, full=True, range=True),
    )
    @functools.partial(bound, server)
    async def on_tokens_range(
        server: Server, params: types.SemanticTokensRangeParams
    ) -> types.SemanticTokens | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        here = server.files(snapshot).get(snapshot.path)
        return colours.semantic_tokens(snapshot.text, here, params.range.start.line, params.range.end.line)

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    @functools.partial(bound, server)
    async def on_hints(server: Server, params: types.InlayHintParams) -> list[types.InlayHint] | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        where = params.range
        return hints.inlay_hints(snapshot, snapshot.text.offset(where.start), snapshot.text.offset(where.end))


def _location(server: Server, snapshot: Snapshot, place: navigation.Place) -> types.Location:
    text = snapshot.texts.get(place.path, snapshot.text)
    return types.Location(server.project.buffers.uri(place.path), text.range(place.start, place.stop))
