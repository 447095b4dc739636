"""Weights of a checkpoint, one tensor at a time: read lazily, written in a stream.

A merge of large checkpoints then needs the memory of its largest tensors, not of whole models.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import AutoConfig

from specc.checkpoints import HEADS, weight_files
from specc.errors import DataError, reason
from specc.families import CONFIG_KEYS

EMBEDDINGS = ("embed_tokens.weight", "embed_in.weight", "wte.weight", "wpe.weight")
UNCOMPARED = frozenset({"architectures", "initializer_range", "bos_token_id", "eos_token_id", "pad_token_id"})
"""Keys of config.json that say nothing about what the weights compute."""


class Weights(Mapping[str, Tensor]):
    """Named weights of a checkpoint's folder in float32, each read when it is asked for.

    The names are in order, and are those of the model's parameters: a tied output head that is
    stored twice, and buffers, are left out. Use it in a `with` block.

    Attributes:
        shapes: of all tensors, by name.

    Raises:
        DataError: if a file can't be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._files = ExitStack()
        self._where = {}
        try:
            for path in weight_files(folder):
                file = self._files.enter_context(safe_open(path, framework="pt"))
                for name in file.keys():  # noqa: SIM118 - no mapping
                    if not self._is_parameter(name):
                        continue
                    self._where[name] = file
                    self.shapes[name] = tuple(file.get_slice(name).get_shape())
        except SafetensorError as error:
            self._files.close()
            raise DataError(
                f"the weights in {folder} can't be read: {reason(error)}", "fetch the checkpoint again"
            ) from error
        self.shapes = dict(sorted(self.shapes.items()))

    def _is_parameter(self, name: str) -> bool:
        if name.endswith("rotary_emb.inv_freq"):
            return False
        return not (name in HEADS and bool(self.config.tie_word_embeddings))

    def __getitem__(self, name: str) -> Tensor:
        tensor: Tensor = self._where[name].get_tensor(name)
        return tensor.to(torch.float32)

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)

    def __enter__(self) -> Weights:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.close()

    def is_matrix(self, name: str) -> bool:
        """Whether it is a matrix of a layer: neither embedding nor output head, neither norm nor bias."""
        return self.is_wide(name) and not self.is_embedding(name)

    def is_wide(self, name: str) -> bool:
        """Whether it has rows and columns: all but norms and biases."""
        return len(self.shapes[name]) >= 2

    def is_embedding(self, name: str) -> bool:
        """Whether it is the embedding or the output head."""
        return name.endswith(EMBEDDINGS) or name in HEADS


def check_same_model(first: Weights, other: Weights, names: tuple[str, str]) -> None:
    """Refuse to compute with the weights of different models.

    Args:
        names: of the two checkpoints, for people.
    Raises:
        DataError: naming the first difference of configuration or shape.
    """
    for key in sorted(CONFIG_KEYS - UNCOMPARED):
        ours, theirs = getattr(first.config, key, None), getattr(other.config, key, None)
        if ours != theirs:
            raise DataError(
                f"{names[0]} and {names[1]} are different models: `{key}` is {ours} and {theirs}",
                "combine checkpoints of one model",
            )
    for name in first.shapes.keys() | other.shapes.keys():
        ours, theirs = first.shapes.get(name), other.shapes.get(name)
        if ours != theirs:
            raise DataError(
                f"{names[0]} and {names[1]} are different models: `{name}` has the shape {ours} and {theirs}",
                "combine checkpoints of one model",
            )


def write_weights(
    path: Path, shapes: Mapping[str, tuple[int, ...]], tensors: Iterable[tuple[str, Tensor]]
) -> None:
    """Write float32 tensors as safetensors, one after another in the order of `shapes`.

    The format is a header's size in 8 bytes, the header in JSON, and the data:
    https://github.com/huggingface/safetensors#format.

    Args:
        tensors: name and value of each tensor, in the order of `shapes`.
    Raises:
        ValueError: if a name or shape is another than announced, or some are missing.
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, shape in shapes.items():
        end = offset + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    expected = iter(shapes.items())
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, tensor in tensors:
            if next(expected, None) != (name, tuple(tensor.shape)):
                raise ValueError(f"`{name}` with the shape {tuple(tensor.shape)} was not announced")
            array: Any = tensor.to(torch.float32).contiguous().numpy()
            file.write(array.data)
        if next(expected, None) is not None:
            raise ValueError("some tensors are missing")
