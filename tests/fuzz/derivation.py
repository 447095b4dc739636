"""Texts of the language, derived from its grammar: whatever a rule allows is produced, a new rule too.

`derive` walks the rules of spec.lark at random and gives words; `spell` writes them with white
space, line ends and comments wherever the language allows them.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache

from lark.grammar import Rule

from specc.language.grammar import _built
from specc.language.layout import _CONTINUES, GOES_ON

NAMES = (
    *("pretrain", "posttrain", "finetune", "web", "skill", "tiny", "warm", "early_", "rate", "fit", "rest"),
    *("fill", "llama", "adamw", "cosine", "constant", "markov", "loss", "take", "mean", "tokens", "steps"),
    *("layers", "width", "heads", "context", "peak", "budget", "batch", "schedule", "optimizer", "dropout"),
    *("true", "base", "seed", "epochs", "best", "lerp", "quantize", "concat", "a", "_", "x" * 40),
)
"""Names that mean something, some of the time; none is a keyword."""

NUMBERS = ("0", "1", "2", "20M", "64K", "1_000", "0.1", "3e-4", "25%", "100%", "1.5T", "1e3", "7.", "9z")
STRINGS = ('""', '"data/*.txt"', r'"a \" b"', '"# no comment"', '"é漢字"', r'"\q"', '"a  b"', r'"\\"')
QUERIES = (
    "```sql select 1 ```",
    "```sql\n  select early,\n         avg(value) as x\n\n  from results -- all\n```",
    "```sql\n\tselect 'a\n   b' from results\n```",
    "```sqlselect early\n from results where x = '`' ```",
    "```sql```",
)
COMMENTS = (
    "#",
    "# why",
    "#~ E0401",
    "#no space",
    "# tab\there  ",
    '# "quoted" { [ (',
    "# é漢字 \u202e",
    "# # #",
)
SAMPLES = {
    "NAME": NAMES,
    "NUMBER": NUMBERS,
    "STRING": STRINGS,
    "SQL": QUERIES,
    "COMPARISON": ("<=", ">=", "==", "!=", "<", ">"),
    "SIGN": ("+", "-"),
    "TIMES": ("*", "/"),
    "_NL": ("\n",),
    "_AND": (",",),
}
"""What a terminal that is a pattern, and no word, is written as."""

GOING_ON = {"_items": 0.7, "_members": 0.85, "_rows": 0.6, "_settings": 0.6, "_overrides": 0.6, "_cells": 0.5}
"""How often a series of these goes on; others do less often."""

SPACES = ("", " ", " ", " ", "  ", "\t", " \f ", "\r", "      ")
"""White space in a line."""


@dataclass(frozen=True)
class Spelled:
    """A token to be written."""

    terminal: str
    text: str


@cache
def rules() -> dict[str, list[Rule]]:
    """The rules of the grammar without shorthands, by what they make; all alternatives."""
    lark, _ = _built(("file",))
    found: dict[str, list[Rule]] = {}
    for rule in lark.rules:
        found.setdefault(rule.origin.name, []).append(rule)
    return found


@cache
def _words() -> dict[str, str]:
    """Keywords and signs as they are written; their patterns may say what must not follow."""
    lark, _ = _built(("file",))
    fixed = (terminal for terminal in lark.terminals if terminal.name not in SAMPLES)
    return {
        terminal.name: re.sub(r"\\(.)", r"\1", re.sub(r"\(\?!.*\)$", "", terminal.pattern.value))
        for terminal in fixed
    }


@cache
def _cheapest() -> dict[str, Rule]:
    """For each name of a rule an alternative with the fewest words."""
    costs: dict[str, int] = {}
    chosen: dict[str, Rule] = {}
    changed = True
    while changed:
        changed = False
        for name, alternatives in rules().items():
            for rule in alternatives:
                parts = [1 if part.is_term else costs.get(part.name) for part in rule.expansion]
                if any(cost is None for cost in parts):
                    continue
                cost = 1 + sum(cost for cost in parts if cost is not None)
                if cost < costs.get(name, 1 << 30):
                    costs[name], chosen[name], changed = cost, rule, True
    return chosen


def derive(source: random.Random, budget: int, start: str = "file") -> tuple[list[Spelled], set[Rule]]:
    """Words of a random text, and the alternatives that made it; past `budget` rules it ends soon."""
    waiting = [start]
    words: list[Spelled] = []
    used: set[Rule] = set()
    while waiting:
        name = waiting.pop()
        if name not in rules():
            text = source.choice(SAMPLES[name]) if name in SAMPLES else _words()[name]
            words.append(Spelled(name, text))
            continue
        budget -= 1
        alternatives = rules()[name]
        longer = [rule for rule in alternatives if rule.expansion and rule.expansion[0].name == name]
        if longer and source.random() > 1 - GOING_ON.get(name, 0.3):
            alternatives = longer
        if name == "_item" and source.random() > 0.6:
            alternatives = rules()["experiment"]
        short = budget <= 0 or (name == "_expr" and source.random() < 0.6)
        if name == "_expr" and short:
            waiting.append(source.choice(("name", "quantity")))
            continue
        rule = _cheapest()[name] if short else source.choice(alternatives)
        used.add(rule)
        waiting.extend(part.name for part in reversed(rule.expansion))
    return words, used


def spell(source: random.Random, words: list[Spelled], odd: bool = True) -> str:
    """The text of words, with odd white space, line ends and comments where they change nothing."""
    out: list[str] = []
    open_brackets: list[str] = []
    previous = Spelled("_NL", "")
    for number, word in enumerate(words):
        if word.terminal == "_NL":
            if previous.terminal == "_NL" and not odd:
                continue
            out.append(_line_end(source, odd))
        else:
            out.append(_gap(source, previous, word, words[number + 1 :], open_brackets, odd))
            out.append(word.text)
        if word.terminal in ("LPAR", "LSQB", "LBRACE"):
            open_brackets.append(word.terminal)
        elif word.terminal in ("RPAR", "RSQB", "RBRACE"):
            open_brackets.pop()
        previous = word
    return "".join(out)


def _gap(
    source: random.Random,
    left: Spelled,
    right: Spelled,
    rest: list[Spelled],
    open_brackets: list[str],
    odd: bool,
) -> str:
    """White space between two words; with a line end in it only where it ends nothing."""
    touching = left.text[-1:] + right.text[:1]
    apart = bool(re.fullmatch(r"[\w.%]{2}", touching)) or (
        left.terminal == "NUMBER" and right.terminal == "SIGN"
    )
    if not odd:
        return " " if left.terminal != "_NL" else ""
    inside = bool(open_brackets) and open_brackets[-1] != "LBRACE"
    following = (right.text + " " + (rest[0].text if rest else "")).strip()
    free = inside or left.terminal in _CONTINUES or left.terminal == "_NL" or bool(GOES_ON.match(following))
    if left.terminal == "_AND":
        return source.choice((" ", "", "\n "))
    if free and source.random() > 0.85:
        return _line_end(source, odd)
    return source.choice(SPACES) or (" " if apart else "")


def _line_end(source: random.Random, odd: bool) -> str:
    if not odd:
        return "\n"
    lines = [source.choice(("", "", " ", "\t"))]
    if source.random() > 0.8:
        lines[0] += " " + source.choice(COMMENTS)
    while source.random() > 0.75:
        lines.append(source.choice(("", "  ", "    " + source.choice(COMMENTS), source.choice(COMMENTS))))
    return "\n".join(lines) + "\n" + source.choice(("", "", "  ", "      "))


def text(source: random.Random, budget: int = 80, odd: bool = True) -> str:
    """A text that the grammar makes."""
    return spell(source, derive(source, budget)[0], odd)
