"""The TextMate grammar for editors, made from the table of words.

`python -m specc.highlighting.textmate` writes it to grammar/editors/; a test compares. Scope names
are those that themes know (https://macromates.com/manual/en/language_grammars, naming conventions).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from specc.highlighting.vocabulary import Vocabulary, vocabulary
from specc.language.grammar import grammar_folder

PLACE = Path("editors/vscode/syntaxes/specc.tmLanguage.json")
"""In the folder of the grammar."""

NUMBER = r"[0-9](?:[0-9A-Za-z_]|\.(?!\.)|(?<=[eE])[+-](?=[0-9]))*%?"
_SPACE = r"\s+"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"


def textmate(known: Vocabulary) -> dict[str, Any]:
    """The grammar as data: what stands in the JSON file."""
    words = known.keywords
    declared = rf"({_NAME})\b(?!\s*\()"
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "comment": "made by `python -m specc.highlighting.textmate`; do not edit",
        "name": "specc recipe",
        "scopeName": "source.specc",
        "fileTypes": ["spec"],
        "patterns": [{"include": f"#{name}"} for name in _ORDER],
        "repository": {
            "comment": _match("comment.line.number-sign.specc", "#.*$"),
            "sql": {
                "begin": "```sql",
                "end": "```",
                "beginCaptures": {"0": {"name": "punctuation.definition.string.begin.specc"}},
                "endCaptures": {"0": {"name": "punctuation.definition.string.end.specc"}},
                "contentName": "meta.embedded.block.sql",
                "patterns": [{"include": "#template"}, {"include": "source.sql"}],
            },
            "template": {
                "patterns": [
                    {"name": "comment.block.specc", "begin": r"\{#", "end": r"#\}|(?=```)"},
                    {
                        "name": "meta.template.specc",
                        "begin": r"\{\{-?|\{%-?",
                        "end": r"-?\}\}|-?%\}|(?=```)",
                        "beginCaptures": {"0": {"name": "punctuation.section.embedded.begin.specc"}},
                        "endCaptures": {"0": {"name": "punctuation.section.embedded.end.specc"}},
                        "patterns": [
                            _match("string.quoted.specc", r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""),
                            _match("constant.numeric.specc", r"\b[0-9][0-9_.eE]*\b"),
                            _match("keyword.control.specc", r"\b(?:for|in|endfor|raw|endraw)\b"),
                            _match("constant.language.specc", r"\b(?:true|false)\b"),
                            _match("entity.name.function.specc", rf"\b{_NAME}(?=\()"),
                            _match("variable.parameter.specc", rf"\b{_NAME}(?=\s*=)"),
                            _match("variable.other.specc", rf"\b{_NAME}\b"),
                        ],
                    },
                ]
            },
            "string": {
                "name": "string.quoted.double.specc",
                "begin": '"',
                "end": '"|$',
                "patterns": [_match("constant.character.escape.specc", r"\\.")],
            },
            "quantity": {
                "match": rf"\b({NUMBER})(?:\s+({_any(known.units)})\b)?",
                "captures": {
                    "1": {"name": "constant.numeric.specc"},
                    "2": {"name": "keyword.other.unit.specc"},
                },
            },
            "item": {
                "match": rf"^\s*(?:(override)\s+)?({_any(words.items)})\b(?!\s*[=:.])(?:\s+{declared})?",
                "captures": {
                    "1": {"name": "keyword.control.specc"},
                    "2": {"name": "keyword.control.specc"},
                    "3": {"name": "entity.name.type.specc"},
                },
            },
            "phrase": _match(
                "keyword.operator.word.specc",
                rf"\b(?:{'|'.join(_SPACE.join(phrase) for phrase in words.phrases)})\b",
            ),
            "clause": _match(
                "keyword.operator.word.specc", rf"\b(?:{_any(words.clauses)})\b(?!\s*[=:.,)\]])"
            ),
            "constant": _match(
                "constant.language.specc", rf"\b(?:{_any((*known.truths, *known.amounts))})\b(?!\s*[=:.(])"
            ),
            "setting": {
                "match": rf"\b({_NAME})\s*(=)(?!=)",
                "captures": {
                    "1": {"name": "variable.parameter.specc"},
                    "2": {"name": "keyword.operator.assignment.specc"},
                },
            },
            "cell": {"match": rf"\b({_NAME})\s*(?=:)", "captures": {"1": {"name": "variable.other.specc"}}},
            "call": {
                "match": rf"\b({_NAME})(?=\()",
                "captures": {"1": {"name": "entity.name.function.specc"}},
            },
            "name": _match("variable.other.specc", rf"\b{_NAME}\b"),
            "operator": _match("keyword.operator.specc", r"\.\.|[<>=!]=|[-+*/<>@]"),
        },
    }


_ORDER = (
    "comment",
    "sql",
    "string",
    "quantity",
    "item",
    "phrase",
    "clause",
    "constant",
    "setting",
    "cell",
    "call",
    "name",
    "operator",
)
"""The first that matches wins."""


def _match(name: str, pattern: str) -> dict[str, str]:
    return {"name": name, "match": pattern}


def _any(words: tuple[str, ...]) -> str:
    return "|".join(words)


def text() -> str:
    """The file's text."""
    return json.dumps(textmate(vocabulary()), indent=2) + "\n"


if __name__ == "__main__":
    target = grammar_folder() / PLACE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text(), encoding="utf-8")
