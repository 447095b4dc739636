"""The texts that are derived from the grammar reach all of it, and are in the language."""

from __future__ import annotations

import random

import pytest

from derivation import derive, rules, spell
from specc.language.grammar import parse_tokens


def test_every_alternative_of_every_rule_is_derived() -> None:
    source = random.Random(0)
    used = set()
    for _ in range(4000):
        used |= derive(source, 150)[1]
    missing = [rule for alternatives in rules().values() for rule in alternatives if rule not in used]
    assert not missing


@pytest.mark.parametrize("odd", [False, True])
def test_derived_texts_are_in_the_language_whatever_stands_between_their_words(odd: bool) -> None:
    source = random.Random(1)
    for _ in range(150):
        words, _ = derive(source, source.choice((10, 60, 200)))
        text = spell(source, words, odd)
        _, tokens = parse_tokens(text)
        written = [word.text for word in words if word.terminal != "_NL"]
        assert [str(token) for token in tokens if token.type != "_NL"] == written
