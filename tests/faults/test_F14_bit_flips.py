"""A flipped bit anywhere in a finished step is noticed before the step is used."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from specc.errors import CorruptArtifact
from specc.store import Store, sealed, unsealed
from toy_run import run_here, toy_study


@pytest.fixture
def store(tmp_path: Path) -> Store:
    run_here(toy_study(), tmp_path)
    return Store(tmp_path)


def test_F14_every_flipped_bit_of_a_manifest_is_noticed(store: Store) -> None:
    key = sorted(store.done())[0]
    path = store.path(key) / "manifest.json"
    whole = path.read_bytes()
    assert json.loads(whole)["key"] == key
    draw = random.Random(0)
    for at in range(0, len(whole), 2):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        with pytest.raises(CorruptArtifact):
            store.manifest(key)
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(CorruptArtifact):
            store.manifest(key)


def test_F14_a_flipped_bit_of_a_file_is_noticed_set_aside_and_made_again(store: Store) -> None:
    study = toy_study()
    for step in study.steps:
        path = store.path(step.key) / "label.txt"
        whole = path.read_bytes()
        path.write_bytes(bytes([whole[0] ^ 1, *whole[1:]]))
        with pytest.raises(CorruptArtifact, match=r"`label.txt` .* differs"):
            store.verify(step.key)
        path.write_bytes(whole[:-1])
        with pytest.raises(CorruptArtifact, match=r"missing or cut off"):
            store.verify(step.key)
        store.quarantine(step.key)
        run_here(study, store.workspace)
        assert path.read_bytes() == whole
        store.verify(step.key)


def test_F14_a_manifest_without_a_checksum_is_one_of_an_earlier_version() -> None:
    assert unsealed(b'{"n": 1}') == b'{"n": 1}'
    seal = sealed('{\n "n": 1\n}')
    assert list(json.loads(seal)) == ["n", "sha256"]
    assert unsealed(seal.encode()) == b'{\n "n": 1\n}'
