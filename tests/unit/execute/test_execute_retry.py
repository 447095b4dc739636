"""What is tried again, how often, and after how long a wait."""

from __future__ import annotations

import inspect

import pytest

from specc import errors
from specc.execute import retry
from specc.execute.retry import retry_delay


def test_F23_a_lost_worker_is_replaced_a_few_times_with_growing_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert [retry_delay("WorkerLost", tried) for tried in range(4)] == [0.0, 1.0, 2.0, None]
    monkeypatch.setitem(retry.RETRIES, "WorkerLost", 9)
    waits = [retry_delay("WorkerLost", tried) for tried in range(9)]
    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_F23_no_mistake_of_a_user_and_nothing_that_is_full_is_tried_again() -> None:
    known = [name for name, kind in inspect.getmembers(errors, inspect.isclass)]
    assert {"DataError", "DiskFull", "DiskFailed", "Diverged"} <= set(known)
    for error in [*known, "OutOfMemory", "InternalError"]:
        assert retry_delay(error, 0) is None
