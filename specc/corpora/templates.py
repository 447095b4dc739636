"""The chat template of a model: where it lies, and the special tokens that it may name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from specc.errors import DataError, reason

LARGEST = 1 << 20
"""Bytes of a template, or of a tokenizer's settings."""

WORDS = ("bos_token", "eos_token", "pad_token", "unk_token")
"""Special tokens by the names that templates use."""


def chat_arguments(template: Path | None, tokenizer: Path | None) -> dict[str, Any]:
    """What of a `chat` corpus comes from a model's files, as arguments of its reader.

    Args:
        template: file of the template; None for the one beside the tokenizer.
        tokenizer: the tokenizer's file; None for bytes.
    Returns:
        `template`: its `text`, `words` (special tokens by their name), `reserved` (texts of all of them).
    Raises:
        DataError: if there is no template, or a file can't be read.
    """
    settings = _settings(tokenizer.parent) if tokenizer is not None else {}
    text = _text(template) if template is not None else _beside(tokenizer, settings)
    return {"template": {"text": text, "words": _words(settings), "reserved": _reserved(tokenizer)}}


def _beside(tokenizer: Path | None, settings: Mapping[str, Any]) -> str:
    if tokenizer is not None:
        path = tokenizer.parent / "chat_template.jinja"
        if path.is_file():
            return _text(path)
        found = settings.get("chat_template")
        if isinstance(found, list):
            named = [each for each in found if isinstance(each, dict) and each.get("name") == "default"]
            found = named[0].get("template") if named else None
        if isinstance(found, str):
            return found
    raise DataError(
        "there is no chat template beside the tokenizer",
        'name one, `template = "chat_template.jinja"`, or the tokenizer of a model that has one',
    )


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return {}
    try:
        content = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {reason(error)}", "fetch the tokenizer again") from error
    return content if isinstance(content, dict) else {}


def _words(settings: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name in WORDS:
        token = settings.get(name)
        token = token.get("content") if isinstance(token, dict) else token
        if isinstance(token, str):
            found[name] = token
    return found


def _reserved(tokenizer: Path | None) -> list[str]:
    """Texts of the tokenizer's special tokens."""
    if tokenizer is None:
        return []
    try:
        content = json.loads(tokenizer.read_bytes())
        tokens = content.get("added_tokens") or []
        return sorted(token["content"] for token in tokens if token.get("special"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{tokenizer} can't be read as a tokenizer: {reason(error)}",
            "name a tokenizer.json as the `tokenizers` library saves it",
        ) from error


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if len(data) > LARGEST:
            raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
        return data.decode()
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read: {reason(error)}", "name a text file in UTF-8") from error
