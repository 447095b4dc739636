"""An experiment's parts by name, and the same with a recipe's overrides applied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from specc.analysis.scope import Binding, Scope
from specc.diagnostics import Label, Report, Span, nearest
from specc.language import ast
from specc.study import BASE

LONGEST_NAME = 63

SETTINGS = {
    "budget": "tokens of the stage; corpora with `fill` make up what the others leave",
    "optimizer": "how weights are updated, for instance `adamw()`",
    "optimizer_state": 'the optimizer\'s state at the start: "fresh", or "kept" as the parent stage left it',
    "schedule": "learning rate over the stage, for instance `cosine(peak = 1e-3)`",
    "batch": "size of a training step, in sequences or tokens",
    "sequence": "tokens in a sequence; default: the model's context",
    "clip": "largest gradient norm; 0 for no clipping",
    "dtype": 'numbers that are computed with: "float32" or "bfloat16"',
    "dropout": "probability of dropping an activation",
    "replay": "what the stages before have read, once more: `past(share = 10%, decay = 50%)`",
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
    """

    name: str
    span: Span
    scope: Scope
    recipe: str = BASE
    description: str = ""
    sweeps: list[ast.Sweep] = field(default_factory=list)
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


def define(experiment: ast.Experiment, file_scope: Scope, report: Report) -> Definition:
    """Collect an experiment's parts; doubles and names that can't be names are reported."""
    scope = Scope(file_scope)
    definition = Definition(experiment.name.text, experiment.name.span, scope)
    check_name(experiment.name, "experiment", report)
    for member in experiment.members:
        _collect(member, definition, report)
    if not definition.stages and not definition.broken:
        report.add(
            "E0507",
            f"experiment `{definition.name}` has no stages",
            definition.span,
            help="add a stage, for instance `stage pretrain from MODEL { ... }`",
        )
    return definition


def _collect(member: ast.Member, definition: Definition, report: Report) -> None:
    scope = definition.scope

    def declare(kind: str, name: ast.Identifier, value: ast.Expression | None = None) -> bool:
        check_name(name, kind, report)
        known = len(scope.bindings)
        scope.declare(Binding(kind, name.text, name.span, scope, value), report)
        return len(scope.bindings) > known

    match member:
        case ast.Docstring():
            if definition.description:
                report.add(
                    "E0206", "a second description", member.span, help="keep one string, or write a comment"
                )
            definition.description = member.text
        case ast.Declaration():
            declare(member.keyword, member.name, member.value)
        case ast.Sweep():
            definition.sweeps.append(member)
            for name in member.names:
                _check_axis(name, scope, report)
                declare("axis", name)
        case ast.Seeds():
            if definition.seeds is not None:
                _twice("seeds", member.span, definition.seeds.span, report)
            definition.seeds = member
        case ast.Allocate():
            if definition.allocate is not None:
                _twice(
                    "allocate", _head(member.span, "allocate"), _head(definition.allocate, "allocate"), report
                )
            definition.allocate = member.span
            definition.rows |= _unique_rows(member.rows, definition.rows, report)
            definition.table_broken |= any(isinstance(row, ast.Broken) for row in member.rows)
        case ast.Stage():
            if declare("stage", member.name):
                settings, broken = _unique_settings(member.settings, report)
                definition.stages[member.name.text] = StageDefinition(
                    member.name.text, member.name.span, member.parent, settings, broken
                )
            else:
                definition.broken = definition.table_broken = True
        case ast.Eval():
            if declare("eval", member.name):
                definition.evals[member.name.text] = member
        case ast.Check():
            definition.checks.append(member)
        case ast.Compare():
            if declare("compare", member.name):
                definition.compares[member.name.text] = member
        case ast.Expect() | ast.ExpectSql():
            if member.name is None or declare("expect", member.name):
                definition.expects.append(member)
        case ast.Recipe():
            if member.name.text == BASE:
                report.add(
                    "E0207",
                    f"`{BASE}` can't name a recipe",
                    member.name.span,
                    "it is the experiment as written",
                    help="give the recipe another name",
                )
            elif declare("recipe", member.name):
                definition.recipes[member.name.text] = member
        case ast.Broken():
            definition.broken = definition.table_broken = True
            scope.declare_broken(member)


def check_name(name: ast.Identifier, kind: str, report: Report) -> None:
    """Report a name that is too long to be a column or an alias."""
    if len(name.text) > LONGEST_NAME:
        report.add(
            "E0207",
            f"this name has {len(name.text)} characters; the longest has {LONGEST_NAME}",
            name.span,
            help=f"give the {kind} a shorter name",
        )


def _check_axis(name: ast.Identifier, scope: Scope, report: Report) -> None:
    """Report a name that can't be a column beside the others: SQL doesn't tell upper from lower case."""
    from specc.results.schema import RESERVED_COLUMNS

    if name.text.lower() in RESERVED_COLUMNS:
        help = "write `seeds 0..2`; seeds are replicates, not an axis" if name.text == "seed" else None
        report.add(
            "E0207",
            f"`{name.text}` can't name an axis: it is a column of the results",
            name.span,
            help=help or f"give it another name, for instance `{name.text}_value`",
        )
    for other in scope.bindings.values():
        same = other.name.lower() == name.text.lower() and other.name != name.text
        if other.kind == "axis" and same:
            report.add(
                "E0202",
                f"axes `{name.text}` and `{other.name}` are the same column in SQL",
                name.span,
                secondary=[Label(other.span, "first here")],
                help="give one of them another name",
            )


