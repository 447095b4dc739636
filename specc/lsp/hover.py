"""What a word means: documentation, value, origin, budget."""

from __future__ import annotations

from lsprotocol import types

from specc.analysis.values import read_number
from specc.components import COMPONENTS, Signature
from specc.language import ast
from specc.lsp.index import FileIndex, Occurrence, Symbol
from specc.lsp.markdown import block, code
from specc.lsp.meanings import meaning, reference
from specc.lsp.positions import Text
from specc.lsp.project import Snapshot, found_at
from specc.lsp.scan import tokens
from specc.lsp.template_offers import explained
from specc.lsp.values import (
    corpus_budget,
    experiment_of,
    place_of,
    settings,
    settings_table,
    stage_budget,
    value_of,
)

_HOVERED = ("word", "sql")

LONGEST = 400
"""Characters of a declaration that a hover shows."""


def hover(snapshot: Snapshot, files: dict[str, FileIndex], text: Text, offset: int) -> types.Hover | None:
    """The hover at an offset of a snapshot's own text."""
    here = files.get(snapshot.path)
    found = here.at(offset) if here else None
    if found is not None:
        parts = _explained(snapshot, files, found)
        if parts:
            return _made("\n\n".join(parts), text.range(found.start, found.stop))
    around = next((t for t in tokens(text.text) if t.start <= offset <= t.stop and t.kind in _HOVERED), None)
    if around is not None and around.kind == "sql":
        told = explained(around, offset)
        return _made(told[0], text.range(*told[1:])) if told else None
    word = around
    if word is None or (found is not None and found.role in ("declaration", "reference", "sql")):
        return None
    known = meaning(word.text)
    return _made(known, text.range(word.start, word.stop)) if known else None


def _made(value: str, place: types.Range) -> types.Hover:
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, value), place)


def _explained(snapshot: Snapshot, files: dict[str, FileIndex], found: Occurrence) -> list[str]:
    if found.symbol is not None:
        return _symbol(snapshot, found)
    match found.role:
        case "setting":
            return _setting(snapshot, found)
        case "argument":
            return _argument(found, files[snapshot.path])
        case "number":
            return _number(found)
        case "function" | "unit" | "member" | "word" | "reference":
            known = meaning(found.text)
            return [known] if known else []
    return []


# ---- names


def _symbol(snapshot: Snapshot, found: Occurrence) -> list[str]:
    symbol = found.symbol
    assert symbol is not None
    where = place_of(symbol.span, symbol.path)
    parts = [_declaration(symbol), f"*{symbol.kind}*, {where}"]
    name = symbol.experiment or _experiment_around(found)
    experiment = experiment_of(snapshot, name) if name else None
    values = value_of(snapshot, symbol)
    if values and not (len(values) == 1 and values[0] in parts[0]):
        parts.append("is " + ", ".join(map(code, values[:8])) + (" ..." if len(values) > 8 else ""))
    if symbol.kind == "axis" and experiment is not None:
        axis = next((axis for axis in experiment.axes if axis.name == symbol.name), None)
        if axis is not None:
            parts.append(f"{len(axis.values)} values; in SQL the column {code(axis.name)} ({axis.type})")
    if symbol.kind == "stage" and experiment is not None:
        parts += [stage_budget(experiment, symbol.name), settings_table(snapshot, experiment, symbol.name)]
    if symbol.kind == "corpus" and experiment is not None:
        parts += [_size(snapshot, experiment.name, symbol), corpus_budget(experiment, symbol.name)]
    if symbol.kind == "eval":
        parts.append(_evaluation(symbol))
    if symbol.kind == "experiment" and (own := experiment_of(snapshot, symbol.name)) is not None:
        seeds = len(own.recipes[0].seeds)
        parts.append(f"{own.arms:,} arms, {seeds} seed{'' if seeds == 1 else 's'}")
    return [part for part in parts if part]


