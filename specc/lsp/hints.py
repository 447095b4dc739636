"""Inlay hints: tokens and steps as they come out, beside the stages and cells that ask for them."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types

from specc.analysis.compile import CompiledExperiment
from specc.analysis.values import show_tokens
from specc.language import ast
from specc.lsp.positions import Text
from specc.lsp.project import Snapshot, found_at
from specc.lsp.values import base_points, experiment_of, planned, stage_budget


def inlay_hints(snapshot: Snapshot, start: int, stop: int) -> list[types.InlayHint]:
    """The hints between two offsets of a snapshot's own text."""
    hints: list[types.InlayHint] = []
    for item in snapshot.tree.items if snapshot.readable else ():
        if not isinstance(item, ast.Experiment):
            continue
        experiment = experiment_of(snapshot, item.name.text)
        if experiment is not None and len(base_points(experiment)) > 0:
            hints.extend(_of_experiment(item, experiment, snapshot.text))
    inside = (snapshot.text.position(start), snapshot.text.position(stop))
    return [hint for hint in hints if inside[0] <= hint.position <= inside[1]]


def _of_experiment(
    node: ast.Experiment, experiment: CompiledExperiment, text: Text
) -> Iterator[types.InlayHint]:
    for member in node.members:
        if isinstance(member, ast.Stage):
            yield from _stage(member, experiment, text)
        elif isinstance(member, ast.Allocate):
            for row in member.rows:
                if isinstance(row, ast.Row):
                    for cell in row.cells:
                        yield from _cell(row.corpus.text, cell, experiment, text)


def _stage(node: ast.Stage, experiment: CompiledExperiment, text: Text) -> Iterator[types.InlayHint]:
    stages = [p.stages[node.name.text] for p in base_points(experiment) if node.name.text in p.stages]
    if not stages:
        return
    steps = _between([f"{n:,}" for n in sorted({stage.steps for stage in stages})])
    tokens = _between([show_tokens(n) for n in sorted({stage.tokens for stage in stages})])
    sizes = _between([show_tokens(n) for n in sorted({stage.settings.step_tokens for stage in stages})])
    _, end = found_at(node.parent.span)
    yield _hint(
        text.position(end),
        f"{tokens} tokens = {steps} steps x {sizes}",
        stage_budget(experiment, node.name.text),
    )


def _cell(
    corpus: str, node: ast.Cell, experiment: CompiledExperiment, text: Text
) -> Iterator[types.InlayHint]:
    stage = node.stage.text
    amounts = {planned(p.stages[stage]).get(corpus, 0) for p in base_points(experiment) if stage in p.stages}
    if amounts:
        shown = _between([show_tokens(n) for n in sorted(amounts)])
        yield _hint(text.position(found_at(node.value.span)[1]), f"= {shown}", "")


def _between(values: list[str]) -> str:
    """The one value, or the first and the last."""
    return values[0] if len(values) == 1 else f"{values[0]}..{values[-1]}"


def _hint(position: types.Position, label: str, tooltip: str) -> types.InlayHint:
    return types.InlayHint(
        position,
        label,
        padding_left=True,
        tooltip=types.MarkupContent(types.MarkupKind.Markdown, tooltip) if tooltip else None,
    )
