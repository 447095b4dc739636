"""Words that are remembered have the ids that the library makes of the whole text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, trainers

from specc.corpora import word_memory
from specc.corpora.tokens import FileTokens
from specc.corpora.word_memory import cuts_words

TEXT = [
    "I'm sure they'll say it's what we'd've don't said 'RE 's",
    "def f(x):\n    return  x + 1_000  \n\n\n\tif a == 'b':\r\n",
    "a  b   c\x1cd\x1f e\x0b\x0cf \x00 \x7f !!! ...",
    "grüß Gott \u00a0 \u2003 x\u0085y",
    "",
    " ",
    "\n",
]


def made(change: Any = None) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT * 3, trainer)
    if change is not None:
        change(tokenizer)
    return tokenizer


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> tuple[FileTokens, FileTokens]:
    """The library alone, and with words remembered."""
    path = tmp_path_factory.mktemp("words") / "tokenizer.json"
    made().save(str(path))
    library, remembering = FileTokens(path), FileTokens(path)
    assert remembering.threads(2) == 1
    return library, remembering


PIECES = st.sampled_from(
    ["'s", "'ll", "'", " ", "  ", "\n", "\t", "\x1c", "a", "Bc", "12", "_", "<|endoftext|>", "ü"]
)


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(
        st.one_of(
            st.text(st.characters(max_codepoint=127)),
            st.text(st.sampled_from(" \n\t\r'sx1.")),
            st.lists(PIECES, max_size=12).map("".join),
            st.text(),
        ),
        max_size=5,
    )
)
def test_any_text_has_the_ids_of_the_library(tokens: tuple[FileTokens, FileTokens], texts: list[str]) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts] + TEXT
    library, remembering = tokens
    expected, lengths = library.encode_many(texts)
    found, counts = remembering.encode_many(texts)
    assert found.tolist() == expected.tolist()
    assert found.dtype == expected.dtype
    assert counts.tolist() == lengths.tolist() == remembering.count_many(texts).tolist()


def test_memory_is_bounded(tokens: tuple[FileTokens, FileTokens], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_memory, "MOST_WORDS", 5)
    library, _ = tokens
    memory = word_memory.WordMemory(lambda text: library.encode(text).tolist())
    words = [f"word{number}" for number in range(40)] + ["x" * 1000]
    for _ in range(2):
        for word in words:
            assert memory.ids(word) == library.encode(word).tolist()
            assert len(memory) <= 5
    assert "x" * 1000 not in memory


@pytest.mark.parametrize(
    "change",
    [
        lambda t: setattr(t, "normalizer", normalizers.NFC()),
        lambda t: setattr(t, "pre_tokenizer", pre_tokenizers.ByteLevel(add_prefix_space=True)),
        lambda t: setattr(t, "pre_tokenizer", pre_tokenizers.ByteLevel(False, use_regex=False)),
        lambda t: setattr(t, "pre_tokenizer", pre_tokenizers.Whitespace()),
        lambda t: setattr(t, "pre_tokenizer", None),
        lambda t: t.add_tokens([AddedToken("quick")]),
        lambda t: setattr(t.model, "dropout", 0.5),
    ],
)
def test_other_tokenizers_are_left_to_the_library(tmp_path: Path, change: Any) -> None:
    assert cuts_words(made().to_str().encode())
    path = tmp_path / "tokenizer.json"
    made(change).save(str(path))
    assert not cuts_words(path.read_bytes())
    tokens = FileTokens(path)
    assert tokens.threads(3) == 3


def test_what_is_no_tokenizer_cuts_no_words() -> None:
    for text in ("", "[]", "{}", json.dumps({"model": 1, "pre_tokenizer": None, "normalizer": None})):
        assert not cuts_words(text.encode())


def test_many_threads_are_left_to_the_library(tokens: tuple[FileTokens, FileTokens]) -> None:
    library, _ = tokens
    assert library.threads(16) == 16
