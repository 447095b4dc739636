"""Effects with their intervals, one under the other: a forest plot in text."""

from __future__ import annotations

from collections.abc import Sequence

from specc.comparing.model import Better, Effect
from specc.comparing.sentences import interval_text, signed
from specc.comparing.terminal.lines import Line, Signs, Style, cut, padded
from specc.words import display_width

NARROWEST = 15
"""Columns that a plot needs; on a narrower terminal there are numbers alone."""

WIDEST = 61

VERDICT: dict[str, Style] = {
    "better": "good",
    "worse": "bad",
    "higher": "title",
    "lower": "title",
    "not resolvable": "unsure",
    "not comparable": "unsure",
    "missing": "quiet",
    "diverged": "bad",
    "failed": "bad",
}


def forest(effects: Sequence[Effect], better: Better, width: int, signs: Signs) -> list[Line]:
    """A line for each effect: its group, size, interval, and where that lies.

    Args:
        width: columns that lines may take.
    """
    sizes = [_size(each) for each in effects]
    known = [each for each in effects if each.mean is not None]
    numbers = max(map(display_width, sizes), default=0)
    names = min(max((display_width(each.group) for each in effects), default=0), max(12, width // 4))
    verdicts = max((len(each.verdict) for each in effects), default=0)
    room = min(width - 2 - names - 2 - numbers - 2 - 2 - verdicts, WIDEST)
    if room < NARROWEST:  # the picture before the words, which are among the sentences too
        room, verdicts = min(room + 2 + verdicts, WIDEST), 0
    scale = _Scale(known, room) if known and room >= NARROWEST else None
    if scale is None:
        verdicts = max((len(each.verdict) for each in effects), default=0)
        if names + numbers + verdicts + 6 > width:
            verdicts, names = 0, min(names, max(8, width - numbers - 4))
    lines: list[Line] = []
    for each, size in zip(effects, sizes, strict=True):
        style = VERDICT.get(each.verdict, "")
        line: Line = [("  ", ""), (padded(cut(each.group, names, signs), names), "title"), ("  ", "")]
        line.append((padded(size, numbers), style))
        if scale is not None:
            line += [("  ", ""), (scale.row(each, signs), style)]
        if verdicts:
            line += [("  ", ""), (each.verdict, style)]
        lines.append(line)
    if scale is not None:
        lines += scale.axis(names + numbers + 6, better, signs)
    return lines


def _size(effect: Effect) -> str:
    if effect.mean is None:
        return "-"
    return f"{signed(effect.mean)} {interval_text(effect.interval)}".rstrip()


class _Scale:
    """The axis that all effects are drawn on; 0 is on it."""

    def __init__(self, effects: Sequence[Effect], room: int) -> None:
        ends = [0.0]
        for each in effects:
            assert each.mean is not None
            ends += [each.mean] if each.interval is None else [each.interval.low, each.interval.high]
        self.low, self.high = min(ends), max(ends)
        if self.low == self.high:
            self.low, self.high = -1.0, 1.0
        self.room = room

    def column(self, value: float) -> int:
        share = (value - self.low) / (self.high - self.low)
        return min(max(round(share * (self.room - 1)), 0), self.room - 1)

    def row(self, effect: Effect, signs: Signs) -> str:
        cells = [" "] * self.room
        cells[self.column(0.0)] = signs.zero
        if effect.interval is not None:
            low, high = self.column(effect.interval.low), self.column(effect.interval.high)
            for place in range(low, high + 1):
                cells[place] = signs.bar
            if low < high:
                cells[low], cells[high] = signs.left, signs.right
        if effect.mean is not None:
            cells[self.column(effect.mean)] = signs.point if effect.interval is not None else signs.empty
        return "".join(cells)

    def axis(self, before: int, better: Better, signs: Signs) -> list[Line]:
        """Ends of the scale and its 0, and which side is better."""
        zero = self.column(0.0)
        low, high = signed(self.low), signed(self.high)
        cells = [" "] * self.room
        cells[zero] = "0"
        if self.low < 0 and len(low) < zero:
            cells[: len(low)] = low
        if self.high > 0 and zero < self.room - len(high) - 1:
            cells[self.room - len(high) :] = high
        lines: list[Line] = [[(" " * before + "".join(cells), "quiet")]]
        if better:
            left, right = ("better", "worse") if better == "lower" else ("worse", "better")
            left, right = f"{signs.to_left} {left}", f"{right} {signs.to_right}"
            gap = self.room - len(left) - len(right)
            if gap > 0:
                lines.append([(" " * before + left + " " * gap + right, "quiet")])
        return lines
