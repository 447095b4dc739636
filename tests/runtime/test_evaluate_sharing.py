"""What evaluations compute together, against every document alone through transformers."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM

from specc.checkpoints import checkpoint_fingerprint
from specc.steps import Component, Step
from specc.store import Manifest, Store, open_workspace
from specc_runtime import evaluate
from specc_runtime import model as models
from specc_runtime.attempt import Attempt
from specc_runtime.evaluate.batches import Batch, Rows, row_batches
from specc_runtime.evaluate.measured import Task
from specc_runtime.evaluate.prefixes import Worth, allowed_pairs, common_prefixes, shared_batches
from specc_runtime.evaluate.scores import predict, reads_trees
from tiny_models import save_tiny
from workshop import EOS, TINY, Workshop, never

ALWAYS = Worth(1.0, 0.0)
"""Sharing costs nothing: every row joins."""

PREAMBLE = list(range(65, 85))
LETTERS = range(97, 123)


def questions(count: int, seed: int = 0) -> list[list[int]]:
    """Prompts of 20 tokens that all have and 2 of their own, each with an answer of 3."""
    generator = np.random.default_rng(seed)
    keys = [(a, b) for a in LETTERS for b in LETTERS][:count]
    return [[*PREAMBLE, *key, *generator.choice(LETTERS, 3).tolist()] for key in keys]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(Store(open_workspace(tmp_path_factory.mktemp("shop") / "w", create=True)))


@pytest.fixture(scope="module")
def learned(shop: Workshop) -> str:
    """A checkpoint that has learned some of the answers and of the others how they begin."""
    corpus = shop.corpus(questions(12), prompt=22, name="learned")
    phases = [{"shape": "constant", "start": 0, "stop": 60, "first": 2e-2, "last": 2e-2}]
    model = shop.init(Component(name="llama", args=TINY.args | {"kv_heads": 1}))
    step = shop.train(model, [corpus], steps=60, phases=phases, batch=6, sequence=26)
    shop.do(step)
    return step.key


def measured(shop: Workshop, name: str, checkpoint: str, corpus: str, **changes: Any) -> Manifest:
    execution = {"batch_tokens": changes.pop("batch_tokens", 8192), "device": changes.pop("device", "cpu")}
    params: dict[str, Any] = {
        "evaluator": {"name": name},
        "data": {"corpus": "corpus0", "split": "train"},
        "sequence": 64,
    }
    step = shop.step(
        "eval", params | changes, {"checkpoint": checkpoint, "corpus0": corpus}, execution, label="eval"
    )
    return shop.do(step)


def lines(shop: Workshop, manifest: Manifest) -> list[dict[str, Any]]:
    text = (shop.store.path(manifest.key) / "samples.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def greedy_text(model: Any, document: list[int], prompt: int) -> str:
    """What transformers generates after the prompt, as text."""
    output = model.generate(
        torch.tensor([document[:prompt]]),
        attention_mask=torch.ones(1, prompt, dtype=torch.long),
        do_sample=False,
        max_new_tokens=len(document) + 1 - prompt,
        eos_token_id=EOS,
        pad_token_id=0,
    )
    said = [token for token in output[0, prompt:].tolist() if token < 256]
    return bytes(said).decode(errors="replace")


# ---- trees


def random_rows(seed: int, count: int = 60) -> list[NDArray[np.int64]]:
    """Rows over two symbols: many begin alike, some are the same, some are the beginning of others."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 2, length) for length in generator.integers(1, 9, count)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("batch_tokens", [1, 30, 1000])
