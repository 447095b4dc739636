"""Names and what they stand for, in a file, in an experiment, and where a template is used."""

from __future__ import annotations

from dataclasses import dataclass, field

from specc.diagnostics import Label, Report, Span
from specc.language import ast

TEMPLATE = "template"
"""Kind of a `model` or `corpus` with parameters: no value, but a form for values."""


_SAID = {"let": "value", "compare": "comparison", "expect": "expectation"}
"""What people call what some words of the language declare."""


@dataclass(slots=True)
class Binding:
    """What a name stands for, and the scope in which its value is to be read.

    `order` grows with the place of declaration: a value may only use names declared before it.

    Attributes:
        node: the declaration, of what is a template or can be extended.
        written: of a value that stands in an `override`, the order of that: it may use names declared
            before it. -1 for all others.
        endless: of an experiment: it extends more than may extend one another, which was reported.
    """

    kind: str
    name: str
    span: Span
    scope: Scope
    value: ast.Expression | None = None
    order: int = 0
    node: ast.Declaration | ast.Recipe | ast.Experiment | None = None
    written: int = -1
    endless: bool = False

    @property
    def what(self) -> str:
        """What it is, in the words of a recipe."""
        if self.kind == TEMPLATE and isinstance(self.node, ast.Declaration):
            return f"a template of a {self.node.keyword}"
        word = _SAID.get(self.kind, self.kind)
        return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


@dataclass(slots=True)
class Scope:
    """Names of a file or of an experiment in it.

    Attributes:
        uncertain: it may declare more names, in parts that could not be read.
        elsewhere: files whose text is a part of this experiment, by extension, with their names: what
            is written there means what it means there.
        caller: of the use of a template from another file: where the text of the arguments is at home.
        file: of such a use, the file of the template, whose names are those of `parent`.
    """

    parent: Scope | None = None
    bindings: dict[str, Binding] = field(default_factory=dict)
    uncertain: bool = False
    elsewhere: dict[str, Scope] = field(default_factory=dict)
    caller: Scope | None = None
    file: str = ""

    def find(self, name: str, span: Span | None = None) -> Binding | None:
        """What a name stands for where it is written; names of an experiment go before those of files."""
        scope: Scope | None = self
        while scope is not None:
            if scope.caller is not None:
                here = span is None or span.source.name == scope.file
                scope = scope.parent if here else scope.caller
                continue
            found = scope.bindings.get(name)
            if found is not None:
                return found
            if scope.elsewhere and span is not None:
                scope = scope.elsewhere.get(span.source.name, scope.parent)
            else:
                scope = scope.parent
        return None

    def names(self) -> set[str]:
        found: set[str] = set()
        scope: Scope | None = self
        while scope is not None:
            found |= set(scope.bindings)
            scope = scope.parent
        return found

    def complete(self) -> bool:
        """Whether all names are known that may stand here."""
        scopes = [self]
        for scope in scopes:
            if scope.uncertain:
                return False
            scopes += [each for each in (scope.parent, scope.caller, *scope.elsewhere.values()) if each]
        return True

    def used_by(self, caller: Scope, file: str) -> Scope:
        """The scope of a use of a template that is at home here, from `caller`."""
        scope: Scope | None = caller
        while scope is not None:
            if scope is self or self in scope.elsewhere.values():
                return caller
            scope = scope.parent
        return Scope(self, caller=caller, file=file)

    def declare_broken(self, part: ast.Broken) -> None:
        """Add the name of what could not be read, or note that there may be one."""
        if part.name is None:
            self.uncertain |= part.keyword not in ("seeds", "allocate", "check", "expect")
        elif part.keyword not in ("seeds", "allocate", "check"):
            failed = Binding("failed", part.name.text, part.name.span, self)
            failed.order = len(self.bindings)
            self.bindings.setdefault(part.name.text, failed)

    def declare(self, binding: Binding, report: Report) -> None:
        """Add a name; a second one here, or in the file around, is an error."""
        other = self.find(binding.name, binding.span)
        if other is not None and other.kind == "experiment" and binding.name not in self.bindings:
            other = None
        if other is not None and "failed" in (other.kind, binding.kind):
            return
        if other is not None:
            report.add(
                "E0202",
                f"`{binding.name}` is declared twice",
                binding.span,
                "here again",
                secondary=[Label(other.span, "first here")],
                help="give one of them another name",
            )
            return
        binding.order = len(self.bindings)
        self.bindings[binding.name] = binding
