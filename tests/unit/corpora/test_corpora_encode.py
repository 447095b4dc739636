"""Batches of documents on several threads, compared with one document at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from specc.corpora import encode
from specc.corpora import tokens as tokens_module
from specc.corpora.documents import Document, document_id, split_of
from specc.corpora.encode import Splitting, batches, counted, encoded
from specc.corpora.tokens import ByteTokens, Tokens, count_tokens, encode_document, load_tokens
from specc.processors import in_order

WORDS = ["grüß", "Gott", "the", "quick", "brown", "fox", "2_000", "", "naïve", "\n"]
SPLITTING = Splitting(Fraction(1, 4), (("probe", Fraction(1, 5)),))


def documents(prompts: bool) -> list[Document]:
    draws = np.random.default_rng(0)
    texts = [" ".join(draws.choice(WORDS, draws.integers(0, 30))) for _ in range(300)]
    if not prompts:
        return [Document(text) for text in texts]
    return [Document(prompt=text, completion=text[:5], options=(text[:5], "x" + text[:3])) for text in texts]


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["</s>"], show_progress=False)
    tokenizer.train_from_iterator([document.text for document in documents(False)], trainer)
    path = tmp_path_factory.mktemp("trained") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.mark.parametrize("prompts", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("kind", ["bytes", "trained"])
def test_batches_hold_what_single_documents_hold(
    tokenizer_file: Path, monkeypatch: pytest.MonkeyPatch, kind: str, threads: int, prompts: bool
) -> None:
    monkeypatch.setattr(encode, "BATCH_CHARACTERS", 500)
    monkeypatch.setattr(tokens_module, "FEW_THREADS", 1)
    tokens: Tokens = load_tokens(tokenizer_file) if kind == "trained" else ByteTokens()
    given = documents(prompts)
    found: list[tuple[list[int], int, int, str]] = []
    options: list[list[list[int]]] = []
    for block, of in encoded(given, tokens, SPLITTING, prompts, threads):
        for number in range(block.documents):
            first, last = block.offsets[number : number + 2]
            split = SPLITTING.names[of[number]]
            found.append(
                (block.tokens[first:last].tolist(), int(block.prompts[number]), int(block.ids[number]), split)
            )
            if block.options is not None:
                options.append([ids.tolist() for ids, _ in block.options.of(number)])
    expected = []
    if kind == "trained":
        tokens = load_tokens(tokenizer_file)  # one that remembers nothing: the library alone
    for document in given:
        identity = document_id(document)
        ids, prompt = encode_document(document, tokens)
        split = split_of(identity, SPLITTING.held_out, SPLITTING.splits)
        expected.append((ids.tolist(), prompt, int(identity[:16], 16), split))
    assert found == expected
    if prompts:
        assert options == [[tokens.encode(o).tolist() for o in document.options] for document in given]
    totals = {name: np.zeros(3, dtype=np.int64) for name in SPLITTING.names}
    counting: Tokens = load_tokens(tokenizer_file) if kind == "trained" else ByteTokens()
    for counts in counted(given, counting, SPLITTING, threads):
        for place, name in enumerate(SPLITTING.names):
            totals[name] += [counts.documents[place], counts.tokens[place], counts.bytes[place]]
    for name, total in totals.items():
        inside = [d for d, (*_, split) in zip(given, expected, strict=True) if split == name]
        sizes = [len(d.content.encode()) for d in inside]
        assert total.tolist() == [len(inside), sum(count_tokens(d, tokens) for d in inside), sum(sizes)]


def test_a_batch_is_bounded_in_characters_and_in_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "BATCH_CHARACTERS", 10)
    monkeypatch.setattr(encode, "BATCH_DOCUMENTS", 3)
    sizes = [4, 4, 4, 20, 1, 1, 1, 1]
    found = [[len(d.text) for d in batch] for batch in batches(Document("x" * size) for size in sizes)]
    assert found == [[4, 4, 4], [20], [1, 1, 1], [1]]


def test_work_comes_in_order_and_only_a_little_is_taken_ahead() -> None:
    taken: list[int] = []
    first = threading.Event()

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        if number == 0:
            first.wait(5)
        else:
            first.set()
        return number * number

    results = in_order(work, items(), 2)
    assert next(results) == 0
    assert len(taken) <= 5
    assert list(results) == [number * number for number in range(1, 100)]


def test_an_error_comes_when_it_is_its_turn() -> None:
    results = in_order(lambda number: 1 // (3 - number), range(100), 2)
    assert [next(results), next(results), next(results)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("copies", [1, 2])
def test_threads_wait_for_a_tokenizer_where_copies_would_take_too_much(
    tokenizer_file: Path, monkeypatch: pytest.MonkeyPatch, copies: int
) -> None:
    made = []

    class Counted:
        @staticmethod
        def from_buffer(data: bytes) -> Tokenizer:
            made.append(len(data))
            return Tokenizer.from_buffer(data)

    vocab = load_tokens(tokenizer_file).vocab
    monkeypatch.setattr(tokenizers, "Tokenizer", Counted)
    monkeypatch.setattr(tokens_module, "MOST_ENTRIES", copies * vocab)
    monkeypatch.setattr(encode, "BATCH_CHARACTERS", 200)
    tokens = load_tokens(tokenizer_file)
    alone = [block.tokens.tolist() for block, _ in encoded(documents(False), tokens, SPLITTING, False)]
    together = [block.tokens.tolist() for block, _ in encoded(documents(False), tokens, SPLITTING, False, 6)]
    assert alone == together
    assert len(made) <= copies
