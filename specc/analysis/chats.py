"""What a corpus of conversations takes from the files of a model."""

from __future__ import annotations

from pathlib import Path

from specc.analysis.texts import folder_of
from specc.analysis.values import ComponentValue
from specc.steps import Component

CHAT = "chat"
"""The corpus that needs a chat template."""


def with_template(reader: Component, value: ComponentValue, tokenizer: str | None) -> Component:
    """The reader of conversations with the template's text and its special tokens among its arguments.

    They are part of its identity: another template makes other documents.

    Args:
        tokenizer: path of the tokenizer's file; None for bytes.
    Raises:
        DataError: if there is no template, or a file can't be read.
    """
    from specc.corpora.templates import chat_arguments

    given = value.args.get("template")
    template = folder_of(value, "template") / str(given) if given else None
    found = chat_arguments(template, Path(tokenizer) if tokenizer else None)
    return reader.model_copy(update={"args": {**reader.args, **found}})
