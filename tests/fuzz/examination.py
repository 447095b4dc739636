"""What holds for every text, recipe or not."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from specc.analysis.compile import Compilation, compile_file
from specc.analysis.load import Files
from specc.diagnostics import Report, Source, Span, as_json, render
from specc.formatting import NotARecipe, format_text
from specc.language.grammar import grammar_folder

SECONDS = 2.0
"""CPU time that 100 kB may take; a smaller text may take as much."""

_TERMINALS = sorted(
    set(re.findall(r"\b_?[A-Z]{2,}\b", (grammar_folder() / "spec.lark").read_text(encoding="utf-8")))
)
_INTERNAL = re.compile(
    r"\b(?:__ANON_\w+|\$END|LPAR|RPAR|LSQB|RSQB|LBRACE|RBRACE|"
    + "|".join(_TERMINALS)
    + r"|NoneType|Traceback|Fraction\(|[A-Za-z]+Error\b|<class|object at 0x|lambda|dataclass|[a-z]+ object\b"
    + r"|(?:Identifier|Quantity|TupleOf|ListOf|Arithmetic|Attribute|Measure|Setting|Broken)\()"
)
"""Words of the grammar's inside, of Python, and of the compiler's classes; none belongs into a message."""

_FINE = re.compile(r"`[^`]*`|\bSQL\b|\bNAME\b|```.*?```|\bUTF\b|\b[EW][0-9]{4}\b", re.DOTALL)
"""What may stand in a message all the same: what was quoted from the source, and these."""


class OneText(Files):
    """A recipe that is not on the disk; files that it uses are."""

    def __init__(self, text: str) -> None:
        self.text: str | None = text

    def read(self, path: Path, span: Span | None, report: Report) -> Source | None:
        if span is not None or self.text is None:
            return super().read(path, span, report)
        return Source("recipe.spec", self.text)


def check(text: str) -> Compilation:
    """What checking a text gives."""
    return compile_file("recipe.spec", max_arms=2_000, library=True, files=OneText(text))


def examine(text: str) -> str | None:
    """What is wrong with how a text is dealt with; None if nothing is."""
    started = time.process_time()
    try:
        compilation = check(text)
        found = _told(compilation)
    except Exception as error:
        return f"checking raises {type(error).__name__}: {error}"
    taken = time.process_time() - started
    if taken > SECONDS * max(1.0, len(text) / 100_000):
        return f"checking takes {taken:.1f} s for {len(text)} characters"
    return found or _formed(text, compilation.report.failed)


def _told(compilation: Compilation) -> str | None:
    """What is wrong with the messages."""
    report = compilation.report
    shown = render(report)
    json.dumps(as_json(report)).encode("ascii")
    shown.encode("utf-8")
    if any(sign not in "\n" and not sign.isprintable() for sign in shown):
        return "a message holds characters that steer a terminal"
    for diagnostic in report.diagnostics:
        labels = [diagnostic.primary, *diagnostic.secondary] if diagnostic.primary else []
        for label in labels:
            assert label is not None
            span = label.span
            if not 0 <= span.start <= span.stop <= len(span.source.text):
                return f"the place of {diagnostic.code} lies outside of the text"
        texts = [diagnostic.title, *diagnostic.notes, *(label.text for label in labels if label)]
        texts += [diagnostic.help] if diagnostic.help else []
        for told in texts:
            inside = _INTERNAL.search(_FINE.sub("", told))
            if inside:
                return f"{diagnostic.code} says `{inside[0]}`: {told}"
    return None


def _formed(text: str, failed: bool) -> str | None:
    """What is wrong with the text's canonical form; `failed` says that checking found errors."""
    try:
        formed = format_text(text)
        again = formed if formed == text else format_text(formed)
    except NotARecipe as error:
        return None if error.report.failed and failed else "it can't be parsed, and nothing says so"
    except Exception as error:
        return f"formatting raises {type(error).__name__}: {error}"
    return None if again == formed else "its form has another form"
