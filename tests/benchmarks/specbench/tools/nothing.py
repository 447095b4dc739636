"""`specc run` with steps that do nothing, to measure what is around them.

    python -m tests.benchmarks.specbench.tools.nothing study.spec

All else is as in `specc run`: the recipe is compiled, worker processes are forked, each step's artifact
is flushed, checksummed and published with its manifest, and the results are indexed in DuckDB.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from specc.steps import Step
from specc.store import Manifest, Provenance, Store

ENTRY = f"{__name__ if __name__ != '__main__' else 'tests.benchmarks.specbench.tools.nothing'}:run_step"

COUNTS = {"documents": 1, "tokens": 1, "targets": 1}
OUTPUTS: dict[str, dict[str, Any]] = {
    "prepare": {"vocab": 257, "eos": 256, "train": COUNTS, "held_out": COUNTS},
    "init": {"parameters": 1, "non_embedding": 1, "vocab": 257},
    "train": {"parameters": 1, "non_embedding": 1, "vocab": 257, "steps": 1, "tokens": {}, "targets": 1}
    | {"lineage_steps": 1, "lineage_tokens": 1, "loss": 1.0, "tokens_per_second": 1.0},
    "eval": {"metric": "loss", "value": 1.0, "n": 1, "stderr": None},
}


def run_step(
    step: Step, store: Store, report: Callable[[dict[str, Any]], None], stopping: Callable[[], bool]
) -> Manifest:
    """Publish an artifact of one small file."""
    work = store.work(step.key) / "artifact"
    work.mkdir(parents=True, exist_ok=True)
    (work / "nothing").write_text(step.label)
    return store.publish(step, work, OUTPUTS[step.op], Provenance(versions={}))


def main(file: str) -> int:
    from specc.analysis.compile import compile_file
    from specc.execute.console import SilentConsole
    from specc.execute.run import RunOptions, run_study
    from specc.graph.cost import Rates
    from specc.graph.expand import expand
    from specc.results.index import Indexer

    (experiment,) = compile_file(file).experiments
    workspace = Path(".specc")
    options = RunOptions(workers=2, entry=ENTRY, preload=("specc.store",))
    outcome = run_study(expand(experiment, Rates()), workspace, options, SilentConsole())
    Indexer(workspace).update()
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
