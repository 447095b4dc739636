"""The corpora of an experiment: where their documents lie, and how many tokens they hold."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from specc.analysis.chats import CHAT, with_template
from specc.analysis.definition import Definition
from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.pinned_data import HF, pinned
from specc.analysis.texts import files_of, folder_of, named, parts_of, reader_of
from specc.analysis.tokenizers import TrainedTokenizer, trained_tokenizer
from specc.analysis.values import ERROR, ComponentValue, Value, show_share
from specc.components import Kind
from specc.diagnostics import Report, Span
from specc.errors import SpeccError
from specc.steps import Component, NamedSplit, PrepareExecution, PrepareParams

if TYPE_CHECKING:
    from specc.corpora.measure import CorpusFacts


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus at a point of the sweep, measured.

    Attributes:
        tokenizer_path: where its tokenizer lies; None for bytes.
        max_epochs: most passes over its training split that an arm may ask for.
        trained: its tokenizer, if a step of its own makes it.
        content: of a data set of the hub, digest of what it held when it was pinned.
    """

    name: str
    span: Span
    reader: Component
    files: tuple[Path, ...]
    tokenizer_path: str | None
    held_out: Fraction
    max_epochs: float
    facts: CorpusFacts
    value: ComponentValue
    splits: tuple[NamedSplit, ...] = ()
    trained: TrainedTokenizer | None = None
    content: str = ""

    @property
    def params(self) -> PrepareParams:
        return PrepareParams(
            reader=self.reader,
            fingerprint=self.facts.fingerprint,
            tokenizer=self.facts.tokenizer,
            held_out=self.held_out,
            splits=self.splits,
        )

    @property
    def execution(self) -> PrepareExecution:
        return PrepareExecution(
            files=tuple(os.path.abspath(file) for file in self.files),
            tokenizer_path=os.path.abspath(self.tokenizer_path)
            if self.tokenizer_path and self.trained is None
            else None,
            content=self.content,
        )


def one_tokenizer(first: Corpus, other: Corpus) -> str:
    """What to do about corpora with different tokenizers."""
    advice = "give all corpora of an experiment one tokenizer"
    one, another = first.value.span, other.value.span
    if one.source is another.source and one.start < another.start and first.value.args.get("tokenizer"):
        return f"{advice}: `tokenizer = {first.name}.tokenizer`"
    return advice


class CorpusReader:
    """Corpora of one experiment, each read once for what it depends on."""

    def __init__(self, definition: Definition, evaluator: Evaluator, report: Report) -> None:
        self.definition = definition
        self.evaluator = evaluator
        self.report = report
        self._memo: dict[tuple[str, int], Corpus | None] = {}
        self._kept: list[Value] = []

    def corpus(self, name: str, point: Point) -> Corpus | None:
        """A corpus by name; None if something is wrong with it, and was reported."""
        binding = self.definition.find(name)
        if binding is None or binding.kind != "corpus" or binding.value is None:
            return None
        value = self.evaluator.value(binding.value, point, binding.scope)
        if value is ERROR:
            return None
        if not isinstance(value, ComponentValue) or value.signature.kind is not Kind.CORPUS:
            return None  # reported with the declarations
        return self.of_value(name, value)

    def of_value(self, name: str, value: ComponentValue) -> Corpus | None:
        """The corpus that a value declares; None if something is wrong with it, and was reported."""
        key = (name, id(value))
        if key not in self._memo:
            self._kept.append(value)
            self._memo[key] = self._read(name, value.span, value)
        return self._memo[key]

    def _read(self, name: str, span: Span, value: ComponentValue) -> Corpus | None:
        from specc.corpora.measure import measure
        from specc.corpora.recent import StillCounting, ask
        from specc.corpora.tokens import with_ids
        from specc.hub.tokenizer import check_fetched

        args = value.args
        reader = reader_of(value)
        held_out, splits = parts_of(value)
        if not self._room(name, held_out, splits, value):
            return None
        trained = tokenizer = None
        given = args.get("tokenizer")
        where = value.spans.get("files", value.span)
        try:
            files = files_of(value)
            if "files" in args:
                self._outside(args["files"], where)
            if isinstance(given, ComponentValue):
                where = value.spans["tokenizer"]
                trained = trained_tokenizer(given, value)
                tokenizer = str(trained.path)
                where = value.spans.get("files", value.span)
            elif given:
                tokenizer = str(folder_of(value, "tokenizer") / given)
                if reader.name != HF:
                    check_fetched(tokenizer)
            if reader.name == CHAT:
                reader = with_template(reader, value, tokenizer)
            reader = with_ids(reader, tokenizer)
            content = ""
            if reader.name == HF:
                found = pinned(reader, tokenizer, held_out, splits, value, self.report)
                if found is None:
                    return None
                reader, facts, content = found
            else:
                asked = (reader.model_dump_json(), files, tokenizer, held_out, splits)
                facts = ask(asked, partial(measure, reader, files, tokenizer, held_out, splits))
        except StillCounting:
            return None
        except SpeccError as error:
            self.report.add("E0006", f"corpus `{name}`: {error.message}", where, help=error.help)
            return None
        max_epochs = float(args.get("max_epochs", 4.0))
        corpus = Corpus(
            name,
            span,
            reader,
            files,
            tokenizer,
            held_out,
            max_epochs,
            facts,
            value,
            named(splits),
            trained,
            content,
        )
        return corpus if self._splits(corpus, value) else None

    def _outside(self, patterns: tuple[str, ...], span: Span) -> None:
        for pattern in patterns:
            installed = pattern.startswith(("stdlib:", "package:"))
            if not installed and (Path(pattern).is_absolute() or ".." in Path(pattern).parts):
                self.report.add(
                    "W0002",
                    f'"{pattern}" lies outside of the recipe\'s folder',
                    span,
                    notes=["it is read as plain data; somebody else's recipe can name any file of yours"],
                )

    def _room(
        self, name: str, held_out: Fraction, splits: tuple[tuple[str, Fraction], ...], value: ComponentValue
    ) -> bool:
        """Whether the parts of a corpus leave something to train on."""
        shares = [held_out, *(share for _, share in splits)]
        if not splits or sum(shares) < 1:
            return True
        held = [f"{show_share(held_out)} held out"] if held_out else []
        self.report.add(
            "E0303",
            f"parts of `{name}` leave nothing to train on: they take {show_share(sum(shares, Fraction(0)))}",
            value.spans["splits"],
            " + ".join([*held, *(f"{show_share(share)} {part}" for part, share in splits)]),
            help="make them smaller",
        )
        return False

    def _splits(self, corpus: Corpus, value: ComponentValue) -> bool:
        train, held = corpus.facts.train, corpus.facts.held_out
        if corpus.held_out > 0 and held.documents == 0:
            self.report.add(
                "E0410",
                f"no document of `{corpus.name}` falls into its held-out split",
                value.spans["held_out"],
                f"{show_share(corpus.held_out)} of {train.documents} documents",
                help="hold out more, or read more documents",
            )
            return False
        if train.documents == 0:
            self.report.add(
                "E0410",
                f"no document of `{corpus.name}` is left to train on"
                if corpus.splits
                else f"every document of `{corpus.name}` is held out",
                value.spans.get("held_out", value.spans.get("splits", value.span)),
                f"{held.documents + sum(kept.documents for kept in corpus.facts.splits.values())} documents",
                help="hold out less, or read more documents",
            )
            return False
        return True
