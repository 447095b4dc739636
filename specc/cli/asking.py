"""`specc why`: what a step is for and what it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from specc.cli.compiling import compiled, study_of
from specc.cli.failures import WRONG_SPEC
from specc.cli.places import find_workspace, workspace_of
from specc.errors import QueryError
from specc.store import Store, open_workspace
from specc.study import Study
from specc.why.answer import Answer, Where, answer, study_of_store
from specc.why.find import SHORTEST_KEY, find, guess, the_one
from specc.why.show import as_text


def tell_why(
    words: Sequence[str],
    only: Sequence[str],
    max_arms: int,
    workspace: str | None,
    json_wanted: bool,
) -> int:
    """Explain a step of a recipe, or of the runs of a workspace.

    Args:
        words: the step, or a recipe's file and the step.
    Raises:
        QueryError: for other than one or two words, or a step that isn't known or not one.
    """
    if not 1 <= len(words) <= 2:
        raise QueryError("name one step, or a recipe and one step", "write `specc why [FILE] STEP`")
    name = words[-1]
    if len(words) == 2:
        compilation = compiled(words[0], only, max_arms)
        if compilation.report.failed:
            return WRONG_SPEC
        place = workspace_of(words[0], workspace)
        store = Store(place)
        known: list[Study] = []
        for experiment in compilation.experiments:
            study, _ = study_of(experiment, store)
            if found := find(study, name):
                return _tell(answer(study, the_one(found, name), store, _lines(experiment)), json_wanted)
            known.append(study)
        earlier = _ran(store, name, only) if place.is_dir() else None
        if earlier is None:
            raise unknown_step(name, known, f"`{words[0]}`")
        return _tell(earlier, json_wanted)
    if name.endswith(".spec"):
        raise QueryError(f"`{name}` is a recipe, and no step is named", "write `specc why FILE STEP`")
    store = Store(open_workspace(find_workspace(workspace)))
    told = _ran(store, name, only)
    if told is None:
        raise unknown_step(name, list(studies_of_runs(store.workspace, only)), "the runs of this workspace")
    return _tell(told, json_wanted)


def _tell(told: Answer, json_wanted: bool) -> int:
    print(told.model_dump_json(indent=1) if json_wanted else as_text(told), end="\n" if json_wanted else "")
    return 0


def _lines(experiment: object) -> Where:
    """Lines that set what a stage is trained with."""
    from specc.analysis.compile import CompiledExperiment
    from specc.difference.origins import Origins

    assert isinstance(experiment, CompiledExperiment)
    origins = Origins(experiment)
    settings = ("model", "parameters")

    def where(stage: str, name: str, recipe: str) -> str:
        return "" if name in settings else origins.set_at(stage, name, recipe)

    return where


def _ran(store: Store, name: str, only: Sequence[str]) -> Answer | None:
    """The answer from the latest run that has such a step, else from the store; None if there is none."""
    for study in studies_of_runs(store.workspace, only):
        if found := find(study, name):
            return answer(study, the_one(found, name), store)
    if len(name) >= SHORTEST_KEY and re.fullmatch(r"[0-9a-f]+", name):
        keys = {key: "a step of no run" for key in store.done() if key.startswith(name)}
        if keys:
            key = the_one(keys, name)
            return answer(study_of_store(store, key), key, store)
    return None


def studies_of_runs(workspace: Path, only: Sequence[str]) -> Iterator[Study]:
    """Studies of a workspace's runs, the latest first, each version once; damaged ones are passed over."""
    from specc.execute.status import run_folder, run_numbers
    from specc.files import file_digest

    seen: set[str] = set()
    for number in reversed(run_numbers(workspace)):
        path = run_folder(workspace, number) / "plan.json"
        try:
            mark = file_digest(path)
            if mark in seen:
                continue
            seen.add(mark)
            study = Study.model_validate_json(path.read_bytes())
        except (OSError, ValueError):
            continue
        if not only or study.experiment in only:
            yield study


def unknown_step(name: str, studies: Sequence[Study], place: str) -> QueryError:
    """What to tell of a name that no step has; `place` is where it was looked for."""
    for study in studies:
        if close := guess(study, name):
            return QueryError(f"there is no step `{name}` in {place}", f"write `{close}`")
    step = next((study.steps[-1].label for study in studies if study.steps), None)
    help = f"a step is named like `{step}`, or by the beginning of its key" if step else "run a recipe first"
    return QueryError(f"there is no step `{name}` in {place}", help)
