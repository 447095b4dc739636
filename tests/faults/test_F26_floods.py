"""Steps that print or log without measure: the disk stays free, the run goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from specc.execute.worker_log import WorkerLog
from specc.store import Store, open_workspace
from workshop import Workshop, random_documents

PRINTER = """
import os, sys, time
block = (b"x" * 1023 + b"\\n") * 1024
ended = time.monotonic() + float(sys.argv[1])
written = 0
while time.monotonic() < ended:
    written += os.write(1, block)
os.write(1, b"the last line\\n")
print(written, file=sys.stderr)
"""

MEGABYTE = 1 << 20


@pytest.mark.conformance
def test_F26_a_log_that_is_flooded_is_cut_and_keeps_its_end(tmp_path: Path) -> None:
    path = tmp_path / "workers.log"
    path.touch()
    log = WorkerLog(path, largest=16 * MEGABYTE, tail=MEGABYTE, every=0.01)
    with open(path, "ab") as file:
        printer = subprocess.Popen(
            [sys.executable, "-S", "-c", PRINTER, "0.7"], stdout=file, stderr=subprocess.PIPE, text=True
        )
    largest = 0
    while printer.poll() is None:
        largest = max(largest, os.stat(path).st_blocks * 512)
        time.sleep(0.005)
    written = int(printer.communicate()[1])
    log.close()
    print(f"{written / 0.7 / 1e6:.0f} MB/s, the log was at most {largest / 1e6:.0f} MB large")
    assert written > 4 * largest
    kept = path.with_name("workers.log.before").read_bytes() + path.read_bytes()
    assert len(kept) <= 17 * MEGABYTE + 100
    assert kept.endswith(b"the last line\n")
    assert kept.splitlines()[0].endswith(b" bytes were left out]")


def test_F26_a_log_of_usual_size_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "workers.log"
    path.write_text("a warning\n")
    WorkerLog(path, largest=10, tail=4, every=60).close()
    assert path.read_text() == "a warning\n"
    assert list(tmp_path.iterdir()) == [path]


def test_F26_lines_of_metrics_are_bounded_however_long_a_stage_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specc_runtime.segment.LOGGED_AT_MOST", 6)
    workshop = Workshop(Store(open_workspace(tmp_path, create=True)))
    step = workshop.train(workshop.init(), [workshop.corpus(random_documents(30, 1))])
    workshop.do(step)
    lines = (workshop.store.path(step.key) / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [4, 8, 12, 16, 20]
