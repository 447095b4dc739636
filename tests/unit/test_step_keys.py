"""A key is the same whether an identity is given as data or as its canonical text."""

from __future__ import annotations

from specc.canonical import canonical_json, digest
from specc.steps import RESUME, VERSIONS, step_key


def test_an_identity_as_text_gives_the_key_of_the_data() -> None:
    identity = {"é": [1.0, 2, "x"], "evaluator": {"name": "loss", "args": {}}, "a": None}
    inputs = {"corpus0": "c" * 64, "checkpoint": "d" * 64}
    whole = {"op": "eval", "version": VERSIONS["eval"], "identity": identity, "inputs": inputs}
    assert step_key("eval", canonical_json(identity), inputs) == digest(whole)
    assert step_key("eval", identity, inputs | {RESUME: "e" * 64}) == digest(whole)
    assert step_key("eval", canonical_json({}), {}) == step_key("eval", {}, {})


def test_many_inputs_enter_a_key_in_the_order_of_canonical_json() -> None:
    params = {"seed": 1, "name": 'é "x"', "rate": 3e-4}
    inputs = {"corpus10": "b" * 64, "corpus2": "a" * 64, "parent": "c" * 64, RESUME: "d" * 64}
    for given in ({}, inputs):
        assert step_key("train", canonical_json(params), given) == step_key("train", params, given)
