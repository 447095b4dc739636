"""Pin what a recipe takes from the hub: the work of `specc lock`.

A recipe is compiled, what it lacks is resolved, and it is compiled again, until nothing is missing:
what a corpus needs may only be known once a model is pinned, whose tokenizer it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from specc.analysis.compile import Compilation, compile_file
from specc.locking.lock import DatasetLock, Lock, pin_key, read_lock, write_lock
from specc.locking.pins import DatasetWanted, ModelWanted, Wanted, listening

MOST_ROUNDS = 16
"""Compilations, at most: each pins what the one before has asked for."""


def pin_all(
    spec: Path | str,
    anew: bool = False,
    max_arms: int = 100_000,
    told: Callable[[str], None] = lambda text: None,
) -> tuple[Compilation, Lock]:
    """Pin all that a recipe takes from the hub, and write its lock file after each thing that is pinned.

    Args:
        anew: pin all again, also what is pinned already: branches are looked up as they are now. The lock
            file stays as it is until all is pinned, and where the recipe is wrong.
        told: is told what is being done.
    Returns:
        the last compilation, with what is still wrong in the recipe; and its lock.
    Raises:
        DataError: if something can't be found or fetched, or the lock file can't be read.
    """
    before = read_lock(spec)
    lock = Lock() if anew else before
    for _ in range(MOST_ROUNDS):
        with listening() as wanted:
            compilation = compile_file(spec, max_arms=max_arms, lock=lock)
        if not wanted:
            break
        for each in wanted:
            told(f"pinning {described(each)}")
            lock = _with(lock, each)
            if not anew:
                write_lock(spec, lock)
    if anew and lock != before and not compilation.report.failed:
        write_lock(spec, lock)
    return compilation, lock


def _with(lock: Lock, wanted: Wanted) -> Lock:
    """A lock in which one more thing is pinned.

    Raises:
        DataError: if it can't be found or fetched.
    """
    key = pin_key(wanted.name, wanted.asked)
    if isinstance(wanted, ModelWanted):
        from specc.hub.fetch import pin_model

        return lock.model_copy(update={"models": {**lock.models, key: pin_model(wanted.name, wanted.asked)}})
    from specc.hub.datasets import pin_part, pin_revision

    known = lock.datasets.get(key) or DatasetLock(
        asked=wanted.asked, revision=pin_revision(wanted.name, wanted.asked)
    )
    parts = {**known.parts, wanted.key: pin_part(wanted, known.revision)}
    entry = known.model_copy(update={"parts": parts})
    return lock.model_copy(update={"datasets": {**lock.datasets, key: entry}})


def described(wanted: Wanted) -> str:
    """What is to be pinned, in words."""
    kind = "data set" if isinstance(wanted, DatasetWanted) else "model"
    return f"{kind} {pin_key(wanted.name, wanted.asked)}"


def listed(lock: Lock) -> Iterator[str]:
    """A line for each thing that is pinned."""
    for key, model in lock.models.items():
        yield f"model {key}  {model.revision[:12]}  {len(model.files)} files"
    for key, data in lock.datasets.items():
        yield f"data set {key}  {data.revision[:12]}"
        for part in data.parts.values():
            documents = sum(split.documents for split in part.splits.values())
            tokens = sum(split.tokens for split in part.splits.values())
            yield f"  {part.what}: {documents:,} documents, {tokens:,} tokens"
