"""What lanes gain: K models trained as a stack, against the same steps one after another.

    python tests/benchmarks/lanes.py [--rounds 5] [--dtypes float32 bfloat16]

Each cell is the throughput in total of K lanes over that of the learner which trains a step by itself
(`--lanes off`), and in brackets its least and most over the rounds: CPU time of one thread, packed rows
of 64 tokens, all contenders in turns in one process. The dtype that a recipe gets by default is
float32 below 0.2M parameters, and bfloat16 from there. Beside it stands that of
training by transformers' own forward pass. All losses are compared first.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from specc.steps import Component, TrainExecution, TrainParams
from specc_runtime import model as models
from specc_runtime.device import use_device
from specc_runtime.lanes.lane import open_lane, stacked
from specc_runtime.packing import IGNORED, Batch
from specc_runtime.train import open_learner

MODELS = {
    "0.1M": {"layers": 2, "width": 64, "heads": 2},
    "0.3M": {"layers": 4, "width": 80, "heads": 2},
    "1M": {"layers": 4, "width": 136, "heads": 4},
}
LENGTH, VOCAB = 64, 257
TOKENS = (256, 512, 1024, 2048)
LANES = (1, 2, 4, 8)
COLUMNS = ("transformers", *(f"K={count}" for count in LANES))
CPU = torch.device("cpu")


def make_model(folder: Path, size: str, seed: int) -> Path:
    """A fresh model in the hub's format."""
    place = folder / f"{size}-{seed}"
    place.mkdir()
    torch.manual_seed(seed)
    config = models.llama_config(Component(name="llama", args=MODELS[size] | {"context": LENGTH}), VOCAB)
    models.save(models.build(config), place)
    (place / "config.json").write_text(config.to_json_string())
    return place


def make_batch(generator: np.random.Generator, tokens: int) -> Batch:
    """Rows that count up, of two documents each."""
    rows = tokens // LENGTH
    ids = (generator.integers(0, 200, (rows, 1)) + np.arange(LENGTH) * generator.integers(1, 3)) % VOCAB
    positions = np.tile(np.arange(LENGTH), (rows, 1))
    for row, cut in enumerate(generator.integers(2, LENGTH - 1, rows)):
        positions[row, cut:] = np.arange(LENGTH - cut)
    labels = np.where(positions > 0, ids, IGNORED)
    return Batch(ids, positions, labels, int(np.count_nonzero(positions)), packed=True)


def settings(tokens: int, dtype: str) -> TrainParams:
    content = {"steps": 1, "sequence": LENGTH, "batch": tokens // LENGTH, "sources": (), "phases": ()}
    optimizer = {"optimizer": {"name": "adamw"}, "clip": 1.0}
    return TrainParams.model_validate(content | optimizer | {"seed": 0, "dtype": dtype})


def contenders(places: list[Path], tokens: int, dtype: str) -> dict[str, tuple[int, Callable[[int], float]]]:
    """Name -> models that it trains, and a function that makes one update of each and returns a loss."""
    params = settings(tokens, dtype)
    batches = [
        [make_batch(np.random.default_rng((seed, turn)), tokens) for seed in range(8)] for turn in range(4)
    ]

    def alone(implementation: Literal["auto", "transformers"]) -> Callable[[int], float]:
        learner = open_learner(params, TrainExecution(implementation=implementation), places[0], CPU)
        return lambda step: learner.update(batches[step % 4][0], 1e-3, step)[0]

    def together(count: int) -> Callable[[int], float]:
        lanes = [lane for place in places[:count] if (lane := open_lane(params, place, CPU)) is not None]
        assert len(lanes) == count
        stack = stacked(lanes)

        def update(step: int) -> float:
            due = [
                lane.asked(batch, 1e-3, step) for lane, batch in zip(lanes, batches[step % 4], strict=False)
            ]
            return stack.update(due)[0][0]

        return update

    single = {"alone": (1, alone("auto")), "transformers": (1, alone("transformers"))}
    return single | {f"K={count}": (count, together(count)) for count in LANES}


def measure(places: list[Path], tokens: int, dtype: str, rounds: int) -> dict[str, list[float]]:
    """Contender -> its throughput over that of a learner alone, by round.

    Raises:
        SystemExit: if its losses are others than those of a learner alone.
    """
    made = contenders(places, tokens, dtype)
    losses = {name: [update(step) for step in range(4)] for name, (_, update) in made.items()}
    within = 1e-5 if dtype == "float32" else 1e-2
    for name, mine in losses.items():
        if not np.allclose(mine, losses["alone"], rtol=within):
            raise SystemExit(f"{name} has the losses {mine}, alone they are {losses['alone']}")
    steps = max(4, 16 * 256 // tokens)
    ratios: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(rounds):
        spent = {}
        for name, (count, update) in made.items():
            began = time.process_time()
            for step in range(steps):
                update(step)
            spent[name] = (time.process_time() - began) / count
        for name, seconds in spent.items():
            ratios[name].append(spent["alone"] / seconds)
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--tokens", nargs="+", type=int, default=list(TOKENS))
    options = parser.parse_args()
    use_device("cpu", 1)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread")
    print(f"{'':24}" + "".join(f"{name:>20}" for name in COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        for size in options.models:
            places = [make_model(Path(folder), size, seed) for seed in range(8)]
            for dtype in options.dtypes:
                for tokens in options.tokens:
                    ratios = measure(places, tokens, dtype, options.rounds)
                    cells = [
                        f"{statistics.median(found):.2f} [{min(found):.2f}, {max(found):.2f}]"
                        for found in (ratios[name] for name in COLUMNS)
                    ]
                    label = f"{size} {dtype} {tokens}"
                    print(f"{label:24}" + "".join(f"{cell:>20}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
