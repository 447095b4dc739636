"""Packed documents are trained on as if each were alone: same logits, same targets, same loss and update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import LlamaConfig

from specc.steps import TrainExecution, TrainParams
from specc_runtime import model as models
from specc_runtime.llama import PlainLlama, architecture_of
from specc_runtime.order import Stream
from specc_runtime.packing import Batch, Mixture
from specc_runtime.prepared import Split
from specc_runtime.train import open_learner

CPU = torch.device("cpu")
VOCAB, ROWS, LENGTH = 61, 4, 40
CONFIG = LlamaConfig(
    architectures=["LlamaForCausalLM"],
    vocab_size=VOCAB,
    hidden_size=24,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    bos_token_id=None,
    eos_token_id=None,
)


@dataclass
class Piece:
    """What a row holds of a document: from a place on, [N]; `prompt` tokens of the document's beginning."""

    tokens: Tensor
    place: int
    prompt: int

    def learned(self) -> list[int]:
        """Tokens that are predicted: not the first, none of a prompt, none without the whole prompt."""
        if self.prompt and self.place:
            return []
        return [n for n in range(1, len(self.tokens)) if self.place + n >= self.prompt]


@dataclass
class Packed:
    """Rows of short documents, as the runtime packs them and cut by hand."""

    batch: Batch
    rows: list[list[Piece]]

    @property
    def pieces(self) -> list[Piece]:
        return [piece for row in self.rows for piece in row]


