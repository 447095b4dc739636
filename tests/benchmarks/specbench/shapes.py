"""What is planned: graphs of one shape for all tools, as tasks with names and needs.

A `grid` is the usual study: two corpora, a model for each of five seeds, a pretrained state for each, then
`recipes` fine-tunings of each, and three evaluations of each of those: 12 + 20 x recipes tasks. A
`chain` is one training with `depth` states, each evaluated: 2 + 2 x depth. In a `ladder`, each of
`depth` levels has a state in its middle and one at its end, and the end needs both the middle and the
level before, so that the number of paths doubles with each level: 2 + 4 x depth tasks. In a `fan`, each
of `width` trainings reads each of `width` corpora: 1 + 3 x width tasks, width^2 edges and some.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SEEDS = 5
EVALS = ("small", "medium", "large")
DATA = ("web", "skill")


@dataclass(frozen=True, slots=True)
class Task:
    """A node: its name, such as `sft/3_0`, and the names of those that it needs."""

    name: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """A study with all that an edit may change of it.

    Attributes:
        rates: learning rate of each fine-tuning recipe.
        takes: tokens of each evaluation's data.
        version: of the evaluating operation. threads: of an evaluation; changes no result.
        comment: whether there is a remark in the file. turned: whether its items are in the other order.
        seeds: how many; 0 recipes and 0 seeds make the empty plan.
    """

    rates: tuple[float, ...]
    takes: tuple[int, ...] = (1_000, 2_000, 3_000)
    version: int = 1
    threads: int = 1
    comment: bool = False
    turned: bool = False
    seeds: int = SEEDS

    @property
    def title(self) -> str:
        return f"grid, {len(self.rates):,} recipes"

    def tasks(self) -> list[Task]:
        tasks = [Task(f"prepare/{name}") for name in DATA]
        tasks += [Task(f"init/{seed}") for seed in range(self.seeds)]
        tasks += [Task(f"pretrain/{seed}", (f"init/{seed}", "prepare/web")) for seed in range(self.seeds)]
        for recipe in range(len(self.rates)):
            for seed in range(self.seeds):
                tuned = f"sft/{recipe}_{seed}"
                tasks.append(Task(tuned, (f"pretrain/{seed}", "prepare/skill")))
                tasks += [Task(f"eval/{recipe}_{seed}_{name}", (tuned, "prepare/skill")) for name in EVALS]
        return tasks


def grid(size: int) -> Grid:
    """The grid whose number of tasks is nearest to `size`."""
    recipes = max(1, round((size - 12) / 20))
    return Grid(rates=tuple(round((n + 1) * 1e-6, 9) for n in range(recipes)))


@dataclass(frozen=True, slots=True)
class Chain:
    """States of one training, one after the other, each evaluated."""

    depth: int

    @property
    def title(self) -> str:
        return f"chain, depth {self.depth:,}"

    def tasks(self) -> list[Task]:
        tasks = [Task("prepare/web"), Task("init/0")]
        for n in range(1, self.depth + 1):
            before = (f"state/{n - 1}",) if n > 1 else ()
            tasks.append(Task(f"state/{n}", ("init/0", "prepare/web", *before)))
            tasks.append(Task(f"eval/{n}", (f"state/{n}", "prepare/web")))
        return tasks


@dataclass(frozen=True, slots=True)
class Ladder:
    """Levels of a middle and an end; the number of paths doubles with each."""

    depth: int

    @property
    def title(self) -> str:
        return f"diamonds, depth {self.depth:,}"

    def tasks(self) -> list[Task]:
        tasks = [Task("prepare/web"), Task("init/0")]
        for n in range(1, self.depth + 1):
            before = f"end/{n - 1}" if n > 1 else "init/0"
            tasks.append(Task(f"middle/{n}", (before, "prepare/web")))
            tasks.append(Task(f"end/{n}", (before, f"middle/{n}", "prepare/web")))
            tasks += [
                Task(f"eval/{place}_{n}", (f"{place}/{n}", "prepare/web")) for place in ("middle", "end")
            ]
        return tasks


@dataclass(frozen=True, slots=True)
class Fan:
    """Each of `width` trainings reads each of `width` corpora, and is evaluated on the first."""

    width: int

    @property
    def title(self) -> str:
        return f"fan-in, {self.width:,} x {self.width:,}"

    def tasks(self) -> list[Task]:
        corpora = [f"prepare/{n}" for n in range(self.width)]
        tasks = [Task("init/0"), *(Task(name) for name in corpora)]
        for n in range(self.width):
            tasks.append(Task(f"train/{n}", ("init/0", *corpora)))
            tasks.append(Task(f"eval/{n}", (f"train/{n}", corpora[0])))
        return tasks


Shape = Grid | Chain | Ladder | Fan


def affected(tasks: Iterable[Task], changed: Iterable[str]) -> frozenset[str]:
    """Changed tasks and all that need them, near or far; tasks come after what they need."""
    found = set(changed)
    for task in tasks:
        if not found.isdisjoint(task.needs):
            found.add(task.name)
    return frozenset(found)


def write_data(folder: Path, skill: str = "skill") -> None:
    """Two small corpora of 200 documents each; `skill` is a word in all documents of the second."""
    for name, word in (("web", "web"), ("skill", skill)):
        lines = [
            f'{{"body": "{word} {n * 7919 % 1000:03} is not {n * n}, nor is it {n}"}}\n' for n in range(200)
        ]
        write_file(folder / "data" / f"{name}.jsonl", "".join(lines))


def write_file(path: Path, text: str) -> None:
    """Write a file unless it is as it should be: its time tells some tools that it changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
