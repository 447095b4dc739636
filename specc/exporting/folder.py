"""The folder of an exported checkpoint, there whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specc.checkpoints import COMPANIONS, checkpoint_dtype, read_config, stored_weights
from specc.errors import DataError, QueryError, WorkspaceError, disk_errors, reason
from specc.exporting.card import model_card
from specc.exporting.lineage import TOKEN_IDS, TOKENIZER, Lineage, lineage_of
from specc.exporting.tokenizer import byte_tokenizer, write_tokenizer
from specc.files import sync_file, sync_folder
from specc.shapes import NAMES
from specc.store import Manifest, Store
from specc.tensors import FLOATS, write_tensors

REFUSALS = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOENT,
        errno.EEXIST,
        errno.ENOTDIR,
        errno.ENAMETOOLONG,
        errno.ELOOP,
    }
)
"""Errors that another name for the folder mends."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        dtype: of the weights. bytes: of all files. files: their names.
    """

    folder: Path
    key: str
    label: str
    dtype: str
    bytes: int
    files: tuple[str, ...]


def export_checkpoint(
    store: Store,
    key: str,
    folder: Path,
    dtype: str | None = None,
    arms: Iterable[str] = (),
    settings: Mapping[str, str] | None = None,
    spec: str = "",
) -> Exported:
    """Write a finished checkpoint so that `AutoModelForCausalLM.from_pretrained` loads it.

    Args:
        key: of the step that made it. folder: where to; it must not exist, or be empty.
        dtype: of the weights; None for what the lineage's model was stored in.
        arms, settings, spec: for the card, see `model_card`.
    Raises:
        QueryError: if the step makes no checkpoint, is not done, or the folder holds something or can't
            be made.
        CorruptArtifact: if a file differs from its checksum.
        DiskFull, WorkspaceError: nothing is left behind then.
    """
    if not store.has(key):
        raise QueryError(
            f"the checkpoint of step {key[:12]} is not here",
            "run the recipe first: `specc run FILE`; results that were imported have none",
        )
    lineage = lineage_of(store, key)
    manifest = store.verify(key)
    kind = dtype or _own_type(store, lineage)
    with disk_errors(folder.parent, "name a folder that you may write to"):
        aside = _folder_beside(folder)
        try:
            _fill(aside, store, lineage, kind)
            speaks = (aside / TOKENIZER).exists()
            card = model_card(manifest.label or key[:12], lineage, kind, speaks, arms, settings, spec)
            (aside / "README.md").write_text(card, encoding="utf-8")
            for path in aside.iterdir():
                sync_file(path)
            sync_folder(aside)
            _rename(aside, folder)
            sync_folder(folder.parent)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
    files = sorted(folder.iterdir())
    size = sum(path.stat().st_size for path in files)
    return Exported(folder, key, manifest.label, kind, size, tuple(path.name for path in files))


def _folder_beside(folder: Path) -> Path:
    """A new folder in which another one is filled.

    Raises:
        QueryError: if that one holds something, is the working folder, or can't be made.
    """
    aside = folder.parent / f".{folder.name}.{os.getpid()}.tmp"
    other = "name a folder that doesn't exist"
    try:
        if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
            raise QueryError(f"{folder} exists, and nothing is overwritten", other)
        if folder.exists() and folder.samefile(os.curdir):
            raise QueryError(f"{folder} is the working folder, which can't be replaced", other)
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside.mkdir()
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        raise QueryError(
            f"{folder} can't be made: {error.filename}: {reason(error)}", "name another folder"
        ) from error
    return aside


def _rename(aside: Path, folder: Path) -> None:
    try:
        os.rename(aside, folder)
    except OSError as error:
        if folder.exists():
            raise WorkspaceError(
                f"{folder} came to be while it was written, and nothing is overwritten",
                "name a folder that doesn't exist",
            ) from error
        raise


def _own_type(store: Store, lineage: Lineage) -> str:
    """What the model that a lineage began with was stored in; float32 if that is not known."""
    for step in lineage.beginnings:
        try:
            return checkpoint_dtype(store.path(step.key))
        except DataError:
            continue
    return next(iter(FLOATS))


def _fill(folder: Path, store: Store, lineage: Lineage, dtype: str) -> None:
    step = lineage.steps[0]
    source = store.path(step.key)
    write_tensors(folder / "model.safetensors", stored_weights(source), dtype)
    config = read_config(source) | {"dtype": dtype}
    eos = _end_token(lineage)
    if config.get("eos_token_id") is None and eos is not None:
        config["eos_token_id"] = eos
    _write_json(folder / "config.json", config)
    if not _copy_companions(folder, store, lineage) and eos is not None:
        _write_own_tokenizer(folder, store, lineage, _context(config))
    if not (folder / "generation_config.json").exists():
        ids = {
            name: config[name] for name in ("bos_token_id", "eos_token_id") if config.get(name) is not None
        }
        _write_json(folder / "generation_config.json", ids)


def _context(config: Mapping[str, Any]) -> int:
    names = ("max_position_embeddings", *NAMES["max_position_embeddings"])
    return next((int(config[name]) for name in names if config.get(name) is not None), 2048)


def _copy_companions(folder: Path, store: Store, lineage: Lineage) -> bool:
    """Copy the files that lay beside the imported checkpoint; whether its tokenizer is among them.

    What asks for code of its own is left out of them.
    """
    for step in lineage.beginnings:
        origin = store.path(step.key)
        for name in COMPANIONS:
            path = origin / name
            if not path.is_file():
                continue
            if name.endswith("config.json"):
                content = json.loads(path.read_text(encoding="utf-8"))
                _write_json(folder / name, {key: each for key, each in content.items() if key != "auto_map"})
            else:
                shutil.copyfile(path, folder / name)
        if (folder / TOKENIZER).exists():
            return True
    return False


def _first_data(lineage: Lineage) -> Manifest | None:
    """What the latest stage has read first."""
    return next((read for step in lineage.trained for _, read, _ in lineage.corpora(step)), None)


def _end_token(lineage: Lineage) -> int | None:
    read = _first_data(lineage)
    return int(read.outputs["eos"]) if read is not None and "eos" in read.outputs else None


def _write_own_tokenizer(folder: Path, store: Store, lineage: Lineage, context: int) -> None:
    """Write the tokenizer of the corpora; there is none of token ids that were made elsewhere."""
    read = _first_data(lineage)
    assert read is not None
    origin = store.path(read.key)
    if (origin / TOKEN_IDS).exists():
        return
    path = origin / TOKENIZER
    tokenizer = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else byte_tokenizer()
    write_tokenizer(folder, tokenizer, int(read.outputs["eos"]), context)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(
        json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
