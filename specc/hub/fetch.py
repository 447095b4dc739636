"""Fetch models from the hub, and say what of them is pinned. The only network access for models."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from specc.checkpoints import (
    BESIDE,
    COMPANIONS,
    checkpoint_dtype,
    checkpoint_shape,
    companions,
    read_config,
    weight_files,
)
from specc.errors import DataError
from specc.files import file_digest
from specc.hub.cache import cache_folder, snapshot_folder
from specc.locking.lock import ModelLock

NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
"""Names of models on the hub."""


def pin_model(name: str, asked: str = "") -> ModelLock:
    """Resolve a model of the hub to a commit, fetch it, and read what a plan needs of it.

    Args:
        asked: branch, tag or commit; "" for the default branch.
    Raises:
        DataError: if there is no such model, it can't be reached, or it can't be trained.
    """
    check_name(name)
    with told(name):
        from huggingface_hub import HfApi

        info = HfApi(endpoint=endpoint()).model_info(name, revision=asked or None)
        files = [sibling.rfilename for sibling in info.siblings or ()]
        revision = str(info.sha)
    folder = fetch(name, revision, [file for file in files if _is_used(file)])
    shape = checkpoint_shape(folder)
    used = ["config.json", *(path.name for path in weight_files(folder)), *companions(folder)]
    vocab, eos = _tokenizer(folder)
    return ModelLock.model_validate(
        {
            "asked": asked,
            "revision": revision,
            "files": {file: file_digest(folder / file) for file in sorted(used)},
            "config": read_config(folder),
            "parameters": shape.parameters,
            "dtype": checkpoint_dtype(folder),
            "tokenizer_vocab": vocab,
            "tokenizer_eos": eos,
        }
    )


def fetch(name: str, revision: str, files: Iterable[str]) -> Path:
    """Folder that holds these files of a model at a commit; those that are missing are fetched.

    Raises:
        DataError: if one is missing and can't be fetched.
    """
    check_name(name)
    folder = snapshot_folder(name, revision)
    wanted = [file for file in files if not (folder / file).is_file()]
    if wanted:
        with told(name):
            from huggingface_hub import hf_hub_download

            for file in wanted:
                hf_hub_download(name, file, revision=revision, cache_dir=cache_folder(), endpoint=endpoint())
    return folder


def check_name(name: str, what: str = "model") -> None:
    """Refuse what can't be the name of a model or a data set.

    Raises:
        DataError: if it can't.
    """
    if not NAME.fullmatch(name) or ".." in name or "--" in name:
        raise DataError(f"`{name}` is no {what} of the hub", 'write "owner/name"')


def endpoint() -> str | None:
    """Another hub than the usual one, as the hub's own library is told of it."""
    return os.environ.get("HF_ENDPOINT") or None


def _is_used(file: str) -> bool:
    return file == "config.json" or file in COMPANIONS or _is_weights(file)


def _is_weights(file: str) -> bool:
    return "/" not in file and file.endswith(".safetensors") and file not in BESIDE


def _tokenizer(folder: Path) -> tuple[int, int]:
    """Tokens of the model's tokenizer and the id of its end token; 0 and 0 if it has none."""
    from specc.corpora.tokens import load_tokens

    path = folder / "tokenizer.json"
    if not path.is_file():
        return 0, 0
    tokens = load_tokens(path)
    return tokens.vocab, tokens.eos


@contextmanager
def told(name: str, kind: str = "model") -> Iterator[None]:
    """Errors of the hub's library in words; `kind` is "model" or "data set"."""
    place = "" if kind == "model" else "datasets/"
    try:
        import huggingface_hub.errors as hub
    except ImportError as error:
        raise DataError(
            "what lies on the hub needs the package `huggingface_hub`",
            "install it: `pip install huggingface_hub`",
        ) from error
    try:
        yield
    except hub.GatedRepoError as error:
        raise DataError(
            f"the {kind} `{name}` is open only to those who accept its terms",
            f"accept them on https://huggingface.co/{place}{name}, then log in: `hf auth login`",
        ) from error
    except hub.RepositoryNotFoundError as error:
        raise DataError(
            f"the hub has no {kind} `{name}` that you may read",
            'write its name as "owner/name"; for a private one, log in: `hf auth login`',
        ) from error
    except hub.RevisionNotFoundError as error:
        raise DataError(
            f"the {kind} `{name}` has no such revision", "name a branch, a tag or a commit that it has"
        ) from error
    except Exception as error:  # what carries the library's requests has errors of its own
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(
            f"the {kind} `{name}` can't be fetched: {first[0]}",
            "look at the network; what was fetched is kept, and the same command goes on from there",
        ) from error
