"""Facts, Markov text, and the hashing under them."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections import Counter
from typing import Any

import pytest

from specc.corpora.documents import Document, document_id
from specc.corpora.hashing import hashed, hashed_bytes, permuted
from specc.corpora.readers import read_documents
from specc.errors import DataError
from specc.steps import Component


def facts(**args: int) -> list[Document]:
    return list(read_documents(Component(name="facts", args=args), ()))


def markov(**args: int) -> list[str]:
    return [document.text for document in read_documents(Component(name="markov", args=args), ())]


def digest_of(reader: str, **args: Any) -> str:
    content = hashlib.sha256()
    for document in read_documents(Component(name=reader, args=args), ()):
        content.update(document_id(document).encode())
    return content.hexdigest()


def test_draws_of_a_universe_share_no_key_and_use_them_all() -> None:
    draws = [facts(count=256, draw=draw) for draw in range(4)]
    keys = [document.prompt for draw in draws for document in draw]
    assert len(set(keys)) == 4 * 256 == 32 * 32


def test_draws_that_divide_unevenly_still_use_every_key_once() -> None:
    size = 5**3
    keys = []
    for draw in range(7):
        owned = len(range(draw, size, 7))
        args = {"draw": draw, "draws": 7, "keys": 5, "key_length": 3}
        keys += [document.prompt for document in facts(count=owned, **args)]
        with pytest.raises(DataError, match=f"draw {draw} owns {owned}: 5 symbols make 125 keys of length 3"):
            facts(count=owned + 1, **args)
    assert len(keys) == len(set(keys)) == size


def test_a_longer_corpus_begins_with_a_shorter_one() -> None:
    assert facts(count=200, draw=1)[:50] == facts(count=50, draw=1)


def test_facts_have_the_shape_that_is_asked_for() -> None:
    documents = facts(count=80, key_length=4, keys=3, values=5, draws=1, universe=9)
    for document in documents:
        assert document.prompt is not None
        assert len(document.prompt.encode()) == 4
        assert set(document.prompt) <= set("abc")
        assert document.completion in set("VWXYZ")
    assert {document.completion for document in documents} == set("VWXYZ")


def test_another_universe_has_other_facts() -> None:
    one = {document.prompt: document.completion for document in facts(count=1024, draws=1, universe=0)}
    other = {document.prompt: document.completion for document in facts(count=1024, draws=1, universe=1)}
    assert one.keys() == other.keys()
    agreeing = sum(one[key] == other[key] for key in one)
    assert agreeing < 64  # 1024 / 32 = 32 expected; 5.7 standard deviations of a binomial above
    assert [d.prompt for d in facts(count=9)] != [d.prompt for d in facts(count=9, universe=1)]


def test_a_draw_that_is_not_there_is_told() -> None:
    with pytest.raises(DataError, match="draw 4 is not one of the universe's 4 draws"):
        facts(count=1, draw=4)


def test_generated_corpora_are_the_same_everywhere() -> None:
    assert [document.content for document in facts(count=3, draw=2, universe=7)] == ["dnV", "boL", "nxS"]
    assert (
        digest_of("facts", count=100, draw=2, universe=7)
        == "6d730ea80efa0d4d9c7e61dca7055bf2f168be18bfbf9bc282c769cbbf308742"
    )
    assert (
        digest_of("markov", tokens=5000, seed=3)
        == "957884bec3cab4d190e2fc41aef3f056deba29998489a7dc75098dba8ddad772"
    )


def test_markov_text_fills_whole_documents() -> None:
    documents = markov(tokens=1000, document=32)
    assert len(documents) == 32  # 31 documents hold 992 tokens
    assert {len(text.encode()) for text in documents} == {31}  # the end token is the 32nd
    assert markov(tokens=200, document=32) == documents[:7]


def test_every_letter_has_its_successors_with_equal_shares() -> None:
    documents = markov(tokens=200_000, document=100, symbols=10, branching=3)
    pairs = Counter(pair for text in documents for pair in itertools.pairwise(text))
    for letter in "abcdefghij":
        counts = [count for (first, _), count in pairs.items() if first == letter]
        assert len(counts) == 3
        total = sum(counts)
        spread = 5 * math.sqrt(total * (1 / 3) * (2 / 3))
        assert all(abs(count - total / 3) < spread for count in counts)


def test_more_successors_than_letters_are_refused() -> None:
    with pytest.raises(DataError, match="can't have 5 successors among 4 letters"):
        markov(tokens=10, symbols=4, branching=5)


@pytest.mark.parametrize("size", [1, 2, 3, 17, 64, 1000])
def test_permuted_is_a_permutation(size: int) -> None:
    assert sorted(permuted(index, size, "test") for index in range(size)) == list(range(size))


def test_permutations_of_other_labels_differ() -> None:
    orders = {tuple(permuted(index, 100, "test", seed) for index in range(100)) for seed in range(5)}
    assert len(orders) == 5


def test_hashed_is_blake2b_of_the_label() -> None:
    expected = int.from_bytes(hashlib.blake2b(b"a/1", digest_size=8).digest(), "big")
    assert hashed("a", 1) == expected
    assert hashed_bytes(100, "a")[64:] == hashlib.blake2b(b"a/1", digest_size=64).digest()[:36]
