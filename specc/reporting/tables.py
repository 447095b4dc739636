"""Tables of a report: made from comparisons, and how their cells are written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from specc.charts.forest import shown_effects
from specc.charts.frontier import shown_points
from specc.charts.lettering import significant
from specc.comparing.model import Compared, Frontier
from specc.reporting.model import Column, Row, Table, Value
from specc.results.judge import MET, NOT_MET, Verdict
from specc.words import duration, printable

MOST_SEEDS = 12
"""Seeds that get a column each."""


def text(value: Value, kind: str) -> str:
    """A cell as people read it; a dash for nothing.

    >>> text(0.123456, "number"), text(1234567, "whole"), text(None, "number"), text(0.5, "share")
    ('0.1235', '1,234,567', '–', '50%')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if kind == "share":
        return f"{significant(100 * value)}%"
    if kind == "p":
        return f"{value:.3f}" if value >= 0.001 else "< 0.001"
    if kind == "plain":
        return f"{value:.5g}"
    if kind == "seconds":
        return duration(value)
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−") if kind == "whole" else str(value)
    return significant(value)


def writers(table: Table) -> tuple[Callable[[Value], str], ...]:
    """How the cells of each column are written: numbers of a column with equally many decimals, unless
    that would hide the small ones."""
    return tuple(
        _writer(column, [row.cells[number] for row in table.rows])
        for number, column in enumerate(table.columns)
    )


def _writer(column: Column, cells: Sequence[Value]) -> Callable[[Value], str]:
    def written(value: Value) -> str:
        return text(value, column.kind)

    sizes = [
        abs(value) for value in cells if isinstance(value, float) and math.isfinite(value) and value != 0.0
    ]
    if column.kind != "number" or not sizes or max(sizes) >= 1e5 or max(sizes) < 1e-3:
        return written
    needed = max(len(f"{size:.10f}".rstrip("0").partition(".")[2]) for size in sizes)
    decimals = min(max(0, 3 - math.floor(math.log10(max(sizes)))), needed)
    if min(sizes) < 10.0 ** (1 - decimals) and decimals < needed:
        return written

    def aligned(value: Value) -> str:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return f"{value:.{decimals}f}".replace("-", "−")
        return written(value)

    return aligned


def sentence(told: str) -> str:
    """A message as a sentence: with a capital, a full stop, and real minus signs.

    >>> sentence("none is better"), sentence("`a` is best.")
    ('None is better.', '`a` is best.')
    """
    told = printable(told).strip()
    if not told:
        return ""
    told = re.sub(r"(?<![\w.])-(?=\d)", "−", told)
    first = told[0] if told[1:2] == " " else told[0].upper()
    return first + told[1:] + ("" if told[-1] in ".!?:" else ".")


def exact(value: Value, column: Column) -> str:
    """A number as a machine reads it, with seven significant digits; empty for nothing.

    Whole numbers are read as they are shown.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if column.kind == "whole" and isinstance(value, int):
        return text(value, "whole")
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def is_numeric(column: Column) -> bool:
    """Whether a column's cells stand at the right, and are sorted as numbers."""
    return column.kind in ("number", "p", "plain", "whole", "share", "seconds")


def effects(compared: Compared, most: int, number: int) -> Table:
    """Groups of a comparison: their means, and their differences from the baseline."""
    level = f"{100 * compared.question.level:g}%"
    columns = [
        Column("group", "name"),
        Column("verdict"),
        Column("difference", "number", f"mean of the differences from {compared.question.baseline}"),
        Column("from", "number", f"lower end of its {level} interval, over seeds"),
        Column("to", "number", f"upper end of its {level} interval, over seeds"),
        Column("p", "p", "t test, two-sided; paired where seeds are shared"),
        Column("p exact", "p", "sign-flip test, two-sided; exact up to 20 pairs"),
        Column("p Holm", "p", "p adjusted over all groups"),
        Column(
            "n needed", "whole", "seeds that would resolve a difference of this size, with probability 0.8"
        ),
        Column("seeds", "whole", "seeds with a result"),
        Column("mean", "number", "over seeds"),
        Column("sd", "number", "standard deviation over seeds"),
    ]
    seeds = sorted({each.seed for group in compared.groups for each in group.seeds})
    listed = seeds if len(seeds) <= MOST_SEEDS else []
    columns += [Column(f"seed {seed}", "number", "the result at this seed") for seed in listed]
    by_name = {effect.group: effect for effect in compared.effects}
    kept = {effect.group for effect in shown_effects(compared, most)} | {compared.question.baseline}
    rows = []
    for group in compared.groups:
        if group.name not in kept and len(compared.groups) > most:
            continue
        effect = by_name.get(group.name)
        cells: list[Value] = [group.name + " (selected)" * group.selected]
        base = group.name == compared.question.baseline
        if effect is None:
            cells += ["baseline" if base else "–", *(None,) * 7]
        else:
            ends = (effect.interval.low, effect.interval.high) if effect.interval else (None, None)
            shown = effect.verdict in ("better", "worse", "higher", "lower")
            cells += [effect.verdict, effect.mean, *ends, effect.p_t, effect.p_sign_flip, effect.p_holm]
            cells += [None if shown else effect.n_needed]
        cells += [group.n, group.mean, group.sd]
        values = {each.seed: each for each in group.seeds}
        for seed in listed:
            each = values.get(seed)
            cells.append(None if each is None else each.value if each.state == "done" else each.state)
        place = {**compared.question.given, **group.values}
        rows.append(Row(tuple(cells), place, "base" if base else ""))
    name = "effects" if number == 0 else f"effects_{number + 1}"
    return _without_empty(Table(name, compared.title, tuple(columns), tuple(rows), len(compared.groups)))


