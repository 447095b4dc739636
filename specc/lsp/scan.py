"""Words, signs and brackets of a text, which need not parse: what is being written seldom does.

The scan tells what a place in the text is about: the statements it lies in, from the outermost
inwards, and what is written of the innermost one so far.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from specc.highlighting.lexer import NUMBER
from specc.language.keywords import keywords
from specc.language.layout import GOES_ON

_TOKEN = re.compile(
    r"(?P<comment>\#[^\n]*)"
    r"|(?P<sql>```(?:sql)?(?:[^`]|`(?!``))*(?:```|\Z))"
    r'|(?P<string>"(?:[^"\\\n]|\\.)*"?)'
    rf"|(?P<number>{NUMBER})"
    r"|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<open>[\[({])"
    r"|(?P<close>[\])}])"
    r"|(?P<newline>\n)"
    r"|(?P<sign>\.\.|[<>=!]=|[^\s])",
    re.ASCII,
)
_CONTINUES = {"=", ",", ":", "<", ">", "<=", ">=", "==", "!=", "+", "-", "*", "/", "@"}
_CLOSES = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    start: int
    stop: int
    text: str


@dataclass(slots=True)
class Block:
    """What an open bracket belongs to.

    Attributes:
        bracket: the bracket; "" for the file.
        head: tokens of the statement before it. start: offset behind the bracket.
        statement: tokens of the last statement inside it, brackets inside left out.
        earlier: the first tokens of statements before that one.
    """

    bracket: str
    head: tuple[Token, ...]
    start: int
    statement: list[Token] = field(default_factory=list)
    earlier: list[tuple[Token, ...]] = field(default_factory=list)

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(token.text for token in self.head)

    def end_statement(self) -> None:
        if self.statement:
            self.earlier.append(tuple(self.statement))
        self.statement = []


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text.

    Attributes:
        blocks: open brackets, the file first.
        inside: the comment, string, SQL block or word that the place lies in or ends; None between.
    """

    offset: int
    blocks: tuple[Block, ...]
    inside: Token | None

    @property
    def block(self) -> Block:
        return self.blocks[-1]


def tokens(text: str) -> list[Token]:
    """All tokens of a text but white space, line ends included."""
    return [
        Token(match.lastgroup or "", match.start(), match.end(), match.group())
        for match in _TOKEN.finditer(text)
    ]


def place(text: str, offset: int) -> Place:
    """What an offset in a text is about; the word that ends there is not part of its statement."""
    file = Block("", (), 0)
    blocks = [file]
    inside = None
    for match in _TOKEN.finditer(text):
        start, stop, kind = match.start(), match.end(), match.lastgroup or ""
        if start >= offset:
            break
        token = Token(kind, start, stop, match.group())
        if stop >= offset and (kind in ("word", "number") or _within(token, offset)):
            inside = token
            break
        if kind == "comment":
            continue
        _step(blocks, token, text)
    return Place(offset, tuple(blocks), inside)


def _within(token: Token, offset: int) -> bool:
    """Whether an offset lies in a string, an SQL block or a comment."""
    if token.kind == "comment":
        return offset > token.start
    if token.kind not in ("string", "sql"):
        return False
    mark = '"' if token.kind == "string" else "```"
    closed = len(token.text) >= 2 * len(mark) and token.text.endswith(mark)
    return token.start < offset < token.stop if closed else token.start < offset <= token.stop


def _step(blocks: list[Block], token: Token, text: str) -> None:
    block = blocks[-1]
    if token.kind == "open":
        blocks.append(Block(token.text, tuple(block.statement), token.stop))
    elif token.kind == "close":
        # A bracket that is not closed is closed by those around it: people write from left to right.
        wanted = _CLOSES[token.text]
        if any(inner.bracket == wanted for inner in blocks):
            while blocks[-1].bracket != wanted:
                blocks.pop()
            closed = blocks.pop()
            blocks[-1].statement.append(Token("group", closed.start - 1, token.stop, closed.bracket))
    elif token.kind == "newline":
        if block.bracket in ("", "{") and not _goes_on(block, token, text):
            block.end_statement()
    elif token.text == "," and block.bracket and (block.bracket != "{" or _is_row(blocks)):
        block.end_statement()
    else:
        block.statement.append(token)


def _goes_on(block: Block, token: Token, text: str) -> bool:
    if not block.statement:
        return True
    return block.statement[-1].text in _CONTINUES or GOES_ON.match(text, token.stop) is not None


def _is_row(blocks: list[Block]) -> bool:
    """Whether commas divide what stands in the innermost braces: cells, names, entries of a table."""
    first = blocks[-1].head[0].text if blocks[-1].head else ""
    return first == "use" or first == "sweep" or (len(blocks) > 1 and heads(blocks[-2]) == "allocate")


