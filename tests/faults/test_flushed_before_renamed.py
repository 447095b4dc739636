"""What a rename makes valid was flushed before it: a power cut takes what was not, in any order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from specc import files
from specc.files import Kind
from specc.store import Store, open_workspace
from workshop import Workshop, random_documents

LOG = "metrics.jsonl"


class Disk:
    """What a power cut would take of a workspace, by its operations on files, and what breaks a promise.

    Attributes:
        unflushed: files with content, and folders with entries, that are not on the disk yet.
        renamed: folders in which a rename is not on the disk yet.
        broken: what was done too early, in words.
    """

    def __init__(self) -> None:
        self.unflushed: set[Path] = set()
        self.renamed: set[Path] = set()
        self.broken: list[str] = []
        self.renames = 0

    @contextmanager
    def watch(self, kind: Kind, path: Path) -> Iterator[None]:
        if kind == "remove" and self.renamed:
            self.broken.append(f"{path.name} is removed before what takes its place is there for good")
        yield
        if kind in ("write", "append"):
            self.unflushed |= {path, path.parent} if kind == "write" else {path}
        elif kind == "sync":
            self.unflushed.discard(path)
            self.renamed.discard(path)

    def rename(self, source: Path, target: Path) -> None:
        """What happens at a rename: a folder's files are flushed, and the log that a checkpoint counts on."""
        self.renames += 1
        lost = {path for path in self.unflushed if path == source or source in path.parents}
        if target.parent.name == "checkpoints":
            lost |= {path for path in self.unflushed if path.name == LOG and path.parent == target.parents[1]}
        self.broken += [f"{path.name} is not flushed when {target.name} gets its name" for path in lost]
        self.unflushed -= lost | {target.parent}
        self.renamed.add(target.parent)


def test_all_that_a_rename_makes_valid_is_flushed_before_and_the_rename_before_anything_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop = Workshop(Store(open_workspace(tmp_path / "workspace", create=True)))
    inputs = workshop.init(), [workshop.corpus(random_documents(30, 1))]
    step = workshop.train(*inputs, steps=4, execution={"checkpoint_seconds": 0.0})
    disk, replace = Disk(), os.replace

    def renamed(source: Path, target: Path) -> None:
        disk.rename(source, target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", renamed)
    files.watch(disk.watch)
    try:
        workshop.do(step)
    finally:
        files.watch(None)
    assert disk.broken == []
    assert disk.renamed == set()
    # Three checkpoints, each with its position, and the artifact with its manifest.
    assert disk.renames == 3 * 2 + 2
