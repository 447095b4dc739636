"""Placements of a stage's corpora, laid out in whole sequences: which interval reads how much of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from specc.analysis.findings import Finding
from specc.analysis.places import Placement, sequences_at
from specc.analysis.values import show_share, show_tokens
from specc.diagnostics import Label, Span
from specc.steps import Interval, Placed

HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Length:
    """Length of a stage. `n` sequences of `sequence` tokens, `batch` in a step; `nominal` tokens declared."""

    stage: str
    span: Span
    n: int
    batch: int
    sequence: int
    nominal: int


@dataclass(frozen=True, slots=True)
class PlacedCell:
    """A cell with a place: the corpus, its tokens as declared, and where the cell is written."""

    corpus: str
    tokens: int
    placement: Placement
    span: Span


@dataclass(slots=True, eq=False)
class Layer:
    """The sequences of a placed cell.

    Attributes:
        index: place of the cell among those given. pieces: start, stop and number of sequences, in order.
        ramp: shares of the stage's sequences at its beginning and end, as they come out in whole sequences.
        taken: sequences up to the interval that is being laid out.
    """

    cell: PlacedCell
    index: int
    count: int
    pieces: list[tuple[int, int, int]]
    ramp: tuple[Fraction, Fraction] | None = None
    taken: int = 0

    @property
    def begins(self) -> int:
        return self.pieces[0][0]

    @property
    def ends(self) -> int:
        return self.pieces[-1][1]

    def target(self, x: int) -> Fraction:
        """Sequences among the first `x` of the stage, in exact arithmetic."""
        if self.ramp is not None:
            first, last = self.ramp
            return first * x + (last - first) * x * x / (2 * self.ends)
        total = Fraction(0)
        for start, stop, count in self.pieces:
            total += Fraction(count * (min(max(x, start), stop) - start), stop - start)
        return total

    def density(self, start: int, x: int) -> Fraction:
        """Share of the sequences at position `x` of the interval that begins at `start`."""
        if self.ramp is not None:
            first, last = self.ramp
            return first + (last - first) * Fraction(x, self.ends)
        return sum((Fraction(c, b - a) for a, b, c in self.pieces if a <= start < b), Fraction(0))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where placed cells lie. `order` gives, for each source of the intervals, the cell that it stands
    for: those that begin first come first. `begins` are the positions at which they do."""

    order: tuple[int, ...] = ()
    intervals: tuple[Interval, ...] = ()
    begins: tuple[int, ...] = ()


def lay_out(cells: Sequence[PlacedCell], base: int, length: Length) -> Layout | Finding:
    """Turn placements into intervals of exact densities; or say why they can't be met.

    Args:
        base: number of sources without a place; those with one are numbered behind them.
    """
    if not cells and base:
        return Layout()
    layers: list[Layer] = []
    ranges: list[tuple[int, int]] = []
    early, late = 0, length.n
    numbers = _numbers(cells, base, length)
    late -= sum(
        count for cell, count in zip(cells, numbers, strict=True) if cell.placement.kind == "late block"
    )
    for index, (cell, count) in enumerate(zip(cells, numbers, strict=True)):
        if cell.placement.kind == "early block":
            pieces: list[tuple[int, int, int]] | Finding = [(early, early + count, count)]
            early += count
        elif cell.placement.kind == "late block":
            pieces = [(late, late + count, count)]
            late += count
        else:
            pieces = _pieces(cell, count, length)
        if isinstance(pieces, Finding):
            return pieces
        ranges += [(start, stop) for start, stop, _ in pieces]
        if count:
            ramp = _scaled(cell.placement, count, length.n) if cell.placement.kind == "ramp" else None
            layers.append(Layer(cell, index, count, pieces, ramp))
    hole = _hole(ranges, length) if not base else None
    too_small = next((found for layer in layers if (found := _too_small(layer, length)) is not None), None)
    if hole is not None or too_small is not None:
        return hole or too_small  # type: ignore[return-value]  # one of them is there
    layers.sort(key=lambda layer: layer.begins)
    intervals = _intervals(layers, base, length)
    if isinstance(intervals, Finding):
        return intervals
    begun = {layer.index: layer.begins for layer in layers}
    order = sorted(range(len(cells)), key=lambda index: (begun.get(index, length.n), index))
    return Layout(tuple(order), intervals, tuple(begun.get(index, length.n) for index in order))