def test_in_a_tree_every_target_sees_its_row_and_nothing_else(seed: int, batch_tokens: int) -> None:
    tokens = random_rows(seed)
    firsts = np.array([1 + len(row) // 3 for row in tokens])
    generator = np.random.default_rng(seed + 100)
    masks = [generator.random(len(row)) < 0.2 for row in tokens]
    batches = list(shared_batches(Rows(tokens, firsts, masks), batch_tokens, ALWAYS) or ())
    found = []
    for batch in batches:
        assert batch.ends is not None
        assert batch.positions is not None
        width = batch.tokens.shape[1]
        allowed = allowed_pairs(batch.ends)
        for source, target, owner, place in zip(
            batch.sources, batch.targets, batch.owners, batch.places, strict=True
        ):
            line, node = divmod(int(source), width)
            seen = np.flatnonzero(allowed[line, node])
            assert batch.tokens[line, seen].tolist() == tokens[owner][:place].tolist()
            assert batch.positions[line, seen].tolist() == list(range(place))
            assert target == tokens[owner][place]
            found.append((int(owner), int(place)))
        assert width <= max(batch_tokens, 8)
    wanted = [
        (number, place)
        for number, row in enumerate(tokens)
        for place in range(firsts[number], len(row))
        if not masks[number][place]
    ]
    assert sorted(found) == wanted
    if batch_tokens == 1000:  # a token for each different beginning
        beginnings = {
            tuple(row[: stop + 1].tolist()) for row in tokens for stop in range(max(len(row) - 1, 1))
        }
        (batch,) = batches
        assert batch.positions is not None
        trees = np.arange(batch.tokens.shape[1]) == 0  # roots; what fills has no other place
        assert int(((batch.positions > 0) | trees).sum()) == len(beginnings)


def test_rows_of_their_own_hold_every_target_once() -> None:
    tokens = random_rows(3)
    firsts = np.array([1 + len(row) // 3 for row in tokens])
    found = []
    for batch in row_batches(Rows(tokens, firsts), 30):
        assert batch.tokens.size <= 30
        for source, target, owner, place in zip(
            batch.sources, batch.targets, batch.owners, batch.places, strict=True
        ):
            line, node = divmod(int(source), batch.tokens.shape[1])
            assert batch.tokens[line, : node + 1].tolist() == tokens[owner][:place].tolist()
            assert target == tokens[owner][place]
            found.append((int(owner), int(place)))
    assert sorted(found) == [
        (number, place) for number, row in enumerate(tokens) for place in range(firsts[number], len(row))
    ]


def test_common_prefixes_are_those_that_a_loop_counts() -> None:
    tokens = sorted(row.tolist() for row in random_rows(9, 700))
    counted = [0]
    for before, row in pairwise(tokens):
        same = [a == b for a, b in zip(before, row, strict=False)]
        counted.append(same.index(False) if False in same else len(same))
    assert common_prefixes([np.array(row) for row in tokens]) == counted


def test_rows_that_have_little_in_common_are_left_alone() -> None:
    tokens = [np.random.default_rng(number).integers(0, 200, 30) for number in range(20)]
    assert shared_batches(Rows(tokens, np.ones(20, dtype=np.int64)), 1000, ALWAYS) is None


def test_a_long_tree_is_cut_where_its_attention_costs_more_than_it_saves() -> None:
    """With a price p of a pair, a row of 51 joins as long as 50 > p (2 t + 1 - 51^2 / 2)."""
    tokens = [np.array([*range(50), number, 0]) for number in range(1000)]
    rows = Rows(tokens, np.full(1000, 51))

    def largest(price: float) -> int:
        batches = shared_batches(rows, 5000, Worth(1.0, price)) or ()
        return max((int(batch.tokens.shape[1]) for batch in batches), default=0)

    assert largest(0.0) == 50 + 1000
    for price in (0.1, 1.0):
        assert largest(price) == int((50 / price + 51**2 / 2 - 1) / 2) + 1


# ---- logits and results


def task_of(shop: Workshop, checkpoint: str, corpus: str, dtype: str = "float32") -> Task:
    params = {
        "evaluator": {"name": "loss"},
        "data": {"corpus": "corpus0", "split": "train"},
        "sequence": 64,
        "dtype": dtype,
    }
    step: Step = shop.step("eval", params, {"checkpoint": checkpoint, "corpus0": corpus})
    attempt = Attempt(step, shop.store, lambda report: None, never)
    kernel = models.attention_kernel(torch.device("cpu"), dtype)
    model = models.load(shop.store.path(checkpoint), torch.device("cpu"), kernel)
    return evaluate.open_task(attempt, attempt.params, model, 257, 8192)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.1)])
def test_logits_of_shared_rows_are_those_of_each_row_alone(
    shop: Workshop, learned: str, dtype: str, tolerance: float
) -> None:
    documents = questions(30)
    task = task_of(shop, learned, shop.corpus(documents, prompt=22, name="thirty"), dtype)
    tokens = [np.array(document) for document in documents]
    kept: list[torch.Tensor] = []

    def keep(logits_NV: torch.Tensor, targets_N: torch.Tensor) -> torch.Tensor:
        kept.append(logits_NV.float())
        return targets_N

    (batch,) = list(shared_batches(Rows(tokens, np.full(30, 22)), 8192, ALWAYS) or [])
    assert batch.tokens.size < 20 + 30 * 4
    predict(task, batch, keep)
    model: Any = AutoModelForCausalLM.from_pretrained(shop.store.path(learned))
    alone = {number: model(torch.tensor(row)[None]).logits[0] for number, row in enumerate(tokens)}
    expected = torch.stack(
        [alone[owner][place - 1] for owner, place in zip(batch.owners, batch.places, strict=True)]
    )
    torch.testing.assert_close(torch.cat(kept), expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("own", [False, True])
def test_predictions_are_what_transformers_generates_whatever_the_size_of_a_batch(
    shop: Workshop, learned: str, own: bool
) -> None:
    """Right answers, answers that are left midway, others that end early; with and without a preamble."""
    documents = questions(18)
    documents += [[*document, 97, 98] for document in questions(4, seed=1)]
    if own:  # nothing is shared: other first tokens
        documents = [[200 + number, *document[1:]] for number, document in enumerate(documents)]
    corpus = shop.corpus(documents, prompt=22, name=f"asked {own}")
    found = {}
    for batch_tokens in (1, 90, 8192):
        manifest = measured(shop, "exact_match", learned, corpus, batch_tokens=batch_tokens)
        found[batch_tokens] = lines(shop, manifest)
        (shop.store.path(manifest.key) / "manifest.json").unlink()
    assert found[1] == found[90] == found[8192]
    model = AutoModelForCausalLM.from_pretrained(shop.store.path(learned))
    expected = [greedy_text(model, document, 22) for document in documents]
    assert [line["prediction"] for line in found[1]] == expected
    values = [line["value"] for line in found[1]]
    assert values == [float(line["prediction"] == line["target"]) for line in found[1]]
    assert own or 3 < sum(values) < 16


@pytest.mark.parametrize("family", ["gpt2", "mistral", "qwen3"])
def test_models_of_other_families_are_continued_as_transformers_does(
    shop: Workshop, tmp_path: Path, family: str
) -> None:
    """Learned positions, a window of attention that is shorter than the rows, norms of heads."""
    save_tiny(tmp_path / "hub", family)
    imported = shop.step(
        "import",
        {"fingerprint": checkpoint_fingerprint(tmp_path / "hub")},
        execution={"path": str(tmp_path / "hub")},
    )
    shop.do(imported)
    documents = [[*PREAMBLE[:6], 97 + number, *([98] * (1 + number % 3))] for number in range(8)]
    corpus = shop.corpus(documents, prompt=7, name="families")
    task = task_of(shop, imported.key, corpus)
    assert reads_trees(task) == (family == "qwen3")
    manifest = measured(shop, "exact_match", imported.key, corpus)
    model: Any = AutoModelForCausalLM.from_pretrained(shop.store.path(imported.key))
    expected = [greedy_text(model, document, 7) for document in documents]
    assert [line["prediction"] for line in lines(shop, manifest)] == expected
    loss = measured(shop, "loss", imported.key, corpus).outputs["value"]
    summed = counted = 0.0
    for document in documents:
        row = torch.tensor([[*document, EOS]])
        log_p = model(row).logits[0].log_softmax(-1)
        summed -= sum(log_p[place - 1, row[0, place]].item() for place in range(7, row.shape[1]))
        counted += row.shape[1] - 7
    assert loss == pytest.approx(summed / counted, rel=1e-5)


def test_what_documents_share_is_computed_once(shop: Workshop, learned: str) -> None:
    """Counted in the tokens that go through the model."""
    documents = questions(100)
    task = task_of(shop, learned, shop.corpus(documents, prompt=22, name="hundred"))
    computed = evaluate.measure(task).tokens
    alone = sum(len(document) for document in documents)
    assert alone / 5 < 20 + 100 * 5 < computed * 1.1
    assert computed < alone / 3


def test_several_evaluations_of_a_checkpoint_load_it_once(
    shop: Workshop, learned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = models.load

    def counted(folder: Path, *given: Any) -> Any:
        loaded.append(folder.name)
        return load(folder, *given)

    monkeypatch.setattr(models, "load", counted)
    monkeypatch.setattr(models, "_cached", None)
    corpus = shop.corpus(questions(5), prompt=22, name="five")
    other = shop.init(seed=3)
    for checkpoint, name in (
        (learned, "loss"),
        (learned, "exact_match"),
        (learned, "perplexity"),
        (other, "loss"),
    ):
        measured(shop, name, checkpoint, corpus)
    assert loaded == [learned, other]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_gpu_finds_what_a_cpu_finds(shop: Workshop, learned: str, dtype: str) -> None:
    """In float32 the same continuations, and losses to rounding; in bfloat16 losses to its precision."""
    corpus = shop.corpus(questions(18), prompt=22, name="devices")
    losses, said = [], []
    for device in ("cpu", "cuda"):
        loss = measured(shop, "loss", learned, corpus, device=device, dtype=dtype)
        exact = measured(shop, "exact_match", learned, corpus, device=device, dtype=dtype)
        losses.append(loss.outputs["value"])
        said.append([line["prediction"] for line in lines(shop, exact)])
        for manifest in (loss, exact):
            (shop.store.path(manifest.key) / "manifest.json").unlink()
    assert losses[1] == pytest.approx(losses[0], rel=1e-4 if dtype == "float32" else 3e-2)
    assert dtype == "bfloat16" or said[0] == said[1]


def test_a_batch_is_made_of_what_it_says() -> None:
    rows = Rows([np.array([5, 6, 7]), np.array([8, 9])], np.array([1, 1]))
    (batch,) = row_batches(rows, 100)
    expected = Batch(
        tokens=np.array([[5, 6], [8, 9]]),
        sources=np.array([0, 1, 2]),
        targets=np.array([6, 7, 9]),
        owners=np.array([0, 0, 1]),
        places=np.array([1, 2, 1]),
    )
    for name in ("tokens", "sources", "targets", "owners", "places"):
        np.testing.assert_array_equal(getattr(batch, name), getattr(expected, name))
