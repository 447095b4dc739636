"""What a query returned, as rows, as a data frame, as Arrow, and as a table in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from specc.errors import SpeccError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SHOWN_ROWS = 100
"""Rows that a notebook or a prompt of Python shows; `rows` and the data frames have all."""


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What a query returned: names and DuckDB types of the columns, and rows of Python values."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    def df(self) -> Any:
        """A `pandas.DataFrame`; of columns with the same name the later ones get a number.

        Raises:
            SpeccError: if pandas is not installed.
        """
        _need("pandas")
        with self.as_duckdb() as connection:
            return connection.sql("FROM answer").df()

    def pl(self) -> Any:
        """A `polars.DataFrame`.

        Raises:
            SpeccError: if polars or pyarrow is not installed.
        """
        _need("polars", "pyarrow")
        with self.as_duckdb() as connection:
            return connection.sql("FROM answer").pl()

    def arrow(self) -> Any:
        """A `pyarrow.Table`.

        Raises:
            SpeccError: if pyarrow is not installed.
        """
        _need("pyarrow")
        with self.as_duckdb() as connection:
            return connection.sql("FROM answer").to_arrow_table()

    @contextmanager
    def as_duckdb(self) -> Iterator[DuckDBPyConnection]:
        """The rows as the table `answer` of a database in memory, which nothing else is in."""
        import duckdb

        from specc.results.schema import quoted

        shape = ", ".join(
            f"{quoted(name)} {'INTEGER' if type in ('NULL', QUOTED_NULL) else type}"
            for name, type in zip(distinct(self.columns), self.types, strict=True)
        )
        with duckdb.connect(":memory:", config={"python_enable_replacements": "false"}) as connection:
            connection.execute(f"CREATE TABLE answer ({shape})")
            if self.rows:
                appender = connection.appender("answer")
                appender.append_rows(self.rows)
                appender.flush()
            yield connection

    def __repr__(self) -> str:
        from specc.results.table import as_table

        return as_table(self, most_rows=SHOWN_ROWS).rstrip("\n")

    def _repr_html_(self) -> str:
        from specc.results.formats import as_html

        return as_html(self, SHOWN_ROWS)

    def _repr_markdown_(self) -> str:
        from specc.results.formats import as_markdown

        return as_markdown(self, SHOWN_ROWS)


QUOTED_NULL = '"NULL"'
"""Type of a column that has nothing but nulls, as DuckDB writes it."""


def _need(*packages: str) -> None:
    """Say what to install, where a package is missing."""
    from importlib import import_module

    for package in packages:
        try:
            import_module(package)
        except ImportError as error:
            raise SpeccError(
                f"`{package}` is not installed", f"`pip install {' '.join(packages)}`"
            ) from error


def distinct(names: Sequence[str]) -> list[str]:
    """Names, with a number behind those that were there before; names of SQL have no case.

    >>> distinct(["a", "b", "A"])
    ['a', 'b', 'A_2']
    """
    seen: set[str] = set()
    found = []
    for name in names:
        free = next(each for each in _numbered(name) if each.lower() not in seen)
        seen.add(free.lower())
        found.append(free)
    return found


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1
