"""A Pygments lexer: `pygmentize -l specc FILE`, and recipes in colour wherever rich prints them."""

from __future__ import annotations

import re
from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups, using, words
from pygments.lexers.templates import SqlJinjaLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text

from specc.highlighting.vocabulary import Vocabulary, vocabulary

NUMBER = r"[0-9](?:[0-9A-Za-z_]|\.(?!\.)|(?<=[eE])[+-](?=[0-9]))*%?"
"""As in the grammar: loosely, so that a wrong number is still one number."""

_OURS = re.compile(r"^(?:experiment\s+\w+.*\{|(?:model|corpus)\s+\w+.*=\s*\w+\()", re.MULTILINE)


def _rules(known: Vocabulary) -> list[object]:
    """Rules in the order of trying; a word is a keyword only where it isn't given a value."""
    units = "|".join(known.units)
    items = "|".join(known.keywords.items)
    phrases = "|".join(r"[ \t]+".join(phrase) for phrase in known.keywords.phrases)
    return [
        (r"#[^\n]*", Comment.Single),
        (
            r"(```sql)((?:[^`]|`(?!``))*)(```|\Z)",
            bygroups(String.Delimiter, using(SqlJinjaLexer), String.Delimiter),
        ),
        (r'"(?:[^"\\\n]|\\.)*"?', String.Double),
        (rf"({NUMBER})([ \t]+)({units})\b", bygroups(Number, Text, Keyword.Type)),
        (NUMBER, Number),
        (
            rf"^([ \t]*)(override)([ \t]+)({items})\b(?!\s*[=:.(])([ \t]*)([A-Za-z_]\w*\b(?!\())?",
            bygroups(Text, Keyword.Declaration, Text, Keyword.Declaration, Text, Name.Class),
        ),
        (
            rf"^([ \t]*)({items})\b(?!\s*[=:.])([ \t]*)([A-Za-z_]\w*\b(?!\())?",
            bygroups(Text, Keyword.Declaration, Text, Name.Class),
        ),
        (r"\n|[^\S\n]+", Text),  # line by line: an item begins its line
        (rf"\b(?:{phrases})\b", Keyword),
        (words((*known.truths, *known.amounts), prefix=r"\b", suffix=r"\b(?!\s*[=:.(])"), Keyword.Constant),
        (rf"\b(?:{'|'.join(known.keywords.clauses)})\b(?!\s*[=:.,)\]])", Keyword),
        (r"([A-Za-z_]\w*)(\s*)(=)(?!=)", bygroups(Name.Attribute, Text, Operator)),
        (r"([A-Za-z_]\w*)(?=\()", Name.Function),
        (r"[A-Za-z_]\w*", Name),
        (r"\.\.|[<>=!]=|[-+*/<>=@]", Operator),
        (r"[][(){},.:]", Punctuation),
    ]


class SpecLexer(RegexLexer):  # type: ignore[misc]  # Pygments has no types
    """Recipes of specc."""

    name = "specc recipe"
    aliases: ClassVar[list[str]] = ["specc"]  # "spec" is RPM's
    priority = -1
    filenames: ClassVar[list[str]] = ["*.spec"]
    mimetypes: ClassVar[list[str]] = ["text/x-specc"]
    tokens: ClassVar[dict[str, list[object]]] = {"root": _rules(vocabulary())}

    @staticmethod
    def analyse_text(text: str) -> float:
        """Other files are called .spec too (RPM, PyInstaller): an experiment or a declaration tells ours."""
        return 0.9 if _OURS.search(text) else 0.0
