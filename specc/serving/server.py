"""Sockets and the event loop: loopback only, until Ctrl-C."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from specc.errors import WorkspaceError

ATTEMPTS = 20
"""Ports that are tried until one is free on both loopback addresses."""


def serve(workspace: Path, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page of a workspace until the process is interrupted or told to end.

    Args:
        port: 0 for any that is free. ready: called with the address once it is served.
    Raises:
        WorkspaceError: if the port can't be had.
    """
    import uvicorn

    from specc.serving.application import Page, application
    from specc.serving.guard import Access

    sockets = loopback(port)
    access = Access(sockets[0].getsockname()[1])

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready(access.address())

    config = uvicorn.Config(
        application(Page(workspace), access),
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="on",
        access_log=False,
        log_level="error",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
        limit_concurrency=200,
        h11_max_incomplete_event_size=16_384,
    )
    # Ctrl-C is how a server is ended.
    with suppress(KeyboardInterrupt):
        Server(config).run(sockets)


def loopback(port: int) -> list[socket.socket]:
    """Sockets bound to a port of 127.0.0.1 and, where there is one, of ::1.

    Raises:
        WorkspaceError: if the port can't be had.
    """
    for attempt in range(ATTEMPTS):
        first = _bound(socket.AF_INET, "127.0.0.1", port)
        number = first.getsockname()[1]
        try:
            second = _bound(socket.AF_INET6, "::1", number)
        except WorkspaceError:
            first.close()
            if port or attempt == ATTEMPTS - 1:
                raise
            continue
        except OSError:
            return [first]  # a machine without IPv6
        return [first, second]
    raise AssertionError("an attempt returns or raises")


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind((host, port))
    except OSError as error:
        found.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            reason = "is in use" if error.errno == errno.EADDRINUSE else "is not allowed"
            raise WorkspaceError(
                f"port {port} {reason}", "leave `--port` out for one that is free"
            ) from error
        raise
    return found
