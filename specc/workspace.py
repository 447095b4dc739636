"""A workspace from Python: its results as rows, data frames, and tables in a notebook.

    import specc

    ws = specc.open(".")
    ws.experiments
    ws.sql("select early, avg(value) as loss from results group by early").df()
    ws.compare("early=0%", "early=50%", metric="L_ret")

Every call reads the newest results, also while a run goes on. Nothing is held between calls: a workspace
may be used by several threads, and opened more than once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from specc.errors import QueryError
from specc.finding import workspace_at
from specc.store import open_workspace

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from specc.comparing import Compared, Frontier
    from specc.quantities.fits.model import Fitted
    from specc.results.answer import Answer
    from specc.study import Study

__all__ = ["Workspace", "open"]


def open(path: str | PathLike[str] = ".") -> Workspace:
    """Open a workspace: a `.specc` folder, a recipe file, or a folder in, above or below which one lies.

    Raises:
        WorkspaceError: if there is none, several to choose from, or one that this specc can't read.
    """
    return Workspace(open_workspace(workspace_at(Path(path))).absolute())


class Workspace:
    """The results of the runs of a workspace.

    Attributes:
        path: folder of the workspace; of one that was opened by `open` the absolute path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"specc.open({str(self.path)!r})"

    @property
    def experiments(self) -> tuple[str, ...]:
        """Names of the experiments that were run here."""
        from specc.results.reader import experiments

        with self.connect() as connection:
            return tuple(experiments(connection))

    def sql(self, query: str, experiment: str | None = None) -> Answer:
        """Answer a query on the results: `.df()`, `.pl()`, `.arrow()`, `.rows`, `.columns`.

        Args:
            query: one query, or several statements of which one returns rows.
            experiment: whose tables come first; needed only if there are several.
        Raises:
            QueryError: if DuckDB refuses it, it is not one query, or there is no such experiment.
            WorkspaceError, DiskFull: if there are no results, and no index of them can be built.
        """
        from specc.results.query import run

        with self.connect(experiment) as connection:
            answers = run(connection, query)
        if len(answers) != 1:
            raise QueryError(f"{len(answers) or 'none'} of the statements return rows", "write one `select`")
        return answers[0]

    @contextmanager
    def connect(self, experiment: str | None = None) -> Iterator[DuckDBPyConnection]:
        """A connection to the newest results as DuckDB's own, read-only and reaching no other file.

        Raises:
            QueryError: if there is no such experiment.
            WorkspaceError, DiskFull: if there are no results, and no index of them can be built.
        """
        from specc.results.reader import open_results

        connection = open_results(self.path, experiment)
        try:
            yield connection
        finally:
            connection.close()

    def study(self, experiment: str | None = None) -> Study:
        """What the latest run of an experiment was of: arms, stages, measures, steps.

        Raises:
            QueryError: if nothing was run, or there are several experiments to choose from.
        """
        from specc.results.studies import latest_study

        return latest_study(self.path, experiment)

    def compare(
        self,
        *groups: str,
        metric: str = "",
        by: str | Sequence[str] = (),
        stage: str = "",
        position: float = 1.0,
        given: Mapping[str, object] | None = None,
        baseline: str = "",
        experiment: str | Sequence[str] = (),
        level: float = 0.95,
    ) -> Compared:
        """Groups of arms against a baseline, paired over the seeds that they share.

        What is left out is the experiment's first main question: the first evaluation after the last
        stage, by recipe or by the first axis. The answer has `headline`, `effects`, `groups` and
        `.table().df()`, and shows itself in a notebook.

        Args:
            groups: two or more, the first of which is the baseline, as `specc compare` takes them.
            by: names that make groups, if none are given.
            given: values that all arms have, for instance `{"lr": 3e-3}`.
        Raises:
            QueryError: for what is not there, or could be several things.
            WorkspaceError, DiskFull: if there are no results, and no index of them can be built.
        """
        from specc.comparing import Source, compare_sources
        from specc.comparing.asking import Asked, asked_questions

        asked = Asked(
            groups=groups,
            experiments=_several(experiment),
            by=_several(by),
            given=tuple(f"{name}={value}" for name, value in (given or {}).items()),
            metric=metric,
            stage=stage,
            position="" if position == 1.0 else repr(position),
            baseline=baseline,
            level=repr(level),
        )
        with self.connect() as connection:
            sources = [Source(connection)]
            return compare_sources(sources, asked_questions(asked, sources)[0])

    def frontier(
        self,
        x: str,
        y: str,
        by: str | Sequence[str] = (),
        series: str | None = None,
        experiment: str | Sequence[str] = (),
    ) -> Frontier:
        """Two evaluations against each other, a point for each group: what is learned, what is kept.

        Args:
            by: names that make groups; all that differ, if none are given.
            series: the one of them whose values are frontiers of their own.
        Raises:
            QueryError: for what is not there, or could be several things.
            WorkspaceError, DiskFull: if there are no results, and no index of them can be built.
        """
        from specc.comparing import Source, frontier_of
        from specc.comparing.asking import Asked, asked_frontier

        asked = Asked(experiments=_several(experiment), by=_several(by))
        with self.connect() as connection:
            sources = [Source(connection)]
            return frontier_of(sources, *asked_frontier(asked, sources, x, y), series)

    def report(
        self, path: str | PathLike[str] = "", experiment: str | None = None, against: str | None = None
    ) -> Path:
        """Write an experiment's report, one HTML file that needs no network, and return its path.

        Args:
            path: of the file; by default the experiment's name and `.html`.
            experiment: needed only if there are several.
            against: another recipe, run, tag or git revision, whose differences are shown.
        Raises:
            QueryError: if there is no such experiment, or no such other recipe.
            WorkspaceError, DiskFull: if there are no results, or the file can't be written.
        """
        from specc.files import write_named
        from specc.reporting.page import as_page, stem_of
        from specc.reporting.sources import report_of

        report = report_of(self.path, experiment, against)
        target = Path(path) if str(path) else Path(f"{stem_of(report.experiment)}.html")
        write_named(target, as_page(report), "name another file")
        return target

    def fit(
        self,
        form: str,
        query: str,
        hold_out: str = "",
        first: int | None = None,
        experiment: str | None = None,
    ) -> Fitted:
        """A curve fitted to the rows of a query: `fitted["b"].value`, `.predict(x = [1e9])`, `.table().df()`.

        Args:
            form: name of the curve, for instance `power_law`; `specc fit` lists them.
            query: its columns have the names of the form's, and `y`; with `seed`, intervals are over seeds.
            hold_out: a condition on the query's columns, in SQL: rows to predict instead of fitting them.
            first: how many rows of the query, in its order, are fitted; the others are predicted.
            experiment: whose tables come first; needed only if there are several.
        Raises:
            QueryError: if there is no such form, DuckDB refuses the query, or its rows don't suit the form.
            WorkspaceError, DiskFull: if there are no results, and no index of them can be built.
        """
        from specc.quantities.fits.query import fit_query

        with self.connect(experiment) as connection:
            return fit_query(connection, form, query, hold_out or None, first)


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
