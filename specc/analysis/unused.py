"""Names that an experiment declares and nothing uses: likely a slip, and never an error."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from specc.analysis.definition import axis_names
from specc.analysis.load import Program
from specc.diagnostics import Report
from specc.language import ast

_WORD = re.compile(
    r"""\#[^\n]*|```sql(?:[^`]|`(?!``))*```|"(?:[^"\\\n]|\\.)*"|(?<![\w.])(?P<word>[A-Za-z_]\w*)""", re.ASCII
)
"""A comment, SQL, a string, or a word that is no part of anything before it."""


def report_unused(node: ast.Experiment, program: Program, report: Report) -> None:
    """Warn of values, models, corpora, axes and recipes with parameters that nothing uses.

    A mention anywhere in the experiment, or in one that extends it, counts as a use, whatever it means;
    names that begin with `_` are left alone, and so is what stands outside of experiments, which other
    files may use.
    """
    declared = list(_declared(node))
    if not declared:
        return
    words = Counter(word for each in _with_extending(node, program) for word in _words(each.span.text))
    for name, what, help in declared:
        if words[name.text] <= 1 and not name.text.startswith("_"):
            report.add("W0201", f"{what} `{name.text}` is not used", name.span, help=help)


def _words(text: str) -> Iterable[str]:
    return (match["word"] for match in _WORD.finditer(text) if match["word"])


def _declared(node: ast.Experiment) -> Iterator[tuple[ast.Identifier, str, str]]:
    """Names that an experiment declares to be used, what each is, and what to do about it."""
    for member in node.members:
        match member:
            case ast.Declaration(keyword="corpus"):
                yield member.name, "corpus", "give it a row in `allocate`, measure on it, or remove it"
            case ast.Declaration():
                what = "value" if member.keyword == "let" else member.keyword
                yield member.name, what, "use it, or remove it"
            case ast.Sweep() | ast.SweepTable():
                for name in axis_names(member):
                    yield name, "axis", "arms that differ in it alone are the same: use it, or remove it"
            case ast.Recipe() if member.parameters:
                yield member.name, "recipe", f"extend it: `recipe NAME extends {member.name.text}(...)`"


def _with_extending(node: ast.Experiment, program: Program) -> list[ast.Experiment]:
    """An experiment, and those of all files that extend it, by their names."""
    all_of_them = [
        item for file in program.files for item in file.tree.items if isinstance(item, ast.Experiment)
    ]
    children: dict[str, list[ast.Experiment]] = {}
    for item in all_of_them:
        if item.extends is not None:
            children.setdefault(item.extends.name.text, []).append(item)
    found = [node]
    for each in found:
        found += [child for child in children.get(each.name.text, ()) if child not in found]
    return found
