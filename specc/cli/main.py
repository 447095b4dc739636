"""The command line: one function a command (`specc.cli.commands`), each importing only what it needs."""

from __future__ import annotations

import gc
import os
import sys

from specc.cli import commands
from specc.cli.root import specc

__all__ = ["commands", "main", "specc"]


def main() -> None:
    """Entry point of `specc`."""
    # Compiling makes many objects that live until the end and few that form circles: collecting
    # takes a third of the time of a large plan and frees nothing. `run` turns it on again.
    gc.disable()
    # Pydantic would look through every installed package for plugins, which specc doesn't use.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Whoever has closed a stream (`>&-`) wants nothing of it.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  # until the end
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115  # until the end
    try:
        specc.main(prog_name="specc")
    except BrokenPipeError:
        # The reader of our output (`head`, say) has gone; leave without a second complaint at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
