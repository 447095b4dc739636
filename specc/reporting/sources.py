"""What a report is made from: the newest run of an experiment, its recipe, and the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from specc.errors import QueryError
from specc.exchange.opening import exported_from
from specc.history.origin import read_origin
from specc.history.runs import Run, all_runs, find_run
from specc.reporting.against import against
from specc.reporting.gather import gathered
from specc.reporting.model import Diff, Report
from specc.results.reader import open_results
from specc.results.studies import latest_study
from specc.study import Study

PathOf = Callable[[str], Path]
"""The file that a recipe's name stands for."""


def report_of(
    place: Path, experiment: str | None = None, other: str | None = None, path_of: PathOf = Path
) -> Report:
    """The report of an experiment of a workspace, from its newest run.

    Args:
        experiment: its name; needed only if there are several.
        other: a recipe, run, tag or git revision that it is set against.
    Raises:
        QueryError: if there is no such experiment, or no such other recipe.
        WorkspaceError, DiskFull: if there are no results, and no index of them can be built.
    """
    study = latest_study(place, experiment)
    run = next((run for run in all_runs(place) if run.experiment == study.experiment), None)
    texts, note = _texts(run, study, path_of)
    diff = _against(other, place, study, texts, path_of) if other else None
    connection = open_results(place, study.experiment)
    try:
        return gathered(
            connection,
            study,
            run.status if run is not None else None,
            str(exported_from(place) or place),
            texts,
            note,
            diff,
        )
    finally:
        connection.close()


def _texts(run: Run | None, study: Study, path_of: PathOf) -> tuple[Mapping[str, str], str]:
    """The recipe's files as the run kept them; else as they are now, and whether that is the same."""
    origin = read_origin(run.folder) if run is not None else None
    if origin is not None:
        return {}, f"it was imported from {origin.title}, which has no recipe"
    kept = run.recipe if run is not None else None
    if kept is not None:
        return kept.files, ""
    if not study.spec:
        return {}, "the run kept no copy of its recipe"
    try:
        found, _ = _compiled(study.spec, study.experiment, path_of)
    except QueryError:
        return {}, f"the run kept no copy of its recipe, and `{study.spec}` can't be read now"
    if found.digest == study.spec_digest:
        return found.texts, ""
    return (
        found.texts,
        "the run kept no copy of its recipe; this is the file as it is now, which is not the same",
    )


@dataclass(frozen=True, slots=True)
class _Recipe:
    texts: Mapping[str, str]
    digest: str


def _compiled(
    file: str, experiment: str, path_of: PathOf, revision: str | None = None, store_of: Path | None = None
) -> tuple[_Recipe, Study | None]:
    """A recipe's texts and digest; its study too, if a store is given to predict times from.

    Raises:
        QueryError: if it can't be compiled, or has no such experiment among several.
    """
    from specc.analysis.compile import compile_file
    from specc.analysis.load import DISK, Files
    from specc.difference.revision import at_revision
    from specc.graph.cost import Rates
    from specc.graph.expand import expand
    from specc.store import Store

    path = path_of(file)
    files: Files = DISK if revision is None else at_revision(path, revision)
    compilation = compile_file(path, (), 100_000, files=files)
    named = f"`{file}`" + (f" at `{revision}`" if revision else "")
    if compilation.report.failed:
        raise QueryError(f"{named} can't be compiled", f"see `specc check {file}`")
    found = [each for each in compilation.experiments if each.name == experiment]
    if not found and len(compilation.experiments) == 1:
        found = list(compilation.experiments)
    if not found:
        raise QueryError(f"{named} has no experiment `{experiment}`", "name a file that has it")
    texts = {each.source.name: each.source.text for each in compilation.program.files}
    study = expand(found[0], Rates.from_store(Store(store_of))) if store_of is not None else None
    return _Recipe(texts, found[0].digest), study


def _against(other: str, place: Path, study: Study, texts: Mapping[str, str], path_of: PathOf) -> Diff:
    """What differs from a recipe's file, else a run or tag, else a git revision of the recipe.

    Raises:
        QueryError: if it is none of them.
    """
    from specc.store import Store

    done = Store(place).done()
    if other.endswith(".spec"):
        found, compiled = _compiled(other, study.experiment, path_of, store_of=place)
        return against(other, compiled, found.texts, study.spec, study, texts, done)
    try:
        run = find_run(place, other)
    except QueryError as unknown:
        try:
            found, compiled = _compiled(study.spec, study.experiment, path_of, other, place)
        except QueryError as error:
            raise QueryError(
                f"`{other}` is neither a recipe, nor a run or tag of this workspace, nor a git revision: "
                f"{error.message}",
                unknown.help,
            ) from error
        return against(f"{study.spec} at {other}", compiled, found.texts, study.spec, study, texts, done)
    kept = run.recipe.files if run.recipe is not None else {}
    return against(f"run {run.number}", run.study, kept, study.spec, study, texts, done)
