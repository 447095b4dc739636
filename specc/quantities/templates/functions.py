"""Functions that templates can call: each gives a piece of SQL on the tables of the experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from specc.diagnostics import nearest
from specc.quantities.templates.context import Context, Value
from specc.study import BASE

_KINDS = ("pareto", "strict_pareto", "lower_hull")
_DIRECTIONS = ("lower", "higher")


class Refused(Exception):
    """Arguments that a function can't do with."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message, self.help = message, help


@dataclass(frozen=True, slots=True)
class Function:
    """A function of templates: how it is written, what it gives, and an example of a query."""

    signature: str
    doc: str
    example: str
    call: Callable[[Context, Sequence[Value], Mapping[str, Value]], str]


def written(value: Value) -> str:
    """A value as it is written into SQL: text as it is, numbers so that they are read back the same."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def as_literal(value: Value) -> str:
    """A value as SQL's own: strings quoted."""
    if isinstance(value, list):
        return "(" + ", ".join(map(as_literal, value)) + ")"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else written(value)


def as_identifier(name: str) -> str:
    """A name as SQL's own, quoted."""
    return '"' + name.replace('"', '""') + '"'


# ---- arguments


def _only(given: Mapping[str, Value], allowed: Sequence[str], name: str) -> None:
    for key in given:
        if key not in allowed:
            near = nearest(key, allowed)
            listed = ", ".join(f"`{each}`" for each in allowed)
            raise Refused(
                f"`{name}` has no argument `{key}`", f"write `{near}`" if near else f"its arguments: {listed}"
            )


def _count(positional: Sequence[Value], least: int, most: int, form: str) -> None:
    if not least <= len(positional) <= most:
        raise Refused(f"`{form.partition('(')[0]}` is written `{form}`", None)


def _text(value: Value, what: str) -> str:
    if not isinstance(value, str):
        raise Refused(f"{what} is text in quotes, not `{as_literal(value)}`", None)
    return value


def _known(value: Value, known: Sequence[str], what: str) -> str:
    name = _text(value, f"the {what}")
    if name not in known:
        near = nearest(name, known)
        listed = ", ".join(f"`{each}`" for each in known) or "none"
        raise Refused(
            f"there is no {what} `{name}`", f"write `'{near}'`" if near else f"what there is: {listed}"
        )
    return name


def _one_of(value: Value, allowed: Sequence[str], what: str) -> str:
    name = _text(value, what)
    if name not in allowed:
        raise Refused(f"{what} is no `{name}`", "it is " + " or ".join(f"`'{each}'`" for each in allowed))
    return name


def _stage(context: Context, keywords: Mapping[str, Value], alias: str = "") -> str:
    """Condition on the stage, where one is asked for."""
    if "stage" not in keywords:
        return ""
    stage = _text(keywords["stage"], "the stage")
    if context.computed is not None:
        _known(stage, [*context.stages, *context.computed], "stage")
    return f" and {alias}stage = {as_literal(stage)}"


def _arms(context: Context) -> list[str]:
    """Columns that tell arms apart, seeds left out."""
    return ["recipe", *(as_identifier(axis.name) for axis in context.axes)]


# ---- functions


def _literal(context: Context, positional: Sequence[Value], keywords: Mapping[str, Value]) -> str:
    _only(keywords, (), "literal")
    _count(positional, 1, 1, "literal(value)")
    return as_literal(positional[0])


def _identifier(context: Context, positional: Sequence[Value], keywords: Mapping[str, Value]) -> str:
    _only(keywords, (), "identifier")
    _count(positional, 1, 1, "identifier(name)")
    return as_identifier(_text(positional[0], "a name"))


def _listed(context: Context, positional: Sequence[Value], keywords: Mapping[str, Value]) -> str:
    _only(keywords, (), "listed")
    _count(positional, 1, 1, "listed(list)")
    if not isinstance(positional[0], list):
        raise Refused("`listed` takes a list", "write one, for instance `listed(seeds)`")
    return ", ".join(map(as_literal, positional[0]))


def _mean_ci(context: Context, positional: Sequence[Value], keywords: Mapping[str, Value]) -> str:
    _only(keywords, ("name",), "mean_ci")
    _count(positional, 1, 1, "mean_ci('value', name = 'mean')")
    value = _text(positional[0], "what the mean is of")
    name = _text(keywords.get("name", "mean"), "the name")
    low, high = ("low", "high") if name == "mean" else (f"{name}_low", f"{name}_high")
    return (
        f"avg({value}) as {as_identifier(name)}, "
        f"avg({value}) - half_width({value}) as {as_identifier(low)}, "
        f"avg({value}) + half_width({value}) as {as_identifier(high)}"
    )