def _numbers(cells: Sequence[PlacedCell], base: int, length: Length) -> list[int]:
    """Sequences of each placed cell.

    Where the place is given in tokens or steps that is its tokens over those of a sequence, whatever
    the stage's length; else its share of the stage. What rounding to whole steps takes away is taken
    from what has no place, or, if nothing is without one, from what comes last.
    """
    found = [
        int(Fraction(cell.tokens, length.sequence) + HALF)
        if cell.placement.absolute
        else int(Fraction(length.n * cell.tokens, length.nominal) + HALF)
        for cell in cells
    ]
    left = length.n - sum(found)
    for index in sorted(range(len(cells)), key=lambda i: (cells[i].placement.absolute, -i)):
        if left < 0 or (left > 0 and not base):
            change = max(left, -found[index])
            found[index] += change
            left -= change
    return found


def _scaled(placement: Placement, count: int, n: int) -> tuple[Fraction, Fraction]:
    """Ends of a ramp whose integral over the stage is exactly `count` sequences."""
    first, last = (position.value for position in placement.positions)
    factor = Fraction(2 * count, n) / (first + last)
    return first * factor, last * factor


def _pieces(cell: PlacedCell, count: int, length: Length) -> list[tuple[int, int, int]] | Finding:
    """Windows and bursts in sequences, each with how many it holds."""
    placement = cell.placement
    if placement.kind == "ramp":
        return [(0, length.n, count)]
    found = []
    for position in placement.positions:
        at = sequences_at(position, length.batch, length.sequence, length.n, length.nominal)
        if at is None:
            return _outside(cell, f"the place of `{cell.corpus}` goes to {position},", "", length)
        found.append(at)
    if placement.kind == "within":
        start, stop = found
        return [(start, stop, count)]
    pieces = []
    bursts = sorted(found)
    for number, start in enumerate(bursts):
        size = count * (number + 1) // len(bursts) - count * number // len(bursts)
        if start + size > length.n:
            where = f"at {_tokens(start, length)} begin {_counted(size, length)}; "
            return _outside(cell, f"a burst of `{cell.corpus}` reaches", where, length)
        if number + 1 < len(bursts) and start + size > bursts[number + 1]:
            room = _counted(bursts[number + 1] - start, length)
            return Finding(
                "E0422",
                f"a burst of `{cell.corpus}` in stage `{length.stage}` reaches into the next one",
                cell.span,
                f"{_counted(count, length)} make {len(bursts)} bursts of {_counted(size, length)}; "
                f"between two are {room}",
                help=f"place them further apart, or spend less of `{cell.corpus}` in the stage",
                key=(length.stage, cell.corpus),
                amount=f"{show_tokens(cell.tokens)} tokens",
            )
        if size:
            pieces.append((start, start + size, size))
    return pieces or [(0, length.n, 0)]


def _too_small(layer: Layer, length: Length) -> Finding | None:
    """Say so if a window holds less than the tokens that lie in it."""
    cell = layer.cell
    start, stop, count = layer.pieces[0]
    if cell.placement.kind != "within" or count <= stop - start:
        return None
    holds = _counted(max(0, stop - start), length)
    return Finding(
        "E0421",
        f"`{cell.corpus}` does not fit into its place in stage `{length.stage}`",
        cell.span,
        f"this holds {holds}; `{cell.corpus}` has {_counted(count, length)}",
        help=f"make the place wider, or spend less of `{cell.corpus}` in the stage",
        key=(length.stage, cell.corpus),
        amount=f"{show_tokens(cell.tokens)} tokens",
    )


def _outside(cell: PlacedCell, what: str, where: str, length: Length) -> Finding:
    return Finding(
        "E0421",
        f"{what} beyond the end of stage `{length.stage}`",
        cell.span,
        f"{where}the stage has {show_tokens(length.nominal)} tokens, "
        f"{length.n // length.batch} steps of {length.batch} x {length.sequence}",
        help="place it earlier, or make the stage longer",
        key=(length.stage, cell.corpus),
        amount=f"{show_tokens(length.nominal)} tokens",
    )


