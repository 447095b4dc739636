"""DuckDB 2.0.0 loses a commit: shown every time, without luck.

    python tests/faults/lost_commit.py          is a commit lost with the DuckDB that is installed?

DuckDB 2.0.0 reads the header of a file, locks the file, and does not read the header again. A process that
opens the file is stopped (ptrace) where it is about to lock it; another opens it, commits, and closes it,
all of which succeeds; then the first goes on from a header that is out of date, and what it writes
takes the place of what the other has committed. No error is told anywhere.

Under a lock of one's own around opening, writing and closing (`specc.results.generations.index_lock`)
the other process can't begin while the first one is stopped.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb

from specc.results.generations import index_lock

LOSING = ("2.0.0",)
"""Versions of DuckDB that are known to lose commits; 1.5.6 does not."""

_FCNTL = {"x86_64": 72, "aarch64": 25}
_SET_LOCK = {6, 37}
"""F_SETLK, F_OFD_SETLK."""

_TRACEME, _SYSCALL, _DETACH, _SETOPTIONS, _GET_SYSCALL_INFO = 0, 24, 17, 0x4200, 0x420E
_SYSCALLS_ARE_MARKED = 1
_ENTRY = 1


class Untraceable(Exception):
    """Processes can't be traced on this machine."""


class _SyscallInfo(ctypes.Structure):
    """`struct ptrace_syscall_info` as far as it tells an entry."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("instruction_pointer", ctypes.c_uint64),
        ("stack_pointer", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
    )


_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.restype = ctypes.c_long
_ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


def lost(folder: Path, locked: bool) -> set[str]:
    """Let two processes commit to one file, one of them stopped before DuckDB locks the file.

    Args:
        locked: whether each holds the index's lock while it has the file open.
    Returns:
        which of the acknowledged commits are not in the file: `first`, `second`.
    Raises:
        Untraceable: if the first process can't be stopped there.
    """
    path = folder / "index.duckdb"
    with duckdb.connect(str(path), config={"threads": "1"}) as connection:
        connection.execute("CREATE TABLE commits (name VARCHAR)")

    first = _forked(lambda: _commit(path, "first", locked), traced=True)
    try:
        _run_to_lock(first)
    except Untraceable:
        with suppress(ProcessLookupError):
            os.kill(first, signal.SIGKILL)
        raise
    second = _forked(lambda: _commit(path, "second", locked))
    if locked:
        time.sleep(0.3)
        assert os.waitpid(second, os.WNOHANG) == (0, 0), "the second process did not wait"
    else:
        assert _status(second) == 0, "the second process could not commit"
    _ptrace(_DETACH, first, None, None)
    assert _status(first) == 0, "the first process could not commit"
    if locked:
        assert _status(second) == 0, "the second process could not commit"
    with duckdb.connect(str(path), read_only=True) as connection:
        found = {name for (name,) in connection.execute("SELECT name FROM commits").fetchall()}
    return {"first", "second"} - found


def _commit(path: Path, name: str, locked: bool) -> None:
    if locked:
        with index_lock(path.parent, wait=True):
            _commit(path, name, locked=False)
        return
    connection = duckdb.connect(str(path), config={"threads": "1"})
    connection.execute("INSERT INTO commits VALUES (?)", [name])
    connection.close()


def _forked(action: Callable[[], None], traced: bool = False) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        if traced:
            if _ptrace(_TRACEME, 0, None, None) != 0:
                os._exit(2)
            os.kill(os.getpid(), signal.SIGSTOP)
        action()
        status = 0
    finally:
        os._exit(status)


def _status(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _run_to_lock(child: int) -> None:
    """Let a traced process run until it is about to lock a file by `fcntl`."""
    _, status = os.waitpid(child, 0)
    machine = platform.machine()
    if not os.WIFSTOPPED(status) or machine not in _FCNTL:
        raise Untraceable(f"a process can't be traced here ({machine})")
    _ptrace(_SETOPTIONS, child, None, _SYSCALLS_ARE_MARKED)
    info = _SyscallInfo()
    passed = 0
    while True:
        _ptrace(_SYSCALL, child, None, passed)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            raise Untraceable(f"the process ended before it locked a file (status {status})")
        passed = 0
        if os.WSTOPSIG(status) != signal.SIGTRAP | 0x80:
            passed = os.WSTOPSIG(status)
            continue
        if _ptrace(_GET_SYSCALL_INFO, child, ctypes.sizeof(info), ctypes.addressof(info)) <= 0:
            raise Untraceable("this kernel doesn't tell system calls")
        if info.op == _ENTRY and info.number == _FCNTL[machine] and info.arguments[1] in _SET_LOCK:
            return


def main() -> None:
    for locked in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            names = ", ".join(sorted(lost(Path(folder), locked))) or "none"
            around = "under a lock of our own" if locked else "as DuckDB locks"
            print(f"DuckDB {duckdb.__version__}, {around}: commits lost: {names}")


if __name__ == "__main__":
    main()
