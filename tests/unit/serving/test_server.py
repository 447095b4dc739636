"""Where the page is served, and how it is opened."""

from __future__ import annotations

import socket
import stat

import pytest

from specc.cli.serving import entrance_file
from specc.errors import WorkspaceError
from specc.serving.server import loopback


def test_only_loopback_addresses_are_bound_on_one_port() -> None:
    sockets = loopback(0)
    try:
        names = [each.getsockname()[:2] for each in sockets]
        assert names[0][0] == "127.0.0.1"
        assert {host for host, _ in names} <= {"127.0.0.1", "::1"}
        assert len({port for _, port in names}) == 1
        with pytest.raises(WorkspaceError, match="in use"):
            loopback(taken(sockets[0]))
    finally:
        for each in sockets:
            each.close()


def taken(bound: socket.socket) -> int:
    """The port of a socket, on which somebody now listens."""
    bound.listen()
    return int(bound.getsockname()[1])


def test_the_file_that_a_browser_is_started_with_is_for_its_user_alone() -> None:
    address = "http://127.0.0.1:1234/0123456789abcdef/?token=s3cret"
    with entrance_file(address) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert f"url={address}" in path.read_text()
        assert "s3cret" not in str(path)
    assert not path.exists()