def _twice(what: str, span: Span, first: Span, report: Report) -> None:
    report.add(
        "E0206", f"a second `{what}`", span, secondary=[Label(first, "first here")], help="keep one of them"
    )


def _head(span: Span, word: str) -> Span:
    return Span(span.source, span.start, span.start + len(word))


def _unique_settings(
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
                help=f"write `{close}`" if close else _other_setting(name),
            )
        elif name in kept:
            _twice(name, setting.name.span, kept[name].name.span, report)
        else:
            kept[name] = setting
    return kept, broken


def _other_setting(name: str) -> str | None:
    if name in ("lr", "learning_rate", "peak", "warmup", "floor"):
        return "the learning rate belongs to the schedule: `schedule = cosine(peak = 1e-3, warmup = 2%)`"
    if name in ("weight_decay", "betas", "beta1", "beta2", "eps"):
        return "this belongs to the optimizer: `optimizer = adamw(weight_decay = 0.1)`"
    if name in ("model", "init"):
        return "name the model in the head: `stage pretrain from MODEL { ... }`"
    if name in ("steps", "tokens", "epochs", "max_steps", "data"):
        return "how much a stage trains is written in `allocate`, or as `budget = 8M tokens`"
    return None


def _unique_rows(
    rows: Iterable[ast.Row | ast.Broken], before: dict[str, ast.Row], report: Report
) -> dict[str, ast.Row]:
    kept: dict[str, ast.Row] = {}
    for row in rows:
        if isinstance(row, ast.Broken):
            continue
        name = row.corpus.text
        other = kept.get(name) or before.get(name)
        if other is not None:
            _twice(name, row.corpus.span, other.corpus.span, report)
            continue
        kept[name] = row
        cells: dict[str, ast.Cell] = {}
        for cell in row.cells:
            if cell.stage.text in cells:
                _twice(cell.stage.text, cell.stage.span, cells[cell.stage.text].stage.span, report)
            cells[cell.stage.text] = cell
    return kept


def apply(definition: Definition, recipe: ast.Recipe, report: Report) -> Definition:
    """The experiment with a recipe's overrides: settings and rows are replaced whole, the rest stays."""
    scope = Scope(definition.scope.parent, dict(definition.scope.bindings))
    rows, stages = dict(definition.rows), dict(definition.stages)
    seeds = definition.seeds
    for override in recipe.overrides:
        if isinstance(override, ast.Broken):
            continue
        match override.item:
            case ast.Declaration() as item:
                old = scope.bindings.get(item.name.text)
                if old is None or old.kind != item.keyword:
                    same = [b.name for b in scope.bindings.values() if b.kind == item.keyword]
                    around = scope.find(item.name.text)
                    outside = around if around is not None and around.kind == item.keyword else None
                    _nothing_to_override(item.keyword, item.name, same, report, outside)
                    continue
                scope.bindings[item.name.text] = replace(old, span=item.name.span, value=item.value)
            case ast.Seeds() as item:
                seeds = item
            case ast.Allocate() as item:
                for name, row in _unique_rows(item.rows, {}, report).items():
                    if name not in rows:
                        _nothing_to_override("row", row.corpus, rows, report)
                    else:
                        rows[name] = row
            case ast.OverrideStage() as item:
                stage = stages.get(item.name.text)
                if stage is None:
                    _nothing_to_override("stage", item.name, stages, report)
                    continue
                settings, broken = _unique_settings(item.settings, report)
                stages[stage.name] = replace(
                    stage,
                    parent=item.parent or stage.parent,
                    settings=stage.settings | settings,
                    broken=stage.broken or broken,
                )
            case item:
                word = item.span.text.split(None, 1)[0]
                report.add(
                    "E0208",
                    f"a recipe can't override `{word}`: its arms share the sweep and what is measured",
                    Span(item.span.source, item.span.start, item.span.start + len(word)),
                    help="write another experiment: `experiment NAME extends "
                    f"{definition.name} {{ override {word} ... }}`",
                )
    for binding in scope.bindings.values():
        if binding.scope is definition.scope:
            scope.bindings[binding.name] = replace(binding, scope=scope)
    return replace(
        definition, recipe=recipe.name.text, scope=scope, rows=rows, stages=stages, seeds=seeds, recipes={}
    )


def _nothing_to_override(
    kind: str, name: ast.Identifier, known: Iterable[str], report: Report, outside: Binding | None = None
) -> None:
    """Report an override of what the experiment doesn't have, or has only from the file around it."""
    known = list(known)
    if outside is not None:
        report.add(
            "E0208",
            f"`{name.text}` belongs to the file, not to the experiment",
            name.span,
            secondary=[Label(outside.span, "declared here")],
            help="a recipe replaces what its experiment declares; declare it in the experiment",
        )
        return
    close = nearest(name.text, known)
    listed = ", ".join(f"`{other}`" for other in known)
    report.add(
        "E0208",
        f"there is no {_KINDS.get(kind, kind)} `{name.text}` to override",
        name.span,
        notes=[f"the experiment declares {listed}" if known else "the experiment declares none"],
        help=f"write `{close}`" if close else None,
    )


_KINDS = {"let": "value"}
"""What people call the things that a word of the language declares."""
