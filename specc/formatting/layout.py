"""Writing items line by line: what fits stays in a line, what doesn't is broken where the language allows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from specc.formatting.columns import align
from specc.formatting.page import WIDTH, Page
from specc.formatting.scan import Remark, Word
from specc.formatting.spacing import (
    first_word,
    flat,
    flat_group,
    is_plain,
    is_prefix,
    last_word,
    space,
    width,
)
from specc.formatting.sql import lines_of
from specc.formatting.structure import Group, Item, Part

STEP = 2
"""Spaces of one level of indentation."""

_CLAUSES = {
    ("AFTER", "eval"),
    ("EVERY", "eval"),
    ("BY", "expect"),
    ("AFTER", "measure"),
    ("GIVEN", "measure"),
}
"""Words before which a long statement is broken, with their rules."""

_TOGETHER = {"SWEEP": "axes", "EXCEPT": "axes", "SEEDS": "axes"} | dict.fromkeys(
    ("LET", "MODEL", "CORPUS"), "names"
)
"""Statements of different words that need no blank line between them."""


def write_block(page: Page, group: Group, indent: int) -> None:
    """Write the items of braces, or of a file, a line or more each."""
    align(group, indent)
    written = False
    above: Item | None = None
    for item in group.items:
        blanks = item.blank or any(remark.blank for remark in item.leading)
        wanted = group.statements and above is not None and not blanks and _apart(above, item)
        for remark in item.leading:
            if written and (remark.blank or wanted):
                page.blank()
            page.begin(indent, remark.text)
            written, wanted = True, False
        if written and (item.blank or wanted):
            page.blank()
        page.begin(indent)
        write_item(page, item, indent, reserve=0 if group.statements else 1)
        if not group.statements:
            page.write(",")
        page.remark(item.trailing)
        written, above = True, item
    for remark in group.tail:
        if written and remark.blank:
            page.blank()
        page.begin(indent, remark.text)
        written = True


def _apart(above: Item, item: Item) -> bool:
    """Whether a blank line comes between two statements: of different kinds, or experiments with a body."""
    kinds = [_TOGETHER.get(each.first.kind, each.first.kind) for each in (above, item)]
    whole = any(_has_body(each) for each in (above, item))
    return kinds[0] != kinds[1] or (kinds[0] == "EXPERIMENT" and whole)


def _has_body(item: Item) -> bool:
    last = item.parts[-1]
    return isinstance(last, Group) and last.braces and bool(last.items)


def write_item(page: Page, item: Item, indent: int, reserve: int) -> None:
    """Write an item from here; `reserve` columns are needed after it."""
    _write(page, item.parts, indent, indent + STEP, reserve)


def _write(page: Page, parts: Sequence[Part], indent: int, further: int, reserve: int) -> None:
    """Write parts; `indent` is that of the line, `further` that of lines which go on with it."""
    text = flat(parts)
    if text is not None and _fits(page, text, reserve):
        page.write(text)
        return
    last = parts[-1]
    if isinstance(last, Group) and last.braces and len(parts) > 1 and not last.opening.before:
        _write(page, parts[:-1], indent, further, reserve=2)
        page.write(" " * (1 + last.opening.pad))
        _write_group(page, last, indent, 0)
        return
    for split in (_at_comments, _after_equal, _at_clauses, _at_signs, _at_factors):
        if split(page, parts, indent, further, reserve):
            return
    _write_greedily(page, parts, indent, reserve)


def _fits(page: Page, text: str, reserve: int) -> bool:
    return page.column + width(text) + reserve <= WIDTH


def _at_comments(page: Page, parts: Sequence[Part], indent: int, further: int, reserve: int) -> bool:
    """Break where comments stand between the parts, for they end their lines."""
    places = [n for n, part in enumerate(parts) if n and first_word(part).before]
    if not places:
        return False
    segments = _cut(parts, places)
    _write(page, segments[0], indent, further, 0)
    for segment in segments[1:]:
        _write_remarks(page, first_word(segment[0]).before, further)
        page.begin(further)
        _write(page, segment, further, further, reserve if segment is segments[-1] else 0)
    return True


def _write_remarks(page: Page, remarks: list[Remark], indent: int) -> None:
    ends = [remark for remark in remarks if remark.trailing or remark.continued]
    page.remark(ends)
    for remark in remarks[len(ends) :]:
        page.begin(indent, remark.text)


def _after_equal(page: Page, parts: Sequence[Part], indent: int, further: int, reserve: int) -> bool:
    """Break after `=`, where that is enough for a value without brackets to break, and before comparisons."""
    place = next((n for n, part in enumerate(parts) if isinstance(part, Word) and part.kind == "EQUAL"), None)
    if place is None or place + 1 == len(parts) or first_word(parts[0]).kind == "EVAL":
        return False
    if flat(parts[: place + 1]) is None:
        return False
    value = parts[place + 1 :]
    if any(isinstance(part, Group) for part in value) and not any(map(_breaks, value[1:])):
        return False
    text = flat(value)
    enough = text is not None and further + width(text) + reserve <= WIDTH
    if first_word(value[0]).before or not (enough or any(map(_is_clause, value))):
        return False
    _write(page, parts[: place + 1], indent, further, 0)
    page.begin(further)
    _write(page, value, further, further, reserve)
    return True


def _breaks(part: Part) -> bool:
    return _is_clause(part) or _is_sign(part) or _is_factor(part)


def _is_clause(part: Part) -> bool:
    if not isinstance(part, Word):
        return False
    return part.kind == "COMPARISON" or (part.kind, part.owner) in _CLAUSES


def _is_sign(part: Part) -> bool:
    return isinstance(part, Word) and part.kind == "SIGN" and not is_prefix(part)


def _is_factor(part: Part) -> bool:
    return isinstance(part, Word) and part.kind == "TIMES"


def _at_clauses(page: Page, parts: Sequence[Part], indent: int, further: int, reserve: int) -> bool:
    places = [n for n, part in enumerate(parts) if n and _is_clause(part)]
    return _fill(page, parts, places, indent, further, reserve)


def _at_signs(page: Page, parts: Sequence[Part], indent: int, further: int, reserve: int) -> bool:
    places = [n for n, part in enumerate(parts) if n and _is_sign(part)]
    return _fill(page, parts, places, indent, further, reserve)


def _at_factors(page: Page, parts: Sequence[Part], indent: int, further: int, reserve: int) -> bool:
    places = [n for n, part in enumerate(parts) if n and _is_factor(part)]
    return _fill(page, parts, places, indent, further, reserve)


def _fill(
    page: Page, parts: Sequence[Part], places: list[int], indent: int, further: int, reserve: int
) -> bool:
    """Break before some of these places: as much as fits goes into each line."""
    if not places:
        return False
    segments = _cut(parts, places)
    here = indent
    _write(page, segments[0], indent, further + STEP, 0)
    for before, segment in pairwise(segments):
        needed = reserve if segment is segments[-1] else 0
        text = flat(segment)
        gap = space(last_word(before[-1]), first_word(segment[0])) + " " * first_word(segment[0]).pad
        if text is not None and _fits(page, gap + text, needed):
            page.write(gap + text)
            continue
        here = further
        page.begin(here)
        _write(page, segment, here, here + STEP, needed)
    return True


def _cut(parts: Sequence[Part], places: list[int]) -> list[Sequence[Part]]:
    edges = [0, *places, len(parts)]
    return [parts[start:stop] for start, stop in pairwise(edges)]


def _write_greedily(page: Page, parts: Sequence[Part], indent: int, reserve: int) -> None:
    """Break the brackets that have to be broken, from left to right."""
    for number, part in enumerate(parts):
        if number:
            word = first_word(part)
            page.write(space(last_word(parts[number - 1]), word) + " " * word.pad)
        if isinstance(part, Word):
            _write_word(page, part, indent)
            continue
        text, rest = flat_group(part), parts[number + 1 :]
        stop = next((n for n, later in enumerate(rest) if isinstance(later, Group)), None)
        after = flat([part.closing, *(rest if stop is None else rest[:stop])]) or ""
        needed = width(after) - 1 + (reserve if stop is None else 2)
        if text is not None and _fits(page, text, needed):
            page.write(text)
        else:
            _write_group(page, part, indent, reserve if number + 1 == len(parts) else 0)


def _write_word(page: Page, word: Word, indent: int) -> None:
    if word.kind != "SQL":
        page.write(word.text)
        return
    first, *rest = lines_of(word.text, indent + STEP, indent)
    page.write(first)
    for line in rest:
        page.begin_raw(line)


def _write_group(page: Page, group: Group, indent: int, reserve: int) -> None:
    """Write brackets with an item a line; short plain values fill their lines."""
    if group.braces:
        text = flat_group(group)
        if text is not None and _fits(page, text, reserve):
            page.write(text)
            return
    page.write(group.opening.text)
    page.remark(group.trailing)
    inner = indent + STEP
    if group.braces:
        write_block(page, group, inner)
    elif len(group.items) > 1 and not group.remarked and all(map(is_plain, group.items)):
        _write_values(page, group, inner)
    else:
        _write_series(page, group, inner)
    page.begin(indent, group.closing.text)


def _write_values(page: Page, group: Group, indent: int) -> None:
    page.begin(indent)
    for number, item in enumerate(group.items):
        final = number + 1 == len(group.items)
        text = (flat(item.parts) or "") + ("" if final and not group.final_comma else ",")
        if not page.lines[-1].code:
            page.write(text)
        elif _fits(page, " " + text, 0):
            page.write(" " + text)
        else:
            page.begin(indent, text)


def _write_series(page: Page, group: Group, indent: int) -> None:
    for number, item in enumerate(group.items):
        for remark in item.leading:
            page.begin(indent, remark.text)
        page.begin(indent)
        write_item(page, item, indent, reserve=1)
        if number + 1 < len(group.items) or group.final_comma:
            page.write(",")
        page.remark(item.trailing)
    for remark in group.tail:
        page.begin(indent, remark.text)
