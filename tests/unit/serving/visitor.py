"""A browser as far as a server sees it: requests with headers, straight into an ASGI application."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message

from specc.serving.guard import COOKIE, Access

PORT = 8765


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers in lower case, and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Visitor:
    """Asks an application; by default as its own page does."""

    def __init__(self, application: ASGIApp, access: Access) -> None:
        self.application = application
        self.access = access

    async def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | dict[str, Any] = b"",
        headers: dict[str, str | None] | None = None,
    ) -> Answer:
        """Ask for a path below the server's folder; `None` leaves a header out."""
        fields: dict[str, str | None] = {
            "host": f"127.0.0.1:{PORT}",
            "cookie": f"{COOKIE}={self.access.session}",
            "sec-fetch-site": "same-origin",
        }
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        if method == "POST":
            fields |= {"origin": f"http://127.0.0.1:{PORT}", "content-type": "application/json"}
        fields |= headers or {}
        place, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": place if place.startswith("!") else f"/{self.access.place}{place}",
            "raw_path": b"",
            "query_string": query.encode(),
            "headers": [
                (name.encode(), value.encode()) for name, value in fields.items() if value is not None
            ],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", PORT),
        }
        scope["path"] = str(scope["path"]).removeprefix("!")
        sent: list[Message] = []
        left = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if left:
                return left.pop()
            await asyncio.sleep(3600)
            raise AssertionError("a request has one body")

        async def send(message: Message) -> None:
            sent.append(message)

        await self.application(scope, receive, send)
        start = sent[0]
        told = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], told, b"".join(part.get("body", b"") for part in sent[1:]))

    def get(self, path: str, **headers: str | None) -> Answer:
        """Ask once, from outside of an event loop; `_` in names of headers stands for `-`."""
        return asyncio.run(self.ask(path, headers={k.replace("_", "-"): v for k, v in headers.items()}))

    def post(self, path: str, body: bytes | dict[str, Any], **headers: str | None) -> Answer:
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        return asyncio.run(self.ask(path, "POST", body, named))
