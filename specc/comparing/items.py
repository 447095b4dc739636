"""The difference over evaluated documents: the other source of variance, from the table `samples`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from specc.comparing.effects import ROUNDING
from specc.comparing.model import Interval, OverItems, Question
from specc.comparing.rows import WITHIN, Measured, relation
from specc.statistics.items import bootstrap, clustered, mcnemar

Side = tuple[Measured, ...]


@dataclass(frozen=True, slots=True)
class _Document:
    """A document's results over the arms of a side: weighted sum, weight, results, and whether all of
    them are right or wrong."""

    total: float
    weight: float
    count: int
    binary: bool


class Documents:
    """Reads documents' results; each set of arms once."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._known: dict[tuple[tuple[int, str, int], ...], dict[str, _Document]] = {}

    def of(self, rows: Sequence[Measured]) -> dict[str, _Document]:
        """Documents by their id, summed over the arms of the rows."""
        place = tuple((id(row.source), row.experiment, row.arm) for row in rows)
        if place not in self._known:
            self._known[place] = self._read(rows)
        return self._known[place]

    def _read(self, rows: Sequence[Measured]) -> dict[str, _Document]:
        found: dict[str, _Document] = {}
        asked = self.question
        by_place: dict[tuple[int, str], list[Measured]] = {}
        for row in rows:
            by_place.setdefault((id(row.source), row.experiment), []).append(row)
        for here in by_place.values():
            arms = [row.arm for row in here]
            for document, total, weight, count, binary in (
                here[0]
                .source.connection.execute(
                    f"""SELECT document, sum(n * value), sum(n), count(*), bool_and(value IN (0, 1) AND n = 1)
                        FROM {relation(here[0].experiment, "samples")}
                        WHERE arm IN (SELECT unnest(?::BIGINT[])) AND eval = ? AND metric = ? AND stage = ?
                              AND abs(position - ?) < {WITHIN}
                        GROUP BY document ORDER BY document""",
                    [arms, asked.eval, asked.metric, asked.stage, asked.position],
                )
                .fetchall()
            ):
                before = found.get(document, _Document(0.0, 0.0, 0, True))
                found[document] = _Document(
                    before.total + _number(total),
                    before.weight + _number(weight),
                    before.count + count,
                    before.binary and bool(binary),
                )
        return found


def over_items(
    pairs: Sequence[tuple[Side, Side]], documents: Documents, question: Question, resampled: bool
) -> OverItems | None:
    """The difference over the documents that both sides of all pairs have.

    Args:
        pairs: rows of each paired seed. resampled: whether to make a bootstrap as well.
    Returns:
        None where there are no samples, sides were measured on other documents, or the result is no mean
        over documents (a perplexity), so that nothing can be said over them.
    """
    ours = documents.of([row for one, _ in pairs for row in one])
    theirs = documents.of([row for _, other in pairs for row in other])
    shared = [
        name
        for name, document in ours.items()
        if name in theirs
        and document.count == theirs[name].count
        and document.weight == theirs[name].weight > 0
        and math.isfinite(document.total)
        and math.isfinite(theirs[name].total)
    ]
    if len(shared) < 2 or len(shared) < max(len(ours), len(theirs)):
        return None
    if not (
        _is_mean(ours, [row for one, _ in pairs for row in one])
        and _is_mean(theirs, [r for _, o in pairs for r in o])
    ):
        return None
    sums = [ours[name].total - theirs[name].total for name in shared]
    weights = [ours[name].weight for name in shared]
    found = clustered(sums, weights, question.level)
    if found is None:
        return None
    again = bootstrap(sums, weights, question.level) if resampled else None
    binary = all(ours[name].binary and theirs[name].binary for name in shared)
    return OverItems(
        items=sum(ours[name].count for name in shared),
        clusters=found.clusters,
        difference=found.mean,
        stderr=found.stderr,
        interval=None
        if found.stderr <= ROUNDING * _largest([*ours.values(), *theirs.values()])
        else Interval(
            low=found.low,
            high=found.high,
            level=question.level,
            method=f"clustered errors over {found.clusters} documents",
        ),
        bootstrap=None
        if again is None
        else Interval(
            low=again[0], high=again[1], level=question.level, method="BCa bootstrap over documents"
        ),
        mcnemar_p=mcnemar(sum(each > 0 for each in sums), sum(each < 0 for each in sums)) if binary else None,
    )


def _largest(documents: Sequence[_Document]) -> float:
    return max(abs(each.total) / each.weight for each in documents)


def _is_mean(documents: dict[str, _Document], rows: Sequence[Measured]) -> bool:
    """Whether the results of the rows are the weighted means of their documents."""
    values = [row.value for row in rows if row.value is not None]
    weight = math.fsum(each.weight for each in documents.values())
    whole = math.fsum(each.total for each in documents.values()) / weight
    mean = math.fsum(values) / len(values)
    return abs(whole - mean) <= 1e-4 * max(abs(mean), 1e-3)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