def _paired(context: Context, positional: Sequence[Value], keywords: Mapping[str, Value]) -> str:
    """Differences against the baseline, seed by seed; arms differ from it in what is given alone."""
    axes = {axis.name: axis for axis in context.axes}
    _only(keywords, ("recipe", "stage", *axes), "paired")
    _count(positional, 1, 1, "paired('EVAL', AXIS = VALUE)")
    name = _known(positional[0], context.evals, "evaluation")
    given = {key: value for key, value in keywords.items() if key != "stage"}
    if not given:
        example = f"{next(iter(axes))} = ..." if axes else f"recipe = '{BASE}'"
        raise Refused(f"`paired` needs a baseline for `{name}`", f"write `paired('{name}', {example})`")
    conditions = []
    for key, value in given.items():
        values = value if isinstance(value, list) else [value]
        if not values:
            raise Refused(f"no value of `{key}` is given", "name one")
        for each in values:
            known = context.recipes if key == "recipe" else axes[key].values
            if each not in known:
                listed = ", ".join(f"`{as_literal(other)}`" for other in known)
                raise Refused(f"`{key}` is never `{as_literal(each)}`", f"its values: {listed}")
        conditions.append(f"there.{as_identifier(key)} in ({', '.join(map(as_literal, values))})")
    for column in ("recipe", *axes):
        if column not in given:
            quoted = as_identifier(column)
            conditions.append(f"there.{quoted} is not distinct from here.{quoted}")
    columns = ["recipe", *(as_identifier(axis) for axis in axes)]
    mine = ", ".join(f"here.{column}" for column in columns)
    theirs = ", ".join(
        f"there.{as_identifier(c)} as {as_identifier(f'baseline_{c}')}" for c in ("recipe", *axes)
    )
    return (
        f"(select {mine}, here.seed, here.stage, here.position, here.value, {theirs},\n"
        "  there.value as baseline_value, here.value - there.value as difference\n"
        "from results here join results there using (experiment, seed, stage, position, eval, metric, data)\n"
        f"where here.eval = {as_literal(name)}{_stage(context, keywords, 'here.')} and "
        f"{' and '.join(conditions)})"
    )


def _win_counts(context: Context, positional: Sequence[Value], keywords: Mapping[str, Value]) -> str:
    better = _one_of(keywords.get("better", "lower"), _DIRECTIONS, "`better`")
    rest = {key: value for key, value in keywords.items() if key != "better"}
    pairs = _paired(context, positional, rest)
    baselines = [as_identifier(f"baseline_{key}") for key in rest if key != "stage"]
    groups = ", ".join([*_arms(context), *baselines, "stage", "position"])
    direction = as_literal(better)
    return (
        f"(select {groups}, count(*) as seeds, wins(difference, better := {direction}) as wins, "
        f"count(*) filter (difference = 0) as ties, diverged(difference) as diverged from {pairs} "
        "group by all)"
    )


def _pivot(context: Context, positional: Sequence[Value], keywords: Mapping[str, Value]) -> str:
    _only(keywords, ("stage",), "pivot")
    names = [_known(each, context.evals, "evaluation") for each in positional] or list(context.evals)
    if not names:
        raise Refused("`pivot` needs an evaluation", "write `pivot('EVAL', 'EVAL')`")
    columns = ",\n  ".join(_one_value(name) for name in dict.fromkeys(names))
    arms = ", ".join(_arms(context))
    only = _stage(context, keywords)
    return f"(select {arms}, seed, {columns}\nfrom results where position = 1{only} group by all)"


def _one_value(name: str) -> str:
    """The value of an evaluation in an arm; an error at the query if it is measured at several places."""
    only = f"filter (eval = {as_literal(name)})"
    message = as_literal(f"`{name}` is measured after several stages: name one, `stage = NAME`")
    return (
        f"case when count(*) {only} > 1 then error({message}) else any_value(value) {only} end "
        f"as {as_identifier(name)}"
    )


