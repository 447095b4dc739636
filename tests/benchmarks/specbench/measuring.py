"""One run of a command: CPU time, wall time and memory of it and of all that it started."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

PR_SET_CHILD_SUBREAPER = 36
"""Of Linux' prctl: orphans among our descendants become our children, whose CPU time is ours to read."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run took.

    Attributes:
        cpu: seconds, user and system, of all processes. wall: seconds.
        memory: largest resident set of any one of them, in MB (10^6 bytes).
        code: exit code of the command. output: stdout and stderr together.
        over: whether it was ended because it exceeded its limit.
    """

    cpu: float
    wall: float
    memory: float
    code: int
    output: str
    over: bool = False

    @property
    def good(self) -> bool:
        return self.code == 0 and not self.over


def measure(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    limit: float,
    kill_when: Callable[[], bool] | None = None,
) -> Measured:
    """Run a command in a folder, in a session of its own, and wait for it and its descendants.

    Args:
        limit: seconds of wall time, after which it is killed.
        kill_when: asked every few milliseconds; at the first yes, all of it is killed with SIGKILL.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    others = set(_children(os.getpid()))
    with open(folder / "output.txt", "w+b") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        over: list[bool] = []

        def end() -> None:
            over.append(True)
            _kill_all(process.pid)

        timer = Timer(limit, end)
        timer.start()
        try:
            if kill_when is not None:
                _wait_until(kill_when, process.pid)
                _kill_all(process.pid)
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            timer.cancel()
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss
        # What it left behind, such as a server of workers, has become our child.
        for pid in set(_children(os.getpid())) - others:
            _kill_all(pid)
            try:
                _, _, usage = os.wait4(pid, 0)
            except ChildProcessError:
                continue
            cpu, memory = cpu + usage.ru_utime + usage.ru_stime, max(memory, usage.ru_maxrss)
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Measured(cpu, wall, memory * 1024 / 1e6, process.returncode, text, bool(over))


def _wait_until(condition: Callable[[], bool], pid: int) -> None:
    while not condition():
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(0.005)


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def _kill_all(pid: int) -> None:
    """Kill a process that we started and its descendants, each by its number."""
    waiting, found = [pid], []
    while waiting:
        current = waiting.pop()
        found.append(current)
        try:
            waiting += _children(current)
        except OSError:
            continue
    for each in found:
        try:
            os.kill(each, signal.SIGKILL)
        except ProcessLookupError:
            continue
