"""The lock file: its format, reading and writing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from specc.errors import DataError, reason
from specc.files import write_atomic
from specc.steps import Frozen

FORMAT = 1
"""Version of the file's format."""

LARGEST = 16 << 20
"""Bytes of a lock file; what is larger is none."""

Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
"""A commit of the hub."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256, in hex digits."""


LONGEST_NAME = 255
"""Bytes of the name of a file, as file systems allow."""


def _plain_name(name: str) -> str:
    """Refuse a name of a file that leads out of the folder in which it is looked for."""
    if (
        name in ("", ".", "..")
        or not name.isprintable()
        or any(mark in name for mark in "/\\:")
        or len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME
    ):
        raise PydanticCustomError("file_name", "a pinned file has a plain name, without folders")
    return name


FileName = Annotated[str, AfterValidator(_plain_name)]
"""Name of a file beside a model's config.json."""


class ModelLock(Frozen):
    """A model of the hub, by its name there ("owner/name").

    Attributes:
        asked: branch, tag or commit that the recipe names; "" for the default branch.
        revision: the commit that it stood for when it was pinned.
        files: SHA-256 of each file that is used, by its name in the repository.
        config: what of its config.json a plan needs.
        parameters: number of its weights. dtype: what they are stored in.
        tokenizer_vocab, tokenizer_eos: tokens of its tokenizer, and the id of the end token; 0 without one.
    """

    asked: str = ""
    revision: Revision
    files: dict[FileName, Digest] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)
    parameters: int = Field(default=0, ge=0)
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    tokenizer_vocab: int = Field(default=0, ge=0)
    tokenizer_eos: int = Field(default=0, ge=0)


class SplitLock(Frozen):
    """Documents of a split; `tokens` with an end token each, `bytes` of UTF-8 without."""

    documents: int = Field(ge=0)
    tokens: int = Field(ge=0)
    bytes: int = Field(ge=0)


class PartLock(Frozen):
    """What a corpus reads of a data set, counted once.

    Attributes:
        what: what was asked for, for people.
        content: SHA-256 over the ids of its documents, in order; compared when it is read again.
        tokenizer, vocab, prompts, options: as in `specc.corpora.measure.CorpusFacts`.
        splits: by name, `train` and `held_out` among them.
    """

    what: str
    content: Digest
    tokenizer: str
    vocab: int = Field(ge=1)
    prompts: bool = False
    options: bool = False
    splits: dict[str, SplitLock]


class DatasetLock(Frozen):
    """A data set of the hub, by its name there.

    Attributes:
        asked, revision: as of a model.
        parts: what corpora read of it, by the digest of what they ask for.
    """

    asked: str = ""
    revision: Revision
    parts: dict[Digest, PartLock] = Field(default_factory=dict)


class Lock(Frozen):
    """All that is pinned for a recipe. A recipe without a lock file has an empty one.

    Attributes:
        models, datasets: by the key of what was asked for: "owner/name", or "owner/name@asked" where
            the recipe names a branch, a tag or a commit.
    """

    format: Literal[1] = 1
    models: dict[str, ModelLock] = Field(default_factory=dict)
    datasets: dict[str, DatasetLock] = Field(default_factory=dict)

    def model(self, name: str, asked: str = "") -> ModelLock | None:
        """The model of a name and what was asked of it; None if it is not pinned."""
        return self.models.get(pin_key(name, asked))

    def dataset(self, name: str, asked: str = "") -> DatasetLock | None:
        """The data set of a name and what was asked of it; None if it is not pinned."""
        return self.datasets.get(pin_key(name, asked))


def pin_key(name: str, asked: str) -> str:
    """The key of an entry.

    >>> pin_key("allenai/c4", ""), pin_key("allenai/c4", "v1")
    ('allenai/c4', 'allenai/c4@v1')
    """
    return f"{name}@{asked}" if asked else name


def lock_path(spec: Path | str) -> Path:
    """Where the lock of a recipe lies.

    >>> lock_path("study/early.spec").as_posix()
    'study/early.lock'
    """
    path = Path(spec)
    return path.with_suffix(".lock") if path.name else path / ".lock"


def read_lock(spec: Path | str) -> Lock:
    """The lock of a recipe; an empty one if there is no such file.

    Raises:
        DataError: if the file can't be read, is of a newer format, or is not what `specc lock` writes.
    """
    from specc.corpora.contents import open_regular

    path = lock_path(spec)
    if not path.exists():
        return Lock()
    with open_regular(path) as file:
        data = file.read(LARGEST + 1)
    remake = f"make it anew: remove it, then `specc lock {spec}`"
    try:
        if len(data) > LARGEST:
            raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
        found = json.loads(data)
        version = found.get("format") if isinstance(found, dict) else None
        if isinstance(version, int) and version > FORMAT:
            raise DataError(
                f"{path} was written by a newer specc (format {version}; this one reads {FORMAT})",
                "update specc",
            )
        return Lock.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        names = [str(part)[:80] for part in first["loc"] if part != "[key]"]
        place = f"`{'.'.join(names)}`: " if names else ""
        raise DataError(f"{path} is no lock file: {place}{first['msg'].lower()}", remake) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no lock file: {reason(error)}", remake) from error


def write_lock(spec: Path | str, lock: Lock) -> Path:
    """Write the lock of a recipe: sorted, indented, so that versions can be compared line by line.

    Raises:
        WorkspaceError, DiskFull: if it can't be written.
    """
    path = lock_path(spec)
    text = json.dumps(lock.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False)
    write_atomic(path, text + "\n", "a lock lies beside its recipe: put the recipe where you may write")
    return path
