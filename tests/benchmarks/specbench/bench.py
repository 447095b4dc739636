"""A session of the benchmark: which tools, how often, where; each run in a project of its own making."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.specbench import environments
from tests.benchmarks.specbench.measuring import Measured, measure
from tests.benchmarks.specbench.tools.doit import Doit
from tests.benchmarks.specbench.tools.dvc import Dvc
from tests.benchmarks.specbench.tools.snakemake import Snakemake
from tests.benchmarks.specbench.tools.specc import Specc
from tests.benchmarks.specbench.tools.tango import Tango
from tests.benchmarks.specbench.tools.tool import Place, Tool

ROOT = Path(__file__).resolve().parents[3]

TOOLS: dict[str, Callable[[], Tool]] = {
    "specc": Specc,
    "snakemake": Snakemake,
    "dvc": Dvc,
    "tango": Tango,
    "doit": Doit,
}


@dataclass
class Bench:
    """What all parts share.

    Attributes:
        names: tools, in the order of the tables. folder: where projects are made.
        environments: where the peers' environments are. runs: how often each command is measured.
        limit: seconds of wall time that a command may take.
    """

    names: Sequence[str]
    folder: Path
    environments: Path
    runs: int = 3
    limit: float = 120.0
    unusable: dict[str, str] = field(default_factory=dict)
    _programs: dict[str, Path] = field(default_factory=dict)

    def tools(self) -> list[Tool]:
        """The tools that can be used; why another can't is said once."""
        found = []
        for name in self.names:
            if name in self.unusable:
                continue
            if name not in self._programs:
                try:
                    here = Path(sys.executable).parent
                    self._programs[name] = here if name == "specc" else self._made(name)
                except RuntimeError as error:
                    self.unusable[name] = str(error)
                    print(f"{name} is left out: {error}")
                    continue
            found.append(TOOLS[name]())
        return found

    def versions(self) -> list[str]:
        """Each tool with what it says its version is."""
        found = []
        for tool in self.tools():
            place = self.place(tool, "version")
            said = self.do(place, tool.version(place)).output.split()
            number = next((word.strip(",") for word in said if word[:1].isdigit()), "?")
            found.append(f"{tool.name} {number}")
        return found

    def _made(self, name: str) -> Path:
        return environments.programs(name, self.environments)

    def place(self, tool: Tool, name: str, works: bool = False) -> Place:
        """An empty folder for a project of a tool."""
        folder = self.folder / name / tool.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        programs = self._programs[tool.name]
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        variables = {
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "PATH": f"{programs}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "DVC_NO_ANALYTICS": "1",
            "LOG": str(folder / "log"),
        }
        if tool.name == "specc":
            variables["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "runtime")])
        return Place(folder, programs, variables, works)

    def do(
        self,
        place: Place,
        command: Sequence[str],
        variables: Mapping[str, str] | None = None,
        kill_when: Callable[[], bool] | None = None,
    ) -> Measured:
        """Run a command of a tool in its place, with some more variables."""
        environment = {**place.environment, **(variables or {})}
        return measure(command, place.folder, environment, self.limit, kill_when)

    def repeated(
        self, cases: Iterable[tuple[str, Callable[[], Measured]]], warm: bool = True
    ) -> dict[str, list[Measured]]:
        """Measure each case `runs` times, in turns; one that fails is not tried again.

        Args:
            warm: whether a first, uncounted run fills caches of bytecode and of what files hold.
        """
        cases = list(cases)
        results: dict[str, list[Measured]] = {name: [] for name, _ in cases}
        for number in range(self.runs + warm):
            for name, case in cases:
                done = results[name]
                if not done or done[-1].good:
                    if number == 1 and warm:
                        done.clear()
                    done.append(case())
        return results


def machine() -> str:
    """The machine in a line."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def summary(runs: Sequence[Measured], limit: float) -> list[str]:
    """CPU seconds (least, median), wall seconds (least, median), MB; or why there are none, in one cell."""
    bad = next((run for run in runs if not run.good), None)
    if bad is not None:
        return [f"over {limit:g} s" if bad.over else f"fails: {complaint(bad)}"]
    cpu, wall = [run.cpu for run in runs], [run.wall for run in runs]
    memory = min(run.memory for run in runs)
    return [
        f"{min(cpu):.2f}",
        f"{statistics.median(cpu):.2f}",
        f"{min(wall):.2f}",
        f"{statistics.median(wall):.2f}",
        f"{memory:.0f}",
    ]


def complaint(measured: Measured, width: int = 70) -> str:
    """The line of an output that says best why a command failed."""
    lines = [line.strip() for line in measured.output.splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line or "Exception" in line or line.startswith("error")]
    return (telling or lines or [f"exit code {measured.code}"])[-1][:width]


def show(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: the first column to the left, figures to the right, a lone cell across."""
    rows = [list(row) for row in rows]
    full = [list(head), *(row for row in rows if len(row) == len(head))]
    widths = [max(len(row[column]) for row in full) for column in range(len(head))]
    widths[0] = max(widths[0], *(len(row[0]) for row in rows)) if rows else widths[0]
    for row in [list(head), *rows]:
        cells = [row[0].ljust(widths[0])]
        short = len(row) != len(head)
        cells += row[1:] if short else [c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]
        print("  ".join(cells).rstrip(), flush=True)
    print(flush=True)
