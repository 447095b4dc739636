"""What a tool has to offer to be measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.benchmarks.specbench.measuring import Measured
from tests.benchmarks.specbench.shapes import Shape

TASK = """\
# A task: its output says what went in. sh task.sh OUTPUT WORDS INPUTS...
out=$1; words=$2; shift 2
[ "$PAUSE" ] && echo "start $out" >> log && sleep "$PAUSE"
{ echo "$words"; cat "$@" < /dev/null; } | cksum > "$out"
[ "$PAUSE" ] && echo "end $out" >> log
exit 0
"""
"""Work of a task where it matters what its output is; elsewhere a task is `touch OUTPUT`."""


class Unsayable(Exception):
    """A tool has no way to say this; the message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tool works.

    Attributes:
        folder: of the project. programs: folder of the tool's executables.
        environment: variables. works: whether tasks do `TASK` rather than `touch`.
    """

    folder: Path
    programs: Path
    environment: Mapping[str, str]
    works: bool = False

    def action(self, output: str, words: str, inputs: str) -> str:
        """A task as a shell command."""
        return f"sh task.sh {output} '{words}' {inputs}" if self.works else f"touch {output}"


def logged(place: Place, what: str) -> list[str]:
    """Tasks that a log of tasks says this of."""
    log = place.folder / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{what} ")]


class Tool(Protocol):
    """A planner. Commands are run in the project's folder."""

    name: str
    file: str
    """Name of the file that it reads."""
    plan_is: str
    """What is measured as its plan, for the table."""

    def version(self, place: Place) -> Sequence[str]:
        """A command that does nothing but start."""

    def write(self, shape: Shape | None, place: Place, file: str = "", content: str = "skill") -> None:
        """Write a shape, or the smallest project, into the folder; `content` is a word in one of its corpora.

        Raises:
            Unsayable: if the tool has no way to say it.
        """

    def plan(self, place: Place, file: str = "") -> Sequence[str]:
        """The command that plans."""

    def run(self, place: Place) -> Sequence[str]:
        """The command that runs all that is to do: with work in the tasks, or with none (`Place.works`)."""

    def finished(self, place: Place) -> list[str]:
        """Tasks that have ended since the log of tasks was last removed."""

    def begun(self, place: Place) -> list[str]:
        """Tasks that have begun since then."""

    def tell(self, shape: Shape, place: Place, file: str = "") -> Sequence[str]:
        """The command that says of each task whether it would run."""

    def told(self, shape: Shape, place: Place, measured: Measured) -> frozenset[str]:
        """Names of the tasks that would run, from what `tell` printed."""
