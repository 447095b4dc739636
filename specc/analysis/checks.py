"""`check` items: what must hold of tokens, steps and operations before anything runs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from fractions import Fraction

from specc.analysis.data_calls import as_data
from specc.analysis.definition import Definition, axis_names
from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.findings import Finding, describe_point
from specc.analysis.resolve import id_of
from specc.analysis.resolved import ResolvedPoint
from specc.analysis.sweeps import Grid
from specc.analysis.units import combine
from specc.analysis.values import ERROR, Amount, CorpusValue, Failed, StageValue, Unit, Value, describe, show
from specc.components import gradient_passes
from specc.diagnostics import Report, nearest
from specc.flops import training_flops_per_token
from specc.language import ast

COMPARISONS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

FUNCTIONS = {
    "tokens": "tokens of a stage, of a corpus in all stages, or `tokens(corpus, stage)`, as declared",
    "steps": "training steps of a stage",
    "epochs": "passes over a corpus, in all stages together",
    "flops": "floating-point operations to train a stage",
}


def run_checks(
    definition: Definition,
    evaluator: Evaluator,
    grid: Grid,
    points: Sequence[ResolvedPoint],
    report: Report,
) -> list[tuple[Point, Finding]]:
    """What the checks of an experiment find, at each point of the sweep."""
    found: list[tuple[Point, Finding]] = []
    for check in definition.checks:
        if check.operator is None:
            found += _equal_across(check, definition, evaluator, grid, points, report)
        else:
            found += _compare(check, evaluator, points, report)
    return found


def read_checks(definition: Definition, evaluator: Evaluator, point: Point, report: Report) -> None:
    """Report mistakes of names and types in checks whose stages could not be resolved."""
    for check in definition.checks:
        for side in (check.left, check.right):
            if side is not None:
                _value(side, evaluator, point, report)
        if check.operator is None:
            _axes(check, definition, report)


def _compare(
    check: ast.Check, evaluator: Evaluator, points: Sequence[ResolvedPoint], report: Report
) -> list[tuple[Point, Finding]]:
    assert check.operator is not None
    assert check.right is not None
    found = []
    for resolved in points:
        left = _value(check.left, evaluator, resolved, report)
        right = _value(check.right, evaluator, resolved, report)
        if isinstance(left, Failed) or isinstance(right, Failed):
            return []
        if left.unit is not right.unit:
            bare = next((side for side in (left, right) if side.unit is Unit.NUMBER), None)
            other = right if bare is left else left
            report.add(
                "E0302",
                f"{left.unit.value} can't be compared with {right.unit.value}",
                check.left.span.to(check.right.span),
                help=f"write `{Amount(bare.value, other.unit)}`" if bare else None,
            )
            return []
        if not COMPARISONS[check.operator.symbol](left.value, right.value):
            title = f"this check does not hold: {left} {check.operator.symbol} {right}"
            found.append((resolved.point, Finding("E0409", title, check.span, amount=f"{left} and {right}")))
    return found


def _equal_across(
    check: ast.Check,
    definition: Definition,
    evaluator: Evaluator,
    grid: Grid,
    points: Sequence[ResolvedPoint],
    report: Report,
) -> list[tuple[Point, Finding]]:
    """What differs among points that differ only in some axes, and in those that move with them."""
    axes = _axes(check, definition, report)
    if axes is None:
        return []
    across = grid.moving_with({name.text for name in check.across})
    groups: dict[tuple[object, ...], list[tuple[ResolvedPoint, Amount]]] = {}
    for resolved in points:
        value = _value(check.left, evaluator, resolved, report)
        if isinstance(value, Failed):
            return []
        key = tuple(id_of(resolved.point, axis) for axis in axes if axis not in across)
        groups.setdefault(key, []).append((resolved, value))
    found = []
    for group in groups.values():
        _, first = group[0]
        for resolved, value in group[1:]:
            if value != first:
                base = describe_point(group[0][0].point)
                title = f"this check does not hold: {value} is not equal to {first} (in arm {base})"
                found.append((resolved.point, Finding("E0409", title, check.span, amount=show(value))))
    return found


def _axes(check: ast.Check, definition: Definition, report: Report) -> list[str] | None:
    """All axes of the experiment; None if the check names another, which is reported."""
    axes = [name.text for sweep in definition.sweeps for name in axis_names(sweep)]
    for name in check.across:
        if name.text not in axes:
            close = nearest(name.text, axes)
            report.add(
                "E0201",
                f"there is no axis `{name.text}`",
                name.span,
                help=f"write `{close}`" if close else None,
            )
            return None
    return axes


def _value(
    node: ast.Expression, evaluator: Evaluator, resolved: ResolvedPoint | Point, report: Report
) -> Amount | Failed:
    """Value of a check's expression at a resolved point; at another only its mistakes are of use."""
    match node:
        case ast.Arithmetic():
            left = _value(node.first, evaluator, resolved, report)
            for symbol, operand in node.rest:
                right = _value(operand, evaluator, resolved, report)
                if isinstance(left, Failed) or isinstance(right, Failed):
                    return ERROR
                combined = combine(left, symbol.symbol, right)
                if not isinstance(combined, Amount):
                    if not isinstance(resolved, ResolvedPoint) and right.value == 0:
                        return ERROR
                    code, title, help = combined
                    report.add(code, title, node.first.span.to(operand.span), help=help)
                    return ERROR
                left = combined
            return left
        case ast.Sign():
            inner = _value(node.operand, evaluator, resolved, report)
            return inner if isinstance(inner, Failed) else Amount(-inner.value, inner.unit)
        case ast.Call() if node.function.text in FUNCTIONS:
            return _function(node, evaluator, resolved, report)
        case ast.Call():
            close = nearest(node.function.text, FUNCTIONS)
            names = ", ".join(f"`{name}`" for name in FUNCTIONS)
            report.add(
                "E0201",
                f"a check has no function `{node.function.text}`",
                node.function.span,
                help=f"write `{close}`" if close else f"functions are {names}",
            )
            return ERROR
    value = evaluator.value(node, resolved.point if isinstance(resolved, ResolvedPoint) else resolved)
    if value is not ERROR and not isinstance(value, Amount):
        report.add(
            "E0301",
            f"a check compares amounts, not {describe(value)}",
            node.span,
            help=f"write `tokens({node.span.text})`" if isinstance(value, StageValue | CorpusValue) else None,
        )
        return ERROR
    return value


