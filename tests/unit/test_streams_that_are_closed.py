"""Commands whose output can't be written, or is not wanted."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

COMMAND = f"{sys.executable} -m specc reference stage"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_output_that_finds_no_space_is_told_and_is_no_bug_of_specc() -> None:
    done = subprocess.run(f"{COMMAND} > /dev/full", shell=True, capture_output=True, text=True)
    assert done.returncode == 4
    assert done.stderr.startswith("error: there is no space left")
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_a_closed_stream_is_no_mistake(closed: str) -> None:
    done = subprocess.run(f"{COMMAND} {closed}", shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
