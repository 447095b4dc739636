"""Counting that nobody waits for any more."""

from __future__ import annotations

import threading

import pytest

from specc.corpora.recent import StillCounting
from specc.lsp.counting import Counting


def test_after_the_end_nothing_is_counted_and_nothing_fails() -> None:
    counting, hold = Counting(lambda: None), threading.Event()
    with pytest.raises(StillCounting):
        counting.ask(("slow",), lambda: hold.wait(30))
    behind: list[BaseException] = []

    def wait_behind() -> None:
        try:
            counting.ask(("behind",), lambda: 1)
        except BaseException as error:
            behind.append(error)

    waiting = threading.Thread(target=wait_behind)
    waiting.start()
    counting.close()
    waiting.join()
    hold.set()
    assert [type(error) for error in behind] == [StillCounting]
    with pytest.raises(StillCounting):
        counting.ask(("late",), lambda: 1)
