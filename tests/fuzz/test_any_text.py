"""No text of any kind ends in a traceback, takes long, or is told about in words of the inside."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from examination import examine
from inputs import beside, texts
from mutation import smaller

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.spec"))
BATCHES = 20


@pytest.fixture(scope="module", autouse=True)
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The files that recipes use; and no collecting of garbage, as in the command."""
    folder = tmp_path_factory.mktemp("fuzz")
    beside(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        gc.collect()
        gc.freeze()
        yield
        gc.unfreeze()


def examined(seed: int, number: int) -> None:
    """Examine random texts; of one that fails, the smallest part that does is shown."""
    for text in islice(texts(seed), number):
        wrong = examine(text)
        if wrong is not None:
            short = smaller(text, lambda part: examine(part) is not None)
            pytest.fail(f"{examine(short)}\nin {short!r}\nat first: {wrong}")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_once_went_wrong_goes_well(path: Path) -> None:
    assert examine(path.read_bytes().decode("utf-8")) is None


@pytest.mark.parametrize("seed", range(BATCHES // 2))
def test_any_text_is_dealt_with(seed: int) -> None:
    examined(seed, 5_000 // BATCHES)


@pytest.mark.conformance
@pytest.mark.parametrize("seed", range(BATCHES // 2, BATCHES))
def test_more_texts_are_dealt_with(seed: int) -> None:
    examined(seed, 5_000 // BATCHES)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_a_hundred_thousand_texts_are_dealt_with(seed: int) -> None:
    examined(seed, 500)
