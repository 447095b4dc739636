"""What an update looks at: folders that have changed, lines that are new, files that may be damaged."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from fake_workspace import FakeWorkspace, exposure, key, log_line
from specc.files import file_checksum
from specc.results import finished, generations, storage
from specc.results.index import Indexer
from specc.results.logs import metric_row, metric_rows, objects
from specc.results.reader import open_results
from specc.store import Store


@pytest.fixture
def workspace(tmp_path: Path) -> FakeWorkspace:
    workspace = FakeWorkspace(tmp_path)
    workspace.plan(1, exposure())
    for arm in range(4):
        workspace.measure(f"{arm}/skill/tune", float(arm))
    return workspace


def values(workspace: FakeWorkspace) -> list[float]:
    connection = open_results(workspace.path)
    rows = connection.execute("select value from results order by value").fetchall()
    connection.close()
    return [value for (value,) in rows]


def settle(workspace: FakeWorkspace) -> None:
    """As if all folders had been changed long ago."""
    for folder in workspace.store.root.iterdir():
        os.utime(folder, (1e9, 1e9))


def test_only_folders_that_have_changed_are_looked_at(
    workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[list[str]] = []
    stamps = finished.stamps

    def watched(store: Store, folders: Iterable[str]) -> dict[str, int]:
        looked.append([*folders])
        return stamps(store, looked[-1])

    monkeypatch.setattr(finished, "stamps", watched)
    settle(workspace)
    Indexer(workspace.path).update()
    assert len(looked.pop()) == len({key(f"{arm}/skill/tune")[:2] for arm in range(4)})
    Indexer(workspace.path).update()
    assert not looked
    workspace.measure("0/skill/pretrain", 9.0)
    assert values(workspace) == [0.0, 1.0, 2.0, 3.0, 9.0]
    assert looked == [[key("0/skill/pretrain")[:2]]]


def test_a_folder_changed_a_moment_ago_is_looked_at_again(workspace: FakeWorkspace) -> None:
    """Its file system may give the next change the same time."""
    Indexer(workspace.path).update()
    folder = workspace.store.path(key("1/skill/pretrain")).parent
    before = folder.stat() if folder.exists() else workspace.store.root.stat()
    workspace.measure("1/skill/pretrain", 9.0)
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert values(workspace) == [0.0, 1.0, 2.0, 3.0, 9.0]


def test_a_manifest_that_was_taken_out_by_hand_is_found_by_a_thorough_look(workspace: FakeWorkspace) -> None:
    settle(workspace)
    Indexer(workspace.path).update()
    (workspace.store.path(key("3/skill/tune")) / "manifest.json").unlink()
    settle(workspace)
    assert values(workspace) == [0.0, 1.0, 2.0, 3.0]
    Indexer(workspace.path).update(thorough=True)
    assert values(workspace) == [0.0, 1.0, 2.0]


def test_a_published_file_that_was_touched_is_read_and_one_that_was_changed_is_built_again(
    workspace: FakeWorkspace,
) -> None:
    assert values(workspace) == [0.0, 1.0, 2.0, 3.0]
    generation = generations.current(workspace.path)
    assert generation is not None
    path = generations.generation_path(workspace.path, generation)
    assert file_checksum(path) == file_checksum(generations.build_path(workspace.path))
    os.utime(path, (0, 0))
    assert generations.is_whole(workspace.path, generation)
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    assert not generations.is_whole(workspace.path, generation)
    assert values(workspace) == [0.0, 1.0, 2.0, 3.0]


def one_by_one(lines: bytes) -> list[object]:
    found = []
    for line in lines.split(b"\n"):
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [value for value in found if isinstance(value, dict)]


def test_lines_parsed_together_are_what_they_are_one_by_one() -> None:
    chance = random.Random(0)
    pieces = [
        log_line(3).encode(), log_line(4, None).encode(), b'{"step": 1\n', b'"loss": 2.0}\n', b"\n", b"7\n",
        b'{"step": 1}, {"step": 2}\n', b'{"step": "x", "loss": true, "tokens": 1e3}\n', b'\xff{"step": 1}\n',
        b'{"step": 99999999999999999999, "loss": 1e999}\n', b'{"step": 5, "until": 0.5, "loss": 2}\n', b'["',
    ]  # fmt: skip
    for _ in range(300):
        lines = b"".join(chance.choices(pieces, k=chance.randint(1, 6)))
        assert list(objects(lines)) == one_by_one(lines), lines
        rows = [metric_row("k", line) for line in one_by_one(lines)]  # type: ignore[arg-type]
        assert repr(list(metric_rows("k", lines))) == repr(rows), lines
    assert len(metric_row("k", {})) == len(storage.TABLES["recorded.metrics"].split(","))
