"""A session of an editor: one server for all tests, which get a folder each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from editor import Editor, editing


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    with editing(tmp_path_factory.mktemp("workspace").resolve()) as found:
        yield found


@pytest.fixture
def editor(server: Editor, request: pytest.FixtureRequest) -> Iterator[Editor]:
    """An editor in an empty folder; that the server had no internal error is checked at the end."""
    whole: Path = server.folder
    server.folder = whole / f"test{abs(hash(request.node.nodeid))}"
    server.folder.mkdir()
    yield server
    server.shut_all()
    shutil.rmtree(server.folder)
    server.folder = whole
    server.check()