def _intervals(layers: Sequence[Layer], base: int, length: Length) -> tuple[Interval, ...] | Finding:
    """Cut the stage where a layer begins or ends, and give each interval whole counts of each layer."""
    bounds = sorted({bound for layer in layers for piece in layer.pieces for bound in piece[:2]})
    found = []
    for start, stop in pairwise(bounds):
        here = [layer for layer in layers if any(a <= start < b and c for a, b, c in layer.pieces)]
        if not here:
            continue
        numbers = [max(0, int(layer.target(stop) + HALF) - layer.taken) for layer in here]
        over = sum(numbers) - (stop - start)
        for index in reversed(range(len(here))):
            # What an interval has no room for by rounding comes in the next one.
            if over > 0 and here[index].ends > stop:
                less = min(over, numbers[index])
                numbers[index] -= less
                over -= less
        # A sequence of each layer is rounding; what is more is too much at one end of a ramp.
        most = max(sum(layer.density(start, x) for layer in here) for x in (start, stop))
        if over > 0 or most > 1 + Fraction(len(here), stop - start):
            return _crowded(here, start, stop, length)
        placed = []
        for layer, number in zip(here, numbers, strict=True):
            layer.taken += number
            others = sum(numbers) - number
            if number:
                placed.append(_placed(layer, base + layers.index(layer), number, others, start, stop))
        if placed:
            found.append(Interval(start=start, stop=stop, placed=tuple(placed)))
    return tuple(found)


def _placed(layer: Layer, source: int, number: int, others: int, start: int, stop: int) -> Placed:
    """A layer's density in an interval, so that its integral is `number` sequences."""
    size = stop - start
    mean = Fraction(number, size)
    if layer.ramp is None:
        return Placed(source=source, first=mean)
    tilt = (layer.density(start, stop) - layer.density(start, start)) / 2
    # Rounding may leave a little less room than the slope asks for.
    most = min(mean, 1 - Fraction(others, size) - mean)
    tilt = max(-most, min(most, tilt))
    return (
        Placed(source=source, first=mean - tilt, last=mean + tilt)
        if tilt
        else Placed(source=source, first=mean)
    )


def _crowded(here: Sequence[Layer], start: int, stop: int, length: Length) -> Finding:
    at = max((start, stop), key=lambda x: sum(layer.density(start, x) for layer in here))
    densities = [layer.density(start, at) for layer in here]
    names = " and ".join(f"`{layer.cell.corpus}`" for layer in here)
    parts = " + ".join(show_share(density) for density in densities)
    total = sum(densities, Fraction(0))
    equals = f" = {show_share(total)}" if len(here) > 1 else ""
    last = here[-1].cell
    return Finding(
        "E0422",
        f"places of {names} in stage `{length.stage}` take more than there is",
        last.span,
        f"from {_tokens(start, length)} to {_tokens(stop, length)} they take {parts}{equals}",
        secondary=tuple(Label(layer.cell.span, f"`{layer.cell.corpus}`") for layer in here[:-1]),
        help="give them places that don't overlap, or wider ones",
        key=(length.stage,),
        amount=show_share(total),
    )


def _hole(ranges: Sequence[tuple[int, int]], length: Length) -> Finding | None:
    """Where nothing is read, in a stage of which every corpus has a place."""
    position = 0
    after = length.n
    for start, stop in sorted(ranges):
        if start > position:
            after = start
            break
        position = max(position, stop)
    if position >= length.n:
        return None
    first = f"from {_tokens(position, length)} on" if position else "at its beginning"
    return Finding(
        "E0423",
        f"stage `{length.stage}` has nothing to read {first}",
        length.span,
        f"all of its corpora have places, and none of them lies before {_tokens(after, length)}"
        if not position
        else f"all of its corpora have places, and none lies between there and {_tokens(after, length)}",
        help="leave out the place of one corpus: it is then read wherever there is room",
        key=(length.stage,),
    )


def _tokens(sequences: int, length: Length) -> str:
    return f"{show_tokens(sequences * length.sequence)} tokens" if sequences else "the beginning"


def _counted(sequences: int, length: Length) -> str:
    """`100 sequences = 12.8K tokens`."""
    word = "sequence" if sequences == 1 else "sequences"
    return f"{sequences:,} {word} = {show_tokens(sequences * length.sequence)} tokens"
