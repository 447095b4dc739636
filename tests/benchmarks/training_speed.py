"""CPU time of an update: specc against bare PyTorch loops and the Trainer of transformers.

    python tests/benchmarks/training_speed.py [--rounds 5] [--steps 20] [--sizes 0.3M 1M 4M] [--compile]

All train the same model on the same rows in the same order, 16 x 128 tokens in packed documents, with
AdamW, a constant rate and clipping, one thread, in one process and in turns; the first round is not
counted. Losses are compared before times: in float32 to 1e-5, in bfloat16 to 1e-2 of float32.

    specc             the step as a run does it: reading, training, logging
    bare plain        a loop over specc's plain Llama with fused AdamW on flat buffers, rows cut in advance
    bare float32      a loop over the model of transformers with fused AdamW, rows cut in advance
    bare bfloat16     the same in autocast with attention by products, which is fastest on a CPU
    Trainer           as people start it: float32, its own defaults
    Trainer tuned     bfloat16, attention by products, fused AdamW, no look for NaN, no padding

With --compile there are two more, specc and the tuned Trainer compiled by torch, without the time of
compiling. What is compared is CPU time, so that other work on the machine weighs less; each round begins
with another contender. A ratio is the median over the rounds, with the least and the most, and behind it
that of the least times, which other work disturbs least.

First come the speeds of bare matrix products: what bfloat16 can gain over float32 is bounded by their
ratio, which differs between processors, and on one processor with what its neighbours do. With each size
comes the time of the products of its own shapes alone, measured in turns with the others: their share of
specc's update, and how many times as fast as the Trainer an update of nothing else would be, which is
what the processor allows.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import math
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from operator import truediv
from pathlib import Path

import numpy as np
import torch
from training_contenders import (
    BATCH,
    SEQUENCE,
    SIZES,
    Case,
    Timed,
    bare_loop,
    bare_plain,
    open_case,
    products,
    specc_step,
    trainer,
)
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from specc.store import Store, open_workspace
from specc_runtime.device import use_device

PRODUCTS = "products alone"


def contenders(case: Case, compiled: bool, logged: bool) -> dict[str, Callable[[], Timed]]:
    found: dict[str, Callable[[], Timed]] = {
        "specc": lambda: specc_step(case),
        "bare plain": lambda: bare_plain(case),
        "bare float32": lambda: bare_loop(case, halved=False),
        "bare bfloat16": lambda: bare_loop(case, halved=True),
        "Trainer": lambda: trainer(case, tuned=False, logged=logged),
        "Trainer tuned": lambda: trainer(case, tuned=True, logged=logged),
    }
    if compiled:
        found["specc compiled"] = lambda: specc_step(case, "on")
        found["Trainer tuned, compiled"] = lambda: trainer(case, tuned=True, logged=logged, compiled=True)
    return found


def compare_losses(case: Case, compiled: bool) -> None:
    """Stop with an error if a contender trains something else."""
    losses = {name: run()[1] for name, run in contenders(case, compiled, logged=True).items()}
    exact = losses["bare float32"]
    for name, found in losses.items():
        in_float32 = name in ("Trainer", "bare float32") or (
            case.step.params["dtype"] == "float32" and not name.endswith(("bfloat16", "tuned"))
        )
        # The Trainer rounds what it logs to four digits.
        rounding = 1e-4 if name.startswith("Trainer") else 0.0
        np.testing.assert_allclose(
            found, exact, rtol=1e-5 if in_float32 else 1e-2, atol=rounding, err_msg=name
        )


def ratios(times: dict[str, list[float]], of: str, others: list[str]) -> str:
    """How many times as fast as the fastest of others: median over the rounds, least and most."""
    rounds = [min(times[other][n] for other in others) / seconds for n, seconds in enumerate(times[of])]
    least = min(min(times[other]) for other in others) / min(times[of])
    return f"{statistics.median(rounds):.2f} ({min(rounds):.2f} to {max(rounds):.2f}); {least:.2f}"


def report(case: Case, size: str, times: dict[str, list[float]]) -> None:
    print(f"\n{size}, {case.step.params['dtype']} by `auto`")
    for name in contenders(case, compiled="specc compiled" in times, logged=False):
        seconds = times[name]
        median = statistics.median(seconds)
        print(f"  {name:24} {1e3 * median:8.2f} ms {BATCH * SEQUENCE / median:10,.0f} tokens/s")
    alone = statistics.median(times[PRODUCTS])
    shares = ", ".join(
        f"{100 * statistics.median(map(truediv, times[PRODUCTS], times[name])):.0f}% of {name}"
        for name in times
        if name.startswith("specc")
    )
    print(f"  {PRODUCTS:24} {1e3 * alone:8.2f} ms, {shares}")
    print(f"  an update of nothing but its products / Trainer: {ratios(times, PRODUCTS, ['Trainer'])}")
    bare = [name for name in times if name.startswith("bare")]
    for of in [name for name in times if name.startswith("specc")]:
        for label, others in (
            ("best bare loop", bare),
            ("Trainer", ["Trainer"]),
            ("Trainer tuned", ["Trainer tuned"]),
        ):
            print(f"  {of} / {label}: {ratios(times, of, others)}")
    if "Trainer tuned, compiled" in times:
        both = ["Trainer tuned, compiled"]
        print(
            f"  specc compiled / Trainer tuned, compiled: {ratios(times, 'specc compiled', both)}", flush=True
        )


def machine() -> str:
    """Processor and versions."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")]
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "transformers"))
    return f"{names[0] if names else platform.processor()}, {packages}, python {platform.python_version()}"


def product_speed(dtype: torch.dtype, size: int = 1024, rounds: int = 8) -> float:
    """GFLOP a CPU second of square matrix products, at their fastest."""
    left, right = (torch.randn(size, size).to(dtype) for _ in range(2))
    best = math.inf
    for _ in range(rounds):
        began = time.process_time()
        torch.mm(left, right)
        best = min(best, time.process_time() - began)
    return 2 * size**3 / best / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    use_device("cpu", 1)
    disable_progress_bar()
    set_verbosity_error()
    print(f"{machine()}; one thread, CPU time, {options.rounds} rounds of {options.steps} updates")
    full, half = product_speed(torch.float32), product_speed(torch.bfloat16)
    print(f"matrix products: float32 {full:.0f}, bfloat16 {half:.0f} GFLOP/s, ratio {half / full:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        store = Store(open_workspace(Path(folder) / "workspace", create=True))
        for size in options.sizes:
            case = open_case(store, size, options.steps)
            compare_losses(case, options.compile)
            times: dict[str, list[float]] = {}
            for number in range(options.rounds + 1):
                turns = {
                    name: lambda run=run: run()[0]
                    for name, run in contenders(case, options.compile, logged=False).items()
                }
                turns[PRODUCTS] = lambda case=case: products(case)
                order = list(turns)
                first = number % len(order)
                for name in order[first:] + order[:first]:
                    seconds = turns[name]()
                    if number:
                        times.setdefault(name, []).append(seconds)
            report(case, size, times)


if __name__ == "__main__":
    main()