_TAKEN = {
    "tokens": ((StageValue,), (CorpusValue,), (CorpusValue, StageValue)),
    "steps": ((StageValue,),),
    "epochs": ((CorpusValue,),),
    "flops": ((StageValue,),),
}
"""What each function may be taken of."""


def _function(
    node: ast.Call, evaluator: Evaluator, resolved: ResolvedPoint | Point, report: Report
) -> Amount | Failed:
    name = node.function.text
    point = resolved.point if isinstance(resolved, ResolvedPoint) else resolved
    values = [_row_or_stage(argument.value, evaluator, point) for argument in node.arguments]
    if ERROR in values:
        return ERROR
    if tuple(map(type, values)) not in _TAKEN[name]:
        report.add(
            "E0301", f"`{name}` can't be taken of this", node.span, notes=[f"`{name}`: {FUNCTIONS[name]}"]
        )
        return ERROR
    return _measured(name, values, resolved) if isinstance(resolved, ResolvedPoint) else ERROR


def _row_or_stage(node: ast.Expression, evaluator: Evaluator, point: Point) -> Value:
    """What is counted: a row of the table is meant by its name, whatever heads it."""
    value = evaluator.value(node, point)
    if isinstance(node, ast.Name) and as_data(value) is not None:
        return CorpusValue(node.text)
    return value


def _measured(name: str, values: list[Value], resolved: ResolvedPoint) -> Amount | Failed:
    match name, values:
        case "tokens", [StageValue(stage=stage)]:
            return Amount(Fraction(resolved.stages[stage].nominal), Unit.TOKENS)
        case "tokens", [CorpusValue(corpus=corpus)]:
            return Amount(Fraction(resolved.table.row_total(corpus)), Unit.TOKENS)
        case "tokens", [CorpusValue(corpus=corpus), StageValue(stage=stage)]:
            return Amount(Fraction(resolved.table.tokens.get((corpus, stage), 0)), Unit.TOKENS)
        case "steps", [StageValue(stage=stage)]:
            return Amount(Fraction(resolved.stages[stage].steps), Unit.STEPS)
        case "epochs", [CorpusValue(corpus=corpus)]:
            return Amount(_epochs(corpus, resolved), Unit.EPOCHS)
        case "flops", [StageValue(stage=stage)]:
            return Amount(Fraction(stage_flops(stage, resolved)), Unit.NUMBER)
    return ERROR


