"""A template's text as a tree, by Jinja's rules for white space."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from specc.diagnostics import nearest
from specc.quantities.templates.tree import (
    Called,
    Expression,
    Listed,
    Literal,
    Loop,
    Named,
    Output,
    Part,
    TemplateError,
    Text,
)

DEEPEST = 20
"""Brackets of an expression that may be open at once, and loops that may lie inside each other."""

_OPEN = re.compile(r"\{\{|\{%|\{#")
_RAW = re.compile(r"\{%(?P<trim>-?)\s*raw\s*(?P<after>-?)%\}")
_ENDRAW = re.compile(r"\{%(?P<trim>-?)\s*endraw\s*(?P<after>-?)%\}")
_CLOSING = {"{{": "}}", "{%": "%}", "{#": "#}"}
_WHAT = {"{{": "`{{`", "{%": "`{%`", "{#": "comment `{#`"}
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<mark>-?%\}|-?\}\}|[][(),=-])",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_STATEMENTS = ("for", "endfor", "raw", "endraw")


def is_template(text: str) -> bool:
    """Whether there is anything to render in a text."""
    return "{{" in text or "{%" in text


@dataclass(frozen=True, slots=True)
class Token:
    """A word of an expression."""

    kind: str
    text: str
    start: int

    @property
    def stop(self) -> int:
        return self.start + len(self.text)


def parse(text: str) -> tuple[Part, ...]:
    """The parts of a template.

    Raises:
        TemplateError: pointing at what is not part of the language.
    """
    return _Parser(text).parts()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._tokens: list[Token] = []
        self._depth = 0
        self._loops: list[tuple[int, int]] = []

    def parts(self) -> tuple[Part, ...]:
        """Parts up to the end of the text, or of the loop that is open."""
        found: list[Part] = []
        trim = False
        while True:
            match = _OPEN.search(self._text, self._at)
            end = match.start() if match else len(self._text)
            dash = match is not None and self._text[match.end() : match.end() + 1] == "-"
            self._add(found, self._at, end, trim, dash)
            if match is None:
                if self._loops:
                    start, stop = self._loops[-1]
                    raise TemplateError("this loop has no end", start, stop, "write `{% endfor %}` behind it")
                self._at = end
                return tuple(found)
            trim = False
            if match[0] == "{#":
                trim = self._comment(match.start())
            elif match[0] == "{{":
                self._begin(match.end() + dash)
                expression = self._expression()
                closing = self._expect("}}", match.start())
                found.append(Output(expression, match.start(), closing.stop))
                trim = closing.text.startswith("-")
                self._at = closing.stop
            elif raw := _RAW.match(self._text, match.start()):
                trim = self._raw(found, raw)
            else:
                self._begin(match.end() + dash)
                word = self._next()
                if word.text == "endfor" and self._loops:
                    closing = self._expect("%}", match.start())
                    self._at = closing.stop
                    self._after = closing.text.startswith("-")
                    return tuple(found)
                if word.text != "for":
                    raise self._no_statement(word)
                found.append(self._loop(match.start()))
                trim = self._after
                continue

    _after = False

    def _add(self, found: list[Part], start: int, stop: int, trim_left: bool, trim_right: bool) -> None:
        piece = self._text[start:stop]
        if trim_left:
            stripped = piece.lstrip()
            start, piece = start + len(piece) - len(stripped), stripped
        if trim_right:
            piece = piece.rstrip()
        if piece:
            found.append(Text(piece, start))

    def _comment(self, start: int) -> bool:
        end = self._text.find("#}", start + 2)
        if end < 0:
            raise TemplateError("this comment has no end", start, start + 2, "write `#}` behind it")
        self._at = end + 2
        return end > start + 2 and self._text[end - 1] == "-"

    def _raw(self, found: list[Part], head: re.Match[str]) -> bool:
        end = _ENDRAW.search(self._text, head.end())
        if end is None:
            raise TemplateError(
                "this `raw` has no end", head.start(), head.end(), "write `{% endraw %}` behind it"
            )
        self._add(found, head.end(), end.start(), bool(head["after"]), bool(end["trim"]))
        self._at = end.end()
        return bool(end["after"])

    def _loop(self, start: int) -> Loop:
        name = self._next()
        if name.kind != "name":
            raise TemplateError(
                "a loop gives each item a name", name.start, name.stop, "write `for NAME in LIST`"
            )
        word = self._next()
        if word.text != "in":
            raise TemplateError(
                "after the name comes `in`", word.start, word.stop, "write `for NAME in LIST`"
            )
        items = self._expression()
        closing = self._expect("%}", start)
        if len(self._loops) >= DEEPEST:
            raise TemplateError(f"more than {DEEPEST} loops lie inside each other", start, closing.stop)
        self._loops.append((start, closing.stop))
        self._at = closing.stop
        if closing.text.startswith("-"):
            while self._text[self._at : self._at + 1].isspace():
                self._at += 1
        body = self.parts()
        self._loops.pop()
        return Loop(name.text, items, body, start, closing.stop)

    def _no_statement(self, word: Token) -> TemplateError:
        near = nearest(word.text, _STATEMENTS)
        if word.text in ("endfor", "endraw"):
            message = f"`{word.text}` ends nothing here"
            return TemplateError(message, word.start, word.stop, "take it out")
        return TemplateError(
            f"`{word.text}` is not part of these templates",
            word.start,
            word.stop,
            f"write `{near}`" if near else "there are `{% for NAME in LIST %}` and `{% raw %}`",
        )

    # ---- expressions

    def _begin(self, start: int) -> None:
        self._words = self._scan(start)
        self._ahead: Token | None = None

    def _scan(self, at: int) -> Iterator[Token]:
        while True:
            match = _TOKEN.match(self._text, at)
            if match is None:
                break
            if match.lastgroup != "space":
                yield Token(str(match.lastgroup), match[0], at)
            at = match.end()
        rest = self._text[at : at + 1]
        while True:
            yield Token("end" if not rest else "other", rest, at)

    def _peek(self) -> Token:
        if self._ahead is None:
            self._ahead = next(self._words)
        return self._ahead

    def _next(self) -> Token:
        token, self._ahead = self._peek(), None
        return token

    def _expect(self, closing: str, start: int) -> Token:
        token = self._next()
        if token.kind == "mark" and token.text.removeprefix("-") == closing:
            return token
        opening = self._text[start : start + 2]
        if token.kind == "end":
            raise TemplateError(
                f"this {_WHAT[opening]} is not closed",
                start,
                start + 2,
                f"write `{_CLOSING[opening]}` behind it",
            )
        raise self._unexpected(token, closing)

    def _unexpected(self, token: Token, wanted: str) -> TemplateError:
        if token.kind == "end":
            return TemplateError("the template ends here", token.start, token.start, f"write `{wanted}`")
        help = {
            "|": "there are no filters; write a call",
            ".": "nothing of a value can be reached; write a call, or the value itself",
            "[": "nothing of a value can be reached; write a call, or the value itself",
            "~": "write one `{{ ... }}` after the other",
            "+": "write one `{{ ... }}` after the other",
            "%": "a share is written as its number: `0.5` for 50%",
        }.get(token.text, f"write `{wanted}`")
        return TemplateError(
            f"`{token.text}` is not expected here", token.start, max(token.stop, token.start + 1), help
        )

    def _expression(self) -> Expression:
        self._depth += 1
        token = self._next()
        if self._depth > DEEPEST:
            raise TemplateError(f"more than {DEEPEST} brackets are open", token.start, token.stop)
        try:
            if token.kind == "string":
                return Literal(_string(token), token.start, token.stop)
            if token.text == "-" or token.kind == "number":
                return self._number(token)
            if token.text == "[":
                items, stop = self._items("]")
                return Listed(tuple(value for _, value in items), token.start, stop)
            if token.kind != "name":
                raise self._unexpected(token, "a name, a string or a number")
            if token.text in ("true", "false", "True", "False"):
                return Literal(token.text.lower() == "true", token.start, token.stop)
            if self._peek().text != "(":
                return Named(token.text, token.start, token.stop)
            self._next()
            items, stop = self._items(")")
            return Called(
                token.text,
                tuple(value for key, value in items if not key),
                tuple((key, value) for key, value in items if key),
                token.start,
                stop,
            )
        finally:
            self._depth -= 1

    def _items(self, closing: str) -> tuple[list[tuple[str, Expression]], int]:
        """What is in brackets: (keyword or "", value), and where the brackets end."""
        found: list[tuple[str, Expression]] = []
        keys: set[str] = set()
        while True:
            if self._peek().text == closing:
                return found, self._next().stop
            value = self._expression()
            key = ""
            if closing == ")" and self._peek().text == "=":
                if not isinstance(value, Named):
                    raise self._unexpected(self._peek(), ",")
                key = value.name
                if key in keys:
                    raise TemplateError(f"`{key}` is given twice", value.start, value.stop, "give it once")
                keys.add(key)
                self._next()
                value = self._expression()
            elif keys:
                raise TemplateError(
                    "after a named argument comes no unnamed one",
                    value.start,
                    value.stop,
                    "write `name = ...`",
                )
            found.append((key, value))
            token = self._peek()
            if token.text == ",":
                self._next()
            elif token.text != closing:
                raise self._unexpected(token, closing)

    def _number(self, token: Token) -> Literal:
        digits = self._next() if token.text == "-" else token
        if digits.kind != "number":
            raise self._unexpected(digits, "a number")
        text = digits.text.replace("_", "")
        try:
            value: int | float = int(text) if text.isdigit() else float(text)
        except ValueError:  # int() refuses thousands of digits
            raise TemplateError("this number is too long", token.start, digits.stop) from None
        return Literal(-value if token.text == "-" else value, token.start, digits.stop)


def _string(token: Token) -> str:
    def escaped(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            start = token.start + 1 + match.start()
            raise TemplateError(
                f"`{match[0]}` is no escape", start, start + 2, r"there are `\n`, `\t`, `\\`, `\'` and `\"`"
            )
        return _ESCAPES[match[1]]

    return _ESCAPE.sub(escaped, token.text[1:-1])