def over_items(compared: Compared, most: int, number: int) -> Table | None:
    """Differences over evaluated documents, which say what other documents would give; None if unknown."""
    level = f"{100 * compared.question.level:g}%"
    columns = (
        Column("group", "name"),
        Column("documents", "whole", "documents or prompts that both have"),
        Column("difference", "number", f"mean over them, from {compared.question.baseline}"),
        Column("from", "number", f"lower end of its {level} interval, over documents"),
        Column("to", "number", f"upper end of its {level} interval, over documents"),
        Column("p McNemar", "p", "exact, of results that are right or wrong"),
    )
    values = {group.name: {**compared.question.given, **group.values} for group in compared.groups}
    rows = []
    for effect in shown_effects(compared, most):
        items = effect.over_items
        if items is not None:
            ends = (items.interval.low, items.interval.high) if items.interval else (None, None)
            cells = (effect.group, items.clusters, items.difference, *ends, items.mcnemar_p)
            rows.append(Row(cells, values.get(effect.group, {})))
    if not rows:
        return None
    name = "over_documents" if number == 0 else f"over_documents_{number + 1}"
    total = sum(effect.over_items is not None for effect in compared.effects)
    caption = f"{compared.title}: over documents, for these very models"
    return _without_empty(Table(name, caption, columns, tuple(rows), total))


def points(frontier: Frontier, most: int, number: int) -> Table:
    """Points of a frontier."""
    columns = (
        Column("group", "name"),
        Column("series"),
        Column("seeds", "whole"),
        Column(frontier.x.eval, "number", f"mean over seeds after {frontier.x.stage}"),
        Column("± ", "number", "half-width of its interval over seeds"),
        Column(frontier.y.eval, "number", f"mean over seeds after {frontier.y.stage}"),
        Column("±", "number", "half-width of its interval over seeds"),
        Column("dominated", "text", "whether another of its series is no worse in both and better in one"),
        Column("on the hull", "text", "whether it is a corner of the convex hull that faces what is better"),
    )
    rows = []
    for each in shown_points(frontier, most):
        halves = [
            None if interval is None else (interval.high - interval.low) / 2
            for interval in (each.x_interval, each.y_interval)
        ]
        rows.append(
            Row(
                (
                    each.name,
                    each.series,
                    each.n,
                    each.x,
                    halves[0],
                    each.y,
                    halves[1],
                    "yes" if each.dominated else "no",
                    "yes" if each.on_hull else "no",
                ),
                each.values,
                "soft" if each.dominated else "",
            )
        )
    name = "frontier" if number == 0 else f"frontier_{number + 1}"
    return _without_empty(Table(name, frontier.title, columns, tuple(rows), len(frontier.points)))


def expectations(verdicts: Sequence[Verdict]) -> Table:
    """Expectations and what became of them."""
    columns = (
        Column("outcome"),
        Column("expectation"),
        Column("condition"),
        Column("left", "number", "left side of the comparison"),
        Column("right", "number", "right side of the comparison"),
        Column("margin", "number", "margin asked for"),
        Column("why"),
    )
    rows = tuple(
        Row(
            (each.outcome, each.name, each.text, each.left, each.right, each.margin or None, each.reason),
            mark={MET: "good", NOT_MET: "bad"}.get(each.outcome, "soft"),
        )
        for each in verdicts
    )
    return _without_empty(Table("expectations", "What was expected, and what came", columns, rows, len(rows)))


def _without_empty(table: Table) -> Table:
    """The table without columns that have nothing in them."""
    kept = [
        number
        for number in range(len(table.columns))
        if any(row.cells[number] not in (None, "") for row in table.rows)
    ]
    return Table(
        table.file,
        table.caption,
        tuple(table.columns[number] for number in kept),
        tuple(Row(tuple(row.cells[number] for number in kept), row.values, row.mark) for row in table.rows),
        table.total,
    )