def _epochs(corpus: str, resolved: ResolvedPoint) -> Fraction:
    readings = [
        r
        for stage in resolved.stages.values()
        for r in stage.readings
        if r.corpus.name == corpus and not r.replay_of
    ]
    if not readings:
        return Fraction(0)
    return Fraction(sum(reading.nominal for reading in readings), readings[0].corpus.facts.train.tokens)


def stage_flops(stage: str, resolved: ResolvedPoint) -> int:
    """Floating-point operations to train a stage, by `specc.flops`."""
    found = resolved.stages[stage]
    shape = resolved.models[stage].shape
    passes = gradient_passes(found.settings.optimizer)
    frozen = found.settings.adapter is not None
    return passes * training_flops_per_token(shape, found.settings.sequence, frozen) * found.tokens


def corpus_limits(definition: Definition, points: Sequence[ResolvedPoint]) -> list[tuple[Point, Finding]]:
    """Corpora that are too small for what an arm asks of them, in passes over their training split."""
    from specc.analysis.values import show_number, show_tokens

    found = []
    for resolved in points:
        for name, row in definition.rows.items():
            epochs = _epochs(name, resolved)
            if not epochs:
                continue
            corpus = next(
                r.corpus
                for stage in resolved.stages.values()
                for r in stage.readings
                if r.corpus.name == name
            )
            asked = [
                cell.value
                for cell in row.cells
                if isinstance(cell.value, ast.Quantity)
                and cell.value.unit
                and cell.value.unit.text.startswith("epoch")
            ]
            if asked or (
                isinstance(row.total, ast.Quantity)
                and row.total.unit
                and row.total.unit.text.startswith("epoch")
            ):
                continue
            if epochs > Fraction(corpus.max_epochs):
                shown = f"{float(epochs):.3g}"
                size = show_tokens(corpus.facts.train.tokens)
                spent = show_tokens(resolved.table.row_total(name))
                enough = -(-epochs.numerator // epochs.denominator)
                limit = show_number(Fraction(corpus.max_epochs))
                found.append(
                    (
                        resolved.point,
                        Finding(
                            "E0406",
                            f"`{name}` has {size} tokens; {spent} are {shown} epochs, over {limit}",
                            row.total.span if row.total else row.corpus.span,
                            help=f"spend less of it, or declare `{name}` with `max_epochs = {enough}`",
                            key=(name,),
                            amount=f"{shown} epochs",
                        ),
                    )
                )
    return found


def unequal_rounding(definition: Definition, points: Sequence[ResolvedPoint], report: Report) -> None:
    """Warn of arms that are declared to train on the same tokens, and don't after rounding to whole steps."""
    declared = {sum(stage.nominal for stage in resolved.stages.values()) for resolved in points}
    trained = [sum(stage.tokens for stage in resolved.stages.values()) for resolved in points]
    if len(declared) != 1 or len(set(trained)) == 1:
        return
    fewest, most = min(trained), max(trained)
    named = [
        f"{tokens:,} tokens in arm {describe_point(points[trained.index(tokens)].point)}"
        for tokens in (fewest, most)
    ]
    sizes = sorted({stage.settings.step_tokens for stage in points[0].stages.values()})
    step = " and ".join(f"{size:,}" for size in sizes)
    report.add(
        "W0402",
        f"arms of equal budgets train on up to {most - fewest:,} tokens more or less, by rounding",
        definition.span,
        f"each is given {declared.pop():,} tokens",
        notes=[" and ".join(named)],
        help=f"make stages whole numbers of training steps, of {step} tokens",
    )


__all__ = ["COMPARISONS", "FUNCTIONS", "corpus_limits", "run_checks", "stage_flops"]
