"""Corpora of the hub as the lock file describes them; no network is needed here."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from specc.analysis.values import ComponentValue
from specc.diagnostics import Report
from specc.steps import Component

if TYPE_CHECKING:
    from specc.corpora.measure import CorpusFacts

HF = "hf"
"""Name of the component that reads a data set of the hub."""


def pinned(
    reader: Component,
    tokenizer: str | None,
    held_out: Fraction,
    splits: tuple[tuple[str, Fraction], ...],
    value: ComponentValue,
    report: Report,
) -> tuple[Component, CorpusFacts, str] | None:
    """The reader at its commit, what it reads, and the digest of that; None if it is not pinned.

    What is not pinned is reported, unless somebody listens who will pin it.

    Raises:
        DataError: if the columns or the tokenizer can't be what the recipe says.
    """
    from specc.corpora.measure import CorpusFacts, SplitFacts
    from specc.corpora.records import fields
    from specc.hub.datasets import part_key
    from specc.hub.fetch import check_name
    from specc.hub.tokenizer import tokenizer_identity
    from specc.locking import DatasetWanted, current, missing

    given = {"text": "", "prompt": "", "completion": "", "options": ""} | reader.args
    fields(given, HF, "column")
    name, asked = str(reader.args["name"]), str(reader.args.get("revision", ""))
    check_name(name, "data set")
    key = part_key(reader, tokenizer_identity(tokenizer), held_out, splits)
    entry = current().dataset(name, asked)
    part = entry.parts.get(key) if entry is not None else None
    if entry is None or part is None:
        if not missing(DatasetWanted(name, asked, key, reader, tokenizer, held_out, splits)):
            report.add(
                "E0007",
                f"the data set `{name}` is not pinned in the lock file"
                if entry is None
                else f"what is read of the data set `{name}` was not counted yet",
                value.spans.get("name", value.span),
                help="run `specc lock FILE` once, where there is a network",
            )
        return None
    found = {
        split: SplitFacts(documents=each.documents, tokens=each.tokens, bytes=each.bytes)
        for split, each in part.splits.items()
    }
    facts = CorpusFacts(
        fingerprint="",
        tokenizer=part.tokenizer,
        vocab=part.vocab,
        prompts=part.prompts,
        options=part.options,
        train=found.pop("train"),
        held_out=found.pop("held_out"),
        splits=found,
    )
    at_commit = reader.model_copy(update={"args": {**reader.args, "revision": entry.revision}})
    return at_commit, facts, part.content
