"""Bytes and tokenizer files as tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from specc.corpora.documents import Document
from specc.corpora.tokens import ByteTokens, count_tokens, encode_document, load_tokens, token_type
from specc.errors import DataError
from specc.files import file_digest

WORDS = {"[UNK]": 0, "one": 1, "two": 2, "three": 3}


def saved(folder: Path, *special: str, truncate: bool = False) -> Path:
    tokenizer = Tokenizer(WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    if truncate:
        tokenizer.enable_truncation(2)
        tokenizer.enable_padding(length=8)
        tokenizer.post_processor = TemplateProcessing(
            single="[CLS] $A", special_tokens=[("[CLS]", tokenizer.token_to_id("[CLS]"))]
        )
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


def test_bytes_are_tokens_and_256_ends_a_document() -> None:
    tokens = ByteTokens()
    ids, prompt = encode_document(Document("né"), tokens)
    assert ids.tolist() == [110, 0xC3, 0xA9, 256]
    assert (ids.dtype.name, prompt, tokens.vocab) == ("uint16", 0, 257)
    assert tokens.decode(ids) == "né"


def test_the_prompt_is_counted_in_tokens() -> None:
    document = Document(prompt="é=", completion="x")
    ids, prompt = encode_document(document, ByteTokens())
    assert (ids.tolist(), prompt) == ([0xC3, 0xA9, 61, 120, 256], 3)
    assert count_tokens(document, ByteTokens()) == 5
    assert count_tokens(Document("né"), ByteTokens()) == 4


def test_an_empty_document_is_its_end_token() -> None:
    assert encode_document(Document(""), ByteTokens())[0].tolist() == [256]


def test_no_tokenizer_means_bytes() -> None:
    assert load_tokens(None).identity == load_tokens("").identity == "byte"


def test_a_file_gives_its_own_ids_and_digest(tmp_path: Path) -> None:
    path = saved(tmp_path, "<pad>", "</s>")
    tokens = load_tokens(path)
    assert tokens.identity == file_digest(path)
    assert (tokens.eos, tokens.vocab) == (5, 6)
    ids, prompt = encode_document(Document(prompt="one two", completion="three four"), tokens)
    assert (ids.tolist(), prompt) == ([1, 2, 3, 0, 5], 2)
    assert tokens.count_many(["one two"]).tolist() == [2]
    assert tokens.decode(ids) == "one two three [UNK]"


def test_a_file_without_an_end_token_gets_one_behind_all_others(tmp_path: Path) -> None:
    tokens = load_tokens(saved(tmp_path, "<pad>"))
    assert (tokens.eos, tokens.vocab) == (5, 6)


def test_the_first_known_end_token_is_used(tmp_path: Path) -> None:
    assert load_tokens(saved(tmp_path, "[SEP]", "<|endoftext|>")).eos == 5


def test_text_that_reads_like_a_special_token_is_text(tmp_path: Path) -> None:
    tokens = load_tokens(saved(tmp_path, "</s>"))
    assert tokens.eos not in tokens.encode("one </s> two").tolist()


def test_truncation_padding_and_templates_are_not_used(tmp_path: Path) -> None:
    tokens = load_tokens(saved(tmp_path, "[CLS]", "</s>", truncate=True))
    assert tokens.encode("one two three").tolist() == [1, 2, 3]
    assert tokens.count_many(["one two three"]).tolist() == [3]


def test_what_is_no_tokenizer_is_told(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"model": 3}')
    with pytest.raises(DataError, match=r"tokenizer.json can't be read as a tokenizer"):
        load_tokens(tmp_path / "tokenizer.json")
    with pytest.raises(DataError, match=r"gone.json can't be read"):
        load_tokens(tmp_path / "gone.json")


def test_tokens_are_stored_in_two_bytes_while_they_fit() -> None:
    assert (token_type(65535), token_type(65536)) == ("uint16", "uint32")
