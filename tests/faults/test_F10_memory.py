"""Memory that really runs out: the step says so, and a smaller micro-batch gets through."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import pytest

import training  # noqa: F401 - loads what trains
from forked import FORKS, forked
from specc.execute.retry import retry_delay
from specc.store import Store, open_workspace
from specc_runtime.run import run_step
from specc_runtime.worker import StopFlag, attempt
from workshop import Workshop, random_documents

pytestmark = pytest.mark.skipif(not FORKS, reason="autograd can't be forked where there is a GPU")

LEFT_BYTES = 160 << 20
"""Address space that is left to the training."""


def address_space() -> int:
    """Bytes of address space that this process has taken."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


@pytest.mark.conformance
def test_F10_a_batch_that_memory_is_too_small_for_fails_and_goes_through_in_parts(tmp_path: Path) -> None:
    workshop = Workshop(Store(open_workspace(tmp_path / "workspace", create=True)))
    inputs = workshop.init(), [workshop.corpus(random_documents(200, 1))]
    told = tmp_path / "told"

    def train(micro_batch: int | None) -> dict[str, Any]:
        execution = {"micro_batch": micro_batch}
        step = workshop.train(*inputs, steps=1, batch=16_000, execution=execution)

        def do() -> None:
            limit = address_space() + LEFT_BYTES
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            messages: list[dict[str, Any]] = []
            attempt([step], workshop.store, run_step, messages.append, StopFlag())
            told.write_text(json.dumps(messages[-1]))

        assert forked(do).status == 0
        message: dict[str, Any] = json.loads(told.read_text())
        return message

    failed = train(None)
    assert (failed["kind"], failed["error"]) == ("failed", "OutOfMemory")
    assert failed["message"] == "no memory left for test/train"
    assert "`--micro-batch`" in failed["help"]
    assert retry_delay(failed["error"], 0) is None
    assert not any(workshop.store.manifest(key).op == "train" for key in workshop.store.done())
    assert train(400)["kind"] == "done"