@pytest.fixture(scope="module")
def packed() -> Packed:
    """The first rows of a corpus of 40 documents of 1 to 30 tokens, of which every third has a prompt."""
    generator = np.random.default_rng(3)
    lengths = generator.integers(1, 31, 40)
    documents = [generator.integers(0, VOCAB, length) for length in lengths]
    offsets = np.cumsum([0, *lengths])
    prompts = np.where(np.arange(40) % 3 == 0, np.minimum(lengths, 15), 0).astype(np.int32)
    tokens = np.concatenate(documents).astype(np.uint16)
    stream = Stream(Split(tokens, offsets, prompts, np.arange(40, dtype=np.uint64)), 0, "corpus")
    batch, _ = Mixture(("a",), (stream,), (Fraction(1),), (0,), LENGTH).batch(0, ROWS)

    rows: list[list[Piece]] = []
    order = stream.documents(0, 0, 40).tolist()
    begins = np.cumsum([0, *lengths[order]]).tolist()
    for first, last in pairwise(range(0, (ROWS + 1) * LENGTH, LENGTH)):
        row = []
        for document, begin, end in zip(order, begins, begins[1:], strict=False):
            if begin < last and end > first:
                place, until = max(first - begin, 0), min(last, end) - begin
                part = torch.from_numpy(documents[document][place:until])
                row.append(Piece(part, place, int(prompts[document])))
        rows.append(row)
    assert batch.tokens.tolist() == [torch.cat([piece.tokens for piece in row]).tolist() for row in rows]
    return Packed(batch, rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose weights are large enough for documents to be seen, where they can be."""
    folder = tmp_path_factory.mktemp("model")
    model = models.build(CONFIG)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(1.0 if parameter.ndim == 1 else 0.0, 0.2, generator=generator)
    models.save(model, folder)
    CONFIG.save_pretrained(folder)
    return folder


Logits = Callable[[Tensor, Tensor | None], Tensor]


def of_transformers(attention: str) -> Callable[[Path], Logits]:
    def loaded(folder: Path) -> Logits:
        model = models.load(folder, CPU, attention)
        return lambda tokens, positions: models.logits(model, tokens, positions)

    return loaded


def of_plain(folder: Path) -> Logits:
    architecture = architecture_of(CONFIG)
    assert architecture is not None
    return PlainLlama(architecture, models.read_weights(folder)).logits


BACKENDS = [
    pytest.param(of_transformers("sdpa"), id="sdpa"),
    pytest.param(of_transformers("eager"), id="eager"),
    # Compiled for a minute on a CPU, with warnings of torch about itself.
    pytest.param(
        of_transformers("flex_attention"),
        id="flex",
        marks=[pytest.mark.slow, pytest.mark.filterwarnings("ignore")],
    ),
    pytest.param(of_plain, id="plain"),
]


@pytest.mark.parametrize("backend", BACKENDS)
def test_packed_documents_have_the_logits_of_separate_ones(
    backend: Callable[[Path], Logits], folder: Path, packed: Packed
) -> None:
    alone = models.load(folder, CPU, "eager")
    logits = backend(folder)
    tokens, positions = torch.from_numpy(packed.batch.tokens), torch.from_numpy(packed.batch.positions)
    with torch.no_grad():
        expected = torch.cat([alone(input_ids=piece.tokens[None]).logits[0] for piece in packed.pieces])
        assert (logits(tokens, positions).reshape(-1, VOCAB) - expected).abs().max() < 1e-5
        # A leak would be seen.
        assert (logits(tokens, None).reshape(-1, VOCAB) - expected).abs().max() > 0.1


def test_targets_are_those_of_separate_documents(packed: Packed) -> None:
    expected = [
        [
            int(token) if n in piece.learned() else -100
            for piece in row
            for n, token in enumerate(piece.tokens)
        ]
        for row in packed.rows
    ]
    assert packed.batch.labels.tolist() == expected
    assert packed.batch.targets == sum(len(piece.learned()) for piece in packed.pieces)
    counts = [sum(len(piece.learned()) for piece in row) for row in packed.rows]
    assert max(counts) > 1.2 * min(counts)  # rows are unequal: a mean of means would differ


def separate_loss(model: nn.Module, packed: Packed) -> Tensor:
    """Mean loss over all targets, with documents one after another through the model."""
    total = torch.zeros(())
    for piece in packed.pieces:
        learned = piece.learned()
        if learned:
            logits = model(input_ids=piece.tokens[None]).logits[0].log_softmax(-1)
            total = total - sum(logits[n - 1, piece.tokens[n]] for n in learned)
    return total / sum(len(piece.learned()) for piece in packed.pieces)


def sgd(**changes: Any) -> TrainParams:
    source = {"corpus": "a", "share": "1/1"}
    given: dict[str, Any] = {
        "steps": 1,
        "sequence": LENGTH,
        "batch": ROWS,
        "sources": [source],
        "phases": [],
        "optimizer": {"name": "sgd", "args": {"momentum": 0.0, "weight_decay": 0.0}},
        "seed": 0,
    }
    return TrainParams.model_validate(given | changes)


@pytest.mark.parametrize("micro_batch", [None, 1, 2, 3])
@pytest.mark.parametrize("implementation", ["plain", "transformers"])
def test_an_update_from_packed_rows_is_that_from_separate_documents(
    folder: Path, packed: Packed, implementation: Literal["plain", "transformers"], micro_batch: int | None
) -> None:
    """One step of plain gradient descent, however the batch is split: loss and weights."""
    model = models.load(folder, CPU, "eager")
    loss = separate_loss(model, packed)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    execution = TrainExecution(micro_batch=micro_batch, implementation=implementation)
    learner = open_learner(sgd(), execution, folder, CPU)
    found, norm = learner.update(packed.batch, 0.1, 0)
    assert found == pytest.approx(loss.item(), rel=1e-6)
    assert norm == pytest.approx(torch.cat([g.flatten() for g in gradients]).norm().item(), rel=1e-5)
    weights = learner.weights()
    for (name, weight), gradient in zip(model.named_parameters(), gradients, strict=True):
        assert (weights[name] - (weight - 0.1 * gradient)).abs().max() < 1e-6


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_transformers_still_lets_packed_documents_see_each_other_unless_told_in_this_very_way(
    folder: Path, packed: Packed, attention: str
) -> None:
    """With a mask of ones, or with the cache that is on by default, restarted positions are passed over
    without a word. When this fails, transformers has changed: look at `specc_runtime.model.logits`."""
    model = models.load(folder, CPU, attention)
    tokens, positions = torch.from_numpy(packed.batch.tokens), torch.from_numpy(packed.batch.positions)
    with torch.no_grad():
        right = models.logits(model, tokens, positions)
        for wrong in ({"attention_mask": torch.ones_like(tokens), "use_cache": False}, {}):
            leaking = model(input_ids=tokens, position_ids=positions, **wrong).logits
            assert (leaking - right).abs().max() > 0.1
