"""Handlers of requests that are safe from their own bugs: these are logged, and answer nothing."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from specc.lsp.server import Server

logger = logging.getLogger("specc.lsp")

T = TypeVar("T")
P = TypeVar("P")


class RequestFailed(JsonRpcException):
    """A request that was understood and is refused; its message is for the user (LSP 3.17, error codes)."""

    CODE = -32803
    MESSAGE = "Request failed"


def guarded(function: Callable[..., T]) -> Callable[..., T | None]:
    """A function whose bugs are logged, and answer nothing."""

    @functools.wraps(function)
    def safe(*args: Any) -> T | None:
        try:
            return function(*args)
        except Exception:
            logger.exception("internal error in %s", getattr(function, "__name__", "a handler"))
            return None

    return safe


def answered(function: Callable[[Server, P], Awaitable[T]]) -> Callable[[Server, P], Awaitable[T | None]]:
    """A handler whose bugs are logged, and answer nothing; refusals are told."""

    @functools.wraps(function)
    async def safe(server: Server, params: P) -> T | None:
        try:
            return await function(server, params)
        except RequestFailed:
            raise
        except Exception:
            logger.exception("internal error in %s", function.__name__)
            return None

    return safe


def thread(work: Callable[..., T], *args: Any) -> Awaitable[T]:
    """Work that compiles, off the loop that reads messages."""
    return asyncio.to_thread(work, *args)


def bound(
    server: Server, function: Callable[[Server, P], Awaitable[T]]
) -> Callable[[P], Awaitable[T | None]]:
    """A handler of one server, safe from its own bugs."""
    safe = answered(function)

    # Not `functools.wraps`: pygls would read the signature of the function inside, and hand us a server.
    async def handler(params: P) -> T | None:
        return await safe(server, params)

    handler.__name__ = getattr(function, "__name__", "handler")
    return handler
