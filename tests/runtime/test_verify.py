"""Finished steps against their checksums, and against what they give when they are done again."""

from __future__ import annotations

import fcntl
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from fake_steps import ENTRY, fake_step, study_of
from small_study import small_study
from specc.execute.console import SilentConsole
from specc.execute.run import RunOptions, run_study
from specc.incidents import read_incidents
from specc.steps import Step, TrainExecution
from specc.store import FileRecord, Manifest, Provenance, Store, open_workspace
from specc.study import PlannedStep
from specc.verify.again import LANES_TOLERANCE, Redone, Workers, chosen, do_again
from specc.verify.checksums import check_step, set_aside
from specc.verify.compare import Difference, compare, within
from specc.verify.executions import execution_again
from specc.verify.scratch import LOCK, scratch_store

FAKE = Workers(2, ENTRY, ())


def ran(workspace: Path, *steps: PlannedStep) -> Store:
    """A workspace in which a run has done fake steps."""
    options = RunOptions(workers=2, entry=ENTRY, preload=())
    assert run_study(study_of(*steps), workspace, options, SilentConsole()).exit_code == 0
    return Store(workspace)


def again(store: Store, *steps: PlannedStep) -> dict[str, Redone]:
    return {redone.label: redone for redone in do_again(store, [step.key for step in steps], FAKE)}


# ---- doing steps again


def test_steps_that_give_other_bits_are_caught_and_all_others_are_the_same(tmp_path: Path) -> None:
    """Measured times are other ones each time: speeds, and the seconds of a log."""
    calm = fake_step("calm", noise=0.0)
    wild = fake_step("wild", calm, chance=True)
    lanes = fake_step("lanes", calm, noise=LANES_TOLERANCE / 2, lanes=4)
    loose = fake_step("loose", noise=LANES_TOLERANCE * 2, lanes=4)
    store = ran(tmp_path, calm, wild, lanes, loose)
    before = {key: store.verify(key) for key in store.done()}
    found = again(store, calm, wild, lanes, loose)
    assert {label: redone.state for label, redone in found.items()} == {
        "calm": "same",
        "wild": "different",
        "lanes": "close",
        "loose": "different",
    }
    assert found["wild"].message == "`chance.bin` differs"
    (difference,) = found["loose"].differences
    assert (difference.file, difference.where) == ("model.safetensors", "`b`")
    assert difference.largest == pytest.approx(LANES_TOLERANCE * 2, rel=1e-2)
    assert "trained together with 3 others, now alone: within" in found["lanes"].message
    incidents = {incident.label: incident for incident in read_incidents(tmp_path)}
    assert set(incidents) == {"wild", "loose"}
    assert (incidents["wild"].key, incidents["wild"].found) == (wild.key, "verify")
    assert incidents["wild"].kept != incidents["wild"].other
    assert {key: store.verify(key) for key in store.done()} == before
    assert list((tmp_path / "work").glob("verify-*")) == []


def test_what_can_not_be_done_as_it_was_is_not_compared(tmp_path: Path) -> None:
    parent = fake_step("parent")
    names = ("orphan", "old", "foreign", "operation", "switched", "broken")
    steps = {name: fake_step(name, *([parent] if name == "orphan" else [])) for name in names}
    store = ran(tmp_path, parent, *steps.values())

    def rewrite(name: str, **changes: Any) -> None:
        manifest = store.manifest(steps[name].key).model_copy(update=changes)
        (store.path(manifest.key) / "manifest.json").write_text(manifest.model_dump_json())

    rewrite("old", provenance=Provenance(versions={"torch": "1.0"}))
    rewrite("foreign", provenance=Provenance(versions={}, device="an abacus"))
    rewrite("operation", version=0)
    began = {"implementation": "stacked", "lanes": 2, "device": "cpu", "threads": 1}
    computed = {"implementation": "plain", "earlier": [began]}
    rewrite("switched", provenance=Provenance(versions={}, computed=computed))
    (store.path(steps["broken"].key) / "label.txt").write_text("?")
    store.quarantine(parent.key)
    found = again(store, *steps.values())
    assert [found[name].state for name in names[:5]] == ["not comparable"] * 5
    assert "its input `parent`" in found["orphan"].message
    assert found["old"].message == f"made with torch 1.0; here is {torch.__version__}"
    assert found["foreign"].message == "device was an abacus, is now cpu"
    assert found["operation"].message == "made by version 0 of `init`; here is version 1"
    assert "another way: implementation was stacked, is now plain" in found["switched"].message
    assert found[""].state == "damaged"
    assert read_incidents(tmp_path) == ()


