"""Measure a checkpoint on documents.

An evaluation's artifact holds result.json, {"metric", "value", "n", "stderr"}, and samples.jsonl, a
line for each document: {"document": 16 hex digits, "value", "n"} and, where there is an answer,
"prediction" and "target".
"""

from __future__ import annotations

import json
import math
from typing import Any

from torch import nn

from specc.components import COMPONENTS
from specc.components.plugins import implementation
from specc.errors import DataError, SpeccError
from specc.flops import evaluation_flops_per_token
from specc.steps import EvalExecution, EvalParams
from specc.store import Manifest
from specc_runtime import model as models
from specc_runtime.attempt import Attempt
from specc_runtime.device import device_name, use_device
from specc_runtime.evaluate import harness
from specc_runtime.evaluate.choice import choice
from specc_runtime.evaluate.exact_match import exact_match
from specc_runtime.evaluate.loss import loss, perplexity
from specc_runtime.evaluate.measured import Evaluator, Measured, Task
from specc_runtime.options import open_options
from specc_runtime.prepared import open_split

EVALUATORS: dict[str, Evaluator] = {
    "loss": loss,
    "perplexity": perplexity,
    "exact_match": exact_match,
    "choice": choice,
    "lm_eval": harness.lm_eval,
}


def evaluate(attempt: Attempt) -> Manifest:
    """Run an evaluator and publish its value, its standard error and a line per document.

    Raises:
        DataError: if there is no document to measure on.
        SpeccError: if the corpus has tokens that the model does not know.
    """
    params: EvalParams = attempt.params
    execution: EvalExecution = attempt.execution
    device = use_device(execution.device, execution.threads)
    folder, checkpoint = attempt.input("checkpoint")
    task = open_task(
        attempt,
        params,
        models.load_cached(folder, device, models.attention_kernel(device, params.dtype)),
        checkpoint.outputs["vocab"],
        execution.batch_tokens,
    )
    measured = measure(task)
    write_samples(attempt, measured)
    result = {
        "metric": COMPONENTS[params.evaluator.name].metric or params.evaluator.args["metric"],
        "value": finite(measured.value),
        "n": measured.n,
        "stderr": finite(measured.stderr),
    }
    (attempt.artifact / "result.json").write_text(json.dumps(result) + "\n")
    flops = evaluation_flops_per_token(models.read_shape(folder), params.sequence) * measured.tokens
    return attempt.publish(
        result,
        device=device_name(device),
        threads=execution.threads,
        flops=float(flops),
        computed={"batch_tokens": execution.batch_tokens},
    )


def open_task(attempt: Attempt, params: EvalParams, model: nn.Module, vocab: int, batch_tokens: int) -> Task:
    """The documents of an evaluation, to measure a model on that knows `vocab` tokens.

    Raises:
        DataError: if there is no document to measure on.
        SpeccError: if the corpus has tokens that the model does not know.
    """
    corpus, prepared = attempt.input(params.data.corpus)
    split = open_split(corpus, params.data.split)
    options = open_options(corpus, params.data.split)
    if params.data.tokens is not None:
        split = split.first(params.data.tokens)
    if split.documents == 0:
        raise DataError(
            f"{prepared.label or 'the corpus'} has no document in `{params.data.split}`",
            "raise its `held_out`, or give it more documents",
        )
    if prepared.outputs["vocab"] > vocab:
        raise SpeccError(
            f"{prepared.label or 'the corpus'} has {prepared.outputs['vocab']} tokens in its vocabulary, "
            f"the model knows {vocab}",
            "evaluate on a corpus with the tokenizer of the model",
        )
    return Task(
        attempt=attempt,
        model=model,
        device=next(model.parameters()).device,
        dtype=params.dtype,
        split=split,
        options=options,
        folder=corpus,
        eos=prepared.outputs["eos"],
        sequence=params.sequence,
        batch_tokens=batch_tokens,
        evaluator=params.evaluator,
    )


def measure(task: Task) -> Measured:
    """What the evaluator of a task finds."""
    evaluator: Evaluator = EVALUATORS.get(task.evaluator.name) or implementation(task.evaluator)
    return evaluator(task)


def write_samples(attempt: Attempt, measured: Measured) -> None:
    """Write a line for each document, in the order of the split."""
    with open(attempt.artifact / "samples.jsonl", "w", encoding="utf-8") as file:
        for sample in measured.samples:
            file.write(json.dumps(sample | {"value": finite(sample["value"])}, ensure_ascii=False) + "\n")


def finite(value: Any) -> float | None:
    """A number as JSON has it: None for what is unknown or not a number."""
    return float(value) if value is not None and math.isfinite(value) else None
