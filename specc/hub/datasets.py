"""Data sets of the hub: pinned and counted by `specc lock`, read again by a run, never by a plan."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.canonical import digest
from specc.corpora.documents import Document
from specc.corpora.records import fields
from specc.errors import DataError
from specc.locking.lock import PartLock, SplitLock
from specc.steps import VERSIONS, Component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from specc.corpora.encode import Counts
    from specc.locking.pins import DatasetWanted

HF = "hf"
"""Name of the reader of data sets of the hub."""

_ALLOWED: ContextVar[bool] = ContextVar("_ALLOWED", default=False)


@contextmanager
def network_allowed() -> Iterator[None]:
    """Let data sets be read from the hub: when they are pinned, and when a run prepares them."""
    token = _ALLOWED.set(True)
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def read_hub(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    """A document for each row of a data set at a commit, streamed, in the order of its files.

    Raises:
        DataError: if it can't be read, lacks a column, or holds something else; and outside of
            `network_allowed`, so that no plan ever waits for a network.
    """
    name, limit = str(args["name"]), int(args["documents"])
    if not _ALLOWED.get():
        raise DataError(
            f"what is made of the data set `{name}` can't be counted without the network",
            "use its parts as they are (`.held_out`), or fetch its files and read them with `parquet`",
        )
    columns = fields(args, HF, "column")
    for number, values in enumerate(_rows(name, args, list(columns.names), limit), start=1):
        record = dict(zip(columns.names, values, strict=True))
        yield columns.document(record, f"row {number} of `{name}`")


def _rows(name: str, args: Mapping[str, Any], columns: list[str], limit: int) -> Iterator[list[Any]]:
    """Values of the columns of each row, from a process that streams them."""
    wanted = {
        "name": name,
        "revision": args["revision"],
        "subset": args["subset"],
        "split": args["split"],
        "columns": columns,
    }
    environment = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
    environment |= {"USE_TORCH": "0", "USE_TF": "0", "USE_JAX": "0"}
    environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(folder) for folder in sys.path if folder)
    command = [sys.executable, "-P", "-m", "specc.hub.stream", json.dumps(wanted)]
    with (
        # The library would take a folder of that name for the data set.
        tempfile.TemporaryDirectory(prefix="specc-hub-") as nowhere,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=nowhere,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for number, line in enumerate(process.stdout):
                if limit and number == limit:
                    return
                value = json.loads(line)
                if isinstance(value, dict):
                    if "end" in value:
                        return
                    raise _refused(name, value, columns)
                yield value
            raise _refused(name, {"error": "the process that streams it has ended", "help": ""}, columns)
        finally:
            process.kill()


def _refused(name: str, told: dict[str, Any], columns: list[str]) -> DataError:
    if "columns" in told:
        lacking = next(column for column in columns if column not in told["columns"])
        listed = ", ".join(f"`{column}`" for column in told["columns"][:12])
        return DataError(f"the data set `{name}` has no column `{lacking}`", f"columns are {listed}")
    help = told["help"] or "look at the network, and at the names of the data set, its subset and its split"
    return DataError(f"the data set `{name}` can't be read: {told['error']}", help)


def pin_revision(name: str, asked: str) -> str:
    """The commit that a branch, a tag or a commit of a data set stands for now; "" is the default branch.

    Raises:
        DataError: if there is no such data set, or it can't be reached.
    """
    from specc.hub.fetch import check_name, endpoint, told

    check_name(name, "data set")
    with told(name, "data set"):
        from huggingface_hub import HfApi

        return str(HfApi(endpoint=endpoint()).dataset_info(name, revision=asked or None).sha)


def part_key(
    reader: Component, tokenizer: str, held_out: Fraction, splits: Iterable[tuple[str, Fraction]]
) -> str:
    """Digest of what a corpus reads of a data set, but for its commit.

    Args:
        tokenizer: identity of its tokens.
    """
    args = {name: value for name, value in reader.args.items() if name not in ("name", "revision")}
    described = [[name, str(share)] for name, share in splits]
    return digest([VERSIONS["prepare"], args, tokenizer, str(held_out), described])


def pin_part(wanted: DatasetWanted, revision: str) -> PartLock:
    """Read what a corpus reads of a data set at a commit, and count it.

    Raises:
        DataError: if it can't be read as declared.
    """
    from specc.corpora.measure import count_documents
    from specc.corpora.readers import read_in_order
    from specc.corpora.tokens import load_tokens

    reader = wanted.reader.model_copy(update={"args": {**wanted.reader.args, "revision": revision}})
    names = ("train", "held_out", *(name for name, _ in wanted.splits))
    digests = ContentDigest(names)
    with network_allowed():
        facts = count_documents(
            read_in_order(reader, ()),
            load_tokens(wanted.tokenizer_path),
            wanted.held_out,
            wanted.splits,
            "",
            digests.add,
        )
    return PartLock(
        what=_described(wanted.reader),
        content=digests.hexdigest(),
        tokenizer=facts.tokenizer,
        vocab=facts.vocab,
        prompts=facts.prompts,
        options=facts.options,
        splits={name: SplitLock.model_validate(facts.of(name).model_dump()) for name in names},
    )


class ContentDigest:
    """SHA-256 over the ids of documents, by split and in order: what a data set is found to hold."""

    def __init__(self, names: Sequence[str]) -> None:
        self._digests = {name: hashlib.sha256() for name in names}

    def add(self, counts: Counts) -> None:
        """Take in a batch of documents."""
        for place, name in enumerate(self._digests):
            self.extend(name, counts.ids[counts.of == place])

    def extend(self, name: str, ids: NDArray[np.uint64]) -> None:
        """Take in documents of a split, by their ids [D]."""
        self._digests[name].update(ids.astype("<u8").tobytes())

    def hexdigest(self) -> str:
        """The digest, in 64 hex digits."""
        return digest({name: each.hexdigest() for name, each in self._digests.items()})


def _described(reader: Component) -> str:
    args = reader.args
    parts = [f'split "{args.get("split", "train")}"']
    if args.get("subset"):
        parts.insert(0, f'subset "{args["subset"]}"')
    if args.get("documents"):
        parts.append(f"the first {args['documents']:,} documents")
    return ", ".join(parts)
