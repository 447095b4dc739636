"""Requests of an editor that help to write."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from specc.lsp import completion, formatting, navigation, signatures
from specc.lsp.actions import code_actions
from specc.lsp.handlers import RequestFailed, bound, thread
from specc.lsp.positions import Text

if TYPE_CHECKING:
    from specc.lsp.server import Server


def add_writing(server: Server) -> None:
    """Features that help to write."""

    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION,
        types.CompletionOptions(
            trigger_characters=[".", "(", ",", "=", ":", "{", "@", '"', "/", " "], resolve_provider=True
        ),
    )
    @functools.partial(bound, server)
    async def on_completion(server: Server, params: types.CompletionParams) -> types.CompletionList | None:
        buffer = server.opened(params.text_document.uri)
        if buffer is None:
            return None
        offset = buffer.text.offset(params.position)
        items = completion.complete(buffer.text, offset, buffer.path, server.read, _takes_snippets(server))
        return types.CompletionList(is_incomplete=False, items=items)

    @server.feature(types.COMPLETION_ITEM_RESOLVE)
    @functools.partial(bound, server)
    async def on_resolve(server: Server, item: types.CompletionItem) -> types.CompletionItem:
        return completion.documented(item)

    @server.feature(
        types.TEXT_DOCUMENT_SIGNATURE_HELP,
        types.SignatureHelpOptions(trigger_characters=["(", ","], retrigger_characters=["="]),
    )
    @functools.partial(bound, server)
    async def on_signature(server: Server, params: types.SignatureHelpParams) -> types.SignatureHelp | None:
        buffer = server.opened(params.text_document.uri)
        if buffer is None:
            return None
        offset = buffer.text.offset(params.position)
        return signatures.signature_help(buffer.text, offset, buffer.path, server.read)

    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    @functools.partial(bound, server)
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
    @functools.partial(bound, server)
    async def on_rename(server: Server, params: types.RenameParams) -> types.WorkspaceEdit | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        offset = snapshot.text.offset(params.position)
        users = await thread(server.users, snapshot)
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
    @functools.partial(bound, server)
    async def on_formatting(
        server: Server, params: types.DocumentFormattingParams
    ) -> list[types.TextEdit] | None:
        buffer = server.opened(params.text_document.uri)
        return await thread(_format, server, buffer.text) if buffer else None

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
    )
    @functools.partial(bound, server)
    async def on_actions(server: Server, params: types.CodeActionParams) -> list[types.CodeAction] | None:
        snapshot = await server.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        return await thread(code_actions, server.project, snapshot, params.range, server.project.buffers)


def _format(server: Server, text: Text) -> list[types.TextEdit] | None:
    with server.project.compiler():
        return formatting.formatted(text)


def _takes_snippets(server: Server) -> bool:
    document = server.client_capabilities.text_document
    item = document.completion.completion_item if document and document.completion else None
    return bool(item and item.snippet_support)
