"""Tokenizers that a recipe has made: on which text, and what step makes them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from specc.analysis.pinned_data import HF
from specc.analysis.texts import files_of, folder_of, named, parts_of, reader_of
from specc.analysis.values import ComponentValue, CorpusValue, Value
from specc.errors import DataError
from specc.steps import Component, TokenizerExecution, TokenizerParams, TokenizerText

if TYPE_CHECKING:
    from specc.corpora.bpe import Text, TokenizerFacts

MEMBER = "tokenizer"
"""`web.tokenizer`: the tokenizer that a corpus has."""


@dataclass(frozen=True, slots=True)
class TrainedTokenizer:
    """A tokenizer that a step of its own makes; it was trained to count with when the recipe was checked.

    Attributes:
        path: where its file lies now.
    """

    component: Component
    texts: tuple[Text, ...]
    facts: TokenizerFacts
    path: Path

    @property
    def params(self) -> TokenizerParams:
        texts = tuple(
            TokenizerText(
                reader=text.reader,
                fingerprint=fingerprint,
                held_out=text.held_out,
                splits=named(text.splits),
            )
            for text, fingerprint in zip(self.texts, self.facts.fingerprints, strict=True)
        )
        return TokenizerParams(component=self.component, texts=texts, sha256=self.facts.sha256)

    @property
    def execution(self) -> TokenizerExecution:
        return TokenizerExecution(
            files=tuple(os.path.abspath(file) for text in self.texts for file in text.files),
            counts=tuple(len(text.files) for text in self.texts),
            made=os.path.abspath(self.path),
        )


def trained_tokenizer(value: ComponentValue, corpus: ComponentValue) -> TrainedTokenizer:
    """The tokenizer of a corpus that asks for a trained one; by default it is trained on that corpus.

    Raises:
        DataError: if its text can't be read, or is too little.
        StillCounting: if it is trained in the background.
    """
    from specc.corpora.bpe import Text, trained
    from specc.corpora.recent import ask

    texts = []
    for source in _sources(value) or (corpus,):
        held_out, splits = parts_of(source)
        if source.signature.name == HF:
            raise DataError(
                "a tokenizer can't be trained on a data set of the hub: a plan has no network",
                'name a file, `tokenizer = "tokenizer.json"`, or fetch the files and read `parquet`',
            )
        texts.append(Text(reader_of(source), files_of(source), held_out, splits))
    component = value.signature.component(value.args)
    described = [(text.reader.model_dump_json(), text.files, text.held_out, text.splits) for text in texts]
    key = (component.model_dump_json(), *described)
    facts, path = ask(key, partial(trained, component, texts))
    return TrainedTokenizer(component, tuple(texts), facts, path)


def _sources(value: ComponentValue) -> tuple[ComponentValue, ...]:
    """The corpora that a tokenizer says it is trained on."""
    found = (each.source if isinstance(each, CorpusValue) else each for each in value.args.get("on", ()))
    return tuple(source for source in found if source is not None)


def has_tokenizer(value: Value) -> TypeGuard[CorpusValue]:
    """Whether `.tokenizer` behind a value is its tokenizer: that of a corpus without a part of this name."""
    if not isinstance(value, CorpusValue) or value.source is None:
        return False
    return all(name != MEMBER for name, _ in value.source.args.get("splits", ()))


def tokenizer_of_corpus(corpus: CorpusValue) -> Value:
    """`web.tokenizer`: what another corpus is given to have the tokenizer of this one; "" for bytes."""
    source = corpus.source
    given = source.args.get(MEMBER, "") if source is not None else ""
    if source is None or not given:
        return ""
    if not isinstance(given, ComponentValue):
        return os.path.abspath(folder_of(source, MEMBER) / given)
    if given.args.get("on"):
        return given
    args = {**given.args, "on": (corpus,)}
    return ComponentValue(given.signature, args, given.spans, given.span, given.name)
