"""Comparisons of results that are not all there, not of one kind, or equal but for rounding."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from made_study import EARLY, Made, make
from specc.comparing import Source, frontier
from specc.comparing.model import Question
from specc.results.reader import open_results

BY_EARLY = Question(experiments=("points",), eval="skill", metric="loss", stage="tune", by=("early",))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    folder = tmp_path_factory.mktemp("left_out")
    points = [
        Made(0, {"skill": 1.0, "keep": 2.0}, axes={"early": 0.0}),
        Made(1, {"skill": 1.1, "keep": 2.1}, axes={"early": 0.0}),
        Made(0, {"skill": 0.5, "keep": 2.5}, axes={"early": 0.5}),
        Made(1, {"skill": "diverged", "keep": "diverged"}, axes={"early": 0.5}),
        Made(0, {"skill": 2.0, "keep": 1.0}, axes={"early": 1.0}),
        Made(1, {"skill": 2.2, "keep": "missing"}, axes={"early": 1.0}),
    ]
    make(folder, points, axes=(EARLY,), name="points", run=1)
    connection = open_results(folder / ".specc")
    yield Source(connection)
    connection.close()


def test_a_frontier_tells_which_points_lost_seeds(results: Source) -> None:
    keep = BY_EARLY.model_copy(update={"eval": "keep"})
    found = frontier(results.connection, BY_EARLY, keep)
    assert {point.name: point.n for point in found.points} == {
        "early = 0%": 2,
        "early = 50%": 1,
        "early = 100%": 1,
    }
    one, other = (note for note in found.notes if "is a mean over what is left" in note)
    assert one.startswith("`early = 50%`")
    assert one.endswith(": 1 of 2 results of skill diverged; 1 of 2 results of keep diverged")
    assert other.startswith("`early = 100%`")
    assert other.endswith(": 1 of 2 results of keep missing")
