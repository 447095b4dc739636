"""Properties of the canonical form, over texts derived from the grammar."""

from __future__ import annotations

import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from derivation import derive, spell, text
from specc.diagnostics import Report, Source
from specc.formatting import format_text
from specc.formatting.same import same_tree
from specc.language.grammar import parse_tree
from specc.language.parse import parse

sources = st.randoms(use_true_random=False)


@given(sources, st.sampled_from((10, 40, 120)))
@settings(max_examples=150, deadline=None)
def test_the_form_means_the_same_and_is_its_own_form(source: random.Random, budget: int) -> None:
    written = text(source, budget)
    formed = format_text(written)
    assert same_tree(parse_tree(written, "file"), parse_tree(formed, "file"))
    assert format_text(formed) == formed
    report = Report()
    parse(Source("x.spec", formed), report)
    assert not report.failed


@given(sources)
@settings(max_examples=100, deadline=None)
def test_white_space_in_a_line_makes_no_difference(source: random.Random) -> None:
    words, _ = derive(source, 80)
    plain = spell(source, words, odd=False)
    # Inside of strings and SQL white space is a part of the text.
    parts = re.split(r'(```sql.*?```|"(?:[^"\\\n]|\\.)*")', plain, flags=re.DOTALL)
    wide = "".join(part if number % 2 else part.replace(" ", " \t  ") for number, part in enumerate(parts))
    assert format_text(wide) == format_text(plain)


@given(sources, st.sampled_from((10, 40, 120)))
@settings(max_examples=100, deadline=None)
def test_comments_are_kept_in_their_order(source: random.Random, budget: int) -> None:
    written = text(source, budget)
    counted = 0

    def numbered(match: re.Match[str]) -> str:
        nonlocal counted
        if not match[0].startswith("#"):
            return match[0]
        counted += 1
        return f"# {counted}"

    pattern = re.compile(r'```sql.*?```|"(?:[^"\\\n]|\\.)*"|#[^\n]*', re.DOTALL)
    formed = format_text(pattern.sub(numbered, written))
    found = [match[0] for match in pattern.finditer(formed) if match[0].startswith("#")]
    assert found == [f"# {number}" for number in range(1, counted + 1)]
