"""Texts that are almost recipes: parts cut, doubled, swapped, moved in from others, and made odd or huge."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

PIECE = re.compile(r'\s+|#[^\n]*|[A-Za-z_]\w*|[0-9][\w.]*%?|"[^"\n]*"|```|\.\.|.', re.DOTALL)
"""White space, comments, words, numbers, strings and signs, roughly: no text is refused."""

ODD = (
    *(
        "\0",
        "\ud800",
        "\udfff",
        "\u200b",
        "\u202e",
        "\ufeff",
        "\u2028",
        "\x85",
        "\x1b[31m",
        "é",
        "漢",
        "🙂",
        "\u0301",
    ),
    *(
        "ﬁ",
        "²",
        "٣",
        "Ⅷ",
        "\\",
        "'",
        '"',
        "`",
        "```",
        "```sql",
        "#",
        ";",
        "$",
        "%",
        "&",
        "|",
        "~",
        "?",
        "!",
        "^",
    ),
)
"""Characters that no recipe has, or that mean much."""

WORDS = (
    *("use", "let", "model", "corpus", "experiment", "extends", "sweep", "by", "except", "seeds", "allocate"),
    *(
        "within",
        "early",
        "late",
        "block",
        "at",
        "stage",
        "from",
        "eval",
        "after",
        "every",
        "check",
        "is",
        "equal",
    ),
    *("across", "compare", "expect", "recipe", "override", "with", "given", "in", "of", "as", "rest", "fill"),
    *("(", ")", "[", "]", "{", "}", "@", "..", ".", ",", ":", "=", "==", "<=", "+", "-", "*", "/", "\n", " "),
    *(
        "0",
        "-1",
        "0%",
        "100%",
        "1e400",
        "1e-400",
        "99999999999T tokens",
        "1e99999999",
        "9" * 400,
        "1_",
        "2%%",
    ),
    *(
        "tokens",
        "steps",
        "epochs",
        "sequences",
        "best",
        "mean",
        "quantize",
        "lerp",
        "concat",
        "take",
        "where",
    ),
    *(
        "early_stop",
        "past",
        "perturb",
        "reset_optimizer",
        "shuffle_labels",
        "annotate",
        "mask_tokens",
        "corrupt",
    ),
    *(
        "permute_units",
        '"data/*.txt"',
        '"../*"',
        '"/"',
        '""',
        '"[[["',
        r'"\ud800"',
        r'"\x00"',
        r'"\N{BULLET}"',
    ),
    *("select 1", "```sql select 1 ```", "```sql", "true", "false", "base", "seed", "recipe"),
)


def _cut(source: random.Random, parts: list[str], _: Sequence[str]) -> None:
    start = source.randrange(len(parts))
    del parts[start : start + source.choice((1, 1, 2, 5, 40))]


def _double(source: random.Random, parts: list[str], _: Sequence[str]) -> None:
    start, length = source.randrange(len(parts)), source.choice((1, 2, 10, 60))
    parts[start:start] = parts[start : start + length]


def _swap(source: random.Random, parts: list[str], _: Sequence[str]) -> None:
    one, other = source.randrange(len(parts)), source.randrange(len(parts))
    parts[one], parts[other] = parts[other], parts[one]


def _splice(source: random.Random, parts: list[str], others: Sequence[str]) -> None:
    foreign = PIECE.findall(source.choice(others))
    start, place = source.randrange(len(foreign)), source.randrange(len(parts))
    parts[place:place] = foreign[start : start + source.choice((1, 3, 10, 80))]


def _word(source: random.Random, parts: list[str], _: Sequence[str]) -> None:
    place = source.randrange(len(parts))
    parts[place : place + source.randint(0, 1)] = [source.choice(WORDS)]


def _number(source: random.Random, parts: list[str], _: Sequence[str]) -> None:
    places = [n for n, part in enumerate(parts) if part[0].isdigit()]
    if places:
        parts[source.choice(places)] = source.choice(WORDS[-46:-36])


def _name(source: random.Random, parts: list[str], _: Sequence[str]) -> None:
    places = [n for n, part in enumerate(parts) if part[0].isalpha()]
    if len(places) > 1:
        parts[source.choice(places)] = parts[source.choice(places)]


def _character(source: random.Random, parts: list[str], _: Sequence[str]) -> None:
    place = source.randrange(len(parts))
    part = parts[place]
    inside = source.randrange(len(part) + 1)
    parts[place] = part[:inside] + source.choice(ODD) + part[inside:]


def _byte(source: random.Random, parts: list[str], _: Sequence[str]) -> None:
    place = source.randrange(len(parts))
    data = bytearray(parts[place].encode("utf-8", "surrogatepass"))
    data[source.randrange(len(data))] ^= 1 << source.randrange(8)
    parts[place] = data.decode("utf-8", "replace")


def _nest(source: random.Random, parts: list[str], _: Sequence[str]) -> None:
    place, depth = source.randrange(len(parts)), source.choice((2, 20, 40, 300))
    opening, closing = source.choice(
        (("(", ")"), ("[", "]"), ("{", "}"), ("f(", ")"), ("a with (b = ", ")"), ("-", ""))
    )
    parts[place] = opening * depth + parts[place] + closing * (depth - source.choice((0, 0, 1)))


def _chain(source: random.Random, parts: list[str], _: Sequence[str]) -> None:
    place, length = source.randrange(len(parts)), source.choice((2, 30, 200))
    parts[place] += (
        source.choice((" + 1", "@50%", " with (a = 1)", ", 1", ".x", "\n", " given a = 1", " * 2")) * length
    )


def _long(source: random.Random, parts: list[str], _: Sequence[str]) -> None:
    place = source.randrange(len(parts))
    parts[place] = parts[place][:1] * source.choice((100, 1000)) if parts[place].strip() else " " * 1000


def _stop(source: random.Random, parts: list[str], _: Sequence[str]) -> None:
    del parts[source.randrange(len(parts)) :]


CHANGES: tuple[Callable[[random.Random, list[str], Sequence[str]], None], ...] = (
    *(_cut, _double, _swap, _splice, _word, _number, _name, _character, _byte, _nest, _chain, _long, _stop),
    *(_cut, _swap, _splice, _word, _word, _name, _number, _number),
)


def mutated(source: random.Random, text: str, others: Sequence[str]) -> str:
    """A text with one to three changes; `others` are where foreign parts come from."""
    parts = PIECE.findall(text)
    for _ in range(source.choice((1, 1, 1, 2, 3))):
        if parts:
            source.choice(CHANGES)(source, parts, others)
    return "".join(parts)


def smaller(text: str, fails: Callable[[str], bool], tries: int = 400) -> str:
    """A part of a text that still fails: pieces are taken away as long as it does."""
    parts = PIECE.findall(text)
    length = max(1, len(parts) // 2)
    while length and tries > 0:
        start = 0
        while start < len(parts) and tries > 0:
            shorter = parts[:start] + parts[start + length :]
            tries -= 1
            if fails("".join(shorter)):
                parts = shorter
            else:
                start += length
        length //= 2
    return "".join(parts)
