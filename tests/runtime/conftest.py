"""A fresh workspace for each of the runtime's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from specc.store import Store, open_workspace
from workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(Store(open_workspace(tmp_path / "workspace", create=True)))
