"""A whole answer as text: the headline and the effects first, then what they rest on."""

from __future__ import annotations

from collections.abc import Sequence

from specc.comparing.model import Compared, Effect, Frontier, FrontierPoint, Group, Interval, Question
from specc.comparing.sentences import figure, interval_text, states
from specc.comparing.terminal.forest import forest
from specc.comparing.terminal.lines import Line, Signs, cut, wrapped
from specc.comparing.terminal.scatter import letters, scatter
from specc.results.query import Answer
from specc.results.table import as_table
from specc.words import count, display_width, printable

NARROW = 72
"""Columns below which a table leaves out what matters least."""

MOST = 12
"""Groups and points that are shown; more are counted by verdict."""


def compared_page(found: Compared, width: int, signs: Signs, brief: bool = False) -> list[Line]:
    """A comparison.

    Args:
        brief: the headline and the effects alone, for an overview of several.
    """
    lines = _title(found.title, found.question, width)
    lines += wrapped(found.headline, width, "  ", "  ")
    effects, left_out = _shown(found.effects)
    if any(each.mean is not None or each.refusal for each in effects):
        lines.append([])
        lines.append([(cut(f"  against {effects[0].baseline}", width, signs), "quiet")])
        lines += forest(effects, found.question.better, width, signs)
    if left_out:
        lines += wrapped(f"{left_out}; all of them with --csv or --json", width, "  ", "  ", "quiet")
    if brief:
        for each in states(found.groups):
            lines += wrapped(each, width, "  - ", "    ", "unsure")
        return lines
    if found.groups:
        lines.append([])
        lines += _groups(found, {effect.group for effect in effects}, width, signs)
    told = [each.sentence for each in effects if len(found.effects) > 1]
    items = [_items(each) for each in effects if each.over_items is not None]
    for head, sentences in (("effects", told), ("over documents", items), ("notes", found.notes)):
        if sentences:
            lines += [[], [(f"  {head}", "title")]]
            for each in sentences:
                lines += wrapped(each, width, "  - ", "    ")
    return lines


def frontier_page(found: Frontier, width: int, signs: Signs, brief: bool = False) -> list[Line]:
    """A frontier: its headline, the plot, and its points."""
    lines = wrapped(found.title, width, style="title")
    lines += wrapped(found.headline, width, "  ", "  ")
    if brief:
        return lines
    if not found.points:
        return lines + _notes(found.notes, width)
    lines += [[], *scatter(found, width, signs), []]
    marks = dict(zip((point.name for point in found.points), letters(found.points), strict=True))
    ranked = sorted(found.points, key=lambda point: point.dominated)
    shown = ranked
    if len(ranked) > MOST + 3:
        shown = [point for point in ranked if not point.dominated][:MOST]
    rows = [
        (
            marks[point.name],
            point.name,
            point.n,
            _spread(point.x, _half(point.x_interval), signs),
            _spread(point.y, _half(point.y_interval), signs),
            _place(point),
        )
        for point in shown
    ]
    columns = ("", "group", "n", found.x.eval, found.y.eval, "")
    lines += _table(columns, rows, width, signs)
    if len(shown) < len(ranked):
        dominated = sum(point.dominated for point in ranked[len(shown) :])
        text = f"{count(len(ranked) - len(shown), 'point')} more, {dominated} of them dominated"
        lines += wrapped(f"{text}; all of them with --csv or --json", width, "  ", "  ", "quiet")
    lines += _areas(found, signs)
    return lines + _notes(found.notes, width)


def _title(text: str, question: Question, width: int) -> list[Line]:
    told = [question.unit] if question.unit else []
    told += [f"{question.better} is better"] if question.better else []
    side = f"  ({', '.join(told)})" if told else ""
    if display_width(text + side) <= width:
        return [[(printable(text), "title"), (side, "quiet")]]
    return wrapped(text, width, style="title") + (wrapped(side.strip(), width, style="quiet") if side else [])


def _shown(effects: Sequence[Effect]) -> tuple[list[Effect], str]:
    """The effects to show, and what is said of the others: of many, what is shown to differ and what is
    largest."""
    if len(effects) <= MOST + 3:
        return list(effects), ""
    shown = ("better", "higher", "lower", "worse")
    order = {
        **dict.fromkeys(shown, 0),
        **dict.fromkeys(("diverged", "failed", "not comparable"), 2),
        "missing": 3,
    }
    ranked = sorted(
        range(len(effects)),
        key=lambda each: (order.get(effects[each].verdict, 1), -abs(effects[each].mean or 0.0)),
    )
    first = [effects[each] for each in sorted(ranked[:MOST])]
    rest = [effects[each] for each in ranked[MOST:]]
    kinds = dict.fromkeys(each.verdict for each in rest)
    listed = ", ".join(f"{sum(each.verdict == kind for each in rest):,} {kind}" for kind in kinds)
    return first, f"{count(len(rest), 'group')} more: {listed}"


