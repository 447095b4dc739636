"""`specc lsp`: the language server, an extra."""

from __future__ import annotations

import logging
import sys

from specc.cli.failures import WRONG_USE

LEVELS = ("error", "warning", "info", "debug")


def serve(log_level: str) -> int:
    """Serve an editor on stdin and stdout until it says goodbye; logs go to stderr."""
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
        # What pygls tells of every message is of use to its authors only.
        logging.getLogger("pygls").setLevel(logging.ERROR)
    make_server().start_io()
    return 0
