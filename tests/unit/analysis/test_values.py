"""Numbers as they are written, and arithmetic with units."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specc.analysis.units import combine
from specc.analysis.values import Amount, Unit, read_number, show_share, show_tokens

SIZES = {"": 1, "K": 1_000, "M": 1_000_000, "B": 1_000_000_000, "T": 1_000_000_000_000}


@given(
    number=st.decimals(min_value=0, max_value=10**6, places=6),
    suffix=st.sampled_from(list(SIZES)),
)
def test_numbers_are_read_exactly(number: Decimal, suffix: str) -> None:
    text = f"{number:f}{suffix}"
    assert read_number(text) == (Fraction(number) * SIZES[suffix], False)


@given(st.decimals(min_value=0, max_value=1000, places=4))
def test_percentages_are_exact_fractions(number: Decimal) -> None:
    assert read_number(f"{number:f}%") == (Fraction(number) / 100, True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1_000", Fraction(1000)),
        ("3e-4", Fraction(3, 10_000)),
        ("1E3", Fraction(1000)),
        ("2.5e+2", Fraction(250)),
        ("0", Fraction(0)),
    ],
)
def test_ways_to_write_a_number(text: str, value: Fraction) -> None:
    assert read_number(text) == (value, False)


@pytest.mark.parametrize(
    "text",
    ["20m", "1.2.3", "1e", "0x10", "5K%", "1e999", "9" * 41, "10_000_000T", "1.", ".5", "1KK", "١"],
)
def test_what_is_no_number_is_explained(text: str) -> None:
    assert isinstance(read_number(text), str)


@given(st.integers(0, 10**15))
def test_shown_tokens_read_back_the_same(tokens: int) -> None:
    read = read_number(show_tokens(tokens).replace(",", "_"))
    assert read == (Fraction(tokens), False)


@given(st.integers(0, 10**5))
def test_shares_of_up_to_three_decimals_are_shown_exactly(thousandths: int) -> None:
    share = Fraction(thousandths, 100_000)
    assert read_number(show_share(share)) == (share, True)


UNITS = [Unit.NUMBER, Unit.SHARE, Unit.TOKENS, Unit.STEPS, Unit.SEQUENCES, Unit.EPOCHS]
SCALARS = (Unit.NUMBER, Unit.SHARE)


@pytest.mark.parametrize("left", UNITS)
@pytest.mark.parametrize("right", UNITS)
def test_units_that_combine(left: Unit, right: Unit) -> None:
    a, b = Amount(Fraction(6), left), Amount(Fraction(3), right)
    for symbol, value in (("+", 9), ("-", 3)):
        found = combine(a, symbol, b)
        assert (found == Amount(Fraction(value), left)) == (left is right)
    product = combine(a, "*", b)
    assert isinstance(product, Amount) == (left in SCALARS or right in SCALARS)
    if isinstance(product, Amount):
        assert product.value == 18
        assert product.unit is (left if right in SCALARS and left is not Unit.NUMBER else right)
    quotient = combine(a, "/", b)
    assert isinstance(quotient, Amount) == (left is right or right in SCALARS)
    if isinstance(quotient, Amount):
        assert quotient == Amount(Fraction(2), Unit.NUMBER if left is right else left)


def test_division_by_zero_is_a_mistake() -> None:
    found = combine(Amount(Fraction(1), Unit.TOKENS), "/", Amount(Fraction(0), Unit.NUMBER))
    assert not isinstance(found, Amount)
    assert found[0] == "E0305"


@pytest.mark.parametrize(
    ("left", "right", "help"),
    [
        (Amount(Fraction(20), Unit.TOKENS), Amount(Fraction(3), Unit.NUMBER), "write `3 tokens`"),
        (Amount(Fraction(3), Unit.NUMBER), Amount(Fraction(1, 4), Unit.SHARE), "write `300%`"),
        (Amount(Fraction(3), Unit.TOKENS), Amount(Fraction(2), Unit.STEPS), None),
    ],
)
def test_the_help_gives_a_bare_number_the_others_unit(left: Amount, right: Amount, help: str | None) -> None:
    found = combine(left, "+", right)
    assert not isinstance(found, Amount)
    assert found[2] == help
