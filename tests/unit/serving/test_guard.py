"""Who is let in: the page that was opened with its token, from this very origin, under this name."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from specc.serving.guard import Access, Guard
from visitor import PORT, Visitor


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"inside {scope['path']}")(scope, receive, send)


@pytest.fixture
def visitor() -> Visitor:
    access = Access(PORT)
    return Visitor(Guard(inner, access), access)


def test_the_token_opens_the_page_and_gives_a_strict_cookie_for_its_folder(visitor: Visitor) -> None:
    access = visitor.access
    assert access.address() == f"http://127.0.0.1:{PORT}/{access.place}/?token={access.token}"
    answer = visitor.get(f"/?token={access.token}", cookie=None, sec_fetch_site="cross-site")
    assert answer.status == 200
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert f"Path=/{access.place}/" in cookie
    assert access.token not in answer.body.decode() + cookie
    assert visitor.get("/api/run", cookie=cookie.partition(";")[0]).body == b"inside /api/run"


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "%00", "%F0%9F%90%8D"])
def test_a_wrong_token_opens_nothing(visitor: Visitor, token: str) -> None:
    answer = visitor.get(f"/?token={token}", cookie=None)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("cookie", [None, "specc=", "specc=wrong", 'specc="', "other=1", "specc=ü"])
def test_without_the_cookie_nothing_is_answered(visitor: Visitor, cookie: str | None) -> None:
    for path in ("/", "/api/run", "/page/main.js", "/graph"):
        assert visitor.get(path, cookie=cookie).status == 403


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        f"evil.example:{PORT}",
        "127.0.0.1",
        "127.0.0.1:1",
        f"127.0.0.1.nip.io:{PORT}",
    ],
)
def test_a_name_that_was_made_to_point_here_is_refused(visitor: Visitor, host: str | None) -> None:
    assert visitor.get("/api/run", host=host).status == 421
    assert visitor.get(f"/?token={visitor.access.token}", host=host).status == 421


@pytest.mark.parametrize("host", [f"localhost:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"])
def test_names_of_the_loopback_interface_are_ours(visitor: Visitor, host: str) -> None:
    assert visitor.get("/api/run", host=host).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"http://127.0.0.1:{PORT + 1}"},
        {"origin": f"https://127.0.0.1:{PORT}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_other_pages_are_refused_even_with_the_cookie(visitor: Visitor, headers: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        assert asyncio.run(visitor.ask("/api/run", method, headers={**headers})).status == 403


def test_the_address_bar_may_read_but_not_compute(visitor: Visitor) -> None:
    assert visitor.get("/", sec_fetch_site="none").status == 200
    assert visitor.post("/api/query", b"{}", sec_fetch_site="none").status == 403
    assert visitor.post("/api/query", b"{}", origin=None).status == 403
    assert visitor.post("/api/query", b"{}").status == 200


def test_other_folders_are_not_there(visitor: Visitor) -> None:
    assert visitor.get("!/").status == 404
    assert visitor.get(f"!/{visitor.access.place}").status == 404
    assert visitor.get("!/0123456789abcdef/api/run").status == 404


def test_every_answer_has_the_policy_and_is_kept_nowhere(visitor: Visitor) -> None:
    for answer in (visitor.get("/"), visitor.get("/", cookie=None), visitor.get("/", host="evil.example")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers


def test_secrets_are_new_each_time() -> None:
    one, two = Access(PORT), Access(PORT)
    assert len({one.token, two.token, one.session, two.session}) == 4
    assert one.place != two.place
    assert len(one.token) >= 43