def _frontier(context: Context, positional: Sequence[Value], keywords: Mapping[str, Value]) -> str:
    axes = [axis.name for axis in context.axes]
    _only(keywords, ("by", "kind", "better_x", "better_y", "stage"), "frontier")
    _count(positional, 2, 2, "frontier('EVAL', 'EVAL', by = ['AXIS'])")
    x, y = (_known(each, context.evals, "evaluation") for each in positional)
    by = keywords.get("by", ["recipe"])
    columns = [_known(each, ["recipe", *axes], "axis") for each in (by if isinstance(by, list) else [by])]
    kind = _one_of(keywords.get("kind", "pareto"), _KINDS, "`kind`")
    turns = ", ".join(
        f"{side} := {as_literal(_one_of(keywords.get(side, 'lower'), _DIRECTIONS, f'`{side}`'))}"
        for side in ("better_x", "better_y")
    )
    rest = {"stage": keywords["stage"]} if "stage" in keywords else {}
    table = _pivot(context, [x, y], rest)
    groups = ", ".join(map(as_identifier, columns))
    listed = f"{groups}, " if groups else ""
    grouped = f" group by {groups}" if groups else ""
    point = f"unnest({kind}(points({as_identifier(x)}, {as_identifier(y)}), {turns}))"
    return (
        f"(select {listed}point.x as {as_identifier(x)}, point.y as {as_identifier(y)} "
        f"from (select {listed}{point} as point from {table}{grouped}))"
    )


FUNCTIONS: dict[str, Function] = {
    function.signature.partition("(")[0]: function
    for function in (
        Function(
            "paired('EVAL', AXIS = VALUE, recipe = NAME, stage = NAME)",
            "a table: each arm's result less that of its baseline, seed by seed. The baseline has the given "
            "values (a list of values: one row for each), and is as the arm in all other axes. Columns: "
            "recipe, axes, seed, stage, position, value, baseline_recipe, baseline_AXIS, baseline_value, "
            "difference",
            "select recipe, avg(difference), half_width(difference) as within "
            "from {{ paired('EVAL', recipe = 'base') }} group by recipe",
            _paired,
        ),
        Function(
            "win_counts('EVAL', AXIS = VALUE, recipe = NAME, better = 'lower', stage = NAME)",
            "a table: of each arm against its baseline, as in `paired`, how many seeds are better. Columns: "
            "recipe, axes, baseline_AXIS of what is given, stage, position, seeds, wins, ties, diverged",
            "select * from {{ win_counts('EVAL', recipe = 'base') }}",
            _win_counts,
        ),
        Function(
            "mean_ci('VALUE', name = 'mean')",
            "three columns: the mean of a column over the rows of a group, and `low` and `high` of its 95% "
            "interval (Student's t); with a name, NAME, NAME_low and NAME_high",
            "select stage, {{ mean_ci('value') }} from results group by stage",
            _mean_ci,
        ),
        Function(
            "pivot('EVAL', ..., stage = NAME)",
            "a table with a row per arm and a column per evaluation (all, if none is named), as measured at "
            "the end of a stage. Columns: recipe, axes, seed, evaluations",
            "select recipe, avg(EVAL) from {{ pivot('EVAL') }} group by recipe",
            _pivot,
        ),
        Function(
            "frontier('EVAL', 'EVAL', by = ['recipe'], kind = 'pareto', stage = NAME)",
            "a table: of each group of arms, the points that make up the frontier of two evaluations. `kind` "
            "is 'pareto', 'strict_pareto' or 'lower_hull'; where higher is better, `better_x = 'higher'`, "
            "`better_y = 'higher'`. An arm without two finite results is no point: `pivot` has it. Columns: "
            "`by`, and the two evaluations",
            "select * from {{ frontier('EVAL', 'EVAL') }}",
            _frontier,
        ),
        Function(
            "literal(value)",
            "a value as SQL: text in quotes, a list in brackets",
            "select * from results where eval = {{ literal('EVAL') }} and seed in {{ literal(seeds) }}",
            _literal,
        ),
        Function(
            "identifier('NAME')",
            "a name as SQL, in quotes",
            "select {{ identifier('value') }} from results",
            _identifier,
        ),
        Function(
            "listed(list)",
            "items of a list with commas between them, text in quotes",
            "select [{{ listed(seeds) }}] as seeds",
            _listed,
        ),
    )
}
"""Name -> the function. `ref('COMPARISON')` is beside them: another comparison, in brackets."""

REF = Function(
    "ref('COMPARISON')",
    "a table: another comparison of the experiment",
    "select count(*) from {{ ref('COMPARISON') }}",
    lambda context, positional, keywords: "",
)