def _experiment_around(found: Occurrence) -> str:
    return next((node.name.text for node in found.context if isinstance(node, ast.Experiment)), "")


def _declaration(symbol: Symbol) -> str:
    """The declaration as written; of what has a body, the head."""
    text = symbol.node.span.text
    if symbol.kind in ("stage", "experiment", "recipe"):
        text = text.partition("{")[0].rstrip()
    lines = text.split("\n")
    text = "\n".join(lines[:6]) + ("\n..." if len(lines) > 6 else "")
    return block(text if len(text) <= LONGEST else text[:LONGEST] + "...")


def _size(snapshot: Snapshot, experiment: str, symbol: Symbol) -> str:
    """Documents and tokens of a corpus, where some stage reads it."""
    compiled = experiment_of(snapshot, experiment)
    for point in compiled.recipes[0].points if compiled else ():
        for stage in point.stages.values():
            for reading in stage.readings:
                if reading.corpus.name == symbol.name:
                    facts = reading.corpus.facts
                    held = facts.held_out
                    kept = f"; held out {held.documents:,} documents, {held.tokens:,} tokens"
                    return (
                        f"{facts.train.documents:,} documents, {facts.train.tokens:,} tokens to train on"
                        + (kept if held.documents else "")
                    )
    return ""


def _evaluation(symbol: Symbol) -> str:
    value = getattr(symbol.node, "value", None)
    signature = COMPONENTS.get(value.function.text) if isinstance(value, ast.Call) else None
    return signature.doc if signature else ""


# ---- settings, arguments, numbers


def _setting(snapshot: Snapshot, found: Occurrence) -> list[str]:
    parts = [reference(found.text) or ""]
    stage = next((n for n in reversed(found.context) if isinstance(n, ast.Stage | ast.OverrideStage)), None)
    experiment = experiment_of(snapshot, _experiment_around(found))
    if stage is None or experiment is None:
        return [part for part in parts if part]
    given = settings(experiment, stage.name.text, found.text)
    for setting in given[:8]:
        arms = f" in {setting.arms[0]}" if len(given) > 1 else ""
        arms += f" and {len(setting.arms) - 1} more" if len(given) > 1 and len(setting.arms) > 1 else ""
        where = (
            place_of(setting.origin, snapshot.path_of(setting.origin)) if setting.origin is not None else ""
        )
        parts.append(f"is {code(setting.value)}{arms}" + (f", set at {where}" if where else ""))
    return [part for part in parts if part]


def _argument(found: Occurrence, here: FileIndex) -> list[str]:
    signature = called(found.context, here)
    parameter = signature.parameter(found.text) if signature else None
    if signature is None or parameter is None:
        return []
    text = f"{code(parameter.name)} of {code(signature.name)}: {parameter.doc}; {parameter.type.value}"
    if parameter.choices:
        text += ": " + ", ".join(code(f'"{choice}"') for choice in parameter.choices)
    if not parameter.required:
        from specc.analysis.values import show_argument

        text += f"; default {code(show_argument(parameter.default))}"
    return [text]


def called(context: tuple[ast.Node, ...], here: FileIndex) -> Signature | None:
    """The component whose argument this is, by itself or by the name that `let` or `model` gave it."""
    node: ast.Node | None = next((n for n in reversed(context) if isinstance(n, ast.Call | ast.With)), None)
    for _ in range(16):
        if isinstance(node, ast.Call):
            return COMPONENTS.get(node.function.text)
        if isinstance(node, ast.With):
            node = node.value
        elif isinstance(node, ast.Name):
            found = here.at(found_at(node.span)[0])
            node = getattr(found.symbol.node, "value", None) if found and found.symbol else None
    return None


def _number(found: Occurrence) -> list[str]:
    """A number with a suffix, in full."""
    read = read_number(found.text)
    if isinstance(read, str) or not found.text[-1:].isalpha():
        return []
    return [f"{code(found.text)} is {float(read[0]):,.0f}"]
