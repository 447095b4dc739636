"""Where in a recipe something was set, for the lines of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from specc.difference.causes import DATA
from specc.study import BASE

if TYPE_CHECKING:  # two plans are compared without the analysis, which takes long to load
    from specc.analysis.compile import CompiledExperiment, RecipeArms
    from specc.analysis.resolved import ResolvedStage
    from specc.analysis.values import ComponentValue
    from specc.diagnostics import Span


class Origins:
    """Places of a compiled experiment's parts; `file` is its main file, whose name is left out."""

    def __init__(self, experiment: CompiledExperiment) -> None:
        self.experiment = experiment
        self.recipes = {recipe.name: recipe for recipe in experiment.recipes}

    def where(
        self, kind: str, subject: str, name: str, recipe: str = BASE, corpora: Sequence[str] = ()
    ) -> str:
        """A place as people read it: "line 12", or "models.spec:3" in another file; empty if unknown.

        Args:
            corpora: whose tokens in the stage `subject` it is about; none for all that it reads.
        """
        span = self._span(kind, subject, name, recipe, corpora)
        return self._shown(span) if span is not None else ""

    def set_at(self, stage: str, setting: str, recipe: str) -> str:
        """The line that gives a setting of a stage; empty if it is a default."""
        arms = self.recipes.get(recipe)
        resolved = next((p.stages[stage] for p in arms.points if stage in p.stages), None) if arms else None
        span = self._setting(resolved, setting) if resolved is not None else None
        return self._shown(span) if span is not None else ""

    def _shown(self, span: Span) -> str:
        line, _ = span.source.position(span.start)
        return f"line {line}" if span.source.name == self.experiment.spec else f"{span.source.name}:{line}"

    def _span(self, kind: str, subject: str, name: str, recipe: str, corpora: Sequence[str]) -> Span | None:
        arms = self.recipes.get(recipe) or self.recipes.get(BASE)
        if arms is None:
            return None
        definition = arms.definition
        if kind == "stage":
            return self._stage(arms, subject, name, corpora)
        if kind == "eval":
            node = definition.evals.get(subject)
            return node.name.span if node is not None else None
        if kind == "arms":
            if subject == "seeds":
                return definition.seeds.span if definition.seeds is not None else None
            if subject == "recipe":
                base = self.recipes[BASE].definition
                return base.recipes[name].name.span if name in base.recipes else None
        value = next((value for value in _components(arms) if value.name == subject), None)
        if value is not None:
            return value.spans.get(name.partition(".")[0], value.span)
        binding = definition.scope.find(subject)
        return binding.span if binding is not None else None

    def _stage(self, arms: RecipeArms, stage: str, name: str, corpora: Sequence[str]) -> Span | None:
        definition = arms.definition
        if name == DATA:
            # Not the corpus with `fill`, which only makes up what others leave.
            cells = [
                cell
                for row in definition.rows.values()
                if row.corpus.text in corpora or not corpora
                for cell in row.cells
                if cell.stage.text == stage
            ]
            cells.sort(key=lambda cell: cell.value.span.text == "fill")
            budget = definition.stages[stage].settings.get("budget") if stage in definition.stages else None
            if budget is not None and not corpora:
                return budget.value.span
            if cells:
                return cells[0].stage.span
        resolved = next((p.stages[stage] for p in arms.points if stage in p.stages), None)
        span = self._setting(resolved, name) if resolved is not None else None
        if span is None and stage in definition.stages:
            span = definition.stages[stage].span
        return span

    def _setting(self, stage: ResolvedStage, name: str) -> Span | None:
        settings = stage.settings
        setting, _, argument = name.partition(".")
        if setting == "schedule" and argument in settings.schedule.spans:
            return settings.schedule.spans[argument]
        return settings.parent.span if name == "from" else settings.spans.get(setting)


def _components(arms: RecipeArms) -> Iterator[ComponentValue]:
    """Models and corpora of a recipe, as they are at the points of the sweep."""
    for point in arms.points:
        for model in point.models.values():
            yield model.value
        for stage in point.stages.values():
            for reading in stage.readings:
                yield replace(reading.corpus.value, name=reading.corpus.name)
