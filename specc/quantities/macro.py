"""What an SQL function of specc is: its signature, its SQL, what it means and where that is from.

Functions are DuckDB macros in the published file, so that any DuckDB shell has them. A macro's SQL
uses no other macro (the file may be attached under another name), and its own names begin with `q_`:
an argument is an expression of the query, and may name any column.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Macro:
    """A function that queries have beside DuckDB's.

    Attributes:
        signature: name and parameters, as they are declared; `better := 'lower'` has a default.
        sql: an expression. Of an aggregate it is one over the rows of a group, as `avg` is.
        doc: what it gives, with its unit.
        source: where the definition is from; empty if it is only a name for SQL.
        example: a query that shows it, on the tables of any experiment.
    """

    signature: str
    sql: str
    doc: str
    source: str = ""
    example: str = ""

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]

    def ddl(self, schema: str = "main") -> str:
        """The statement that makes it."""
        return f"CREATE OR REPLACE MACRO {schema}.{self.signature} AS {self.sql}"


def sign(parameter: str) -> str:
    """SQL of 1 where lower is better and -1 where higher is."""
    return (
        f"CASE {parameter} WHEN 'lower' THEN 1 WHEN 'higher' THEN -1 "
        f"ELSE error('`{parameter}` is ''lower'' or ''higher''') END"
    )
