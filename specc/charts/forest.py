"""The main picture of a comparison: each group's difference from the baseline, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from specc.charts.canvas import Canvas, Size, label_width
from specc.charts.lettering import cut, signed, significant
from specc.charts.marks import shape
from specc.charts.scale import Scale, decimals, drawable, finite, labels, span, ticks
from specc.comparing.model import Compared, Effect, Group

MOST_ROWS = 60
"""Groups that are drawn; of more, the best and the worst halves of as many."""

SIGNS = {
    "better": ("diamond", "good"),
    "worse": ("square", "bad"),
    "no difference shown": ("circle", "open"),
    "not resolvable": ("circle", "grey"),
}
"""Shape and class of a verdict: filled where a difference is shown, open where none is."""

LEGEND = {
    "better": "better",
    "worse": "worse",
    "no difference shown": "no difference shown",
    "not resolvable": "not resolvable with these seeds",
}


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    effect: Effect | None
    group: Group | None
    given: Mapping[str, Any]
    """What all groups of the comparison have."""


def shown_effects(compared: Compared, most: int = MOST_ROWS) -> tuple[Effect, ...]:
    """Effects that a picture shows, in their order; of too many, the smallest and the largest means."""
    if len(compared.effects) <= most:
        return compared.effects
    measured = [effect for effect in compared.effects if effect.mean is not None]
    ranked = sorted(measured, key=lambda effect: effect.mean or 0.0)
    kept = {effect.group for effect in (*ranked[: most // 2], *ranked[len(ranked) - most // 2 :])}
    return tuple(effect for effect in compared.effects if effect.group in kept)


def forest(compared: Compared, size: Size | None = None, most: int = MOST_ROWS) -> str:
    """Paired differences from the baseline, one row per group; small rings are single seeds."""
    canvas = Canvas(size or Size())
    font, row = canvas.font, round(2.2 * canvas.font, 1)
    effects = shown_effects(compared, most)
    rows = _rows(compared, effects)
    values = [
        value
        for effect in effects
        for value in (
            effect.mean,
            *((effect.interval.low, effect.interval.high) if effect.interval else ()),
            *(pair.difference for pair in effect.pairs),
        )
    ]
    sizes = [abs(group.mean) for group in compared.groups if group.mean is not None]
    # Where nothing differs at all, an axis of a twentieth of the results says so.
    low, high = span([0.0, *values], 0.06, 0.05 * max(finite(sizes), default=1.0) if not any(values) else 0.0)
    digits = min(6, max(3, decimals(ticks(low, high)) + 1))
    told = [_told(each.effect, digits) for each in rows]
    names = [each.name for each in rows]
    left = min(label_width(names, font) + 14, 0.30 * canvas.size.width)
    level = next((e.interval.level for e in effects if e.interval), None)
    head = "mean" if level is None else f"mean [{100 * level:g}% interval]"
    right = label_width([head, *told], font * 0.92) + 14
    plot = Scale(low, high, left, max(canvas.size.width - right, left + 0.25 * canvas.size.width))
    top = 1.7 * row
    bottom = top + row * max(len(rows), 1)
    marked = ticks(low, high, max(3, int((plot.end - plot.start) / (5.5 * font))))
    canvas.below(plot, bottom, marked, labels(marked), top - 0.4 * row)
    zero = plot(0.0)
    canvas.line(zero, top - 0.5 * row, zero, bottom, "zero")
    _heads(canvas, compared, plot, top - 0.75 * row)
    canvas.text(plot.end + 14, top - 0.75 * row, head, "soft", 0.92)
    for number, (each, words) in enumerate(zip(rows, told, strict=True)):
        _draw(canvas, each, words, plot, top + row * (number + 0.5), left, digits)
    y = bottom + 4 + 2.5 * font
    unit = f" ({compared.question.unit})" if compared.question.unit else ""
    canvas.text(
        (plot.start + plot.end) / 2,
        y,
        f"difference from {compared.question.baseline}{unit}"[:120],
        "soft middle",
    )
    y = _legend(canvas, rows, y + 1.8 * font)
    return canvas.svg(y + 0.5 * font, compared.title, _description(compared, effects))


def _rows(compared: Compared, effects: Sequence[Effect]) -> list[_Row]:
    """Groups in the order of the comparison, the baseline among them."""
    by_name = {effect.group: effect for effect in effects}
    given = compared.question.given
    rows = []
    for group in compared.groups:
        if group.name in by_name:
            rows.append(_Row(group.name + " *" * group.selected, by_name[group.name], group, given))
        elif group.name == compared.question.baseline:
            rows.append(_Row(group.name + " *" * group.selected, None, group, given))
    known = {row.group.name for row in rows if row.group}
    rows += [_Row(effect.group, effect, None, given) for effect in effects if effect.group not in known]
    return rows


def _told(effect: Effect | None, digits: int) -> str:
    if effect is None:
        return "baseline"
    if effect.mean is None:
        return (effect.refusal and "not comparable") or effect.verdict
    text = signed(effect.mean, digits)
    if effect.interval is not None:
        text += f" [{signed(effect.interval.low, digits)}, {signed(effect.interval.high, digits)}]"
    unpaired = effect.interval is not None and "unpaired" in effect.interval.method
    return f"{text} unpaired" if unpaired else f"{text} n={len(effect.pairs)}"


def _heads(canvas: Canvas, compared: Compared, plot: Scale, y: float) -> None:
    """Which side is better, where that is known."""
    better = compared.question.better
    zero, font = plot(0.0), canvas.font
    if better:
        sides = ("← better", "worse →") if better == "lower" else ("← worse", "better →")
        room = 4.5 * font
        if zero - plot.start > room:
            canvas.text(zero - 6, y, sides[0], "soft end", 0.92)
        if plot.end - zero > room:
            canvas.text(zero + 6, y, sides[1], "soft", 0.92)


def _draw(canvas: Canvas, row: _Row, words: str, plot: Scale, y: float, left: float, digits: int) -> None:
    font = canvas.font
    effect = row.effect
    values = {**row.given, **(row.group.values if row.group else {})}
    canvas.open_mark(effect.sentence if effect and effect.sentence else f"{row.name}: {words}", values)
    canvas.add(
        f'<rect fill="none" pointer-events="all" x="0" y="{y - font:.1f}" '
        f'width="{canvas.size.width:.0f}" height="{2 * font:.1f}"/>'
    )
    canvas.text(left - 12, y + font * 0.35, cut(row.name, left - 14, font), "end")
    canvas.text(plot.end + 14, y + font * 0.35, words, "soft" if effect is None else "", 0.92)
    if effect is None:
        canvas.add(shape("circle", plot(0.0), y, 3.2, "open"))
    elif effect.mean is not None:
        for pair in effect.pairs:
            if drawable(pair.difference):
                x = plot(pair.difference)
                canvas.add(f'<circle class="dot" cx="{x:.1f}" cy="{y + 0.68 * font:.1f}" r="1.8"/>')
        if effect.interval is not None and drawable(effect.interval.low) and drawable(effect.interval.high):
            x, to_x = plot(effect.interval.low), plot(effect.interval.high)
            canvas.add(
                f'<path class="whisker" d="M{x:.1f} {y - 4:.1f}v8M{x:.1f} {y:.1f}H{to_x:.1f}'
                f'M{to_x:.1f} {y - 4:.1f}v8"/>'
            )
        kind, classes = SIGNS.get(effect.verdict, ("circle", "open"))
        if drawable(effect.mean):
            canvas.add(shape(kind, plot(effect.mean), y, 4.6, classes))
    canvas.close_mark()


def _legend(canvas: Canvas, rows: Sequence[_Row], y: float) -> float:
    """What the marks mean, as far as they occur; returns where it ends."""
    font = canvas.font
    entries = []
    for verdict, (kind, classes) in SIGNS.items():
        if any(row.effect and row.effect.verdict == verdict for row in rows):
            entries.append((shape(kind, 0, 0, 4.2, classes), LEGEND[verdict]))
    if any(row.effect and row.effect.pairs for row in rows):
        entries.append(('<circle class="dot" r="2"/>', "one seed"))
    if any(row.group and row.group.selected for row in rows):
        entries.append(("", "* selected by these results"))
    x = 0.0
    for mark, text in entries:
        step = (14 if mark else 0) + label_width([text], font * 0.92) + 18
        if x and x + step > canvas.size.width:
            x, y = 0.0, y + canvas.row
        if mark:
            canvas.add(f'<g transform="translate({x + 6:.1f} {y - 0.34 * font:.1f})">{mark}</g>')
        canvas.text(x + (15 if mark else 0), y, text, "soft", 0.92)
        x += step
    return y


def _description(compared: Compared, effects: Sequence[Effect]) -> str:
    left_out = len(compared.effects) - len(effects)
    more = f" {left_out:,} groups between the best and the worst are not drawn." if left_out else ""
    lines = " ".join(
        effect.sentence or f"{effect.group}: {significant(effect.mean)}, {effect.verdict}."
        for effect in effects[:8]
    )
    return f"{compared.headline} {lines}{more}"
