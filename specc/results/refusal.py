"""What DuckDB says about a query it refuses, in the words of an error for people.

Connections are opened with `errors_as_json`, so that the message, the position and the candidates
are fields and need no parsing of prose.
"""

from __future__ import annotations

import json
import re

from specc.diagnostics import nearest
from specc.errors import QueryError

_WRITING = (
    "in read-only mode",
    "is not an table",
    "Can only delete from base table",
    "Can only update base table",
)
"""What DuckDB says of statements that would change the results, or views of them."""

_PRIVATE = ("pg_", "duckdb_", "planned.", "recorded.")
"""How the names begin of what is no part of the results that people are told of."""

_OF_A_MACRO = re.compile(r"function `(\w+)` is a Macro Function")


def refusal(error: Exception, sql: str, before: str = "") -> QueryError:
    """Turn an error of DuckDB into one for people.

    Args:
        sql: the query as its author wrote it.
        before: what was put before the query when it was given to DuckDB.
    """
    fields = _fields(str(error))
    lines = fields.get("exception_message", str(error)).split("\n")
    kind = fields.get("error_subtype", "")
    name = fields.get("name", "")
    candidates: tuple[str, ...] = ()
    if kind in ("COLUMN_NOT_FOUND", "MISSING_ENTRY") and fields.get("candidates"):
        candidates = tuple(each.strip(' "') for each in fields["candidates"].split(","))
    message = _plain(lines[0].rstrip("!."))
    help = None
    if kind == "COLUMN_NOT_FOUND":
        message = f"there is no column `{name}` here"
        longer = [each for each in candidates if len(name) > 2 and each.startswith(name)]
        close = longer[0] if longer else nearest(name, candidates)
        if close is not None:
            help = f"write `{close}`"
        elif candidates:
            help = "columns with similar names: " + ", ".join(f"`{each}`" for each in candidates)
    elif kind == "MISSING_ENTRY":
        what = fields.get("type", "table").lower()
        message = f"there is no {'function' if 'function' in what else what} `{name}`"
        candidates = tuple(each for each in candidates if not each.startswith(_PRIVATE))
        if candidates:
            help = f"write `{candidates[0]}`"
    elif fields.get("exception_type") == "Permission":
        message, help = "a query can't reach files", "read the tables of the results instead"
        if sql.lstrip().lower().startswith(("copy", "export")):
            help = "to write an answer to a file, use `specc sql -o FILE` or `--parquet FILE`"
    elif any(sign in str(error) for sign in _WRITING):
        message = "results can only be read"
        help = "`create temp table NAME as select ...` keeps an answer for the statements behind it"
    elif found := _OF_A_MACRO.match(message):
        message = f"`{found[1]}` takes no `filter`, `distinct` or `order by`"
        help = f"write the condition inside: `{found[1]}(case when ... then value end)`"
    elif "macro bodies must contain exactly one aggregate" in message:
        message = "this function can't stand before `over`"
        help = "ask for it by `group by` in a subquery, and join that"
    elif "configuration has been locked" in str(error):
        message, help = (
            "a query can't change settings",
            "leave it out: results are read with settings of their own",
        )
    elif "'pytz'" in str(error):
        message = "a time with a zone can't be shown without the package `pytz`"
        help = "write `now()::timestamp`, or install it: `pip install pytz`"
    elif len(lines) > 1 and not lines[1].startswith(("\t", "LINE")):
        help = _plain(lines[1].rstrip("!."))
    return QueryError(message, help, _offset(fields.get("position"), sql, before), candidates)


def _fields(text: str) -> dict[str, str]:
    """The error's fields; empty if it carries none (an error of the client, not of the engine)."""
    _, brace, rest = text.partition("{")
    try:
        found = json.loads(brace + rest)
    except ValueError:
        return {}
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _plain(text: str) -> str:
    """Lower case at the start, names in backticks."""
    text = text.replace('"', "`").strip()
    if len(text) > 1 and text[0].isupper() and not text[1].isupper():
        text = text[0].lower() + text[1:]
    return text


def _offset(position: str | None, sql: str, before: str) -> int | None:
    """Offset in characters of the query; DuckDB counts bytes of UTF-8 in all it was given."""
    if position is None or not position.isdigit():
        return None
    whole = (before + sql).encode()
    characters = len(whole[: int(position)].decode(errors="ignore")) - len(before)
    return min(max(characters, 0), len(sql))
