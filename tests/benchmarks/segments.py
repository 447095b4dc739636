"""What budgets under WSD cost when their arms share a trunk, and whether each gets the bits of its own run.

    python tests/benchmarks/segments.py [--steps 40] [--workers 2] [--dropout 0.1]

A recipe sweeps budgets of 1, 2, 4, 8 and 16 times `--steps` training steps under WSD: warm-up, a plateau,
and a decay over the last fifth. It is run as one study, and each budget once more by itself, in a
workspace of its own, as one uncut training step. Printed are tokens trained, counted by the lines of the
logs, seconds of the training loops, and whether weights and optimizer states are the same bytes.
Goal: at most 16 times the smallest budget plus the decays, and the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "runtime"), str(ROOT / "tests")]

from small_recipes import study_of  # noqa: E402 - its folder was added above
from specc.execute.console import SilentConsole  # noqa: E402 - as above
from specc.execute.run import RunOptions, run_study  # noqa: E402 - as above
from specc.store import Store  # noqa: E402 - as above
from specc.study import Study  # noqa: E402 - as above

TIMES = (1, 2, 4, 8, 16)
BATCH, LENGTH = 8, 64
RECIPE = """
experiment budgets {{
  {sweep}
  model small = llama(layers = 2, width = 64, heads = 2, context = {length} tokens)
  corpus text = markov(tokens = 200K tokens, max_epochs = 1000)
  allocate {{ text {{ pretrain: fill }} }}
  stage pretrain from small {{
    budget    = {budget}
    optimizer = adamw()
    schedule  = wsd(peak = 3e-3, warmup = 10 steps, decay = 20%)
    batch     = {batch} sequences
    dropout   = {dropout}
  }}
}}
"""


def recipe(steps: int, dropout: float, times: tuple[int, ...]) -> str:
    amounts = [f"{n * steps * BATCH * LENGTH} tokens" for n in times]
    sweep = f"sweep size in [{', '.join(amounts)}]" if len(times) > 1 else ""
    budget = "size" if sweep else amounts[0]
    return RECIPE.format(sweep=sweep, budget=budget, dropout=dropout, length=LENGTH, batch=BATCH)


def uncut(study: Study) -> Study:
    """The only arm of a study, with the end of its stage trained in one step from the start."""
    (run,) = study.stages
    steps = []
    for step in study.steps:
        if step.op != "train":
            steps.append(step)
        elif step.key == run.checkpoint:
            inputs = {role: key for role, key in step.inputs.items() if role != "resume"}
            steps.append(replace(step, inputs=inputs))
    stage = replace(run, segments=(run.checkpoint,), ends=(run.steps,))
    return study.model_copy(update={"steps": tuple(steps), "stages": (stage,)})


def trained(store: Store, study: Study) -> tuple[int, float]:
    """Training steps of a finished study, by the lines of its logs, and the seconds of their loops."""
    lines, seconds = 0, 0.0
    for step in study.steps:
        if step.op == "train":
            log = (store.path(step.key) / "metrics.jsonl").read_text().splitlines()
            lines += len(log)
            seconds += json.loads(log[-1])["seconds"]
    return lines, seconds


def checksums(store: Store, key: str) -> list[str]:
    files = store.manifest(key).files
    return [files[name].sha256 for name in ("model.safetensors", "optimizer.safetensors")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--dropout", type=float, default=0.0)
    options = parser.parse_args()

    def run(study: Study, workspace: Path) -> Store:
        outcome = run_study(study, workspace, RunOptions(workers=options.workers), SilentConsole())
        if outcome.exit_code:
            raise SystemExit(f"the run failed: {outcome.failures}")
        return Store(workspace)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sweep = study_of(folder, recipe(options.steps, options.dropout, TIMES))
        shared = run(sweep, folder / "sweep")
        ends = [run.checkpoint for run in sweep.stages]
        alone, same = [], []
        for times, end in zip(TIMES, ends, strict=True):
            study = uncut(study_of(folder, recipe(options.steps, options.dropout, (times,))))
            store = run(study, folder / f"alone{times}")
            alone.append(trained(store, study))
            same.append(study.stages[0].checkpoint == end and checksums(store, end) == checksums(shared, end))
        lines, seconds = trained(shared, sweep)

    token = BATCH * LENGTH
    print(f"{'budget':>8} {'tokens alone':>14} {'seconds':>8}  same bytes as in the sweep")
    for times, (steps, spent), equal in zip(TIMES, alone, same, strict=True):
        print(f"{times:>7}x {steps * token:>14,} {spent:>8.1f}  {'yes' if equal else 'NO'}")
    total, spent = sum(steps for steps, _ in alone), sum(spent for _, spent in alone)
    print(f"{'separate':>8} {total * token:>14,} {spent:>8.1f}")
    print(f"{'sweep':>8} {lines * token:>14,} {seconds:>8.1f}  {lines / total:.1%} of the tokens")
    decays = sum(times * options.steps // 5 for times in TIMES)
    most = TIMES[-1] * options.steps + decays
    met = lines <= most and all(same)
    print(f"goal: at most {most * token:,} tokens, 16x and the decays: {'met' if met else 'NOT MET'}")
    raise SystemExit(0 if met else 1)


if __name__ == "__main__":
    main()
