"""CPU time and memory of `specc check` and `specc plan`, whole process with start-up.

    python tests/benchmarks/planning.py

Workloads: sweeps of about 1,000, 10,000 and 100,000 distinct steps, one chain of 100,000 states of a
stage, and a file of 1,000 lines with many experiments. Each is planned cold (no workspace); the
corpora's measurements are cached by a first, uncounted run, as on any day but the first.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 3

SWEEP = """
experiment sweep {{
  sweep early in [0%, 25%, 50%, 75%, 100%]
  sweep rate  in [{rates}]
  seeds 0..{last_seed}

  corpus web   = markov(tokens = 4M tokens, held_out = 5%)
  corpus skill = markov(tokens = 400K tokens, seed = 1, held_out = 5%)
  corpus drift = markov(tokens = 400K tokens, seed = 2, held_out = 5%)
  model tiny   = llama(layers = 2, width = 64, heads = 2, context = 128 tokens)

  allocate {{
    web                {{ pretrain: fill }}
    skill 300K tokens  {{ pretrain: early, posttrain: rest }}
    drift 300K tokens  {{ finetune: 100% }}
  }}

  stage pretrain from tiny {{
    budget    = 3M tokens
    optimizer = adamw()
    schedule  = cosine(peak = 3e-3, warmup = 2%, floor = 10%)
    batch     = 16 sequences
  }}
  stage posttrain from pretrain {{ schedule = cosine(peak = 1e-3, warmup = 2%) }}
  stage finetune from posttrain {{ schedule = constant(peak = rate) }}

  eval skill_loss = loss(skill.held_out) after [pretrain, posttrain, finetune]
  eval drift_loss = loss(drift.held_out) after finetune

  check tokens(pretrain) is equal across early

  expect mean(skill_loss after finetune given early = 50%) < mean(skill_loss after finetune given early = 0%)
}}
"""

CHAIN = """
experiment chain {
  corpus web = markov(tokens = 40M tokens, held_out = 1%, max_epochs = 10)
  model tiny = llama(layers = 2, width = 64, heads = 2, context = 128 tokens)
  allocate { web 102_400_000 tokens { pretrain: 100% } }
  stage pretrain from tiny {
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 8 sequences
  }
  eval web_loss = loss(web.held_out) after pretrain every 2 steps
}
"""


def sweep(rates: int, seeds: int) -> str:
    """A spec of 5 x `rates` x `seeds` arms."""
    values = ", ".join(f"{(index + 1) * 1e-5:.6f}" for index in range(rates))
    return SWEEP.format(rates=values, last_seed=seeds - 1)


def long_file(experiments: int) -> str:
    """The sweep of 20 arms again and again, under other names: 33 lines each."""
    text = sweep(4, 1)
    return "".join(
        text.replace("experiment sweep", f"experiment sweep{number}")
        .replace("model tiny", f"model tiny{number}")
        .replace("from tiny", f"from tiny{number}")
        for number in range(experiments)
    )


def measure(command: str, spec: Path) -> tuple[float, float]:
    """CPU seconds (user and system) and peak memory in MB of one run."""
    process = subprocess.Popen(
        [sys.executable, "-m", "specc", command, str(spec)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(output.decode())
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"least of {RUNS} runs"
    )
    cases = [
        ("sweep, 20 arms", sweep(4, 1)),
        ("sweep, 600 arms", sweep(40, 3)),
        ("sweep, 3,000 arms", sweep(200, 3)),
        ("sweep, 30,000 arms", sweep(2000, 3)),
        ("chain of 50,000 states", CHAIN),
        ("1,000 lines, 31 studies", long_file(31)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in cases:
            spec = Path(folder) / "benchmark.spec"
            spec.write_text(text)
            first = subprocess.run(
                [sys.executable, "-m", "specc", "plan", str(spec)], capture_output=True, text=True, check=True
            )
            counted = [
                line.split()[2]
                for line in first.stdout.splitlines()
                if line.startswith("all ") and "(" not in line
            ]
            steps = f"{sum(int(number.replace(',', '')) for number in counted):,}"
            for command in ("check", "plan"):
                runs = [measure(command, spec) for _ in range(RUNS)]
                seconds, memory = min(run[0] for run in runs), min(run[1] for run in runs)
                print(
                    f"{name:24} {steps:>9} steps  {command:5}  {seconds:6.2f} CPU-s  {memory:6.0f} MB",
                    flush=True,
                )


if __name__ == "__main__":
    main()