def heads(block: Block) -> str:
    """The word that a block's statement begins with; behind `override`, the second."""
    words = [token.text for token in block.head if token.kind == "word"]
    if words[:1] == ["override"]:
        words = words[1:]
    return words[0] if words else ""


@dataclass(frozen=True, slots=True)
class Declared:
    """A name that a text declares: with which word, where, and in which experiment ("" for the file).

    Attributes:
        value: the first word of what it stands for.
        parameters: of a template, in order.
        parts: named splits of a corpus.
    """

    kind: str
    name: str
    start: int
    experiment: str
    value: str = ""
    parameters: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Used:
    """A name that a text takes from another file."""

    path: str
    name: str
    alias: str


def declared(text: str) -> tuple[list[Declared], list[Used], dict[str, str]]:
    """Names that a text declares and uses, and what its experiments extend; read without parsing."""
    items = set(keywords().items)
    blocks = [Block("", (), 0)]
    names: list[Declared] = []
    used: list[Used] = []
    extends: dict[str, str] = {}

    def finish(statement: list[Token] | tuple[Token, ...], depth: list[Block]) -> None:
        words = [t for t in statement if t.kind in ("word", "string", "group", "sign")]
        while words and words[0].text == "override":
            return
        if not words or words[0].text not in items or len(words) < 2:
            return
        keyword = words[0].text
        experiment = next((b.head[1].text for b in depth if heads(b) == "experiment" and len(b.head) > 1), "")
        if keyword == "sweep" and words[1].kind == "group":
            inner = text[words[1].start : words[1].stop]
            for match in re.finditer(r"[A-Za-z_]\w*", inner):
                names.append(Declared("axis", match.group(), words[1].start + match.start(), experiment))
            return
        if words[1].kind != "word" or keyword in ("check", "except", "use", "seeds", "allocate"):
            return
        equals = next((i for i, t in enumerate(words[2:4], 2) if t.text == "="), None)
        named = equals is not None
        if keyword == "expect" and not named:
            return
        value = next((t.text for t in words[equals or 0 :] if t.kind == "word"), "") if named else ""
        kind = "axis" if keyword == "sweep" else keyword
        template = len(words) > 2 and words[2].kind == "group" and words[2].text == "("
        names.append(
            Declared(
                kind,
                words[1].text,
                words[1].start,
                experiment,
                value,
                parameters_in(text[words[2].start : words[2].stop]) if template else (),
                _splits(text[words[1].start : statement[-1].stop]) if keyword == "corpus" else (),
            )
        )
        if keyword == "experiment" and len(words) > 3 and any(t.text == "extends" for t in words):
            after = [t.text for t in words]
            extends[words[1].text] = after[after.index("extends") + 1] if after[-1] != "extends" else ""

    for token in tokens(text):
        if token.kind == "comment":
            continue
        block = blocks[-1]
        count = len(block.earlier)
        if token.kind == "open" and token.text == "{":
            finish(block.statement, blocks)
        elif token.kind == "close" and token.text == "}" and heads(block) == "use":
            used.extend(_used(block))
        _step(blocks, token, text)
        if blocks[-1] is block and len(block.earlier) > count and not _has_body(block.earlier[-1]):
            finish(block.earlier[-1], blocks)
    finish(blocks[-1].statement, blocks)
    return names, used, extends


_PARAMETER = re.compile(r"[(,]\s*([A-Za-z_]\w*)\s*(?=[,)=]|$)", re.ASCII)
_SPLITS = re.compile(r"\bsplits\s*=\s*\[(.*?)\]", re.DOTALL)


def parameters_in(text: str) -> tuple[str, ...]:
    """Names in a list of parameters such as `(width, layers = 2)`."""
    return tuple(_PARAMETER.findall(text))


def _splits(text: str) -> tuple[str, ...]:
    """Names in `splits = [("probe", 5%)]`."""
    found = _SPLITS.search(text)
    return tuple(re.findall(r'"([A-Za-z_]\w*)"', found[1])) if found else ()


def _has_body(statement: tuple[Token, ...]) -> bool:
    return any(token.kind == "group" and token.text == "{" for token in statement)


def _used(block: Block) -> list[Used]:
    path = next((t.text.strip('"') for t in block.head if t.kind == "string"), "")
    found = []
    for statement in (*block.earlier, tuple(block.statement)):
        words = [token.text for token in statement if token.kind == "word"]
        if words:
            found.append(Used(path, words[0], words[2] if len(words) > 2 else words[0]))
    return found
