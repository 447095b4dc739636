"""A session of an editor: one server for all tests, which get a folder of the workspace each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from editor import Editor, editing


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    with editing(tmp_path_factory.mktemp("workspace").resolve()) as found:
        yield found


@pytest.fixture
def editor(server: Editor, tmp_path: Path) -> Iterator[Editor]:
    """An editor in an empty folder; that the server had no internal error is checked at the end."""
    server.enter(tmp_path.resolve())
    yield server
    server.shut_all()
    server.check()
