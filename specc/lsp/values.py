"""What names and settings of a compiled experiment come to, and what set them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from specc.analysis.compile import CompiledExperiment
from specc.analysis.definition import Definition
from specc.analysis.evaluate import Evaluator
from specc.analysis.findings import describe_point
from specc.analysis.resolved import ResolvedPoint, ResolvedStage
from specc.analysis.values import ComponentValue, Failed, Value, describe, show, show_tokens, spelled
from specc.diagnostics import Report, Span
from specc.lsp.index import Symbol
from specc.lsp.markdown import code, table
from specc.lsp.project import Snapshot

MOST_ROWS = 8
"""Arms that a hover shows."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting's value in some arms, and where it was given; None for a default."""

    value: str
    origin: Span | None
    arms: tuple[str, ...]


def experiment_of(snapshot: Snapshot, name: str) -> CompiledExperiment | None:
    """A compiled experiment by its name; None if it has errors."""
    return next((found for found in snapshot.compilation.experiments if found.name == name), None)


def base_points(experiment: CompiledExperiment) -> list[ResolvedPoint]:
    """The experiment as written, at each point of its sweep."""
    return experiment.recipes[0].points if experiment.recipes else []


def definition_of(experiment: CompiledExperiment) -> Definition:
    return experiment.recipes[0].definition


def place_of(span: Span, path: str) -> str:
    """`models.spec:3`: where something stands, for people."""
    return f"{os.path.basename(path)}:{span.source.position(span.start)[0]}"


def settings(experiment: CompiledExperiment, stage: str, name: str) -> list[Setting]:
    """The values that a setting of a stage takes."""
    found: dict[tuple[str, Span | None], list[str]] = {}
    for point in base_points(experiment):
        resolved = point.stages.get(stage)
        if resolved is None:
            continue
        value = resolved.settings.shown().get(name, "")
        origin = resolved.settings.spans.get(name)
        found.setdefault((value, origin), []).append(describe_point(point.point))
    return [Setting(value, origin, tuple(arms)) for (value, origin), arms in found.items()]


def settings_table(snapshot: Snapshot, experiment: CompiledExperiment, stage: str) -> str:
    """All settings of a stage in the first arm, and where each was set."""
    points = base_points(experiment)
    if not points or stage not in points[0].stages:
        return ""
    resolved = points[0].stages[stage].settings
    rows = []
    for name, value in resolved.shown().items():
        origin = resolved.spans.get(name)
        swept = len(settings(experiment, stage, name)) > 1
        where = place_of(origin, snapshot.path_of(origin)) if origin is not None else "default"
        rows.append((f"`{name}`", code(value) + (" and others" if swept else ""), where))
    lines = ["| setting | value | set at |", "| --- | --- | --- |"]
    return "\n".join(
        [*lines, *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)]
    )


def stage_budget(experiment: CompiledExperiment, stage: str) -> str:
    """Tokens of each corpus in a stage, arm by arm, as they are read after rounding to whole steps."""
    corpora = [name for name in definition_of(experiment).rows if _reads(experiment, stage, name)]

    def row(point: ResolvedPoint) -> list[str]:
        resolved = point.stages[stage]
        by_corpus = planned(resolved)
        return [
            *(_amount(by_corpus.get(name, 0)) for name in corpora),
            _amount(resolved.tokens),
            f"{resolved.steps:,}",
        ]

    return _by_arm(experiment, [*corpora, "all", "steps"], row)


def corpus_budget(experiment: CompiledExperiment, corpus: str) -> str:
    """Tokens of a corpus in each stage, arm by arm, and how often it is read."""
    stages = [name for name in definition_of(experiment).stages if _reads(experiment, name, corpus)]
    if not stages:
        return ""

    def row(point: ResolvedPoint) -> list[str]:
        tokens = [planned(point.stages[name]).get(corpus, 0) for name in stages]
        sizes = [
            reading.corpus.facts.train.tokens
            for found in point.stages.values()
            for reading in found.readings
            if reading.corpus.name == corpus
        ]
        epochs = f"{sum(tokens) / sizes[0]:.2f}" if sizes and sizes[0] else ""
        return [*map(_amount, tokens), _amount(sum(tokens)), epochs]

    return _by_arm(experiment, [*stages, "all", "epochs"], row)


def planned(stage: ResolvedStage) -> dict[str, int]:
    """Tokens that a stage reads of each corpus, after rounding."""
    found: dict[str, int] = {}
    for reading in stage.readings:
        found[reading.corpus.name] = found.get(reading.corpus.name, 0) + reading.planned
    return found


def _reads(experiment: CompiledExperiment, stage: str, corpus: str) -> bool:
    return any(
        corpus in planned(point.stages[stage]) for point in base_points(experiment) if stage in point.stages
    )


def _amount(tokens: int) -> str:
    return show_tokens(tokens) if tokens else "–"


def _by_arm(
    experiment: CompiledExperiment, head: list[str], row: Callable[[ResolvedPoint], list[str]]
) -> str:
    """A table with a line for each arm; equal lines are told once."""
    lines: dict[tuple[str, ...], list[str]] = {}
    for point in base_points(experiment):
        lines.setdefault(tuple(row(point)), []).append(describe_point(point.point))
    if not lines:
        return ""
    rows = [(_arms(arms), *cells) for cells, arms in list(lines.items())[:MOST_ROWS]]
    more = len(lines) - MOST_ROWS
    text = table(["tokens", *head], rows)
    return text + (f"\n\n... and {more} more" if more > 0 else "")


def _arms(arms: list[str]) -> str:
    if arms == [""]:
        return ""
    return arms[0] if len(arms) == 1 else f"{arms[0]} and {len(arms) - 1} more"


def value_of(snapshot: Snapshot, symbol: Symbol) -> list[str]:
    """What a declared name comes to, in the words of a recipe: one value, or those of the arms."""
    from specc.language import ast

    node = symbol.node
    if not isinstance(node, ast.Declaration) or node.parameters:
        return []
    experiment = experiment_of(snapshot, symbol.experiment) if symbol.experiment else None
    scope = None
    if experiment is not None:
        scope = definition_of(experiment).scope
    else:
        scope = next(
            (
                f.scope
                for f in snapshot.compilation.program.files
                if snapshot.paths[f.source.name] == symbol.path
            ),
            None,
        )
    if scope is None:
        return []
    evaluator = Evaluator(scope, Report())
    points = [point.point for point in base_points(experiment)] if experiment else [{}]
    found: dict[str, None] = {}
    for point in points[:64]:
        value = evaluator.value(node.value, point)
        if not isinstance(value, Failed):
            found[_shown(value)] = None
    return list(found)


def _shown(value: Value) -> str:
    if isinstance(value, ComponentValue):
        return spelled(value)
    shown = show(value)
    kind = describe(value)
    return shown if shown == kind else f"{shown} ({kind})"
