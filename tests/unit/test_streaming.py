"""A model written piece by piece is the same text as the model written whole."""

from __future__ import annotations

from specc.graph.plan import Plan, StepState
from specc.streaming import ROWS, json_pieces
from specc.study import Arm, Study


def plan(rows: int) -> Plan:
    arms = tuple(Arm(arm=n, recipe="base", axes={"é": 0.5}, seed=n, label=f'"{n}"') for n in range(rows))
    states = tuple(StepState(key=str(n), label="a", state="to do", reason="never done") for n in range(rows))
    study = Study(experiment="large", arms=arms)
    return Plan(
        study=study,
        counts=(),
        states=states,
        seconds=1.5,
        longest=1.0,
        flops=2e30,
        flops_unshared=3.0,
        workers=1,
        measured=0,
    )


def test_pieces_are_the_text_of_the_whole() -> None:
    for rows in (0, 1, ROWS, ROWS + 1, 2 * ROWS, 2 * ROWS + 1):
        assert "".join(json_pieces(plan(rows))) == plan(rows).model_dump_json()


def test_no_piece_holds_more_than_its_rows() -> None:
    pieces = list(json_pieces(plan(10 * ROWS)))
    assert max(map(len, pieces)) < len(plan(2 * ROWS).model_dump_json())
