"""A rank started afresh: `python -m specc_runtime.distributed STEP.json --rank R --fd N --parent PID`.

STEP.json holds {"step": ..., "workspace": path} and lies in the folder where the ranks meet; N is an
inherited descriptor for the reason of a failure.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from specc.steps import Step
from specc.store import Store
from specc_runtime.distributed.launch import become_rank
from specc_runtime.lifetime import die_with_parent
from specc_runtime.worker import limit_threads


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m specc_runtime.distributed")
    parser.add_argument("step", type=Path)
    parser.add_argument("--rank", type=int, required=True)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    options = parser.parse_args()
    die_with_parent(options.parent)
    limit_threads()
    description = json.loads(options.step.read_text())
    become_rank(
        Step.model_validate(description["step"]),
        Store(Path(description["workspace"])),
        options.rank,
        options.step.parent,
        options.fd,
    )


if __name__ == "__main__":
    main()
