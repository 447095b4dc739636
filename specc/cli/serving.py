"""`specc ui`."""

from __future__ import annotations

import gc
import os
import sys
import threading

from specc.cli.leaving import leave
from specc.cli.places import find_workspace
from specc.store import open_workspace


def serve_page(workspace: str | None, port: int, no_open: bool) -> int:
    """Serve the page of a workspace until Ctrl-C."""
    from specc.serving.server import serve

    place = open_workspace(find_workspace(workspace)).resolve()
    gc.enable()

    def ready(address: str) -> None:
        print(address, flush=True)
        print("only this machine and this address open it; Ctrl-C ends it", file=sys.stderr, flush=True)
        if not no_open:
            open_browser(address)

    serve(place, port, ready)
    return leave(0)


def open_browser(address: str) -> None:
    """Show the page in the user's browser, if there is one with a window."""
    import webbrowser

    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
