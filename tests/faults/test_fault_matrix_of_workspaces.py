"""Several processes in a workspace, locks of the dead, clocks that jump, and data that changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from forked import fork
from specc.corpora.contents import fingerprint
from specc.corpora.readers import read_documents
from specc.errors import DataError
from specc.execute.lock import WorkspaceLock, current_holder
from specc.execute.status import read_status
from specc.incidents import read_incidents
from specc.results.index import Indexer
from specc.steps import Component, Step
from specc.store import Provenance, Store, open_workspace
from toy_run import rows, run_here, toy_study
from workshop import Workshop

PUBLISHERS = 16


def publish_together(store: Store, step: Step, texts: Sequence[str]) -> list[int]:
    """Processes that publish the same step at the same moment, each with its text; their exit codes."""
    start_read, start_write = os.pipe()
    children = []
    for number, text in enumerate(texts):
        child = fork()
        if child == 0:
            status = 1
            try:
                folder = store.workspace / "work" / f"attempt{number}"
                folder.mkdir()
                (folder / "label.txt").write_text(text)
                os.close(start_write)
                os.read(start_read, 1)  # until the parent closes its end
                store.publish(step, folder, {}, Provenance(versions={}))
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    os.close(start_read)
    time.sleep(0.1)
    os.close(start_write)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


@pytest.mark.conformance
@pytest.mark.parametrize("texts", [["same"] * PUBLISHERS, ["one", *["other"] * (PUBLISHERS - 1)]])
def test_F11_F21_of_many_that_publish_a_step_one_wins_and_other_bits_are_told(
    tmp_path: Path, texts: list[str]
) -> None:
    store = Store(open_workspace(tmp_path, create=True))
    planned = toy_study().steps[0]
    step = Step(key=planned.key, op="init", params=planned.params, label="first")
    assert publish_together(store, step, texts) == [0] * PUBLISHERS
    store.verify(step.key)
    assert list((tmp_path / "work").iterdir()) == []
    kept = (store.path(step.key) / "label.txt").read_text()
    found = read_incidents(tmp_path)
    assert len(found) == sum(text != kept for text in texts)
    assert all(incident.key == step.key and incident.kept != incident.other for incident in found)


HOLDER = """
import os, sys, time
from pathlib import Path
from specc.execute.lock import WorkspaceLock
lock = WorkspaceLock(Path(sys.argv[1]))
assert lock.acquire(False, lambda holder: None, lambda: False)
lock.sign(1)
if sys.argv[2] == "exec":
    import subprocess
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], close_fds=False)
    print(child.pid, flush=True)
elif os.fork() == 0:
    print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.mark.conformance
@pytest.mark.parametrize("kind", ["exec", "fork"])
def test_F18_a_lock_ends_with_its_holder_and_with_forks_of_it_that_still_run(
    tmp_path: Path, kind: str
) -> None:
    path = os.pathsep.join(str(Path(__file__).parents[2] / name) for name in ("", "runtime"))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), kind],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        holder = current_holder(tmp_path)
        assert holder is not None
        assert holder.pid == process.pid
        process.kill()
        process.wait()
        # A program that the holder has started does not hold the lock; a copy of the holder does.
        assert (current_holder(tmp_path) is None) == (kind == "exec")
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()
    deadline = time.monotonic() + 10
    while current_holder(tmp_path) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with WorkspaceLock(tmp_path) as lock:
        assert lock.acquire(False, lambda holder: None, lambda: False)


class JumpingClock(datetime):
    """A clock that jumps by ten years, there and back, each time that it is read."""

    reads = 0

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        cls.reads += 1
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=3650 if cls.reads % 2 else -3650)


def test_F15_a_clock_that_jumps_by_years_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_here(toy_study(), tmp_path / "calm")
    expected = rows(tmp_path / "calm")
    for module in ("specc.execute.record", "specc.execute.lock", "specc.incidents", "specc_runtime.attempt"):
        monkeypatch.setattr(f"{module}.datetime", JumpingClock)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + (3.2e8 if JumpingClock.reads % 2 else -3.2e8))
    workspace = tmp_path / "jumping"
    run_here(toy_study(), workspace)
    run_here(toy_study(), workspace)
    assert JumpingClock.reads > 10
    status = read_status(workspace)
    assert status is not None
    assert (status.run, status.state, status.counts.reused) == (2, "done", 2)
    for path in workspace.rglob("*"):  # times of files may be anything too
        years = JumpingClock.now().timestamp()
        os.utime(path, (years, years))
    assert rows(workspace) == expected
    Indexer(workspace).rebuild()
    assert rows(workspace) == expected


def corpus_step(workshop: Workshop, files: Sequence[Path]) -> Step:
    params = {"reader": {"name": "text"}, "fingerprint": fingerprint(files), "held_out": Fraction(0)}
    return workshop.step("prepare", params, execution={"files": [str(file) for file in files]})


@pytest.mark.parametrize("when", ["before", "during", "during, same size and time", "after"])
def test_F19_a_corpus_that_changes_is_never_published_under_its_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    workshop = Workshop(Store(open_workspace(tmp_path / "workspace", create=True)))
    files = [tmp_path / f"{number}.txt" for number in range(3)]
    for file in files:
        file.write_text(f"text of {file.name}")
    step = corpus_step(workshop, files)

    def change() -> None:
        stamp = files[1].stat()
        files[1].write_text("TEXT of 1.txt" if "same" in when else "longer than before")
        if "same" in when:
            os.utime(files[1], ns=(stamp.st_atime_ns, stamp.st_mtime_ns))

    def read(reader: Component, paths: Sequence[Path]) -> Iterator[Any]:
        for number, document in enumerate(read_documents(reader, paths)):
            if number == 1 and "during" in when:
                change()
            yield document

    monkeypatch.setattr("specc_runtime.prepare.read_documents", read)
    if when == "before":
        change()
    if when == "after":
        workshop.do(step)
        change()
        assert corpus_step(workshop, files).key != step.key
        workshop.store.verify(step.key)
        return
    with pytest.raises(DataError, match="changed since the recipe was compiled"):
        workshop.do(step)
    assert not workshop.store.done()
