"""A process that runs a study of fake steps, to be interrupted, killed or kept waiting.

python fake_run.py WORKSPACE LABELS TICKS [wait|no-wait] [grace seconds]
"""

from __future__ import annotations

import sys
from pathlib import Path

from fake_steps import ENTRY, fake_step, study_of
from specc.errors import SpeccError
from specc.execute.console import PlainConsole
from specc.execute.run import RunOptions, run_study


def main() -> int:
    workspace, labels, ticks, wait, grace = sys.argv[1:]
    options = RunOptions(workers=2, entry=ENTRY, preload=(), wait=wait == "wait", grace_seconds=float(grace))
    study = study_of(*(fake_step(label, ticks=int(ticks), pause=0.02) for label in labels.split(",")))
    try:
        return run_study(study, Path(workspace), options, PlainConsole(sys.stderr)).exit_code
    except SpeccError as error:
        print(f"{error.message}\n{error.help}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
