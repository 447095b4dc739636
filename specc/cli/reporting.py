"""`specc report`: a study as a page, and its figures and tables as files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from specc.cli.places import find_workspace, recipe_path, workspace_of
from specc.errors import QueryError
from specc.files import write_named
from specc.history.runs import all_runs
from specc.reporting.files import Look, all_figures, as_pdf, as_png, as_svg, figure_named, latex_tables
from specc.reporting.page import as_page, stem_of
from specc.reporting.sources import report_of
from specc.store import open_workspace
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
        QueryError: if there is no such experiment or figure, or PNG or PDF can't be made here.
        WorkspaceError, DiskFull: if a file can't be written.
    """
    if wanted.png and wanted.svg:
        raise QueryError("`--png` and `--svg` exclude each other", "give one of them")
    if experiment is not None and experiment.endswith(".spec"):
        place = workspace_of(experiment, workspace)
        experiment = _experiment_of(open_workspace(place), experiment)
    else:
        place = find_workspace(workspace)
    report = report_of(open_workspace(place), experiment, other, recipe_path)
    stem = stem_of(report.experiment)
    page = ""
    figure_alone = wanted.png or wanted.svg
    if not figure_alone and (wanted.output or wanted.open or not (wanted.pdf or wanted.latex)):
        page = as_page(report)
        _write(wanted.output or f"{stem}.html", page)
        if wanted.open and wanted.output != "-":
            _open(wanted.output or f"{stem}.html")
    if wanted.png:
        data = as_png(as_svg(figure_named(report, wanted.png), look), wanted.scale)
        _write(wanted.output or f"{stem}_{wanted.png}.png", data)
    if wanted.svg == "all":
        folder = Path(wanted.output or f"{stem}_figures")
        for figure in all_figures(report):
            _write(str(folder / f"{figure.name}.svg"), as_svg(figure, look))
    elif wanted.svg:
        _write(wanted.output or f"{stem}_{wanted.svg}.svg", as_svg(figure_named(report, wanted.svg), look))
    if wanted.pdf:
        _write(wanted.pdf, as_pdf(page or as_page(report)))
    if wanted.latex:
        for name, text in latex_tables(report).items():
            _write(str(Path(wanted.latex) / name), text)
    return 0


def _experiment_of(workspace: Path, recipe: str) -> str | None:
    """The experiment of a recipe that was run; None if none was, so that others are told.

    Raises:
        QueryError: if there are several.
    """
    name = Path(recipe).name
    found = dict.fromkeys(run.experiment for run in all_runs(workspace) if Path(run.spec).name == name)
    if len(found) > 1:
        listed = ", ".join(f"`{each}`" for each in found)
        raise QueryError(f"`{recipe}` has several experiments: {listed}", "name one in its place")
    return next(iter(found), None)


def _write(name: str, content: str | bytes) -> None:
    """Write a file; `-` is stdout."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    if name == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    write_named(Path(name), data, "name another file")
    print(f"wrote {printable(name)}", file=sys.stderr)


def _open(name: str) -> None:
    import webbrowser

    webbrowser.open(Path(name).resolve().as_uri())
