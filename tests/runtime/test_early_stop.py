"""The end of a stage by an evaluation, against evaluations of the same states one by one."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from specc.steps import Step
from specc.store import Manifest, Store, open_workspace
from specc_runtime.run import Interrupted
from workshop import Workshop, random_documents

STEPS, EVERY = 60, 6
PHASES = [{"shape": "constant", "start": 0, "stop": STEPS, "first": 3e-2, "last": 3e-2}]
UNTIL = {
    "evaluator": {"name": "loss"},
    "data": {"corpus": "until", "split": "held_out"},
    "better": "lower",
    "every": EVERY,
    "patience": 2,
}


@pytest.fixture
def other_workshop(tmp_path: Path) -> Workshop:
    return Workshop(Store(open_workspace(tmp_path / "other", create=True)))


def few_documents(workshop: Workshop) -> str:
    """So few that the held-out loss soon rises."""
    return workshop.corpus(random_documents(6, 1), random_documents(12, 2))


def stopped(workshop: Workshop, parent: str, corpus: str, changes: dict[str, Any], **until: Any) -> Step:
    step = workshop.train(parent, [corpus], steps=STEPS, phases=PHASES, until=UNTIL | until, **changes)
    inputs = step.inputs | {"until": corpus}
    return workshop.step("train", step.params, inputs, step.execution, "test/until")


def curve(
    workshop: Workshop, parent: str, corpus: str, changes: dict[str, Any]
) -> dict[int, tuple[float, str]]:
    """Held-out loss and key of the state at each mark, by plain train and eval steps."""
    found = {}
    earlier: dict[str, str] = {}
    for steps in range(EVERY, STEPS + 1, EVERY):
        state = workshop.train(parent, [corpus], steps=steps, phases=PHASES, **changes)
        workshop.do(state.model_copy(update={"inputs": state.inputs | earlier}))
        earlier = {"resume": state.key}
        params = {
            "evaluator": {"name": "loss"},
            "data": {"corpus": "corpus0", "split": "held_out"},
            "sequence": 16,
        }
        measured = workshop.step("eval", params, {"checkpoint": state.key, "corpus0": corpus})
        found[steps] = (workshop.do(measured).outputs["value"], state.key)
    return found


def expected_end(
    results: dict[int, float], patience: int, min_delta: float = 0.0, least: int = 0
) -> tuple[int, int]:
    """Where the rule ends the stage, and its best mark."""
    best, best_at, waited, step = math.inf, 0, 0, 0
    for step, value in results.items():
        if best - value > min_delta:
            best, best_at, waited = value, step, 0
        else:
            waited += 1
        if waited >= patience and step >= least:
            break
    return step, best_at


@pytest.mark.parametrize("changes", [{}, {"dropout": 0.2}])
@pytest.mark.parametrize("until", [{}, {"min_delta": 0.3}, {"patience": 1, "least": 30}, {"patience": 50}])
def test_it_ends_where_the_rule_says_with_the_best_weights(
    workshop: Workshop, changes: dict[str, Any], until: dict[str, Any]
) -> None:
    parent, corpus = workshop.init(), few_documents(workshop)
    reference = curve(workshop, parent, corpus, changes)
    rule = {"patience": 2} | until
    end, best = expected_end({step: value for step, (value, _) in reference.items()}, **rule)
    step = stopped(workshop, parent, corpus, changes, **until)
    found = workshop.do(step).outputs
    assert (found["stopped_at"], found["best_at"]) == (end, best)
    assert found["best_value"] == reference[best][0]
    assert found["tokens"] == {"corpus0": end * 4 * 16}
    assert found["lineage_steps"] == found["steps"] == end
    assert workshop.weights(step.key) == workshop.weights(reference[best][1])
    ran_out = rule["patience"] == 50
    assert found["stop_reason"] == "end of the stage" if ran_out else "in a row" in found["stop_reason"]
    # Some case does end early, and its best is not its last.
    assert ran_out or rule != {"patience": 2} or best < end < STEPS


def test_without_restore_it_ends_with_its_last_weights(workshop: Workshop) -> None:
    parent, corpus = workshop.init(), few_documents(workshop)
    reference = curve(workshop, parent, corpus, {})
    step = stopped(workshop, parent, corpus, {}, restore=False)
    found = workshop.do(step).outputs
    assert found["best_at"] < found["stopped_at"]
    assert workshop.weights(step.key) == workshop.weights(reference[found["stopped_at"]][1])


def test_every_result_is_logged_at_its_step(workshop: Workshop) -> None:
    parent, corpus = workshop.init(), few_documents(workshop)
    reference = curve(workshop, parent, corpus, {})
    step = stopped(workshop, parent, corpus, {})
    end = workshop.do(step).outputs["stopped_at"]
    lines = (workshop.store.path(step.key) / "metrics.jsonl").read_text().splitlines()
    logged = {line["step"]: line for line in map(json.loads, lines) if "until" in line}
    assert {step: line["until"] for step, line in logged.items()} == {
        step: value for step, (value, _) in reference.items() if step <= end
    }
    assert all(line["tokens"] == line["step"] * 64 for line in logged.values())


def interrupted_every(workshop: Workshop, step: Step, asks: int) -> Manifest:
    """Run a step, asking it to stop again and again, until it is done."""

    def after(count: int) -> Callable[[], bool]:
        asked = 0

        def stopping() -> bool:
            nonlocal asked
            asked += 1
            return asked >= count

        return stopping

    for _ in range(200):
        try:
            return workshop.do(step, after(asks))
        except Interrupted:
            continue
    raise AssertionError("the step never came to its end")


@pytest.mark.parametrize("asks", [2, 5, 13])
def test_stopping_and_going_on_changes_no_bit(
    workshop: Workshop, other_workshop: Workshop, asks: int
) -> None:
    keys = []
    found = []
    for place, run in ((workshop, None), (other_workshop, asks)):
        step = stopped(place, place.init(), few_documents(place), {"dropout": 0.1})
        keys.append(step.key)
        found.append(place.do(step) if run is None else interrupted_every(place, step, run))
    assert keys[0] == keys[1]
    assert other_workshop.weights(keys[1]) == workshop.weights(keys[0])
    names = ("stopped_at", "best_at", "best_value", "stop_reason", "tokens", "targets", "loss")
    assert [found[1].outputs[name] for name in names] == [found[0].outputs[name] for name in names]
    files = [
        (place.store.path(keys[0]) / "optimizer.safetensors").read_bytes()
        for place in (workshop, other_workshop)
    ]
    assert files[0] == files[1]


def test_a_checkpoint_whose_best_weights_are_damaged_is_passed_over(
    workshop: Workshop, other_workshop: Workshop
) -> None:
    whole = stopped(workshop, workshop.init(), few_documents(workshop), {})
    expected = workshop.do(whole)
    place = other_workshop
    step = stopped(place, place.init(), few_documents(place), {})
    asked = 0

    def stopping() -> bool:
        nonlocal asked
        asked += 1
        # Late enough that there is a best result to be damaged.
        return asked > 2 * EVERY + 4

    with pytest.raises(Interrupted):
        place.do(step, stopping)
    bests = sorted((place.store.work(step.key) / "best").iterdir())
    assert bests
    (bests[-1] / "model.safetensors").write_bytes(b"damaged")
    found = place.do(step)
    assert place.weights(step.key) == workshop.weights(whole.key)
    assert found.outputs["best_at"] == expected.outputs["best_at"]


def test_results_that_are_no_numbers_are_never_the_best(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from specc_runtime.evaluate import measure

    parent, corpus = workshop.init(), few_documents(workshop)
    monkeypatch.setattr(
        "specc_runtime.early_stop.measure", lambda task: replace(measure(task), value=math.nan)
    )
    step = stopped(workshop, parent, corpus, {})
    found = workshop.do(step).outputs
    assert (found["best_at"], found["best_value"], found["stopped_at"]) == (None, None, 2 * EVERY)


@pytest.mark.parametrize("crash", [1, 2, 3])
def test_a_crash_in_a_measurement_changes_no_bit(
    workshop: Workshop, other_workshop: Workshop, crash: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from specc_runtime.evaluate import measure

    whole = stopped(workshop, workshop.init(), few_documents(workshop), {})
    expected = workshop.do(whole).outputs
    place = other_workshop
    step = stopped(place, place.init(), few_documents(place), {})
    step = step.model_copy(update={"execution": {"checkpoint_seconds": 0.0}})
    measured = 0

    def failing(task: Any) -> Any:
        nonlocal measured
        measured += 1
        if measured == crash:
            raise RuntimeError("crashed")
        return measure(task)

    monkeypatch.setattr("specc_runtime.early_stop.measure", failing)
    with pytest.raises(RuntimeError, match="crashed"):
        place.do(step)
    found = place.do(step)
    assert found.provenance.resumed == 1
    assert place.weights(step.key) == workshop.weights(whole.key)
    assert {name: found.outputs[name] for name in ("stopped_at", "best_at", "best_value", "tokens")} == {
        name: expected[name] for name in ("stopped_at", "best_at", "best_value", "tokens")
    }
