"""A process that has torch loaded and forks a worker for whoever asks.

    python -m specc_runtime.server --fd N --parent PID [--entry module:function] [--preload module ...]

Importing torch and transformers takes seconds, a fork takes milliseconds; so the import is paid
once. N is an inherited AF_UNIX stream socket. Messages are JSON, one a line:

    to the server    {"fork": id}             with the worker's end of a socket pair attached
                     {"signal": id, "number": 15}
    from the server  {"forked": id, "pid": p}
                     {"ended": id, "status": s}    exit status, or minus the number of the signal

Notable choices:

* One thread and no tensor operation before a fork: a fork copies only the calling thread, and a
  pool or a lock of another one would stay dead or held in the child.
* Nobody outlives the run. The server leads a session of its own, so that Ctrl-C in a terminal
  reaches only the process that knows what to do about it; it is killed with its parent
  (PR_SET_PDEATHSIG on Linux) or ends with its socket, and its workers end with it in both ways.
* Signals to workers pass through here, because only who reaps a process knows that a pid is
  still the one that was meant.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import traceback
from collections import deque
from collections.abc import Sequence
from typing import Any

from specc_runtime.lifetime import die_with_parent
from specc_runtime.worker import Entry, work

ENTRY = "specc_runtime.run:run_step"
"""What a worker calls for each step."""

PRELOAD = (
    "torch",
    "transformers.models.llama.modeling_llama",
    "specc_runtime.prepare",
    "specc_runtime.init",
    "specc_runtime.imported",
    "specc_runtime.train",
    "specc_runtime.evaluate",
)
"""Modules that are loaded before the first fork: all that a step of any operation may need."""


class Server:
    """The loop: takes requests from `control`, forks, and reaps."""

    def __init__(self, control: socket.socket, entry: Entry) -> None:
        self.control = control
        self.entry = entry
        self.pids: dict[int, int] = {}
        self.text = b""
        self.handles: deque[int] = deque()
        self.wake_read, self.wake_write = socket.socketpair()
        self.wake_read.setblocking(False)
        self.wake_write.setblocking(False)

    def serve(self) -> None:
        """Answer until the other end of the control socket is closed."""
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self.wake_write.fileno(), warn_on_full_buffer=False)
        selector = selectors.DefaultSelector()
        selector.register(self.control, selectors.EVENT_READ)
        selector.register(self.wake_read, selectors.EVENT_READ)
        while True:
            for chosen, _ in selector.select():
                if chosen.fileobj is self.wake_read:
                    self.drain_wakeups()
                    self.reap()
                elif not self.receive():
                    return

    def receive(self) -> bool:
        """Act on the requests that have arrived; False at the end of the stream.

        A descriptor arrives no later than the last byte of its line, and descriptors keep the
        order of their lines, so a queue pairs them whatever the reads cut the stream into.
        """
        data, handles, _, _ = socket.recv_fds(self.control, 65536, 64)
        if not data:
            return False
        self.handles.extend(handles)
        *lines, self.text = (self.text + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if "fork" in request:
                self.fork(request["fork"], self.handles.popleft())
            elif request["signal"] in self.pids:
                os.kill(self.pids[request["signal"]], request["number"])
        return True

    def fork(self, worker: int, handle: int) -> None:
        """Start a worker on the socket `handle`.

        SIGTERM is blocked until the worker can take it, so that none kills a worker half born.
        """
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        pid = os.fork()
        if pid == 0:
            self.become_worker(parent, handle)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.close(handle)
        self.pids[worker] = pid
        self.tell({"forked": worker, "pid": pid})

    def become_worker(self, parent: int, handle: int) -> None:
        """Turn the forked copy into a worker; does not return."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for held in (self.control, self.wake_read, self.wake_write):
                held.close()
            for other in self.handles:
                os.close(other)
            die_with_parent(parent)
            work(socket.socket(fileno=handle), self.entry)
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)

    def reap(self) -> None:
        """Report every worker that has ended."""
        workers = {pid: worker for worker, pid in self.pids.items()}
        while workers:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            worker = workers.pop(pid)
            del self.pids[worker]
            self.tell({"ended": worker, "status": os.waitstatus_to_exitcode(status)})

    def drain_wakeups(self) -> None:
        try:
            while self.wake_read.recv(4096):
                pass
        except BlockingIOError:
            pass

    def tell(self, message: dict[str, Any]) -> None:
        self.control.sendall(json.dumps(message).encode() + b"\n")


def load(entry: str, preload: Sequence[str]) -> Entry:
    """Import what steps need, on one thread, and find the function that does a step."""
    for name in preload:
        importlib.import_module(name)
    if "torch" in preload:
        import torch

        torch.set_num_threads(1)
    module, _, function = entry.partition(":")
    found: Entry = getattr(importlib.import_module(module), function)
    gc.collect()
    gc.freeze()  # the collector would write to pages that the workers share
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m specc_runtime.server")
    parser.add_argument("--fd", type=int, required=True, help="inherited control socket")
    parser.add_argument("--parent", type=int, required=True, help="process to end with")
    parser.add_argument("--entry", default=ENTRY, help="module:function that does a step")
    parser.add_argument("--preload", nargs="*", default=PRELOAD, help="modules to import first")
    options = parser.parse_args(arguments)
    die_with_parent(options.parent)
    control = socket.socket(fileno=options.fd)
    control.set_inheritable(False)
    try:
        Server(control, load(options.entry, options.preload)).serve()
    except (BrokenPipeError, ConnectionResetError):
        return  # the run is gone; workers follow


if __name__ == "__main__":
    main()
