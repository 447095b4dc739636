"""`specc lsp`: the language server, an extra."""

from __future__ import annotations

import gc
import logging
import os
import sys

from specc.cli.failures import WRONG_USE

LEVELS = ("error", "warning", "info", "debug")


def serve(log_level: str) -> int:
    """Serve an editor on stdin and stdout until it says goodbye; logs go to stderr.

    Returns:
        1 if the editor went away without saying so, as the protocol wants it.
    """
    try:
        from specc.lsp.server import make_server  # noqa: TID251  # the one place that starts it
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("pygls", "lsprotocol"):
            raise
        print("error: the language server needs a package that is not installed", file=sys.stderr)
        print("  = help: install it with `pip install 'specc[lsp]'`", file=sys.stderr)
        return WRONG_USE
    logging.basicConfig(
        stream=sys.stderr, level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if log_level != "debug":
        # What pygls tells of messages is of use to its authors only; a request that is refused is no error.
        logging.getLogger("pygls").setLevel(logging.CRITICAL)
    # The command line turns it off, which serves what ends soon. Syntax trees and what is found of them
    # live long and are many: to look through all of them often would take longer than compiling.
    gc.enable()
    gc.set_threshold(50_000, 20, 50)
    # The protocol has the stream to itself: whatever is printed by mistake goes to stderr.
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    server = make_server()
    server.start_io(sys.stdin.buffer, stream)
    return 0 if server.dismissed else 1
