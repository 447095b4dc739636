"""An experiment's parts by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from specc.analysis.scope import Binding, Scope
from specc.diagnostics import Label, Report, Span, foreign, nearest
from specc.language import ast
from specc.study import BASE

MOST_STAGES = 1000
"""Stages of an experiment: each asks its ancestors for what it inherits."""

MOST_RECIPES = 500
"""Recipes of an experiment: each is an experiment of its own."""

LONGEST_NAME = 63

SETTINGS = {
    "budget": "tokens of the stage; corpora with `fill` make up what the others leave",
    "optimizer": "how weights are updated, for instance `adamw()`",
    "optimizer_state": 'the optimizer\'s state at the start: "fresh", or "kept" as the parent stage left it',
    "schedule": "learning rate over the stage, for instance `cosine(peak = 1e-3)`",
    "batch": "size of a training step, in sequences or tokens",
    "sequence": "tokens in a sequence; default: the model's context",
    "clip": "largest gradient norm; 0 for no clipping",
    "dtype": 'numbers that are computed with: "float32", "bfloat16", or "auto" for what suits the model',
    "dropout": "probability of dropping an activation",
    "replay": "what the stages before have read, once more: `past(share = 10%, decay = 50%)`",
    "adapter": "what is trained in place of the weights: `lora(rank = 8)`",
    "until": "when the stage ends early, for instance `early_stop(skill_loss, patience = 3)`",
}
"""Settings of a stage, with what they mean."""

INHERITED = ("optimizer", "schedule", "batch", "sequence", "clip", "dtype")
"""Settings that a stage takes from its parent if it doesn't give them; the others are its own."""


@dataclass(frozen=True, slots=True)
class StageDefinition:
    """A stage as written; `broken` if some of its settings could not be read, and were reported."""

    name: str
    span: Span
    parent: ast.Expression
    settings: dict[str, ast.Setting]
    broken: bool = False


@dataclass(slots=True)
class Definition:
    """An experiment as written; `recipe` names what was overridden in it.

    Attributes:
        broken: parts of it could not be read, and were reported: what seems to be missing may be there.
        table_broken: the same of its table of allocations.
        recipes: those that make arms, with the overrides of what they extend.
        origins: the texts that it is made of, with what they are: "experiment `a`", "recipe `b`".
    """

    name: str
    span: Span
    scope: Scope
    recipe: str = BASE
    description: str = ""
    sweeps: list[ast.Sweep | ast.SweepTable] = field(default_factory=list)
    excepts: list[ast.Except] = field(default_factory=list)
    seeds: ast.Seeds | None = None
    rows: dict[str, ast.Row] = field(default_factory=dict)
    allocate: Span | None = None
    stages: dict[str, StageDefinition] = field(default_factory=dict)
    evals: dict[str, ast.Eval] = field(default_factory=dict)
    checks: list[ast.Check] = field(default_factory=list)
    compares: dict[str, ast.Compare] = field(default_factory=dict)
    expects: list[ast.Expect | ast.ExpectSql] = field(default_factory=list)
    recipes: dict[str, ast.Recipe] = field(default_factory=dict)
    broken: bool = False
    table_broken: bool = False
    origins: list[tuple[str, Span]] = field(default_factory=list)

    def find(self, name: str) -> Binding | None:
        """What a name stands for; that of a row where the row is written, which may be another file."""
        row = self.rows.get(name)
        found = self.scope.find(name, row.corpus.span if row is not None else None)
        others = (scope.find(name) for scope in self.scope.elsewhere.values())
        return found or next((binding for binding in others if binding is not None), None)


def axis_names(sweep: ast.Sweep | ast.SweepTable) -> tuple[ast.Identifier, ...]:
    """The axes that a `sweep` declares."""
    return (sweep.name,) if isinstance(sweep, ast.SweepTable) else sweep.names


def report_twice(what: str, span: Span, first: Span, report: Report) -> None:
    """Report a part that may stand only once."""
    report.add(
        "E0206", f"a second `{what}`", span, secondary=[Label(first, "first here")], help="keep one of them"
    )


def unique_settings(
    settings: Iterable[ast.Setting | ast.Broken], report: Report
) -> tuple[dict[str, ast.Setting], bool]:
    """Settings by name, and whether some could not be read."""
    kept: dict[str, ast.Setting] = {}
    broken = False
    for setting in settings:
        if isinstance(setting, ast.Broken):
            broken = True
            continue
        name = setting.name.text
        if name not in SETTINGS:
            broken = True
            close = nearest(name, SETTINGS)
            report.add(
                "E0101",
                f"a stage has no setting `{name}`",
                setting.name.span,
                notes=["settings are " + ", ".join(f"`{known}`" for known in SETTINGS)],
                help=foreign.SETTINGS.get(name) or (f"write `{close}`" if close else None),
            )
        elif name in kept:
            report_twice(name, setting.name.span, kept[name].name.span, report)
        else:
            kept[name] = setting
    return kept, broken


def unique_rows(
    rows: Iterable[ast.Row | ast.Broken], before: dict[str, ast.Row], report: Report
) -> dict[str, ast.Row]:
    kept: dict[str, ast.Row] = {}
    for row in rows:
        if isinstance(row, ast.Broken):
            continue
        name = row.corpus.text
        other = kept.get(name) or before.get(name)
        if other is not None:
            report_twice(name, row.corpus.span, other.corpus.span, report)
            continue
        kept[name] = row
        cells: dict[str, ast.Cell] = {}
        for cell in row.cells:
            if cell.stage.text in cells:
                report_twice(cell.stage.text, cell.stage.span, cells[cell.stage.text].stage.span, report)
            cells[cell.stage.text] = cell
    return kept
