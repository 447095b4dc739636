"""Pages of the reference: one for each item, setting, function and component, as data and as text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection
from dataclasses import dataclass

from specc.analysis.arguments import example_call
from specc.analysis.definition import INHERITED, SETTINGS
from specc.analysis.values import show_argument
from specc.components import COMPONENTS, Kind, Parameter, Signature
from specc.reference import comparing, python, queries, results
from specc.reference.definitions import Item, functions, items
from specc.results.tables import Column

GROUPS = ("items", "settings", "functions", *(kind.value for kind in Kind), "queries", "results")
"""What pages are grouped by, in order."""

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Row:
    """A parameter: its type in words, its default as it is written ("" if it must be given)."""

    name: str
    type: str
    default: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """What can be said of a word of the language.

    Attributes:
        group: one of `GROUPS`. forms: how it is written.
        facts: further facts, by name: where it comes from, what it measures, which package brings it.
        columns: of a table of the results.
    """

    name: str
    group: str
    forms: tuple[str, ...]
    text: str
    rows: tuple[Row, ...] = ()
    example: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    columns: tuple[Column, ...] = ()


def pages() -> tuple[Page, ...]:
    """Every page, grouped; components of installed packages too."""
    found = [_item(item, "items") for item in items()] + [_item(item, "functions") for item in functions()]
    found += [*map(_setting, SETTINGS), *map(_component, COMPONENTS.values()), *_queries()]
    found += _results({page.name for page in found})
    return tuple(sorted(found, key=lambda page: GROUPS.index(page.group)))


def page(name: str) -> Page | None:
    """The page of a name; None if there is none."""
    return next((found for found in pages() if found.name == name), None)


def speaking_of(word: str) -> list[str]:
    """Names of the pages that speak of a word that has no page of its own, such as `rest` or `peak`."""
    if not re.search(r"\w", word):
        return []
    whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    return [
        each.name
        for each in pages()
        if any(column.name == word for column in each.columns)
        or any(form.startswith(f"{word}(") for form in each.forms)
        or (each.group != "results" and _speaks(each, word, whole))
    ]


def _speaks(page: Page, word: str, whole: re.Pattern[str]) -> bool:
    return (
        any(row.name == word for row in page.rows)
        or any(whole.search(form) for form in page.forms)
        or any(whole.search(code) for code in re.findall(r"`[^`]+`", page.text))
    )


def _item(item: Item, group: str) -> Page:
    facts = (("paper", item.paper),) if item.paper else ()
    return Page(item.name, group, item.forms, item.text, example=item.example, facts=facts)


def _setting(name: str) -> Page:
    inherited = "taken from the parent stage if not given" if name in INHERITED else "a stage's own"
    return Page(name, "settings", (f"{name} = VALUE",), SETTINGS[name], facts=(("inheritance", inherited),))


def _component(signature: Signature) -> Page:
    facts = (
        ("measures", signature.metric),
        ("source", signature.source),
        ("package", signature.plugin),
    )
    required = [p for p in signature.parameters if p.required]
    return Page(
        signature.name,
        signature.kind.value,
        (_form(signature),),
        signature.doc,
        tuple(map(_row, signature.parameters)),
        signature.example or example_call(signature, required),
        tuple((name, fact) for name, fact in facts if fact),
    )


def _queries() -> tuple[Page, ...]:
    template_forms, template_facts = queries.templates()
    curve_forms, curve_facts = queries.fits()
    return (
        Page(
            "sql_templates",
            "queries",
            template_forms,
            queries.TEMPLATES,
            example=queries.TEMPLATES_EXAMPLE,
            facts=template_facts,
        ),
        Page("fits", "queries", curve_forms, queries.FITS, facts=curve_facts),
        Page(
            "statistics",
            "queries",
            comparing.STATISTICS_FORMS,
            comparing.STATISTICS,
            facts=comparing.STATISTICS_FACTS,
        ),
    )


def _results(taken: Collection[str]) -> tuple[Page, ...]:
    forms, facts = results.functions()
    return (
        Page(
            "schema",
            "results",
            tuple(each.name for each in results.tables()),
            results.SCHEMA,
            example=results.EXAMPLE,
            facts=results.PLACES,
        ),
        Page(
            "python", "results", python.forms(), python.PYTHON, example=python.EXAMPLE, facts=python.facts()
        ),
        *(
            Page(
                results.page_name(each, taken),
                "results",
                (results.table_form(each),),
                results.table_text(each),
                example=results.example(each),
                columns=each.columns,
            )
            for each in results.tables()
        ),
        Page(
            "sql_functions",
            "results",
            forms,
            results.FUNCTIONS,
            example=results.functions_example(),
            facts=facts,
        ),
    )


def _form(signature: Signature) -> str:
    parts = [p.name if p.required else f"{p.name} = {show_argument(p.default)}" for p in signature.parameters]
    return f"{signature.name}({', '.join(parts)})"


def _row(parameter: Parameter) -> Row:
    kind = parameter.type.value.partition(", for instance")[0]
    if parameter.choices:
        kind = " or ".join(f'"{choice}"' for choice in parameter.choices)
    return Row(
        parameter.name,
        kind + _bounds(parameter),
        "" if parameter.required else show_argument(parameter.default),
        parameter.doc,
    )


def _bounds(parameter: Parameter) -> str:
    low, high, above = parameter.low, parameter.high, parameter.above
    if low is not None and high is not None:
        return f", {low:g} to {high:g}"
    if low is not None:
        return f", at least {low:g}"
    return f", above {above:g}" if above is not None else ""


# ---- as text


def page_text(found: Page) -> str:
    """A page for a terminal."""
    forms = "\n".join(textwrap.fill(form, WIDTH, subsequent_indent="    ") for form in found.forms)
    parts = [forms, textwrap.fill(found.text, WIDTH)]
    if found.rows:
        parts.append(_table(found.rows))
    if found.columns:
        parts.append(results.columns_text(found.columns, WIDTH))
    if found.facts:
        lines = (f"{name}: {fact}" for name, fact in found.facts)
        parts.append("\n".join(textwrap.fill(line, WIDTH, subsequent_indent="    ") for line in lines))
    if found.example:
        parts.append("for instance\n\n" + textwrap.indent(found.example, "    "))
    return "\n\n".join(parts) + "\n"


def _table(rows: tuple[Row, ...]) -> str:
    names = max(len(row.name) for row in rows)
    lines = []
    for row in rows:
        default = f" (default {row.default})" if row.default else " (required)"
        text = f"{row.text}; {row.type}{default}"
        lines.append(
            textwrap.fill(
                text, WIDTH, initial_indent=f"  {row.name:<{names}}  ", subsequent_indent=" " * (names + 4)
            )
        )
    return "\n".join(lines)


def listing() -> str:
    """Names of all pages, by group."""
    found = pages()
    lines = []
    for group in GROUPS:
        names = [each.name for each in found if each.group == group]
        if names:
            lines.append(textwrap.fill(f"{group}: {', '.join(names)}", WIDTH, subsequent_indent="    "))
    return "\n".join(lines) + "\n"


def markdown() -> str:
    """The whole reference as Markdown."""
    parts = [
        "# Reference of the language",
        "Made by `specc reference --format markdown` from what the compiler checks with.",
    ]
    found = pages()
    for group in GROUPS:
        members = [each for each in found if each.group == group]
        if members:
            parts.append(f"## {group[0].upper()}{group[1:]}" + ("" if group.endswith("s") else "s"))
            parts.extend(map(page_markdown, members))
    return "\n\n".join(parts) + "\n"


def page_markdown(found: Page) -> str:
    """A page as Markdown, under a heading of the third level."""
    parts = [
        f"### {found.name}",
        "````\n" + "\n".join(found.forms) + "\n````",
        found.text,
    ]
    if found.rows:
        lines = ["| parameter | type | default | |", "| --- | --- | --- | --- |"]
        for row in found.rows:
            cells = (f"`{row.name}`", row.type, f"`{row.default}`" if row.default else "required", row.text)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("\n".join(lines))
    if found.columns:
        parts.append(results.columns_markdown(found.columns))
    parts.extend(f"{name[0].upper()}{name[1:]}: {fact}" for name, fact in found.facts)
    if found.example:
        language = "python" if found.name == "python" else "sql" if found.group == "results" else "spec"
        parts.append(f"````{language}\n{found.example}\n````")
    return "\n\n".join(parts)
