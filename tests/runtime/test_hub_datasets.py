"""Data sets of the hub, from a stand-in on the loopback: pinned once, planned without it, read by a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fake_data_hub import FakeDataHub, fake_data_hub
from specc.analysis.compile import compile_file
from specc.corpora.documents import Document
from specc.corpora.measure import measure
from specc.corpora.readers import read_in_order
from specc.diagnostics import render
from specc.errors import DataError
from specc.graph.cost import Rates
from specc.graph.expand import expand
from specc.hub.datasets import network_allowed
from specc.locking import DatasetWanted, listening, lock_path, read_lock
from specc.locking.resolve import pin_all
from specc.steps import Component, Step
from specc.study import PlannedStep
from specc_runtime.prepared import open_split
from workshop import Workshop

streams = pytest.mark.conformance
"""Each stream is a process that loads `datasets`."""

NAME = "someone/letters"
ROWS = 120
TEXTS = [f"document {number} sagt grüß Gott" for number in range(ROWS)]
SPEC = """
experiment streamed {
  corpus web = hf("someone/letters", text = "text", held_out = 20%, max_epochs = 100OTHERS)
  allocate { web { pretrain: 2_048 tokens } }
  stage pretrain from llama(layers = 1, width = 16, heads = 2, context = 32 tokens) {
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 4 sequences
  }
  eval fit = loss(DATA) after pretrain
}
"""


def recipe(others: str = "", data: str = "web.held_out") -> str:
    return SPEC.replace("OTHERS", others).replace("DATA", data)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDataHub]:
    folder = tmp_path / "served" / "data"
    folder.mkdir(parents=True)
    for part in range(2):  # two shards
        path = folder / f"train-{part:05}-of-00002.parquet"
        first, last = part * ROWS // 2, (part + 1) * ROWS // 2
        duckdb.execute(
            "copy (select 'document ' || i || ' sagt grüß Gott' as text, i as number "
            f"from range({first}, {last}) t(i)) to '{path}'"
        )
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with fake_data_hub(NAME, folder.parent) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "study.spec"
    path.write_text(recipe())
    return path


def prepared(spec: Path) -> PlannedStep:
    compilation = compile_file(spec)
    assert not compilation.report.failed, render(compilation.report)
    (experiment,) = compilation.experiments
    (step,) = (step for step in expand(experiment, Rates()).steps if step.op == "prepare")
    return step


def as_step(planned: PlannedStep) -> Step:
    described = {"key": planned.key, "op": planned.op, "params": planned.params}
    return Step.model_validate(described | {"execution": planned.execution, "label": "web"})


@streams
def test_it_is_pinned_and_counted_once_planned_without_the_hub_and_read_again(
    hub: FakeDataHub, spec: Path, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as wanted:
        compile_file(spec)
    assert [each.name for each in wanted if isinstance(each, DatasetWanted)] == [NAME]
    assert hub.requests == []
    compilation, lock = pin_all(spec)
    assert not compilation.report.failed
    assert lock == read_lock(spec)
    entry = lock.datasets[NAME]
    assert entry.revision == hub.commit
    (part,) = entry.parts.values()

    (tmp_path / "same.jsonl").write_text("\n".join(json.dumps({"t": text}) for text in TEXTS))
    same = Component(name="jsonl", args={"text": "t"})
    facts = measure(same, [tmp_path / "same.jsonl"], None, Fraction(1, 5))
    for split in ("train", "held_out"):
        assert part.splits[split].model_dump() == facts.of(split).model_dump()

    hub.requests.clear()
    planned = prepared(spec)
    assert hub.requests == []
    assert planned.params["reader"]["args"]["revision"] == hub.commit
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # as workers find it
    manifest = workshop.do(as_step(planned))
    assert hub.requests
    for split in ("train", "held_out"):
        assert manifest.outputs[split]["tokens"] == facts.of(split).tokens
        stored = open_split(workshop.store.path(manifest.key), split)
        bounds = zip(stored.offsets[:-1], stored.offsets[1:] - 1, strict=True)
        texts = [bytes(stored.tokens[a:b].tolist()).decode() for a, b in bounds]
        assert texts == [text for text in TEXTS if text in texts]  # in the order of the rows


@streams
def test_rows_that_are_not_those_that_were_counted_are_refused(
    hub: FakeDataHub, spec: Path, workshop: Workshop
) -> None:
    pin_all(spec)
    planned = prepared(spec)
    step = as_step(planned)
    changed = step.model_copy(update={"execution": step.execution | {"content": "0" * 64}})
    with pytest.raises(DataError, match="not what was counted when it was pinned"):
        workshop.do(changed)
    assert not workshop.store.done()
    assert workshop.do(step).provenance.resumed == 0


@streams
def test_as_many_rows_are_read_as_are_asked_for(hub: FakeDataHub) -> None:
    args = {"name": NAME, "revision": hub.commit, "text": "text", "documents": 70}
    with network_allowed():
        found = list(read_in_order(Component(name="hf", args=args), ()))
    assert found == [Document(text) for text in TEXTS[:70]]


@streams
@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"text": "body"}, "has no column `body`"),
        ({"text": "number"}, "column `number` is a number, not a string"),
        ({"text": "text", "split": "test"}, "can't be read: ValueError"),
        ({"text": "text", "revision": "0" * 40}, "can't be read"),
    ],
)
def test_what_cannot_be_read_is_told(hub: FakeDataHub, args: dict[str, Any], message: str) -> None:
    reader = Component(name="hf", args={"name": NAME, "revision": hub.commit} | args)
    with network_allowed(), pytest.raises(DataError, match=message) as told:
        list(read_in_order(reader, ()))
    assert told.value.help


@streams
def test_a_folder_of_that_name_is_not_taken_for_it(
    hub: FakeDataHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / NAME).mkdir(parents=True)
    (tmp_path / NAME / "train.jsonl").write_text('{"text": "of the folder"}\n')
    monkeypatch.chdir(tmp_path)
    args = {"name": NAME, "revision": hub.commit, "text": "text", "documents": 1}
    with network_allowed():
        assert list(read_in_order(Component(name="hf", args=args), ())) == [Document(TEXTS[0])]


@pytest.mark.parametrize(
    ("others", "data", "code"),
    [
        ("", "web.held_out", "E0007"),
        (", tokenizer = bpe(vocab = 300)", "web.held_out", "E0006"),
        (', prompt = "text"', "web.held_out", "E0006"),
    ],
)
def test_without_a_pin_a_plan_says_what_to_do(
    hub: FakeDataHub, spec: Path, others: str, data: str, code: str
) -> None:
    spec.write_text(recipe(others, data))
    told = compile_file(spec).report.diagnostics
    assert code in [found.code for found in told]
    assert hub.requests == []


@streams
def test_what_is_made_of_it_cannot_be_counted_in_a_plan(hub: FakeDataHub, spec: Path) -> None:
    spec.write_text(recipe(data='annotate(web.held_out, prefix = "x")'))
    compilation, _ = pin_all(spec)
    told = render(compilation.report)
    assert "can't be counted without the network" in told
    hub.requests.clear()
    compile_file(spec)
    assert hub.requests == []


@streams
def test_another_reading_of_a_pinned_data_set_is_counted_at_the_same_commit(
    hub: FakeDataHub, spec: Path
) -> None:
    _, before = pin_all(spec)
    (hub.folder / "README.md").write_text("a later commit")
    assert hub.commit != before.datasets[NAME].revision
    spec.write_text(recipe(", documents = 50"))
    told = compile_file(spec).report.diagnostics
    assert "was not counted yet" in told[0].title
    lock_text = lock_path(spec).read_text()
    assert before.datasets[NAME].revision in lock_text
