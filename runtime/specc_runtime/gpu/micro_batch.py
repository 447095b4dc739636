"""How many rows go through a model at once: as many as fit, found by trying, and remembered.

What was found is kept in the user's cache for each kind of device and shape, so that a later run uses
the same number, and with it adds in the same order, without trying again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from specc.canonical import digest
from specc.corpora.measure import cache_folder
from specc.files import write_atomic
from specc_runtime.llama import Architecture
from specc_runtime.memory import is_out_of_memory


@dataclass(frozen=True, slots=True)
class Fit:
    """Rows that go through a model at once, and whether its layers are computed again to make room."""

    rows: int
    checkpointed: bool = False


def find_fit(most: int, attempt: Callable[[Fit], None], hopeless: Callable[[int], bool]) -> Fit:
    """The largest number of rows with which an attempt does not run out of memory.

    All rows are tried first, then half of them, and so on. Layers are computed again only if not
    even one row fits otherwise.

    Args:
        most: rows that there are. attempt: goes through the model forward and backward.
        hopeless: whether so many rows need not be tried.
    Raises:
        MemoryError: if one row does not fit.
    """
    for checkpointed in (False, True):
        rows = most
        while rows >= 1:
            fit = Fit(rows, checkpointed)
            if rows == 1 or checkpointed or not hopeless(rows):
                try:
                    attempt(fit)
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error):
                        raise
                else:
                    return fit
            rows = -(-rows // 2) if rows > 1 else 0
    raise MemoryError("not even one sequence fits into the memory of the device")


def halved(fit: Fit) -> Fit:
    """What to go on with when memory ran out after all: another process may use the device too.

    Raises:
        MemoryError: if there is nothing smaller.
    """
    if fit.rows > 1:
        return Fit(-(-fit.rows // 2), fit.checkpointed)
    if not fit.checkpointed:
        return Fit(1, True)
    raise MemoryError("not even one sequence fits into the memory of the device")


def least_bytes(architecture: Architecture, tokens: int) -> int:
    """Bytes that a forward pass certainly keeps for its backward pass, without computing layers again.

    Of each token the logits in two bytes, and of each layer the float32 residual stream twice, the
    heads, and the three inner activations of the MLP in two bytes each.
    """
    a = architecture
    layer = 8 * a.width + 2 * (a.heads + 2 * a.kv_heads) * a.head + 6 * a.mlp
    return tokens * (2 * a.vocab + a.layers * layer)


class Memory:
    """Fits found before, in the user's cache; a file that can't be read or written is no error."""

    def __init__(self, path: Path | None = None) -> None:
        folder = cache_folder("micro_batches")
        self.path = path or (folder / "found.json" if folder is not None else None)

    def recall(self, case: str) -> Fit | None:
        if self.path is None:
            return None
        try:
            found = json.loads(self.path.read_text())[case]
            return Fit(max(1, int(found["rows"])), bool(found["checkpointed"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, case: str, fit: Fit) -> None:
        if self.path is None:
            return
        try:
            content = json.loads(self.path.read_text())
        except (OSError, ValueError):
            content = {}
        kept = {"rows": fit.rows, "checkpointed": fit.checkpointed}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path, json.dumps({**content, case: kept}, indent=1) + "\n")
        except OSError:
            return


def case_of(device: torch.device, architecture: Architecture, rows: int, length: int, dtype: str) -> str:
    """What a fit depends on, as a key: the kind of device, the model's shape, the batch, torch's version."""
    name, memory = device.type, 0
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        name, memory = properties.name, properties.total_memory
    parts = [name, memory, repr(architecture), rows, length, dtype, torch.__version__]
    return digest([str(part) for part in parts])
