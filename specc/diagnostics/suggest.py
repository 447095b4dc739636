"""The nearest name to a misspelt one."""

from __future__ import annotations

from collections.abc import Collection, Iterable


def distance(a: str, b: str, limit: int) -> int:
    """Edits (insert, delete, replace, swap of neighbours) between two words; more than `limit` if above."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        last, before, row = before, row, [i]
        for j, right in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant: within a third of the name's length, at least one edit.

    If there is none, it is the only one that begins with the name, of three letters at least.

    >>> nearest("pretrian", ["pretrain", "posttrain"])
    'pretrain'
    >>> nearest("frob", ["rms", "frobenius"])
    'frobenius'
    """
    best: tuple[int, str] | None = None
    longer: list[str] = []
    for candidate in candidates:
        if candidate.lower() == name.lower():
            return candidate
        limit = max(1, max(len(name), len(candidate)) // 3)
        edits = distance(name, candidate, limit)
        if edits <= min(limit, len(name) - 1) and (best is None or (edits, candidate) < best):
            best = (edits, candidate)
        if len(name) >= 3 and candidate.startswith(name):
            longer.append(candidate)
    if best is not None:
        return best[1]
    return longer[0] if len(longer) == 1 else None


def parameter_meant(name: str, known: Collection[str], given: Collection[str]) -> str | None:
    """Help for the name of an argument that there is not: the parameter that was probably meant."""
    close = nearest(name, [each for each in known if each not in given])
    if close is not None:
        return f"write `{close}`"
    twice = nearest(name, known)
    return f"remove it; `{twice}` is given already" if twice is not None else None