def _groups(found: Compared, shown: set[str], width: int, signs: Signs) -> list[Line]:
    kept = [
        group
        for group in found.groups
        if group.name in shown or group.name in (found.question.baseline, found.best)
    ]
    rows = [(*_group(group, signs), _marks(group, found)) for group in kept]
    columns = ("group", "mean", "sd", "seeds", "")
    keep = [number for number, name in enumerate(columns) if name != "sd" or width >= NARROW]
    keep = keep if any(row[-1] for row in rows) else keep[:-1]
    chosen = [tuple(row[each] for each in keep) for row in rows]
    return _table([columns[each] for each in keep], chosen, width, signs)


def _group(group: Group, signs: Signs) -> tuple[str, ...]:
    """Name, mean, spread and seeds, with those that are not there."""
    seeds = [f"{group.n}" if group.arms == 1 else f"{group.n}, each of {count(group.arms, 'arm')}"]
    for state in ("diverged", "failed", "missing"):
        lost = sum(seed.state == state for seed in group.seeds)
        seeds += [f"{lost} {state}"] if lost else []
    mean = "" if group.mean is None else _spread(group.mean, _half(group.interval), signs)
    return group.name, mean, "" if group.sd is None else figure(group.sd), ", ".join(seeds)


def _marks(group: Group, found: Compared) -> str:
    told = ["baseline"] if group.name == found.question.baseline else []
    told += ["best mean"] if group.name == found.best else []
    told += ["selected"] if group.selected else []
    return ", ".join(told)


def _half(interval: Interval | None) -> float | None:
    return None if interval is None else (interval.high - interval.low) / 2


def _spread(value: float, half: float | None, signs: Signs) -> str:
    """For instance `2.33 ± 0.23`: to the digit that the half-width makes sure of, and one more."""
    if half is None or half <= 0:
        return f"{value:.4g}"
    text = f"{half:.2g}"
    digits = len(text.partition(".")[2]) if "e" not in text else 6
    return f"{value:.{digits}f} {signs.plus_minus} {half:.{digits}f}"


def _items(effect: Effect) -> str:
    items = effect.over_items
    assert items is not None
    size = (
        f"`{effect.group}`: {figure(abs(items.difference))} {'higher' if items.difference > 0 else 'lower'}"
    )
    if items.difference == 0:
        size = f"`{effect.group}`: no difference"
    told = f"{size} {interval_text(items.interval)}".rstrip() + f" over {count(items.clusters, 'document')}"
    if items.bootstrap is not None:
        told += f", BCa bootstrap {interval_text(items.bootstrap)}"
    if items.mcnemar_p is not None:
        told += f", McNemar's exact p = {figure(items.mcnemar_p)}"
    return told


def _place(point: FrontierPoint) -> str:
    if point.strictly:
        return "dominated in both"
    if point.dominated:
        return "dominated"
    return "on the hull" if point.on_hull else "on the frontier"


def _areas(found: Frontier, signs: Signs) -> list[Line]:
    if len(found.hypervolume) < 2:
        return []
    rows = [
        (
            name,
            figure(volume),
            "" if found.signed_area.get(name) is None else figure(found.signed_area[name] or 0.0),
        )
        for name, volume in found.hypervolume.items()
    ]
    return [[], *_table(("series", "hypervolume", "area gained on the first"), rows, 100, signs)]


def _notes(notes: Sequence[str], width: int) -> list[Line]:
    lines: list[Line] = [[], [("  notes", "title")]] if notes else []
    for each in notes:
        lines += wrapped(each, width, "  - ", "    ")
    return lines


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]], width: int, signs: Signs) -> list[Line]:
    answer = Answer(tuple(columns), ("",) * len(columns), [tuple(row) for row in rows])
    drawn = str.maketrans({"─": signs.ground, "…": signs.cut})
    lines: list[Line] = []
    for line in as_table(answer, width - 2).translate(drawn).splitlines():
        lines += (
            [[("  " + line, "")]] if display_width(line) <= width - 2 else wrapped(line, width, "  ", "  ")
        )
    return lines
