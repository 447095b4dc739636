"""Identity of documents and the split by hash."""

from __future__ import annotations

import hashlib
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from specc.corpora.documents import Document, document_id, is_held_out

shares = st.fractions(min_value=0, max_value=1)
digests = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")


def test_id_is_the_digest_of_kind_lengths_and_parts() -> None:
    assert document_id(Document("né")) == hashlib.sha256(b"text 3:n\xc3\xa9").hexdigest()
    paired = Document(prompt="a", completion="bc", options=("bc", "d"))
    assert document_id(paired) == hashlib.sha256(b"prompt 1:a 2:bc").hexdigest()


def test_no_two_ways_to_cut_the_same_text_have_one_id() -> None:
    documents = [
        Document("abc"),
        Document(prompt="", completion="abc"),
        Document(prompt="a", completion="bc"),
        Document(prompt="ab", completion="c"),
        Document(prompt="abc"),
        Document(prompt="a", completion="b"),
        Document(prompt="a 1:b", completion=""),
    ]
    assert len({document_id(document) for document in documents}) == len(documents)


@given(digests, shares)
def test_held_out_compares_the_leading_64_bits_exactly(digest: str, share: Fraction) -> None:
    assert is_held_out(digest, share) == (Fraction(int(digest, 16) >> 192, 2**64) < share)


@given(digests, shares, shares)
def test_a_larger_share_keeps_what_a_smaller_one_holds_out(
    digest: str, one: Fraction, other: Fraction
) -> None:
    assert is_held_out(digest, max(one, other)) or not is_held_out(digest, min(one, other))


def test_all_or_nothing_is_held_out_at_the_ends() -> None:
    assert not is_held_out("0" * 64, Fraction(0))
    assert is_held_out("f" * 64, Fraction(1))


def test_about_the_share_asked_for_is_held_out() -> None:
    kept = sum(is_held_out(document_id(Document(str(number))), Fraction(1, 20)) for number in range(4000))
    assert 150 < kept < 250  # 200 expected; 3.6 standard deviations of a binomial to either side
