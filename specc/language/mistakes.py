"""What to say about text that the parser refuses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from specc.diagnostics import Report, Source, Span, foreign, nearest
from specc.language.habits import habit

if TYPE_CHECKING:
    from lark import Token
    from lark.exceptions import UnexpectedInput

MEMBERS = (
    "sweep",
    "except",
    "seeds",
    "let",
    "model",
    "corpus",
    "allocate",
    "stage",
    "eval",
    "check",
    "compare",
    "expect",
    "recipe",
)
OVERRIDES = ("let", "model", "corpus", "allocate", "seeds", "stage")
KEYWORDS = {
    "item": ("use", "experiment", *MEMBERS),
    "member": (*MEMBERS, "override"),
    "override": ("override",),
}

_WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a quoted string",
    "SQL": "an SQL block",
    "COMPARISON": "a comparison such as `<`",
    "SIGN": "`+` or `-`",
    "TIMES": "`*` or `/`",
    "_NL": "the end of the line",
    "$END": "the end of the line",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "EQUAL": "`=`",
    "DOT": "`.`",
    "_MARK": "`@`",
    "_PLACES": "`at`",
    "_AND": "`,`",
    "_RANGE": "`..`",
    "_EQUALLY": "`equal`",
}
_OPERAND = {"NAME", "NUMBER", "STRING", "LPAR", "LSQB"}


def describe(
    error: UnexpectedInput, source: Source, base: int, text: str, start: str, report: Report
) -> None:
    """Report one syntax error of the text that begins at `base`."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    if isinstance(error, UnexpectedCharacters):
        offset = base + (error.pos_in_stream or 0)
        _character(source, Span(source, offset, offset + 1), report)
        return
    assert isinstance(error, UnexpectedToken)
    token = error.token
    expected = set(error.accepts or error.expected)
    if token.type == "$END":
        end = base + len(text.rstrip())
        span = Span(source, max(base, end - 1), end)
        report.add("E0102", "this ends too early", span, f"expected {_list(expected)} after this")
        return
    offset = base + (token.start_pos or 0)
    span = Span(source, offset, offset + max(1, len(token.rstrip("\n"))))
    word = str(token)
    if word == "\n":
        report.add(
            "E0102",
            "the line ends too early",
            Span(source, max(base, offset - 1), offset),
            f"expected {_list(expected)} after this",
        )
        return
    before = text[: offset - base]
    keywords = [name.lower() for name in expected if name.lower() not in _WORDS and name.isalpha()]
    close = nearest(word, keywords) if token.type == "NAME" else None
    if not before.strip() and start in KEYWORDS and word not in "/":
        _unknown_item(word, span, start, report)
    elif word in foreign.LOOPS:
        report.add("E0102", f"`{word}` can't stand here", span, help=foreign.ITEMS[word])
    elif close is None and (unseparated := _unseparated(token, expected, source, base, before)):
        report.add(
            "E0102",
            f"a comma is missing before `{unseparated.text}`",
            unseparated,
            help=f"write `, {unseparated.text}`",
        )
    elif close is None and (found := habit(word, token.type, before, text[offset - base :], expected)):
        start_of = span.start - found.back
        wider = Span(source, start_of, start_of + found.length)
        report.add("E0102", f"`{found.shown}` can't stand here", wider, help=found.help)
    elif word == ":" and "EQUAL" in expected:
        name = before.split()[-1]
        example = f"{name} = ..." if start in ("item", "member") else "batch = 64 sequences"
        help = f"a value is given with `=`, for instance `{example}`"
        report.add("E0102", "`:` can't stand here", span, help=help)
    elif word == "=" and "COLON" in expected:
        report.add(
            "E0102",
            "`=` can't stand here",
            span,
            help="a cell is written with `:`, for instance `pretrain: 100%`",
        )
    elif word == "=" and "IN" in expected and before.split()[:1] == ["sweep"]:
        help = f"values of an axis stand behind `in`: `sweep {before.split(None, 1)[1].strip()} in [...]`"
        report.add("E0102", "`=` can't stand here", span, help=help)
    elif word == "=" and "COMPARISON" in expected:
        report.add("E0102", "`=` can't stand here", span, help="compare with `==`")
    elif token.type == "SQL":
        fence = Span(source, span.start, span.start + len("```sql"))
        named = before.split() == ["expect"]
        name_it = "name it: expect NAME = ```sql ... ```" if named else None
        report.add("E0102", "an SQL block can't stand here", fence, help=name_it)
    else:
        other = f"write `{close}`" if close and close != word else None
        if word.startswith(".") and "NUMBER" in expected:
            other = "a range is written `0..2`"
        elif token.type == "STRING" and "SQL" in expected:
            other = f"write ```sql {word[1:-1]} ```"
        label = "" if other else f"expected {_list(expected)}"
        report.add("E0102", f"`{word}` can't stand here", span, label, help=other)


