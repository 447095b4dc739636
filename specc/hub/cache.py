"""Where the hub's own library keeps what it has fetched."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The cache of `huggingface_hub`, by the environment variables that it documents."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("HF_HOME")
    if not home:
        caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        home = f"{caches}/huggingface"
    return Path(home).expanduser() / "hub"


def snapshot_folder(name: str, revision: str) -> Path:
    """Folder of a model ("owner/name") at a commit, whether it was fetched or not."""
    return cache_folder() / f"models--{name.replace('/', '--')}" / "snapshots" / revision


def cached_file(name: str, revision: str, file: str) -> Path | None:
    """A file of a model at a commit; None if it was not fetched."""
    path = snapshot_folder(name, revision) / file
    return path if path.is_file() else None


def place_of(path: Path | str) -> tuple[str, str, str] | None:
    """Model, commit and file that a path in the cache stands for; None for any other path."""
    try:
        parts = Path(path).relative_to(cache_folder().absolute()).parts
    except ValueError:
        return None
    if len(parts) != 4 or parts[1] != "snapshots" or not parts[0].startswith("models--"):
        return None
    return parts[0].removeprefix("models--").replace("--", "/"), parts[2], parts[3]
