"""Whatever happens to a workspace, its index is what one built from nothing would be."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from fake_workspace import EARLY, FakeWorkspace, exposure, key, log_line
from specc.results.index import Indexer
from specc.results.reader import open_results
from specc.study import Study

SEGMENTS = {"pretrain.0": ("pretrain", 0, 10), "pretrain.1": ("pretrain", 10, 15), "tune": ("tune", 0, 8)}
"""Steps of an arm -> stage, and the training steps (first, last] that they stand for."""


class History:
    """Random events in the life of a workspace; `told` has what happened, for who reads a failure."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.workspace = FakeWorkspace(folder)
        self.chance = random.Random(seed)
        self.told: list[str] = []
        self.runs = 0
        self.study = self._planned()

    def happen(self) -> None:
        """One event, of which growing logs are the most frequent."""
        events = [self.grow] * 4 + [self.finish] * 3 + [self.measure] * 2
        events += [self.cut, self.replace, self.quarantine, self.plan, self.forget_run, self.fail, self.spoil]
        event = self.chance.choice(events)
        self.told.append(event.__name__)
        event()

    def plan(self) -> None:
        self.study = self._planned()

    def _planned(self) -> Study:
        self.runs += 1
        study = exposure(
            name=self.chance.choice(["exposure", "exposure", "other"]),
            axes=self.chance.choice([(EARLY,), ()]),
            seeds=tuple(range(self.chance.randint(1, 2))),
        )
        self.workspace.plan(self.runs, study)
        return study

    def forget_run(self) -> None:
        plans = sorted(self.workspace.path.glob("runs/*/plan.json"))
        if len(plans) > 1:
            shutil.rmtree(self.chance.choice(plans).parent)

    def step(self) -> str:
        return f"{self.chance.randrange(len(self.study.arms))}/{self.chance.choice(list(SEGMENTS))}"

    def lines(self, name: str) -> str:
        _, first, last = SEGMENTS[name.split("/")[1]]
        steps = range(first - 1, last + 2)
        some = sorted(self.chance.sample(steps, self.chance.randint(1, 4)))
        return "".join(log_line(step, self.chance.choice([self.chance.random(), None])) for step in some)

    def grow(self) -> None:
        name = self.step()
        text = self.lines(name)
        self.workspace.log(name, text[: len(text) - self.chance.choice([0, 0, 9])])

    def cut(self) -> None:
        logs = sorted(self.workspace.path.glob("work/*/metrics.jsonl"))
        if logs:
            log = self.chance.choice(logs)
            data = log.read_bytes()
            log.write_bytes(data[: self.chance.randrange(len(data) + 1)])

    def replace(self) -> None:
        name = self.step()
        self.workspace.log(name, self.lines(name), mode="w")

    def finish(self) -> None:
        name = self.step()
        if self.workspace.store.path(key(name)).exists():
            return
        work = self.workspace.store.work(key(name))
        log = work / "metrics.jsonl"
        text = (log.read_text() if log.exists() else "") + "\n" + self.lines(name)
        self.workspace.train(name, {"corpus0": self.chance.randrange(1000)}, text)
        if work.exists() and self.chance.random() < 0.5:
            shutil.rmtree(work)

    def measure(self) -> None:
        name = (
            f"{self.chance.randrange(len(self.study.arms))}/skill/{self.chance.choice(['pretrain', 'tune'])}"
        )
        if not self.workspace.store.path(key(name)).exists():
            value = self.chance.choice([None, self.chance.random()])
            sample = json.dumps({"document": "d", "value": self.chance.random(), "n": 3}) + "\n"
            outputs = {"metric": "loss", "value": value, "n": 3, "stderr": 0.1}
            self.workspace.finish(name, "eval", outputs, {"samples.jsonl": sample})

    def quarantine(self) -> None:
        done = sorted(self.workspace.store.done())
        if done:
            self.workspace.store.quarantine(self.chance.choice(done))

    def fail(self) -> None:
        error = self.chance.choice(["Diverged", "StepCrashed"])
        runs = sorted(int(path.parent.name) for path in self.workspace.path.glob("runs/*/plan.json"))
        run = self.chance.choice([*runs, runs[-1]])
        self.workspace.event(run, "failed", self.step(), error=error, message="it went wrong")

    def spoil(self) -> None:
        """A step whose manifest can't be read is not done, and is not looked into."""
        folder = self.workspace.store.path(key(self.step()))
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / "manifest.json").write_text("{")

    def losses(self) -> list[str]:
        """What the table `metrics` must have of the latest runs, read from the files by other means."""
        latest = {}
        for path in sorted(self.workspace.path.glob("runs/*/plan.json")):
            study = Study.model_validate_json(path.read_bytes())
            latest[study.experiment] = study
        found = []
        for study in latest.values():
            for arm in range(len(study.arms)):
                for segment, (stage, first, last) in SEGMENTS.items():
                    for step, loss in self._logged(key(f"{arm}/{segment}")):
                        if first < step <= last:
                            found.append(repr((study.experiment, arm, stage, step, loss)))
        return sorted(found)

    def _logged(self, step: str) -> list[tuple[int, float]]:
        store = self.workspace.store
        folder = store.path(step) if store.has(step) else store.work(step)
        try:
            text = (folder / "metrics.jsonl").read_text()
        except FileNotFoundError:
            return []
        lines = []
        for line in text.split("\n")[:-1]:
            try:
                found = json.loads(line)
            except ValueError:
                continue
            lines.append((found["step"], float("nan") if found["loss"] is None else found["loss"]))
        return lines


def contents(workspace: Path) -> dict[str, list[str]]:
    """All rows of all views."""
    connection = open_results(workspace)
    try:
        views = connection.execute(
            "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
        return {f"{schema}.{view}": all_rows(connection, f'"{schema}"."{view}"') for schema, view in views}
    finally:
        connection.close()


def all_rows(connection: Any, view: str) -> list[str]:
    return sorted(map(repr, connection.execute(f"SELECT * FROM {view}").fetchall()))


def check(seed: int, folder: Path, events: int) -> None:
    history = History(folder / "grown", seed)
    place = history.workspace.path
    for number in range(events):
        history.happen()
        if history.chance.random() < 0.6:
            Indexer(place).update()
            history.told.append("update")
        if number == events - 1 or history.chance.random() < 0.1:
            again = folder / f"again{number}"
            shutil.copytree(place, again, ignore=shutil.ignore_patterns("index", "results.duckdb"))
            found = contents(place)
            assert found == contents(again), history.told
            connection = open_results(place)
            query = "SELECT experiment, arm, stage, steps, value FROM main.metrics WHERE name = 'loss'"
            assert sorted(map(repr, connection.execute(query).fetchall())) == history.losses(), history.told
            connection.close()


@pytest.mark.parametrize("seed", [100, 101])
def test_an_index_that_grew_is_one_that_is_built_from_nothing(tmp_path: Path, seed: int) -> None:
    check(seed, tmp_path, events=13)


@pytest.mark.conformance
@pytest.mark.parametrize("seed", range(102, 110))
def test_an_index_that_grew_long_is_one_that_is_built_from_nothing(tmp_path: Path, seed: int) -> None:
    check(seed, tmp_path, events=25)
