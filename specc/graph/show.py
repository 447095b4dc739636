"""A plan as text: arms, budget tables, steps, cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import prod

from specc.analysis.values import show_share, show_tokens
from specc.graph.accelerators import gpu_lines
from specc.graph.plan import Plan
from specc.study import BASE, Arm, Cell, StageRun, Study
from specc.words import duration, printable

MOST_TABLES = 8
"""Budget tables that are shown unless all are asked for."""


def plan_text(plan: Plan, all_tables: bool = False) -> str:
    """Everything that a person wants to know before the run."""
    study = plan.study
    parts = [_head(study), _budgets(study, all_tables), _settings(study), _steps(plan), _cost(plan)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(study: Study) -> str:
    recipes = list(dict.fromkeys(arm.recipe for arm in study.arms))
    factors = [(len(recipes), "recipes")] if len(recipes) > 1 else []
    factors += _factors(study)
    factors.append((len(study.seeds), "seed" if len(study.seeds) == 1 else "seeds"))
    arms = f"{len(study.arms):,} arm" + ("s" if len(study.arms) != 1 else "")
    chosen = sum(None in arm.axes.values() for arm in study.arms)
    # A recipe with seeds of its own makes more or fewer arms than the product.
    whole = prod(number for number, _ in factors) == len(study.arms) - chosen
    product = " = " + " x ".join(f"{number} {name}" for number, name in factors) if whole else ""
    product += f" + {chosen:,} of what `best` chose" if chosen and product else ""
    lines = [f"{study.experiment}: {arms}{product}"]
    if study.description:
        lines.append(f"  {printable(study.description)}")
    for axis in study.axes:
        shown = [_axis_value(value, axis.type) for value in axis.values]
        text = ", ".join(shown[:12]) + (f", ... {len(shown) - 12} more" if len(shown) > 12 else "")
        lines.append(f"  {axis.name}: {printable(text)}")
    if len(recipes) > 1:
        lines.append(f"  recipes: {', '.join(recipes)}")
    return "\n".join(lines)


def _factors(study: Study) -> list[tuple[int, str]]:
    """How many values each axis takes; axes that are swept together, as tuples, count once."""
    points = {tuple(arm.axes.values()) for arm in study.arms if None not in arm.axes.values()}
    found: list[tuple[int, str]] = []
    start = 0
    for stop in range(1, len(study.axes) + 1):
        taken = {point[start:stop] for point in points}
        after = {point[start : stop + 1] for point in points}
        alone = stop == len(study.axes) or len(after) == len(taken) * len(study.axes[stop].values)
        if alone:
            names = ", ".join(axis.name for axis in study.axes[start:stop])
            found.append((len(taken), f"({names})" if stop - start > 1 else names))
            start = stop
    return found


def _axis_value(value: object, kind: str) -> str:
    from fractions import Fraction

    if value is None:
        return "best"
    if kind == "fraction" and isinstance(value, float):
        return show_share(Fraction(value).limit_denominator(10**9))
    if kind == "tokens" and isinstance(value, int):
        return f"{show_tokens(value)} tokens"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _budgets(study: Study, all_tables: bool) -> str:
    """The budget table of each different allocation, with the arms that have it."""
    cells: dict[int, list[Cell]] = defaultdict(list)
    for cell in study.cells:
        cells[cell.arm].append(cell)
    runs: dict[int, list[StageRun]] = defaultdict(list)
    for run in study.stages:
        runs[run.arm].append(run)
    groups: dict[object, list[Arm]] = {}
    for arm in study.arms:
        key = (
            tuple((c.stage, c.corpus, c.nominal, c.planned, c.place, c.replay_of) for c in cells[arm.arm]),
            tuple((run.steps, run.until) for run in runs[arm.arm]),
        )
        groups.setdefault(key, []).append(arm)
    shown = list(groups.values())
    kept = shown if all_tables else shown[:MOST_TABLES]
    blocks = [_budget(study, arms, cells[arms[0].arm], runs[arms[0].arm]) for arms in kept]
    if len(kept) < len(shown):
        blocks.append(f"... {len(shown) - len(kept):,} more budget tables; `--all` shows them")
    return "\n\n".join(blocks)


def _budget(study: Study, arms: Sequence[Arm], cells: Sequence[Cell], runs: Sequence[StageRun]) -> str:
    stages = [run.stage for run in runs]
    by_row: dict[str, dict[str, list[Cell]]] = {}
    for cell in sorted(cells, key=lambda cell: bool(cell.replay_of)):
        by_row.setdefault(cell.title, {}).setdefault(cell.stage, []).append(cell)
    header: list[list[str]] = [["", *(part for stage in stages for part in (stage, "")), ""]]
    header.append(["tokens", *(part for _ in stages for part in ("nominal", "planned")), "epochs"])
    rows = []
    for name, by_stage in by_row.items():
        row = [name]
        epochs = 0.0
        for stage in stages:
            here = by_stage.get(stage, [])
            nominal, planned = sum(cell.nominal for cell in here), sum(cell.planned for cell in here)
            row += [f"{nominal:,}", f"{planned:,}"] if here else ["-", "-"]
            epochs += sum(cell.epochs or 0.0 for cell in here)
        rows.append([*row, f"{epochs:.2f}"])
    total, steps = ["total"], ["steps"]
    for run in runs:
        nominal = sum(cell.nominal for cell in cells if cell.stage == run.stage)
        total += [f"{nominal:,}", f"{run.tokens:,}"]
        steps += ["", f"{run.steps:,}"]
    table = aligned([*header, *rows, [*total, ""], [*steps, ""]])
    places = [printable(f"  {cell.corpus} in {cell.stage}: {cell.place}") for cell in cells if cell.place]
    ends = [
        printable(f"  {run.stage}: at most {run.steps:,} steps; {run.until}") for run in runs if run.until
    ]
    return "\n".join([_arms(study, arms), table, *places, *ends])


def _arms(study: Study, arms: Sequence[Arm]) -> str:
    """Which arms a table is for: the points of the sweep, without their seeds."""
    points: dict[str, int] = {}
    types = {axis.name: axis.type for axis in study.axes}
    several_recipes = any(arm.recipe != BASE for arm in study.arms)
    for arm in arms:
        parts = [f"{name} = {_axis_value(value, types[name])}" for name, value in arm.axes.items()]
        if several_recipes:
            parts.insert(0, arm.recipe)
        points[", ".join(parts)] = points.get(", ".join(parts), 0) + 1
    named = list(points)
    text = "; ".join(named[:6]) + (f"; ... {len(named) - 6} more" if len(named) > 6 else "")
    if len(arms) == len(study.arms) > 1:
        text = "all"
    count = f"{len(arms):,} arm" + ("s" if len(arms) != 1 else "")
    return f"{printable(text)}  ({count})" if text else f"budget  ({count})"


def aligned(rows: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """A table as text: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(size) for cell, size in zip(row[1:], widths[1:], strict=True)),
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def _settings(study: Study) -> str:
    """Settings of each stage in the first arm that has it, with what a child takes from its parent."""
    runs: dict[str, StageRun] = {}
    for run in study.stages:
        runs.setdefault(run.stage, run)
    first = list(runs.values())
    if not first:
        return ""
    alone = all(run.arm == 0 for run in first)
    several = " of the first arm" if alone else ", each of the first arm that has the stage"
    lines = ["settings" + (several if len(study.arms) > 1 else "")]
    for model, parameters in dict.fromkeys(
        (run.settings["model"], run.settings["parameters"]) for run in first
    ):
        lines.append(f"  model: {printable(str(model))}; {parameters:,} parameters")
    for run in first:
        shown = run.settings
        parts = [
            f"from {run.parent}",
            str(shown["optimizer"]),
            str(shown["schedule"]),
            f"batch {shown['batch']} of {shown['sequence']}",
            f"clip {shown['clip']}",
        ]
        if shown["dropout"] != "0":
            parts.append(f"dropout {shown['dropout']}")
        if shown["dtype"] != "float32":
            parts.append(str(shown["dtype"]))
        parts += [f"{name} {shown[name]}" for name in ("replay", "adapter") if name in shown]
        if "optimizer_state" in shown:
            parts.append(f"optimizer state {shown['optimizer_state']}")
        lines.append(f"  {run.stage}: {printable('; '.join(parts))}")
    return "\n".join(lines)


