"""Paths to complete: files and folders beside a recipe, in `use` and in arguments that name files."""

from __future__ import annotations

import os
from collections.abc import Iterator

from specc.components import COMPONENTS, Parameter, Signature, Type
from specc.lsp.offers import ItemKind, Offer
from specc.lsp.scan import Place, Token
from specc.lsp.vocabularies import Read

MOST_FILES = 200


def in_string(here: Place, inside: Token, path: str, read: Read) -> tuple[list[Offer], int]:
    """Paths in `use` and in corpora: files and folders beside the recipe."""
    words = [token.text for token in here.block.statement]
    recipe = words[-1:] == ["use"]
    call = [token.text for token in here.block.head][-1:] if here.block.bracket == "(" else []
    signature = COMPONENTS.get(call[0]) if call else None
    if here.block.bracket == "[" and len(here.blocks) > 1 and here.blocks[-2].bracket == "(":
        function = here.blocks[-2].head[-1:]
        signature = COMPONENTS.get(function[0].text) if function else None
        words = [token.text for token in here.block.head]
    parameter = _path_parameter(signature, words) if signature else None
    typed = inside.text[1 : here.offset - inside.start]
    folder, _, last = typed.rpartition("/")
    start = here.offset - len(last)
    if not (recipe or parameter) or typed.startswith(("stdlib:", "package:")):
        return [], start
    base = os.path.dirname(path)
    return list(_files(os.path.join(base, folder), recipe, path)), start


def _path_parameter(signature: Signature, words: list[str]) -> Parameter | None:
    """The parameter that is being given, if it takes paths."""
    if len(words) > 1 and words[-1] == "=":
        parameter = signature.parameter(words[-2])
    else:
        parameter = signature.parameters[0] if signature.positional and not words else None
    return parameter if parameter and parameter.type in (Type.PATH, Type.PATHS, Type.TOKENIZER) else None


def _files(folder: str, recipes: bool, path: str) -> Iterator[Offer]:
    try:
        with os.scandir(folder) as entries:
            found = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)[
                :MOST_FILES
            ]
            for entry in found:
                if entry.is_dir():
                    yield Offer(f"{entry.name}/", ItemKind.Folder)
                elif entry.name.endswith(".spec") is recipes and entry.path != path:
                    yield Offer(entry.name, ItemKind.File)
    except OSError:
        return
