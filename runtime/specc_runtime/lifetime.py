"""Processes that must not outlive the one that started them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>; see prctl(2)."""


def die_with_parent(parent: int) -> None:
    """Be killed by the kernel when the parent ends, even by SIGKILL (Linux only).

    Elsewhere the end of the sockets between the processes has to do: an idle process sees it at
    once, a busy one at its next report.

    Args:
        parent: process id of the parent. It may have ended before the kernel was asked, and then
            no signal would come; this process ends instead.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