def _steps(plan: Plan) -> str:
    rows = [["steps", "in arms", "distinct", "shared", "done", "to do"]]
    for count in plan.counts:
        shared = count.used - count.distinct
        rows.append(
            [count.op, *(f"{n:,}" for n in (count.used, count.distinct, shared, count.done, count.todo))]
        )
    totals = [
        sum(values)
        for values in zip(
            *((c.used, c.distinct, c.used - c.distinct, c.done, c.todo) for c in plan.counts), strict=True
        )
    ]
    rows.append(["all", *(f"{n:,}" for n in totals)])
    return aligned(rows, indent="")


def _cost(plan: Plan) -> str:
    different = [f"note: {sentence}" for sentence in plan.environment]
    if not plan.todo:
        return "\n".join(["nothing to do: every step is done", *different])
    saved = plan.flops_unshared - sum(step.flops for step in plan.study.steps)
    source = (
        f"by {plan.measured} finished steps here" if plan.measured else "by a table; within a factor of 3"
    )
    workers = f"{plan.workers} worker" + ("s" if plan.workers != 1 else "")
    most = "at most " if any(run.until for run in plan.study.stages) else ""
    lines = [f"to do: {most}{plan.flops:.2e} FLOPs, about {duration(plan.seconds)} with {workers} ({source})"]
    if plan.flops_unshared and saved / plan.flops_unshared >= 0.001:
        lines.append(f"sharing saves {saved / plan.flops_unshared:.0%} of what separate arms would cost")
    return "\n".join([*lines, *gpu_lines(plan.study, plan.flops), *different])
