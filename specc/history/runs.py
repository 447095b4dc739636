"""The runs of a workspace, newest first, and the one that somebody means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from specc.errors import QueryError
from specc.execute.status import RunStatus, read_status, run_folder, run_numbers
from specc.history.notes import Notes, read_notes
from specc.history.recipe import KeptRecipe, read_recipe
from specc.study import Study

LATEST = "latest"
"""Stands for the newest run."""


@dataclass(frozen=True)
class Run:
    """A run; what its files say is read when it is asked for."""

    workspace: Path
    number: int

    @property
    def folder(self) -> Path:
        return run_folder(self.workspace, self.number)

    @cached_property
    def status(self) -> RunStatus | None:
        """How it ended, or stands; None if it was killed before it wrote that."""
        return read_status(self.workspace, self.number)

    @cached_property
    def study(self) -> Study | None:
        """What it set out to do; None for a plan that this specc can't read."""
        try:
            return Study.model_validate_json((self.folder / "plan.json").read_bytes())
        except (OSError, ValidationError):
            return None

    @cached_property
    def notes(self) -> Notes:
        return read_notes(self.workspace, self.number)

    @cached_property
    def recipe(self) -> KeptRecipe | None:
        return read_recipe(self.folder)

    @property
    def experiment(self) -> str:
        """Name of its experiment; empty if unknown."""
        if self.status is not None:
            return self.status.experiment
        return self.study.experiment if self.study is not None else ""

    @property
    def spec(self) -> str:
        """Path of its recipe, as it was given."""
        return self.status.spec if self.status is not None else self.study.spec if self.study else ""


def all_runs(workspace: Path) -> Iterator[Run]:
    """All runs, newest first."""
    for number in reversed(run_numbers(workspace)):
        yield Run(workspace, number)


def tagged(workspace: Path) -> dict[str, int]:
    """The run of each tag: of several that carry it, the one that got it last."""
    found: dict[str, tuple[str, int]] = {}
    for run in all_runs(workspace):
        for tag, time in run.notes.tags.items():
            found[tag] = max(found.get(tag, ("", 0)), (time, run.number))
    return {tag: number for tag, (_, number) in found.items()}


def find_run(workspace: Path, name: str) -> Run:
    """The run that a number, a tag or `latest` names.

    Raises:
        QueryError: if there is none.
    """
    numbers = run_numbers(workspace)
    if not numbers:
        raise QueryError("nothing was run in this workspace yet", "run a recipe: `specc run FILE`")
    if name == LATEST:
        return Run(workspace, numbers[-1])
    if name.isdecimal():
        if int(name) in numbers:
            return Run(workspace, int(name))
        raise QueryError(
            f"there is no run {int(name)}", f"runs go from {numbers[0]} to {numbers[-1]}; see `specc log`"
        )
    tags = tagged(workspace)
    if name in tags:
        return Run(workspace, tags[name])
    near = get_close_matches(name, tags, n=1)
    listed = ", ".join(f"`{tag}`" for tag in sorted(tags)) or "none"
    raise QueryError(
        f"no run has the tag `{name}`",
        f"write `{near[0]}`" if near else f"name a run by its number, `latest`, or a tag; tags: {listed}",
        candidates=tuple(tags),
    )


def latest_of(workspace: Path, experiment: str) -> Run:
    """The newest run of an experiment.

    Raises:
        QueryError: if there is none.
    """
    for run in all_runs(workspace):
        if run.experiment.lower() == experiment.lower():
            return run
    raise QueryError(f"no experiment `{experiment}` was run in this workspace", "see `specc log`")


def run_before(run: Run) -> Run | None:
    """The run of the same experiment that came before."""
    for number in reversed(run_numbers(run.workspace)):
        if number < run.number:
            earlier = Run(run.workspace, number)
            if earlier.experiment.lower() == run.experiment.lower():
                return earlier
    return None
