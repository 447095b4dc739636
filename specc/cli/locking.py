"""`specc lock`: pin what a recipe takes from the hub."""

from __future__ import annotations

import json
import sys

from specc.cli.failures import WRONG_SPEC, colored
from specc.cli.places import recipe_path
from specc.diagnostics import render
from specc.words import printable


def lock_file(file: str, anew: bool, max_arms: int, as_json: bool) -> int:
    """Resolve what a recipe names on the hub, and write its lock file."""
    from specc.locking.lock import lock_path
    from specc.locking.resolve import listed, pin_all

    spec = recipe_path(file)

    def told(text: str) -> None:
        print(printable(text), file=sys.stderr, flush=True)

    compilation, lock = pin_all(spec, anew, max_arms, told)
    print(render(compilation.report, colored(sys.stderr)), end="", file=sys.stderr)
    if as_json:
        print(json.dumps(lock.model_dump(mode="json"), indent=1, sort_keys=True))
    elif compilation.report.failed and not lock.models and not lock.datasets:
        pass  # what it takes from the hub is not known
    elif not lock.models and not lock.datasets:
        print(f"{printable(file)} takes nothing from the hub; there is nothing to pin")
    else:
        print(printable(str(lock_path(spec))))
        for line in listed(lock):
            print(f"  {printable(line)}")
    return WRONG_SPEC if compilation.report.failed else 0
