"""`specc ui`."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from specc.cli.leaving import leave
from specc.cli.places import find_workspace
from specc.store import open_workspace


def serve_page(workspace: str | None, port: int, no_open: bool) -> int:
    """Serve the page of a workspace until Ctrl-C."""
    from specc.serving.server import serve

    place = open_workspace(find_workspace(workspace)).resolve()
    gc.enable()

    with ExitStack() as stack:

        def ready(address: str) -> None:
            print(address, flush=True)
            print("only this machine and this address open it; Ctrl-C ends it", file=sys.stderr, flush=True)
            if not no_open and has_window():
                import webbrowser

                entrance = stack.enter_context(entrance_file(address))
                threading.Thread(target=webbrowser.open, args=(entrance.as_uri(),), daemon=True).start()

        serve(place, port, ready)
    return leave(0)


def has_window() -> bool:
    """Whether a browser would have a screen to show itself on."""
    return not sys.platform.startswith("linux") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


@contextmanager
def entrance_file(address: str) -> Iterator[Path]:
    """A file that goes on to the page, for this user's eyes only.

    A browser is started with what it shall open as an argument, which every user of the machine can
    read; the name of this file tells nobody the token.
    """
    handle, name = tempfile.mkstemp(prefix="specc-ui-", suffix=".html")  # with mode 0600
    path = Path(name)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(
                f'<!DOCTYPE html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
                f'<meta http-equiv="refresh" content="0;url={address}"><title>specc</title>\n'
            )
        yield path
    finally:
        path.unlink(missing_ok=True)
