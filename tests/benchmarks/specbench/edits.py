"""Edits of a study that has been run, and the exact set of tasks that each must bring about again.

The truth is known by construction: what the edit changes, and all that is made from it. A tool is asked
what it would run (`Tool.tell`); more than the truth is work done in vain, less is a stale result taken
for a new one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.benchmarks.specbench.bench import Bench, complaint, show
from tests.benchmarks.specbench.shapes import EVALS, Grid, affected, grid
from tests.benchmarks.specbench.tools.tool import Place, Tool, Unsayable


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a grid.

    Attributes:
        grid: from the grid as it was run to the new one.
        changed: whether a task, by its name, is itself another one now.
        renamed: whether the file gets another name. content: the word in the documents of `skill`.
    """

    title: str
    grid: Callable[[Grid], Grid]
    changed: Callable[[str], bool]
    renamed: bool = False
    content: str = "skill"

    def truth(self, before: Grid) -> frozenset[str]:
        tasks = self.grid(before).tasks()
        return affected(tasks, [task.name for task in tasks if self.changed(task.name)])


def _same(before: Grid) -> Grid:
    return before


def _never(name: str) -> bool:
    return False


def _other_rate(before: Grid) -> Grid:
    rates = list(before.rates)
    rates[1] = 0.5
    return replace(before, rates=tuple(rates))


EDITS = (
    Edit("nothing at all", _same, _never),
    Edit("a comment", lambda grid: replace(grid, comment=True), _never),
    Edit("items in another order", lambda grid: replace(grid, turned=True), _never),
    Edit("another name of the file", _same, _never, renamed=True),
    Edit(
        "one evaluation's data",
        lambda grid: replace(grid, takes=(1_000, 2_500, 3_000)),
        lambda name: name.startswith("eval/") and name.endswith(EVALS[1]),
    ),
    Edit("one recipe's learning rate", _other_rate, lambda name: name.startswith("sft/1_")),
    Edit("one corpus' content", _same, lambda name: name == "prepare/skill", content="craft"),
    Edit(
        "an operation's version", lambda grid: replace(grid, version=2), lambda name: name.startswith("eval/")
    ),
    Edit("how it is executed", lambda grid: replace(grid, threads=2), _never),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool would run after an edit.

    Attributes:
        extra: tasks in vain. missing: tasks left stale. why: why there is no answer.
        cpu: seconds that the answer took.
    """

    extra: int = 0
    missing: int = 0
    why: str = ""
    cpu: float = 0.0

    @property
    def exact(self) -> bool:
        return not (self.extra or self.missing or self.why)

    def shown(self) -> str:
        if self.why:
            return "can't say"
        wrong = [f"{sign}{number}" for sign, number in (("+", self.extra), ("-", self.missing)) if number]
        return " ".join(wrong) or "exact"


FRESH = {"PYTHONDONTWRITEBYTECODE": "1"}
"""Files of one size that are written in one second have the same bytecode, for Python."""


def edits(bench: Bench, size: int) -> dict[str, list[Answer]]:
    """Run a grid with each tool, then ask about each edit in a copy of its project."""
    before = grid(size)
    answers: dict[str, list[Answer]] = {}
    reasons: list[str] = []
    for tool in bench.tools():
        place = bench.place(tool, "edits", works=True)
        tool.write(before, place)
        ran = bench.do(place, tool.run(place), FRESH)
        if not ran.good:
            why = f"over {bench.limit:g} s" if ran.over else complaint(ran)
            reasons.append(f"{tool.name} did not get through the first run: {why}")
            continue
        answers[tool.name] = [answer(bench, tool, place, before, edit) for edit in EDITS]
        reasons += [
            f"{tool.name}, {edit.title}: {found.why}"
            for edit, found in zip(EDITS, answers[tool.name], strict=True)
            if found.why
        ]
    print(f"edits of a grid of {len(before.tasks()):,} tasks: what would be run again, against the truth")
    print("(exact; +n in vain; -n left stale)")
    names = list(answers)
    rows = [
        [edit.title, str(len(edit.truth(before))), *(answers[name][number].shown() for name in names)]
        for number, edit in enumerate(EDITS)
    ]
    rows.append(["exact", str(len(EDITS)), *(str(sum(a.exact for a in answers[name])) for name in names)])
    times = [[a.cpu for a in answers[name] if not a.why] for name in names]
    rows.append(["CPU s, least", "", *(f"{min(cpu):.2f}" if cpu else "-" for cpu in times)])
    show(("", "truth", *names), rows)
    for reason in reasons:
        print(f"  {reason}")
    print()
    return answers


def answer(bench: Bench, tool: Tool, done: Place, before: Grid, edit: Edit) -> Answer:
    """Ask a tool about one edit; its project is copied with the files' times, so that edits don't meet."""
    place = replace(done, folder=done.folder.parent / f"{tool.name}-edited")
    shutil.rmtree(place.folder, ignore_errors=True)
    shutil.copytree(done.folder, place.folder, symlinks=True)
    after = edit.grid(before)
    file = f"renamed_{tool.file}" if edit.renamed else ""
    try:
        tool.write(after, place, file, edit.content)
    except Unsayable as error:
        return Answer(why=str(error))
    if edit.renamed:
        (place.folder / tool.file).unlink()
    measured = bench.do(place, tool.tell(after, place, file), FRESH)
    if not measured.good:
        return Answer(why=complaint(measured))
    return compare(tool.told(after, place, measured), edit.truth(before), measured.cpu)


def compare(told: frozenset[str], truth: frozenset[str], cpu: float = 0.0) -> Answer:
    """What a tool would run against what it must run."""
    return Answer(len(told - truth), len(truth - told), cpu=cpu)
