"""A stand-in for the hub that serves one tiny model, and a recipe that trains it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fake_hub import FakeHub, fake_hub

NAME = "someone/tiny"
SPEC = """
model base = hub("someone/tiny")

experiment adapted {
  corpus web = markov(tokens = 2K tokens, held_out = 10%)
  allocate { web 512 tokens { adapt: 100% } }
  stage adapt from base {
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 4 sequences
    sequence  = 32 tokens
  }
}
"""


@contextmanager
def serving(model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub whose only model lies in a folder, and a cache of what is fetched from it."""
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    with fake_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.folders[NAME] = model
        yield hub
