"""Who may ask: only the page that was opened with the address that the command printed.

A server on the loopback interface is reached by every page of the browser and by every user of the
machine. So each request must

* name this server in `Host`: a foreign name that resolves to 127.0.0.1 (DNS rebinding) is refused,
* carry the session's cookie, which is given for the token: 256 random bits each, new with every server,
  compared in constant time. The cookie is `HttpOnly`, `SameSite=Strict` and bound to a random path,
  because browsers send cookies to every port of a host,
* come from a page of this very origin (`Origin`, `Sec-Fetch-Site`). Another port is another origin.

And what is answered is framed by nobody, runs no script but the page's own files, and is kept nowhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "specc"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load and run: its own files, and nothing that is written into it."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer; an answer may have a policy and a cache rule of its own."""

ENTRANCE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=./">
<link rel="icon" href="data:,"><title>specc</title>
</head><body><p><a href="./">specc</a></p></body></html>
"""
"""Goes on to the page, from this origin: after a redirect from elsewhere a strict cookie would be missing."""

REFUSED = "open the address that `specc ui` printed, with its token\n"


class Access:
    """The secrets of one server, and where it is reached.

    Attributes:
        place: random folder that all addresses begin with. token: what opens the page.
        hosts: values of `Host` that name this server.
    """

    def __init__(self, port: int) -> None:
        self.place = secrets.token_hex(8)
        self.token = secrets.token_urlsafe(32)
        self.session = secrets.token_urlsafe(32)
        names = ("127.0.0.1", "localhost", "[::1]")
        self.hosts = frozenset(f"{name}:{port}" for name in names) | (
            frozenset(names) if port == 80 else frozenset()
        )
        self.port = port

    def address(self) -> str:
        """The address to open."""
        return f"http://127.0.0.1:{self.port}/{self.place}/?token={self.token}"


class Guard:
    """Lets through to the application what may pass; takes the folder off the path."""

    def __init__(self, inner: ASGIApp, access: Access) -> None:
        self.inner = inner
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.inner(scope, receive, send)
        elif scope["type"] == "http":
            refusal = self.checked(scope)
            await (refusal or self.inner)(scope, receive, with_headers(send))

    def checked(self, scope: Scope) -> Response | None:
        """What is answered at once; None for a request that may pass."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.access.hosts:
            return PlainTextResponse("this server has another name\n", 421)
        folder, path = f"/{self.access.place}", scope["path"]
        if not compare_digest(path[: len(folder) + 1].encode(), f"{folder}/".encode()):
            return PlainTextResponse(REFUSED, 404)
        path = path[len(folder) :]
        if path == "/" and scope["method"] == "GET" and scope["query_string"]:
            return self.enter(scope["query_string"])
        if not compare_digest(session_of(headers.getlist("cookie")).encode(), self.access.session.encode()):
            return PlainTextResponse(REFUSED, 403)
        if not from_this_page(headers, hosts[0], computes=scope["method"] not in ("GET", "HEAD")):
            return PlainTextResponse("this is answered to its own page only\n", 403)
        scope["path"] = path
        scope["raw_path"] = path.encode()
        return None

    def enter(self, query: bytes) -> Response:
        """Give the session's cookie for the token."""
        given = parse_qs(query.decode("latin-1")).get("token", [""])[0]
        if not compare_digest(given.encode(), self.access.token.encode()):
            return PlainTextResponse(REFUSED, 403)
        answer = HTMLResponse(ENTRANCE)
        answer.set_cookie(
            COOKIE, self.access.session, path=f"/{self.access.place}/", httponly=True, samesite="strict"
        )
        return answer


def session_of(cookies: Sequence[str]) -> str:
    """The session that a request says it belongs to; empty if none."""
    found: SimpleCookie = SimpleCookie()
    try:
        for cookie in cookies:
            found.load(cookie)
    except CookieError:
        return ""
    return found[COOKIE].value if COOKIE in found else ""


def from_this_page(headers: Headers, host: str, computes: bool) -> bool:
    """Whether a request comes from a page of this origin, or, if it only reads, from the address bar.

    Args:
        computes: whether it may do more than read; it must then say where it comes from.
    """
    origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    if any(origin.lower() != f"http://{host.lower()}" for origin in origins):
        return False
    if any(site not in (("same-origin",) if computes else ("same-origin", "none")) for site in sites):
        return False
    return bool(origins) or not computes


def with_headers(send: Send) -> Send:
    """Adds the headers of every answer."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
