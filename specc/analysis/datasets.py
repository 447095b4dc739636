"""The data sets of an experiment: what they are made of, and how many documents and tokens they hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from specc.analysis.corpora import Corpus, CorpusReader, one_tokenizer
from specc.analysis.data_calls import as_data, inputs_of, leaves, open_leaf, with_part
from specc.analysis.definition import Definition
from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.values import ERROR, ComponentValue, DataValue, describe, identity_of, show
from specc.canonical import digest
from specc.diagnostics import Label, Report, Span
from specc.errors import SpeccError
from specc.steps import DATA_SPLIT, Component, DataSetParams, PrepareParams, identity
from specc.steps import DataSet as DataReference

if TYPE_CHECKING:
    from specc.corpora.datasets import DataFacts, Derived, Part
    from specc.corpora.measure import CorpusFacts


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """Documents to train or to measure on, at a point of the sweep. Compared by identity.

    Attributes:
        name: of the row, or as it is written.
        value: the corpus or the transform, as declared.
        facts: of its corpora; `facts.train` counts its own documents and tokens.
        corpora: all that it is made of, each once.
        max_epochs: most passes over it that an arm may ask for.
        split: which split of the step that makes it. tokens: whole documents until there are so many.
        component, inputs: the transform that makes it of others; None and empty for a part of a corpus.
    """

    name: str
    value: ComponentValue
    facts: CorpusFacts
    corpora: tuple[Corpus, ...]
    max_epochs: float
    split: str
    tokens: int | None = None
    component: Component | None = None
    inputs: tuple[DataSet, ...] = ()

    @property
    def params(self) -> PrepareParams | DataSetParams | DataReference:
        """What makes it: equal for equal data sets only, for inputs are named by digests."""
        if self.component is None:
            prepared = self.corpora[0].params
            whole = self.split == "train" and self.tokens is None
            return prepared if whole else self.reference(digest(identity(prepared)))
        references = (each.reference(digest(identity(each.params))) for each in self.inputs)
        return DataSetParams(component=self.component, data=tuple(references))

    def reference(self, corpus: str) -> DataReference:
        """How a step speaks of it, by the name of the input that holds it."""
        return DataReference(corpus=corpus, split=self.split, tokens=self.tokens)


class DataReader:
    """Data sets of one experiment, each counted once for what it depends on."""

    def __init__(
        self, definition: Definition, evaluator: Evaluator, report: Report, corpora: CorpusReader
    ) -> None:
        self.definition = definition
        self.evaluator = evaluator
        self.report = report
        self.corpora = corpora
        self._rows: dict[tuple[object, ...], DataSet | None] = {}
        self._made: dict[tuple[object, ...], DataSet | None] = {}
        self._kept: list[DataValue | ComponentValue] = []

    # ---- rows of the table

    def axes(self, name: str) -> tuple[str, ...]:
        """Axes that a row's data set depends on."""
        binding = self.definition.find(name)
        if binding is not None and binding.kind == "axis":
            return (name,)
        if binding is None or binding.value is None:
            return ()
        return self.evaluator.dependencies(binding.value, binding.scope)

    def row(self, name: str, point: Point) -> DataSet | None:
        """What the row of a name reads; None if something is wrong with it, and was reported."""
        key = (name, *(identity_of(point.get(axis, ERROR)) for axis in self.axes(name)))
        if key not in self._rows:
            self._rows[key] = self._row(name, point)
        return self._rows[key]

    def _row(self, name: str, point: Point) -> DataSet | None:
        binding = self.definition.find(name)
        if binding is None or binding.kind not in ("corpus", "let", "axis"):
            return None  # reported with the names of the table
        span = self.definition.rows[name].corpus.span
        value = self.evaluator.named(self.definition.rows[name].corpus, point)
        if value is ERROR:
            return None
        data = as_data(value)
        if data is None:
            needs_a_row(self.report, name, describe(value), span)
            return None
        data = with_part(data, "train")
        held = next((leaf for leaf in leaves(data) if leaf.split == "held_out"), None)
        if held is not None:
            elsewhere = [] if held.span == span else [Label(held.span, "held out here")]
            self.report.add(
                "E0411",
                f"`{name}` holds documents that are held out; nothing is trained on them",
                span,
                secondary=elsewhere,
                help=f"take `{held.corpus}.train`, or a part that the corpus names in `splits`",
            )
            return None
        # Steps that train read the whole of what another step made.
        if isinstance(data, ComponentValue) and _limit(data):
            found = self._derived(data, span)
        else:
            found = self.data(data, span)
        return None if found is None else replace(found, name=name)

    # ---- any data set

    def data(self, value: DataValue | ComponentValue, span: Span) -> DataSet | None:
        """A data set of which every part is named; None if something is wrong with it, and was reported.

        Args:
            span: where it is used.
        """
        assert open_leaf(value) is None
        return self._data(value, span)

    def _data(self, value: DataValue | ComponentValue, span: Span) -> DataSet | None:
        key: tuple[object, ...] = (id(value),)
        if isinstance(value, DataValue):
            key = (value.corpus, value.split, id(value.source))
        if key not in self._made:
            self._kept.append(value)
            if isinstance(value, DataValue):
                self._made[key] = self._part(value, span)
            else:
                self._made[key] = self._taken(value, span) if _limit(value) else self._derived(value, span)
        return self._made[key]

    def _taken(self, value: ComponentValue, span: Span) -> DataSet | None:
        """The first documents of a part of a corpus, which need no step of their own to be found.

        Their tokens are counted only where somebody needs them exactly.
        """
        (given,) = inputs_of(value)
        found = self._data(given, given.span)
        if found is None:
            return None
        tokens = min(value.args["tokens"], found.tokens or value.args["tokens"])
        own = found.facts.train
        about = own.model_copy(update={"tokens": min(own.tokens, tokens)})
        return replace(
            found,
            name=value.name or show(value),
            tokens=tokens,
            facts=found.facts.model_copy(update={"train": about}),
        )

    def _part(self, value: DataValue, span: Span) -> DataSet | None:
        assert value.source is not None
        corpus = self.corpora.of_value(value.corpus, value.source)
        if corpus is None:
            return None
        own = corpus.facts.of(value.split)
        if own.documents == 0:
            declared = "held_out = 5%" if value.split == "held_out" else ""
            self.report.add(
                "E0410",
                f"`{value.corpus}.{value.split}` is empty",
                span,
                help=f"declare `{value.corpus}` with `{declared}`" if declared else None,
            )
            return None
        facts = corpus.facts
        if value.split != "train":
            facts = facts.model_copy(update={"train": own})
        name = f"{value.corpus}.{value.split}"
        return DataSet(name, value.source, facts, (corpus,), corpus.max_epochs, value.split)

    # ---- what transforms make

    def _derived(self, value: ComponentValue, span: Span) -> DataSet | None:
        given = [self._data(data, data.span) for data in inputs_of(value)]
        inputs = tuple(data for data in given if data is not None)
        if len(inputs) < len(given) or not self._fits(value, inputs):
            return None
        corpora = tuple({id(corpus): corpus for data in inputs for corpus in data.corpora}.values())
        component = value.signature.component(value.args)
        found = DataSet(
            value.name or show(value),
            value,
            inputs[0].facts,
            corpora,
            min(corpus.max_epochs for corpus in corpora),
            DATA_SPLIT,
            component=component,
            inputs=inputs,
        )
        return self._counted(found, span)

    def _fits(self, value: ComponentValue, inputs: tuple[DataSet, ...]) -> bool:
        """Whether the inputs go together, and have what the transform needs."""
        first = inputs[0].corpora[0]
        for data in inputs:
            for corpus in data.corpora:
                if corpus.facts.tokenizer != first.facts.tokenizer:
                    self.report.add(
                        "E0503",
                        f"`{corpus.name}` and `{first.name}` have different tokenizers",
                        corpus.value.spans.get("tokenizer", corpus.value.span),
                        secondary=[Label(first.value.spans.get("tokenizer", first.value.span), "the other")],
                        help=one_tokenizer(first, corpus),
                    )
                    return False
        name = value.signature.name
        tagged = name == "annotate" and value.args.get("place", "start") == "completion"
        without = next((data for data in inputs if not data.facts.prompts), None)
        if without is not None and ("prompts" in value.signature.traits or tagged):
            lacking = next(corpus for corpus in without.corpora if not corpus.facts.prompts)
            report_lacking(self.report, name, "prompts", lacking, value.spans["data"])
            return False
        prompted = next((c for data in inputs for c in data.corpora if c.facts.prompts), None)
        if name == "annotate" and value.args.get("loss") and not tagged and prompted is not None:
            self.report.add(
                "E0506",
                f"a tag before a prompt can't be learned, and `{prompted.name}` has prompts",
                value.spans["loss"],
                help='leave `loss` out, or put the tag behind the prompt: `place = "completion"`',
            )
            return False
        return True

    def _counted(self, found: DataSet, span: Span) -> DataSet | None:
        """The data set with what it holds; None if that can't be counted, or is nothing."""
        from specc.corpora.measure import SplitFacts
        from specc.corpora.recent import StillCounting

        try:
            counted = self._count(found)
        except StillCounting:
            return None
        except SpeccError as error:
            self.report.add("E0006", f"data set `{found.name}`: {error.message}", span, help=error.help)
            return None
        if counted.documents == 0:
            of = " and ".join(dict.fromkeys(f"`{data.name}`" for data in found.inputs))
            self.report.add(
                "E0410",
                f"`{found.value.signature.name}` leaves no document of {of}",
                found.value.span,
                help="loosen its conditions, or give it more documents",
            )
            return None
        drops = "drops_options" in found.value.signature.traits
        facts = found.facts.model_copy(
            update={
                "train": SplitFacts(documents=counted.documents, tokens=counted.tokens),
                "prompts": all(data.facts.prompts for data in found.inputs),
                "options": not drops and all(data.facts.options for data in found.inputs),
            }
        )
        return replace(found, facts=facts)

    def _count(self, data: DataSet) -> DataFacts:
        from specc.corpora.datasets import DataFacts, count_data
        from specc.corpora.recent import ask

        if data.component is not None and data.value.signature.traits & {"several", "same_length"}:
            counted = [self._count(each) if each.tokens else each.facts.train for each in data.inputs]
            return DataFacts(
                documents=sum(each.documents for each in counted),
                tokens=sum(each.tokens for each in counted),
            )
        asked = ("data set", digest(identity(data.params)), data.split, data.tokens)
        return ask(asked, partial(count_data, _described(data)))


