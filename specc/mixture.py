"""Which corpus gives which sequence of a stage: exact, in closed form, without a total.

Of the first n sequences of a stage, source 0 gives floor(n p_0 + 1/2); what it leaves goes on to
source 1 at its share of the remaining mass, and so on; the last source takes the rest. So

* the first n sequences are the same whatever the length of the stage (a longer run extends them),
* every count is whole, they sum to n, and none ever falls,
* where n times every share is whole, the counts are exactly that,
* a source's places depend on the shares of those listed before it and on its own.

The planner says realised tokens with `counts`; the training loop reads by `places`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


class Apportionment:
    """Sequences in given proportions.

    Args:
        shares: exact share of each source, in the order of the mixture; they sum to 1.
    Raises:
        ValueError: if a share is negative or they do not sum to 1.
    """

    def __init__(self, shares: Sequence[Fraction]) -> None:
        if not shares or sum(shares) != 1 or min(shares) < 0:
            raise ValueError(
                f"shares must be at least 0 and sum to 1, not {[str(share) for share in shares]}"
            )
        # For each source but the last, its share of the mass not yet given away, as (p, q) of p/q.
        self._splits: list[tuple[int, int]] = []
        mass = Fraction(1)
        for share in shares[:-1]:
            part = share / mass if mass else Fraction(0)
            self._splits.append((part.numerator, part.denominator))
            mass -= share

    def counts(self, n: int) -> list[int]:
        """Sequences that each source gives among the first `n` of a stage.

        Returns:
            whole counts that sum to `n`; each is within the number of sources of `n` times its share.

        >>> Apportionment([Fraction(1, 3), Fraction(2, 3)]).counts(4)
        [1, 3]
        """
        result = []
        for p, q in self._splits:
            taken = (2 * n * p + q) // (2 * q)
            result.append(taken)
            n -= taken
        return [*result, n]

    def places(self, start: int, stop: int) -> list[tuple[int, int]]:
        """For sequences [start, stop) of a stage: their source, and their number within that source.

        In steps of the number of sources or of sequences, whichever is larger.

        >>> Apportionment([Fraction(1, 2), Fraction(1, 2)]).places(0, 4)
        [(0, 0), (1, 0), (0, 1), (1, 1)]
        """
        result = [(len(self._splits), 0)] * (stop - start)
        # Sequences that the sources so far have left: in this range of their own count, at these places.
        open_places = list(range(stop - start))
        for source, (p, q) in enumerate(self._splits):
            if not open_places:
                return result
            before = (2 * start * p + q) // (2 * q)
            after = (2 * (start + len(open_places)) * p + q) // (2 * q)
            if after > before:
                kept, left = 0, []
                for number in range(before, after):
                    # The sequence behind which the count becomes number + 1.
                    at = -((-(2 * number + 1) * q) // (2 * p)) - 1 - start
                    result[open_places[at]] = (source, number)
                    left += open_places[kept:at]
                    kept = at + 1
                open_places = left + open_places[kept:]
            start -= before
        for number, place in enumerate(open_places):
            result[place] = (len(self._splits), start + number)
        return result


def counts(shares: Sequence[Fraction], n: int) -> list[int]:
    """As `Apportionment.counts`, for once."""
    return Apportionment(shares).counts(n)


def places(shares: Sequence[Fraction], start: int, stop: int) -> list[tuple[int, int]]:
    """As `Apportionment.places`, for once."""
    return Apportionment(shares).places(start, stop)