def _unseparated(token: Token, expected: set[str], source: Source, base: int, before: str) -> Span | None:
    """The word before which a comma is missing, in a list of arguments or values; None if that is not it."""
    if "COMMA" not in expected or not expected & {"RPAR", "RSQB", "RBRACE"}:
        return None
    if "RBRACE" in expected:
        # In `pretrain: 50% posttrain: rest` the name was taken for the unit of the number before it.
        after = source.text[base + len(before) :]
        if token.type == "NAME" and re.match(r"\w+[ \t]*:", after):
            return Span(source, base + len(before), base + len(before) + len(token))
        name = re.search(r"[\w%][ \t]+([A-Za-z_]\w*)\s*$", before) if token.type == "COLON" else None
        return Span(source, base + name.start(1), base + name.end(1)) if name else None
    if token.type in _OPERAND:
        start = base + len(before)
        return Span(source, start, start + len(token))
    # In `peak = 1e-3 warmup = 2%` the name was taken for the unit of the number before it.
    name = re.search(r"[0-9%][ \t\n]+([A-Za-z_]\w*)\s*$", before) if token.type == "EQUAL" else None
    return Span(source, base + name.start(1), base + name.end(1)) if name else None


def _unknown_item(word: str, span: Span, start: str, report: Report) -> None:
    options = KEYWORDS[start]
    rest = span.source.line(span.source.position(span.start)[0]).partition(word)[2].partition("#")[0].strip()
    close = nearest(word, options)
    if word in ("use", "experiment") and start == "member":
        report.add(
            "E0102", f"`{word}` can't stand in an experiment", span, help="move it to the top of the file"
        )
    elif start == "override" and word in OVERRIDES:
        help = f"a recipe changes what its experiment has: write `override {word}`"
        report.add("E0102", f"`{word}` can't stand alone in a recipe", span, help=help)
    elif start == "override":
        names = ", ".join(f"`override {option}`" for option in OVERRIDES)
        report.add("E0101", f"unknown item `{word}`", span, help=f"a recipe is made of {names}")
    elif word in foreign.ITEMS:
        report.add("E0101", f"unknown item `{word}`", span, help=foreign.ITEMS[word])
    elif close:
        report.add("E0101", f"unknown item `{word}`", span, help=f"write `{close}`")
    elif rest.startswith("=") and start in ("item", "member"):
        help = f"a name for a value is declared with `let`: `let {word} {rest}`"
        report.add("E0101", f"unknown item `{word}`", span, help=help)
    else:
        names = ", ".join(f"`{option}`" for option in options)
        report.add("E0101", f"unknown item `{word}`", span, help=f"an item begins with one of {names}")


def _character(source: Source, span: Span, report: Report) -> None:
    character = span.text
    if character in foreign.LIKE:
        meant = foreign.LIKE[character]
        report.add("E0107", f"`{character}` is no sign of the language", span, help=f"write `{meant}`")
    elif character in foreign.SIGNS:
        help = foreign.SIGNS[character]
        report.add("E0107", f"`{character}` is no sign of the language", span, help=help)
    elif character == "%":
        report.add(
            "E0105", "`%` stands apart from its number", span, help="write it beside the number: `25%`"
        )
    else:
        shown = character if character.isprintable() else f"U+{ord(character):04X}"
        report.add(
            "E0107",
            f"`{shown}` is no sign of the language",
            span,
            help="names are made of letters a to z, digits and `_`" if character.isalpha() else None,
        )


def _list(expected: set[str]) -> str:
    """The acceptable next words, in words; a value stands for all that may begin one."""
    expected = set(expected)
    words = []
    if expected >= {"NAME", "NUMBER"}:
        expected -= _OPERAND | {"SIGN"}
        words.append("a value")
    expected -= {"SIGN", "TIMES", "_MARK", "DOT", "LPAR", "WITH"} if len(expected) > 3 else set()
    words += dict.fromkeys(_WORDS.get(terminal, f"`{terminal.lower()}`") for terminal in sorted(expected))
    if len(words) == 1:
        return words[0]
    return ", ".join(words[:-1]) + " or " + words[-1] if words else "nothing more"
