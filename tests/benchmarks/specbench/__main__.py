"""The command line of the benchmark; see the package's docstring."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from tests.benchmarks import specbench
from tests.benchmarks.specbench import edits, environments, mistakes, planning, running
from tests.benchmarks.specbench.bench import TOOLS, Bench, machine

PARTS = ("start", "plan", "run", "kill", "edits", "mistakes")

CAVEATS = """\
to be fair
  - doit reads no language: its file is a Python program, in which its users compute what to compare.
  - doit and DVC have no plan: they list what has changed itself, and decide about what comes after it when
    they run. What the table says they leave stale, `doit` and `dvc repro` then do.
  - Snakemake resolves wildcards to files and asks the file system about each of them.
  - ai2-tango has no plan: a script builds its graph and asks for the state of each step, as a user would.
  - specc solves the budget of each arm, checks types, units and SQL, predicts cost and prints tables; peers
    have no such work to do. It knows by type what is no part of a result; peers are told by their users.
  - In `run`, specc's steps are replaced by ones that do nothing. What is around them (processes, checksums,
    flushing to disk, the index) is as in `specc run`. Peers' tasks are `touch`, in tango an empty function;
    they flush nothing to disk.
  - In `kill` and `edits` specc trains tiny models for real, and peers run a shell script.
  - The version of specc's operation `eval` is raised as a release would raise it; a recipe can't.
  - Peers are given the mistakes that their format has a place for."""


def numbers(text: str) -> list[int]:
    """A list such as `90,1014`; empty for an empty text."""
    return [int(part.replace("_", "")) for part in text.split(",") if part]


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.specbench",
        description=specbench.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if none is named"
    )
    parser.add_argument("--tools", default=",".join(TOOLS), help="default: %(default)s")
    parser.add_argument(
        "--sizes", type=numbers, default="90,1014,10002", help="tasks of the grids; default: %(default)s"
    )
    parser.add_argument(
        "--depths", type=numbers, default="100,1000,10000", help="of the chains; default: %(default)s"
    )
    parser.add_argument("--ladders", type=numbers, default="8,64", help="levels; default: %(default)s")
    parser.add_argument("--fans", type=numbers, default="30,200", help="widths; default: %(default)s")
    parser.add_argument(
        "--run-sizes",
        type=numbers,
        default="90,1014",
        help="tasks of the grids that are run; default: %(default)s",
    )
    parser.add_argument(
        "--edit-size", type=int, default=90, help="tasks of the grid that is edited; default: 90"
    )
    parser.add_argument("--runs", type=int, default=3, help="of which the least and the median are shown")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds that a command may take")
    parser.add_argument(
        "--environments",
        type=Path,
        default=environments.default_folder(),
        metavar="DIR",
        help="where peers are installed; default: %(default)s",
    )
    chosen = parser.parse_args(arguments)
    chosen.tools = [name for name in chosen.tools.split(",") if name]
    for given, known in ((chosen.parts, PARTS), (chosen.tools, TOOLS)):
        for name in given:
            if name not in known:
                parser.error(f"there is no {name}; there are {', '.join(known)}")
    return chosen


def main(arguments: list[str] | None = None) -> None:
    chosen = options(arguments)
    parts = chosen.parts or PARTS
    folder = Path(tempfile.mkdtemp(prefix="specbench-"))
    bench = Bench(chosen.tools, folder, chosen.environments.resolve(), chosen.runs, chosen.limit)
    try:
        runs = f"least and median of {bench.runs} runs" if bench.runs > 1 else "one run"
        print(f"{machine()}; {runs}, limit {bench.limit:g} s")
        print("tools: " + "; ".join(bench.versions()) + "\n", flush=True)
        if "start" in parts:
            planning.start(bench)
        if "plan" in parts:
            planning.plan(bench, planning.shapes(chosen.sizes, chosen.depths, chosen.ladders, chosen.fans))
        if "run" in parts:
            running.run(bench, chosen.run_sizes)
        if "kill" in parts:
            running.kill(bench)
        if "edits" in parts:
            edits.edits(bench, chosen.edit_size)
        if "mistakes" in parts:
            mistakes.mistakes(bench)
        print(CAVEATS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
