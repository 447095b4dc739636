"""`lm_eval(...)`: a task of the lm-evaluation-harness as an evaluation, with its rows as its data."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from specc.analysis.corpora import Corpus
from specc.analysis.datasets import DataReader, DataSet
from specc.analysis.evaluate import Point
from specc.analysis.texts import folder_of
from specc.analysis.tokenizers import tokenizer_of_corpus
from specc.analysis.values import ComponentValue, CorpusValue, Value
from specc.components import Kind, Parameter, Signature, Type
from specc.diagnostics import Label, Report
from specc.errors import DataError, SpeccError
from specc.steps import Component

if TYPE_CHECKING:
    from specc.corpora.harness import HarnessTask

LM_EVAL = "lm_eval"
"""Name of the evaluation."""

_ROWS = Signature(
    "lm_eval_task",
    Kind.CORPUS,
    "The rows of a task that are measured.",
    (
        Parameter("files", Type.PATHS, "its files", identity=False),
        Parameter("config", Type.STRING, "what its definition says"),
        Parameter("measured", Type.STRING, "the split that is measured"),
        Parameter("rows", Type.STRINGS, "digests of the files of each split"),
        Parameter("tokenizer", Type.TOKENIZER, "that of the checkpoint", ""),
    ),
)
"""How a task looks to all that works with corpora; it has no name in the language."""


class TaskReader:
    """The tasks of one experiment, each read once."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._tasks: dict[int, tuple[HarnessTask, Component, Signature] | None] = {}
        self._data: dict[tuple[int, int], DataSet | None] = {}
        self._kept: list[ComponentValue] = []

    def corpus(self, point: Point, data: DataReader) -> Corpus | None:
        """A corpus that is trained on, whose tokenizer the checkpoints know; None if there is none."""
        rows = (data.row(name, point) for name in data.definition.rows)
        return next((row.corpora[0] for row in rows if row is not None), None)

    def measured(
        self, value: ComponentValue, corpus: Corpus | None, data: DataReader
    ) -> tuple[Signature, Component, DataSet] | None:
        """What a task measures, how, and on which rows; None if it can't be, which was reported.

        The signature is that of `lm_eval` with the metric of the task.

        Args:
            corpus: see `corpus`; kept by who has read it.
        """
        if id(value) not in self._tasks:
            self._kept.append(value)
            self._tasks[id(value)] = self._task(value)
        found = self._tasks[id(value)]
        if found is None:
            return None
        task, component, signature = found
        place = (id(value), id(corpus))
        if place not in self._data:
            self._data[place] = self._rows(value, task, corpus, data)
        rows = self._data[place]
        return None if rows is None else (signature, component, rows)

    def _task(self, value: ComponentValue) -> tuple[HarnessTask, Component, Signature] | None:
        from specc.corpora.harness import chosen_metric, harness_version, load_task
        from specc.corpora.recent import StillCounting, ask

        args, where = value.args, "task"
        try:
            folder = folder_of(value, "include") / str(args["include"])
            asked = ("lm_eval", str(folder), str(args["task"]))
            task = ask(asked, partial(load_task, folder, str(args["task"])))
            where = "metric" if args.get("metric") else "task"
            metric = chosen_metric(task, str(args.get("metric", "")))
            version = harness_version()
        except StillCounting:
            return None
        except SpeccError as error:
            span = value.spans.get(where, value.span)
            self.report.add("E0006", f"`lm_eval`: {error.message}", span, help=error.help)
            return None
        component = value.signature.component({**args, "metric": metric.label})
        component = component.model_copy(update={"args": {**component.args, "harness": version}})
        signature = replace(value.signature, metric=metric.label, unit=metric.unit, better=metric.better)
        return task, component, signature

    def _rows(
        self, value: ComponentValue, task: HarnessTask, known: Corpus | None, data: DataReader
    ) -> DataSet | None:
        """The rows of a task as a data set: those that are measured, beside the files of all."""
        from specc.corpora.harness import reader_arguments

        span = value.spans.get("tokenizer", value.spans["task"])
        try:
            given = _tokenizer(value, known)
            said = reader_arguments(task)
        except SpeccError as error:
            self.report.add("E0006", f"`lm_eval`: {error.message}", span, help=error.help)
            return None
        folder = folder_of(value, "include")
        files = dict.fromkeys(file for split in task.splits.values() for file in split)
        args: dict[str, Any] = {
            "files": tuple(os.path.relpath(file, folder) for file in files),
            **said,
            **given,
        }
        spans = {"files": value.spans["include"], "tokenizer": span}
        corpus: Corpus | None = data.corpora.of_value(
            task.name, ComponentValue(_ROWS, args, spans, value.span, task.name)
        )
        if corpus is None:
            return None
        if known is not None and corpus.facts.tokenizer != known.facts.tokenizer:
            self.report.add(
                "E0503",
                f"`lm_eval` and `{known.name}` have different tokenizers",
                span,
                secondary=[Label(known.value.spans.get("tokenizer", known.value.span), "the other")],
                help=f"write `tokenizer = {known.name}.tokenizer`, or leave it out"
                if "tokenizer" in value.args
                else "say with `tokenizer` what has made the ids of the corpus",
            )
            return None
        return DataSet(task.name, corpus.value, corpus.facts, (corpus,), corpus.max_epochs, "train")


def _tokenizer(value: ComponentValue, known: Corpus | None) -> dict[str, Value]:
    """The argument that says which tokenizer a task has, as corpora have it; none for bytes.

    Raises:
        DataError: if none is said and there is no corpus to take it from, or it would have to be trained.
    """
    if "tokenizer" in value.args:
        found: Value = value.args["tokenizer"]
    elif known is not None:
        found = tokenizer_of_corpus(CorpusValue(known.name, known.value))
    else:
        raise DataError(
            "there is no corpus to take the tokenizer from",
            'say which: `tokenizer = base.tokenizer`, or a file; "" for bytes',
        )
    if isinstance(found, ComponentValue) and not found.args.get("on"):
        raise DataError(
            "a tokenizer is not trained on the rows of a task",
            "name that of a corpus, `tokenizer = web.tokenizer`, or a file",
        )
    return {"tokenizer": found} if found else {}
