"""What all tests share: a cache of their own, and texts that were approved (`--bless` rewrites them)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeated", settings.get_profile("shared"), derandomize=True)
settings.load_profile("repeated" if os.environ.get("CI") else "shared")
"""Machines that run tests are busy, so no example has a time limit; CI tries the same ones every time."""

Approve = Callable[[Path, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="Write what is printed now as what is expected.")


@pytest.fixture
def approve(request: pytest.FixtureRequest) -> Approve:
    """Compares a text with the file that holds the approved one."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--bless"):
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path.name} is missing; look at the text and run with --bless:\n{text}"
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Counts of corpora are kept for these tests alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