def _limit(value: DataValue | ComponentValue) -> bool:
    """Whether this is a part of a corpus, cut by `take` alone."""
    while isinstance(value, ComponentValue) and value.signature.name == "take":
        (value,) = inputs_of(value)
        if isinstance(value, DataValue):
            return True
    return False


def _described(data: DataSet) -> Derived | Part:
    """A data set as `specc.corpora` counts it."""
    from specc.corpora.datasets import Derived, Part

    if data.component is not None:
        return Derived(data.component, tuple(_described(each) for each in data.inputs))
    corpus = data.corpora[0]
    splits = tuple((split.name, split.share) for split in corpus.params.splits)
    return Part(
        corpus.reader,
        corpus.files,
        corpus.tokenizer_path,
        corpus.held_out,
        splits,
        data.split,
        data.tokens,
    )


def needs_a_row(report: Report, name: str, what: str, span: Span) -> None:
    """Report a row that is headed by something else than a corpus or a data set."""
    report.add(
        "E0301",
        f"a row needs a corpus or a data set, and `{name}` is {what}",
        span,
        help='declare what it reads: `corpus NAME = text("data/*.txt")`',
    )


def report_lacking(report: Report, owner: str, trait: str, corpus: Corpus, span: Span) -> None:
    """Report documents without prompts or options that something needs."""
    what = "prompts and completions" if trait == "prompts" else "options"
    fields = 'prompt = "question", completion = "answer"' if trait == "prompts" else 'options = "choices"'
    possible = corpus.value.signature.parameter(fields.split(" ", 1)[0])
    report.add(
        "E0506",
        f"`{owner}` needs {what}; `{corpus.name}` has none",
        span,
        help=f"declare `{corpus.name}` with `{fields}`"
        if possible
        else f"name a corpus that has {what}, for instance one of `jsonl`",
    )
