"""Diagnostics are values: passes append them to a report, renderers turn the report into text or JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from specc.diagnostics.codes import CODES
from specc.diagnostics.fixes import Edit, replacement
from specc.diagnostics.source import Span, uses_of

MOST_USES = 3
"""Uses of templates in each other that a message shows, from the inside."""


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Label:
    """A place that matters, and what to say about it; the text may be empty."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A mistake in a recipe, or something to look at.

    Attributes:
        code: from `specc.diagnostics.codes`; E for errors, W for warnings.
        title: what is wrong. Only `help` says what to write.
        primary: the smallest span that shows the problem; None where there is no source text.
        fix: edits that remove the mistake, for an editor to offer; empty if it takes more thought.
    """

    code: str
    title: str
    primary: Label | None
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    fix: tuple[Edit, ...] = ()

    @property
    def severity(self) -> Severity:
        return Severity.ERROR if self.code.startswith("E") else Severity.WARNING


@dataclass(slots=True)
class Report:
    """What the passes have found, in the order of finding; one message for one place and code."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    _seen: set[tuple[object, ...]] = field(default_factory=set, repr=False)
    # Many experiments ask how many errors there are: each is counted once.
    _errors: int = field(default=0, repr=False)
    _counted: int = field(default=0, repr=False)

    def merge(self, other: Report) -> None:
        """Add what another report has and this one doesn't."""
        for diagnostic in other.diagnostics:
            self.keep(diagnostic)

    def add(
        self,
        code: str,
        title: str,
        span: Span | None,
        label: str = "",
        *,
        secondary: Iterable[Label] = (),
        notes: Iterable[str] = (),
        help: str | None = None,
        fix: Iterable[Edit] | None = None,
    ) -> None:
        """Add a diagnostic, unless there is one of its code and place.

        Without `fix`, a help of the form "write `x`" is one where x can replace what the span shows;
        give an empty one where that is not what it means.
        """
        if code not in CODES:
            raise KeyError(f"unknown diagnostic code {code}")
        primary = None if span is None else Label(span, label)
        if span is not None:
            secondary = [*secondary, *(Label(use, "used here") for use in uses_of(span)[:MOST_USES])]
        if fix is None:
            fix = replacement(span, help) if span is not None else ()
        self.keep(Diagnostic(code, title, primary, tuple(secondary), tuple(notes), help, tuple(fix)))

    def keep(self, diagnostic: Diagnostic) -> None:
        """Add a diagnostic, unless there is one of its code and place."""
        where = (diagnostic.title,) if diagnostic.primary is None else _place(diagnostic.primary)
        if (diagnostic.code, *where) not in self._seen:
            self._seen.add((diagnostic.code, *where))
            self.diagnostics.append(diagnostic)

    @property
    def errors(self) -> int:
        new = self.diagnostics[self._counted :]
        self._errors += sum(found.severity is Severity.ERROR for found in new)
        self._counted += len(new)
        return self._errors

    @property
    def warnings(self) -> int:
        return len(self.diagnostics) - self.errors

    @property
    def failed(self) -> bool:
        return self.errors > 0

    def ordered(self) -> list[Diagnostic]:
        """In the order of the source text; those without a place come first."""
        return sorted(
            self.diagnostics, key=lambda found: _place(found.primary) if found.primary else ("", 0, 0)
        )


def _place(label: Label) -> tuple[str, int, int]:
    span = label.span
    return (span.source.name, *span.source.position(span.start))
