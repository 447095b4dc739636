"""Evaluations, against one document at a time through transformers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from specc.components import COMPONENTS, Kind
from specc.errors import DataError, SpeccError
from specc.steps import Step
from specc.store import Manifest
from specc_runtime.evaluate import EVALUATORS
from specc_runtime.evaluate.measured import clustered_error
from specc_runtime.run import Interrupted
from workshop import EOS, VOCAB, Workshop, random_documents

HELD_OUT = random_documents(25, 9, 30)


def evaluation(workshop: Workshop, name: str, checkpoint: str, corpus: str, **changes: Any) -> Step:
    execution = changes.pop("execution", {})
    params: dict[str, Any] = {
        "evaluator": {"name": name, "args": changes.pop("args", {})},
        "data": {"corpus": "corpus0", "split": "held_out"} | changes.pop("data", {}),
        "sequence": 64,
    }
    inputs = {"checkpoint": checkpoint, "corpus0": corpus}
    return workshop.step("eval", params | changes, inputs, execution, label="test/eval")


def samples(workshop: Workshop, manifest: Manifest) -> list[dict[str, Any]]:
    text = (workshop.store.path(manifest.key) / "samples.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def trained(workshop: Workshop) -> str:
    """A checkpoint that knows something, so that values differ between documents."""
    step = workshop.train(workshop.init(), [workshop.corpus(random_documents(50, 1), name="train")])
    workshop.do(step)
    return step.key


def reloaded(folder: Path) -> Any:
    """The model as transformers itself loads it, in evaluation mode."""
    return AutoModelForCausalLM.from_pretrained(folder)


def losses_one_by_one(folder: Path, documents: list[list[int]], prompt: int = 1) -> list[list[float]]:
    """Loss of every target of every document, each alone in a batch."""
    model = reloaded(folder)
    result = []
    for document in documents:
        tokens = torch.tensor([[*document, EOS]])
        with torch.no_grad():
            log_p = model(tokens).logits[0].log_softmax(-1)
        result.append([-log_p[t - 1, tokens[0, t]].item() for t in range(prompt, tokens.shape[1])])
    return result


@pytest.mark.parametrize("batch_tokens", [1, 40, 8192])
@pytest.mark.parametrize("prompt", [0, 1, 3])
def test_loss_is_the_mean_over_target_tokens(workshop: Workshop, batch_tokens: int, prompt: int) -> None:
    checkpoint, corpus = trained(workshop), workshop.corpus([[1]], HELD_OUT, prompt)
    step = evaluation(workshop, "loss", checkpoint, corpus, execution={"batch_tokens": batch_tokens})
    manifest = workshop.do(step)
    expected = losses_one_by_one(workshop.store.path(checkpoint), HELD_OUT, max(prompt, 1))
    flat = [value for document in expected for value in document]
    assert manifest.outputs["metric"] == "loss"
    assert manifest.outputs["n"] == len(flat)
    assert manifest.outputs["value"] == pytest.approx(np.mean(flat), rel=1e-5)
    lines = samples(workshop, manifest)
    assert [line["document"] for line in lines] == [f"{n:016x}" for n, d in enumerate(expected) if d]
    means = [float(np.mean(document)) for document in expected if document]
    assert [line["value"] for line in lines] == pytest.approx(means, rel=1e-5)
    assert [line["n"] for line in lines] == [len(document) for document in expected if document]


def test_a_long_document_is_cut_into_windows_that_predict_every_token_once(workshop: Workshop) -> None:
    """Windows of 8 tokens overlap by one: tokens 0-7, 7-14, 14-21, 21-24."""
    document = [(7 * n) % 90 for n in range(24)]
    checkpoint, corpus = trained(workshop), workshop.corpus([[1]], [document])
    manifest = workshop.do(evaluation(workshop, "loss", checkpoint, corpus, sequence=8))
    assert manifest.outputs["n"] == 24
    model = reloaded(workshop.store.path(checkpoint))
    tokens = [*document, EOS]
    total = 0.0
    for begin in (0, 7, 14, 21):
        window = torch.tensor([tokens[begin : begin + 8]])
        with torch.no_grad():
            logits = model(window).logits[0, :-1]
        total += torch.nn.functional.cross_entropy(logits, window[0, 1:], reduction="sum").item()
    assert manifest.outputs["value"] == pytest.approx(total / 24, rel=1e-5)


def test_the_uniform_model_has_the_loss_of_its_vocabulary(workshop: Workshop) -> None:
    """All weights 0: every token is as likely as any other."""
    checkpoint = workshop.init()
    path = workshop.store.path(checkpoint) / "model.safetensors"
    save_file({name: torch.zeros_like(value) for name, value in load_file(path).items()}, path)
    corpus = workshop.corpus([[1]], HELD_OUT)
    loss, perplexity = (
        workshop.do(evaluation(workshop, name, checkpoint, corpus)).outputs for name in ("loss", "perplexity")
    )
    assert loss["value"] == pytest.approx(math.log(VOCAB), rel=1e-6)
    assert perplexity["value"] == pytest.approx(VOCAB, rel=1e-5)
    assert perplexity["stderr"] == pytest.approx(0, abs=1e-3)


def test_perplexity_and_its_error_follow_from_the_loss(workshop: Workshop) -> None:
    checkpoint, corpus = trained(workshop), workshop.corpus([[1]], HELD_OUT)
    loss = workshop.do(evaluation(workshop, "loss", checkpoint, corpus)).outputs
    perplexity = workshop.do(evaluation(workshop, "perplexity", checkpoint, corpus)).outputs
    assert perplexity["value"] == pytest.approx(math.exp(loss["value"]))
    assert perplexity["stderr"] == pytest.approx(math.exp(loss["value"]) * loss["stderr"])
    assert perplexity["n"] == loss["n"]


def test_the_error_of_documents_of_one_size_is_that_of_their_mean() -> None:
    values = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    assert clustered_error(values, np.ones(6)) == pytest.approx(values.std(ddof=1) / math.sqrt(6))
    assert clustered_error(values[:1], np.ones(1)) is None


def test_the_error_of_documents_of_many_sizes_is_that_of_repeated_draws() -> None:
    """Against the spread of the mean over corpora drawn anew, documents at a time."""
    generator = np.random.default_rng(0)
    counts = generator.integers(1, 50, (4000, 200)).astype(float)
    sums = counts * generator.normal(2.0, 1.0, counts.shape)
    spread = (sums.sum(axis=1) / counts.sum(axis=1)).std()
    errors = [clustered_error(s, n) for s, n in zip(sums[:200], counts[:200], strict=True)]
    assert np.mean([error for error in errors if error is not None]) == pytest.approx(spread, rel=0.05)


def memorised(workshop: Workshop) -> tuple[str, list[list[int]]]:
    """A model that has learned some of its documents, each of four tokens and a prompt of two."""
    documents = [[97 + n % 8, 97 + n // 8, 65 + (n * n) % 26, 65 + n % 5] for n in range(24)]
    corpus = workshop.corpus(documents, prompt=2, name="facts")
    phases = [{"shape": "constant", "start": 0, "stop": 120, "first": 1e-2, "last": 1e-2}]
    step = workshop.train(workshop.init(), [corpus], steps=120, phases=phases, batch=16)
    workshop.do(step)
    return step.key, documents


@pytest.mark.parametrize("batch_tokens", [1, 8192])
def test_exact_match_is_what_transformers_generates(workshop: Workshop, batch_tokens: int) -> None:
    checkpoint, documents = memorised(workshop)
    mixed = [*documents, [97, 98, 99, 65, 66, 67]]
    corpus = workshop.corpus([[1]], mixed, prompt=2)
    step = evaluation(workshop, "exact_match", checkpoint, corpus, execution={"batch_tokens": batch_tokens})
    manifest = workshop.do(step)
    model = reloaded(workshop.store.path(checkpoint))
    expected = []
    for document in mixed:
        tokens = [*document, EOS]
        output = model.generate(
            torch.tensor([tokens[:2]]),
            attention_mask=torch.ones(1, 2, dtype=torch.long),
            do_sample=False,
            max_new_tokens=len(tokens) - 2,
            eos_token_id=EOS,
            pad_token_id=0,
        )
        expected.append(output[0, 2:].tolist() == tokens[2:])
    lines = samples(workshop, manifest)
    assert [line["value"] for line in lines] == [float(found) for found in expected]
    assert 3 < sum(expected) < len(expected)
    assert manifest.outputs["value"] == pytest.approx(np.mean([line["value"] for line in lines]))
    assert manifest.outputs["n"] == len(mixed)
    for line in lines:
        assert (line["prediction"] == line["target"]) >= bool(line["value"])


def test_a_completion_without_room_for_a_token_before_it_is_told(workshop: Workshop) -> None:
    corpus = workshop.corpus([[1]], [[97, 98, 99, 65, 66, 67]], prompt=2)
    checkpoint = workshop.init()
    workshop.do(evaluation(workshop, "exact_match", checkpoint, corpus, sequence=6))
    with pytest.raises(DataError, match=r"a completion of 5 tokens .* more than the 5 of a sequence"):
        workshop.do(evaluation(workshop, "exact_match", checkpoint, corpus, sequence=5))


def test_generation_stops_at_the_end_token(workshop: Workshop) -> None:
    """The model has learned to end after two letters; a longer target is not met."""
    checkpoint, documents = memorised(workshop)
    corpus = workshop.corpus([[1]], [[*document, 65, 65] for document in documents], prompt=2)
    manifest = workshop.do(evaluation(workshop, "exact_match", checkpoint, corpus))
    assert manifest.outputs["value"] == 0
    assert sum(len(line["prediction"]) == 2 for line in samples(workshop, manifest)) > 12


def options_corpus(
    workshop: Workshop,
    tmp_path: Path,
    options: Sequence[str] = ("A", "BB", "AB", "CCCC"),
    prompts: bool = True,
) -> tuple[str, list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = [
        {"q": f"{chr(97 + n)}b" if prompts else "", "a": options[n % len(options)], "o": list(options)}
        for n in range(20)
    ]
    file = tmp_path / "options.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    reader = {"name": "jsonl", "args": {"prompt": "q", "completion": "a", "options": "o"}}
    step = workshop.step("prepare", {"reader": reader}, execution={"files": [str(file)]})
    workshop.do(step)
    return step.key, rows


@pytest.mark.parametrize("normalise", ["none", "bytes"])
def test_choice_takes_the_likeliest_option(workshop: Workshop, tmp_path: Path, normalise: str) -> None:
    checkpoint = trained(workshop)
    corpus, rows = options_corpus(workshop, tmp_path)
    step = evaluation(
        workshop, "choice", checkpoint, corpus, args={"normalise": normalise}, data={"split": "train"}
    )
    manifest = workshop.do(step)
    model = reloaded(workshop.store.path(checkpoint))

    def score(prompt: str, option: str) -> float:
        tokens = torch.tensor([[*prompt.encode(), *option.encode()]])
        with torch.no_grad():
            log_p = model(tokens).logits[0].log_softmax(-1)
        places = range(len(prompt), tokens.shape[1])
        total = math.fsum(log_p[t - 1, tokens[0, t]].item() for t in places)
        return total / (len(option) if normalise == "bytes" else 1)

    chosen = []
    for row in rows:
        scores = [score(row["q"], option) for option in row["o"]]
        chosen.append(row["o"][scores.index(max(scores))])
    lines = samples(workshop, manifest)
    assert [line["prediction"] for line in lines] == chosen
    assert [line["target"] for line in lines] == [row["a"] for row in rows]
    right = [option == row["a"] for option, row in zip(chosen, rows, strict=True)]
    assert manifest.outputs["value"] == pytest.approx(np.mean(right))
    assert manifest.outputs["metric"] == "accuracy"


def test_options_without_a_prompt_are_scored_by_themselves(workshop: Workshop, tmp_path: Path) -> None:
    checkpoint = trained(workshop)
    options = [f"{letter}{letter.lower()}{other}" for letter in "ABCDEFGH" for other in "xyz"]
    corpus, rows = options_corpus(workshop, tmp_path, options, prompts=False)
    manifest = workshop.do(evaluation(workshop, "choice", checkpoint, corpus, data={"split": "train"}))
    model = reloaded(workshop.store.path(checkpoint))
    scores = []
    for option in options:
        tokens = torch.tensor([[*option.encode()]])
        with torch.no_grad():
            log_p = model(tokens).logits[0].log_softmax(-1)
        scores.append(sum(log_p[t - 1, tokens[0, t]].item() for t in (1, 2)))
    # What is chosen does not depend on which option is the correct one.
    chosen = options[scores.index(max(scores))]
    assert {line["prediction"] for line in samples(workshop, manifest)} == {chosen}
    assert manifest.outputs["value"] == np.mean([row["a"] == chosen for row in rows])


def test_one_token_without_a_prompt_has_no_likelihood(workshop: Workshop, tmp_path: Path) -> None:
    corpus, _ = options_corpus(workshop, tmp_path, ["A", "BB"], prompts=False)
    with pytest.raises(DataError, match="an option of one token"):
        workshop.do(evaluation(workshop, "choice", workshop.init(), corpus, data={"split": "train"}))


def test_choice_needs_options(workshop: Workshop) -> None:
    corpus = workshop.corpus([[1]], HELD_OUT)
    with pytest.raises(DataError, match="needs documents with options"):
        workshop.do(evaluation(workshop, "choice", workshop.init(), corpus))


def test_a_data_set_can_be_cut_to_whole_documents(workshop: Workshop) -> None:
    checkpoint, corpus = workshop.init(), workshop.corpus([[1]], [[1, 2, 3], [4, 5], [6], [7]])
    manifest = workshop.do(evaluation(workshop, "loss", checkpoint, corpus, data={"tokens": 5}))
    assert [line["n"] for line in samples(workshop, manifest)] == [3, 2]


def test_the_training_split_can_be_measured(workshop: Workshop) -> None:
    checkpoint, corpus = workshop.init(), workshop.corpus([[1, 2, 3]], [[4]])
    manifest = workshop.do(evaluation(workshop, "loss", checkpoint, corpus, data={"split": "train"}))
    assert manifest.outputs["n"] == 3


def test_a_model_that_computes_no_number_has_no_value(workshop: Workshop) -> None:
    checkpoint = workshop.init()
    path = workshop.store.path(checkpoint) / "model.safetensors"
    save_file({name: torch.full_like(value, math.nan) for name, value in load_file(path).items()}, path)
    manifest = workshop.do(evaluation(workshop, "loss", checkpoint, workshop.corpus([[1]], HELD_OUT)))
    assert manifest.outputs["value"] is None
    assert {line["value"] for line in samples(workshop, manifest)} == {None}


def test_dropout_of_the_stage_is_off_in_evaluation(workshop: Workshop) -> None:
    corpus = workshop.corpus(random_documents(30, 1), HELD_OUT)
    step = workshop.train(workshop.init(), [corpus], dropout=0.5)
    workshop.do(step)
    manifest = workshop.do(evaluation(workshop, "loss", step.key, corpus))
    flat = [value for d in losses_one_by_one(workshop.store.path(step.key), HELD_OUT) for value in d]
    assert manifest.outputs["value"] == pytest.approx(np.mean(flat), rel=1e-5)


def test_an_empty_split_is_told(workshop: Workshop) -> None:
    with pytest.raises(DataError, match="no document in `held_out`"):
        workshop.do(evaluation(workshop, "loss", workshop.init(), workshop.corpus([[1]])))


def test_a_corpus_of_more_tokens_than_the_model_knows_is_refused(workshop: Workshop) -> None:
    corpus = workshop.corpus([[1]], HELD_OUT)
    with pytest.raises(SpeccError, match="the model knows 100"):
        workshop.do(evaluation(workshop, "loss", workshop.init(vocab=100), corpus))


@pytest.mark.parametrize("name", ["loss", "exact_match"])
def test_an_evaluation_that_is_asked_to_stop_publishes_nothing(workshop: Workshop, name: str) -> None:
    step = evaluation(workshop, name, workshop.init(), workshop.corpus([[1]], HELD_OUT, 1))
    with pytest.raises(Interrupted):
        workshop.do(step, stopping=lambda: True)
    assert not workshop.store.has(step.key)


def test_every_declared_evaluation_is_there() -> None:
    assert set(EVALUATORS) == {name for name, found in COMPONENTS.items() if found.kind is Kind.EVALUATION}