def test_a_corpus_whose_files_are_gone_is_not_comparable(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text("one two three")
    store = Store(open_workspace(tmp_path / "w", create=True))
    params = {"reader": {"name": "text"}, "fingerprint": "ab"}
    step = PlannedStep(
        key="c" * 64,
        op="prepare",
        inputs={},
        params=params,
        execution={"files": [str(file)]},
        label="text",
    )
    folder = store.work(step.key)
    folder.mkdir(parents=True)
    (folder / "a").write_text("a")
    done = Step(key=step.key, op="prepare", params=params, label="text")
    store.publish(done, folder, {}, Provenance(versions={}))
    (unknown,) = do_again(store, [step.key], FAKE)
    assert unknown.message == "no run of this workspace says how it was done"
    run_study(study_of(step), store.workspace, RunOptions(entry=ENTRY, preload=()), SilentConsole())
    file.unlink()
    (gone,) = do_again(store, [step.key], FAKE)
    assert gone.state == "not comparable"
    assert gone.message == f"{file} is gone"


@pytest.mark.parametrize(
    ("computed", "expected"),
    [
        ({"implementation": "plain", "compiled": True}, {"implementation": "plain", "compiled": "on"}),
        ({"implementation": "stacked", "lanes": 4}, {"implementation": "stacked"}),
        ({"attention": "sdpa", "replicas": 2, "mfu": 0.4}, {"replicas": 2}),
        ({}, {}),
    ],
)
def test_what_was_chosen_is_chosen_again(computed: dict[str, Any], expected: dict[str, Any]) -> None:
    """Settings are those of the run, with its choices in the place of `auto`; a worker can read them."""
    manifest = Manifest(
        key="k", op="train", version=2, identity={}, params={}, inputs={}, files={},
        provenance=Provenance(versions={}, threads=3, computed=computed),
    )  # fmt: skip
    recorded = {"device": "cpu", "implementation": "auto", "log_every": 7}
    execution = execution_again(manifest, recorded)
    assert execution == recorded | {"threads": 3} | expected
    assert TrainExecution.model_validate(execution).log_every == 7


def test_the_steps_to_do_again_are_drawn_by_a_seed() -> None:
    keys = [f"{number:02d}" for number in range(50)]
    assert chosen(keys, 5, 1) == chosen(keys[::-1], 5, 1) != chosen(keys, 5, 2)
    assert len(set(chosen(keys, 5, 1))) == 5
    assert sorted(chosen(keys, 99, 1)) == keys


def test_scratch_of_killed_processes_is_removed_and_that_of_living_ones_kept(tmp_path: Path) -> None:
    store = Store(open_workspace(tmp_path, create=True))
    dead, living = (tmp_path / "work" / f"verify-{name}" for name in ("dead", "living"))
    for folder in (dead, living):
        folder.mkdir()
        (folder / LOCK).touch()
    with open(living / LOCK) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with scratch_store(store) as scratch:
            assert not dead.exists()
            assert scratch.workspace.exists()
        assert living.exists()
        assert not scratch.workspace.exists()


@pytest.mark.conformance
def test_all_steps_of_a_study_give_the_same_bits_with_one_worker_and_with_two(tmp_path: Path) -> None:
    """Two workers do the study, one does all of it again: corpus, models, training, evaluation."""
    study = small_study()
    assert run_study(study, tmp_path, RunOptions(workers=2), SilentConsole()).exit_code == 0
    store = Store(tmp_path)
    redone = list(do_again(store, [step.key for step in study.steps], Workers(1)))
    assert {step.op for step in redone} == {"prepare", "init", "train", "eval"}
    assert [(step.label, step.state, step.message) for step in redone if step.state != "same"] == []
    assert len(redone) == len(study.steps)


# ---- checksums


def test_every_damaged_step_is_named_and_can_be_set_aside(tmp_path: Path) -> None:
    steps = {name: fake_step(name) for name in ("whole", "cut", "flipped", "lost", "manifest", "other")}
    store = ran(tmp_path, *steps.values())
    folders = {name: store.path(step.key) for name, step in steps.items()}
    (folders["cut"] / "label.txt").write_text("cu")
    (folders["flipped"] / "label.txt").write_text("flippeD")
    (folders["lost"] / "label.txt").unlink()
    (folders["manifest"] / "manifest.json").write_text("{")
    (folders["other"] / "manifest.json").write_bytes((folders["whole"] / "manifest.json").read_bytes())
    found = {name: check_step(store, step.key) for name, step in steps.items()}
    assert [name for name, checked in found.items() if checked.state == "whole"] == ["whole"]
    assert "missing or cut off" in found["cut"].message
    assert "differs from its checksum" in found["flipped"].message
    assert "`label.txt`" in found["lost"].message
    assert "can't be read" in found["manifest"].message
    assert "is that of step" in found["other"].message
    assert set_aside(store, found["cut"]).set_aside
    assert not store.has(steps["cut"].key)
    assert not set_aside(store, found["whole"]).set_aside
    assert store.has(steps["whole"].key)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
def test_a_file_that_may_not_be_read_is_not_taken_for_damaged(tmp_path: Path) -> None:
    step = fake_step("a")
    store = ran(tmp_path, step)
    (store.path(step.key) / "label.txt").chmod(0)
    checked = check_step(store, step.key)
    assert checked.state == "unreadable"
    assert not set_aside(store, checked).set_aside


# ---- publishing a key again


@pytest.mark.parametrize(
    ("content", "seconds", "incidents"), [("first", 2.0, 0), ("other", 1.0, 1), ("first", 1.0, 0)]
)
def test_F21_a_key_that_is_published_again_with_other_bits_is_an_incident(
    tmp_path: Path, content: str, seconds: float, incidents: int
) -> None:
    store = Store(open_workspace(tmp_path, create=True))
    planned = fake_step("a")
    step = Step(key=planned.key, op="init", params=planned.params, label="a")

    def publish(text: str, spent: float) -> None:
        folder = store.work(step.key)
        folder.mkdir(parents=True)
        (folder / "label.txt").write_text(text)
        (folder / "metrics.jsonl").write_text(json.dumps({"step": 1, "seconds": spent}) + "\n")
        store.publish(step, folder, {"tokens_per_second": spent}, Provenance(versions={}))

    publish("first", 1.0)
    publish(content, seconds)
    assert (store.path(step.key) / "label.txt").read_text() == "first"
    found = read_incidents(tmp_path)
    assert len(found) == incidents
    assert [(one.key, one.found, one.differs) for one in found] == [
        (step.key, "publish", "`label.txt` differs")
    ] * incidents


# ---- differences, against differences made by hand


def results(tmp_path: Path, **content: tuple[Any, Any]) -> tuple[Difference, ...]:
    """What `compare` finds in two folders with a file each, or in the outputs."""
    folders, manifests = [], []
    for side in range(2):
        folder = tmp_path / str(side)
        folder.mkdir()
        files, outputs = {}, {}
        for name, values in content.items():
            if name == "outputs":
                outputs = values[side]
                continue
            path = folder / name.replace("__", ".")
            if path.suffix == ".safetensors":
                save_file(values[side], path)
            elif path.suffix == ".npy":
                np.save(path, values[side])
            else:
                path.write_text(values[side])
            files[path.name] = FileRecord(bytes=0, sha256="")
        folders.append(folder)
        manifests.append(
            Manifest(
                key="k", op="train", version=1, identity={}, params={}, inputs={}, files=files,
                outputs=outputs, provenance=Provenance(versions={}),
            )
        )  # fmt: skip
    return compare(folders[0], manifests[0], folders[1], manifests[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_largest_difference_of_tensors_is_that_of_torch(tmp_path: Path, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    a = {name: torch.randn(5, 7, generator=generator).to(dtype) for name in ("first", "second", "third")}
    b = {name: tensor.clone() for name, tensor in a.items()}
    b["second"][2, 3] += 0.5
    b["third"][0, 0] -= 0.25
    (found,) = results(tmp_path, w__safetensors=(a, b))
    gaps = {name: (a[name].double() - b[name].double()).abs().max().item() for name in a}
    assert found.where == "`second`"
    assert found.largest == max(gaps.values())
    assert found.relative == pytest.approx(
        max(gaps[name] / a[name].double().abs().max().item() for name in a)
    )
    assert within((found,), found.relative or 0.0)
    assert not within((found,), (found.relative or 0.0) / 2)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"w__safetensors": ({"a": torch.ones(2)}, {"a": torch.ones(3)})}, "in the shape of `a`"),
        ({"w__safetensors": ({"a": torch.ones(2)}, {"b": torch.ones(2)})}, "in the shape of `a`"),
        ({"w__safetensors": ({"a": torch.ones(2)}, {"a": torch.tensor([1, math.nan])})}, "by inf at most"),
        ({"t__npy": (np.arange(4), np.array([0, 1, 2, 7]))}, "`t.npy` differs, by 4 at most"),
        ({"r__json": ('{"value": 2.0}', '{"value": 2.5}')}, "in `value`, by 0.5 at most (0.25 relative)"),
        ({"r__json": ('{"a": [1, "x"]}', '{"a": [1, "y"]}')}, "`r.json` differs in `a[1]`"),
        ({"metrics__jsonl": ('{"loss": 1}\n{"loss": 2}\n', '{"loss": 1}\n')}, "in line 2"),
        ({"metrics__jsonl": ('{"loss": 1}\n', '{"loss": 2}\n')}, "line 1, `loss`, by 1 at most (1 relative)"),
        ({"outputs": ({"n": 3, "value": 1.0}, {"n": 3, "value": None})}, "`outputs` differs in `value`"),
        ({"other__bin": ("a", "b")}, "`other.bin` differs"),
    ],
)  # fmt: skip
def test_what_differs_is_told_with_its_place(tmp_path: Path, content: dict[str, Any], told: str) -> None:
    (found,) = results(tmp_path, **content)
    assert told in str(found)


def test_measured_times_and_nothing_else_may_differ(tmp_path: Path) -> None:
    lines = ('{"loss": 1.5, "seconds": 1}\n', '{"loss": 1.5, "seconds": 2}\n')
    outputs = ({"loss": 1.5, "tokens_per_second": 1}, {"loss": 1.5, "tokens_per_second": 2})
    assert results(tmp_path, metrics__jsonl=lines, outputs=outputs) == ()
