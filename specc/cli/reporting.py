"""`specc report`: a study as a page, and its figures and tables as files."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from specc.cli.places import find_workspace, recipe_path, workspace_of
from specc.cli.querying import latest_study
from specc.errors import QueryError
from specc.files import write_atomic
from specc.history.runs import Run, all_runs, find_run
from specc.reporting.against import against
from specc.reporting.figures import figures
from specc.reporting.files import Look, as_png, as_svg, figure_named, latex_tables, write_pdf
from specc.reporting.gather import gathered
from specc.reporting.model import Diff, Report
from specc.reporting.page import as_page, stem_of
from specc.results.reader import open_results
from specc.store import open_workspace
from specc.study import Study
from specc.words import printable


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to write: the page, if nothing else is asked for; see the command's options."""

    output: str | None = None
    pdf: str | None = None
    png: str | None = None
    svg: str | None = None
    latex: str | None = None
    open: bool = False
    scale: float = 2.0


def report_files(
    experiment: str | None, workspace: str | None, other: str | None, wanted: Wanted, look: Look
) -> int:
    """Write the report of an experiment, or parts of it.

    Raises:
        QueryError: if there is no such experiment or figure, or a file can't be written.
    """
    if wanted.png and wanted.svg:
        raise QueryError("`--png` and `--svg` exclude each other", "give one of them")
    report = report_of(experiment, workspace, other)
    stem = stem_of(report.experiment)
    page = ""
    if not (wanted.png or wanted.svg or wanted.pdf or wanted.latex):
        page = as_page(report)
        _write(wanted.output or f"{stem}.html", page)
        if wanted.open and wanted.output != "-":
            _open(wanted.output or f"{stem}.html")
    if wanted.png:
        data = as_png(as_svg(figure_named(report, wanted.png), look), wanted.scale)
        _write(wanted.output or f"{stem}_{wanted.png}.png", data)
    if wanted.svg == "all":
        folder = Path(wanted.output or f"{stem}_figures")
        for figure in figures(report):
            _write(str(folder / f"{figure.name}.svg"), as_svg(figure, look))
    elif wanted.svg:
        _write(wanted.output or f"{stem}_{wanted.svg}.svg", as_svg(figure_named(report, wanted.svg), look))
    if wanted.pdf:
        target = Path(wanted.pdf)
        _folder(target)
        write_pdf(page or as_page(report), target)
        print(f"wrote {printable(wanted.pdf)}", file=sys.stderr)
    if wanted.latex:
        for name, text in latex_tables(report).items():
            _write(str(Path(wanted.latex) / name), text)
    return 0


def report_of(experiment: str | None, workspace: str | None, other: str | None = None) -> Report:
    """The report of an experiment, from its newest run.

    Args:
        experiment: its name, or its recipe's file; if not given, the only one of the workspace.
        other: a recipe, run, tag or git revision that it is set against.
    """
    place = find_workspace(workspace)
    if experiment is not None and experiment.endswith(".spec"):
        place, experiment = workspace_of(experiment, workspace), None
    place = open_workspace(place)
    study = latest_study(place, experiment)
    run = next((run for run in all_runs(place) if run.experiment == study.experiment), None)
    texts, note = _texts(run, study)
    diff = _against(other, place, study, texts) if other else None
    connection = open_results(place, study.experiment)
    try:
        return gathered(
            connection, study, run.status if run is not None else None, str(place), texts, note, diff
        )
    finally:
        connection.close()


def _texts(run: Run | None, study: Study) -> tuple[Mapping[str, str], str]:
    """The recipe's files as the run kept them; else as they are now, and whether that is the same."""
    kept = run.recipe if run is not None else None
    if kept is not None:
        return kept.files, ""
    if not study.spec:
        return {}, "the run kept no copy of its recipe"
    try:
        found, _ = _compiled(study.spec, study.experiment)
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
    file: str, experiment: str, revision: str | None = None, store_of: Path | None = None
) -> tuple[_Recipe, Study | None]:
    """A recipe's texts and digest; its study too, if a store is given to predict times from.

    Raises:
        QueryError: if it can't be compiled, or has no such experiment among several.
    """
    from specc.analysis.compile import compile_file
    from specc.analysis.load import DISK, Files
    from specc.cli.compiling import study_of
    from specc.difference.revision import at_revision
    from specc.store import Store

    path = recipe_path(file)
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
    study = study_of(found[0], Store(store_of))[0] if store_of is not None else None
    return _Recipe(texts, found[0].digest), study


def _against(other: str, place: Path, study: Study, texts: Mapping[str, str]) -> Diff:
    """What differs from a recipe's file, else a run or tag, else a git revision of the recipe.

    Raises:
        QueryError: if it is none of them.
    """
    if other.endswith(".spec"):
        found, compiled = _compiled(other, study.experiment, store_of=place)
        return against(other, compiled, found.texts, study.spec, study, texts)
    try:
        run = find_run(place, other)
    except QueryError as unknown:
        try:
            found, compiled = _compiled(study.spec, study.experiment, other, place)
        except QueryError as error:
            raise QueryError(
                f"`{other}` is neither a recipe, nor a run or tag of this workspace, nor a git revision: "
                f"{error.message}",
                unknown.help,
            ) from error
        return against(f"{study.spec} at {other}", compiled, found.texts, study.spec, study, texts)
    kept = run.recipe.files if run.recipe is not None else {}
    return against(f"run {run.number}", run.study, kept, study.spec, study, texts)


def _folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise QueryError(f"can't make the folder of `{path}`: {reason}", "name another file") from error


def _write(name: str, content: str | bytes) -> None:
    """Write a file whole or not at all; `-` is stdout."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    if name == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    _folder(path)
    write_atomic(path, data, "name another file with `-o`")
    print(f"wrote {printable(name)}", file=sys.stderr)


def _open(name: str) -> None:
    import webbrowser

    webbrowser.open(Path(name).resolve().as_uri())
