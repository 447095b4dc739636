"""Rows of files with named columns: CSV, JSON, JSON lines, Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from specc.errors import reason
from specc.exchange.foreign import MOST_VALUES, parsed, read_text, scalar, unreadable

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")

Row = Mapping[str, Any]
"""Values by column; texts of CSV are what they spell, empty ones are left out."""


def is_records(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def read_rows(path: Path) -> list[Row]:
    """The rows of a file.

    Raises:
        DataError: if it can't be read as what its name says, or is too large.
    """
    suffix = path.suffix.lower()
    rows: list[Row] = []
    found = (
        _csv(path)
        if suffix in (".csv", ".tsv")
        else _parquet(path)
        if suffix == ".parquet"
        else _json(path)
        if suffix == ".json"
        else _lines(path)
    )
    cells = 0
    for row in found:
        rows.append(row)
        cells += len(row)
        if cells > MOST_VALUES:  # a file that is small when compressed may have any number
            unreadable(path, f"it has more than {MOST_VALUES:,} values")
    return rows


def _csv(path: Path) -> Iterator[Row]:
    text = read_text(path)
    header = text.partition("\n")[0]
    delimiter = max("\t,;", key=header.count) if path.suffix.lower() == ".csv" else "\t"
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        numbered = bool(names) and not names[0]  # rows that pandas and R have numbered
        names = [name or f"column {place}" for place, name in enumerate(names, start=1)]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            unreadable(path, f"two columns are named `{twice}`")
        for values in reader:
            if not values:
                continue
            if len(values) != len(names):
                unreadable(path, f"line {reader.line_num} has {len(values)} values, and not {len(names)}")
            row = {name: scalar(value) for name, value in zip(names, values, strict=True) if value != ""}
            if numbered and isinstance(row.get(names[0]), int):
                del row[names[0]]
            yield row
    except csv.Error as error:
        unreadable(path, f"line {reader.line_num}: {reason(error)}", error)


def _json(path: Path) -> Iterator[Row]:
    """A list of objects, an object, or columns: an object of lists or of objects by row, as pandas writes."""
    try:
        found = parsed(read_text(path))
    except (ValueError, RecursionError) as error:
        unreadable(path, reason(error), error)
    if isinstance(found, dict):
        columns = list(found.values())
        if columns and all(isinstance(each, list) for each in columns):
            if len({len(each) for each in columns}) > 1:
                unreadable(path, "its columns are of different lengths")
            found = [dict(zip(found, values, strict=True)) for values in zip(*columns, strict=True)]
        elif columns and all(isinstance(each, dict) and set(each) == set(columns[0]) for each in columns):
            places = list(columns[0])
            if all(place.isdecimal() for place in places):
                found = [{name: each[place] for name, each in found.items()} for place in places]
            else:
                found = [found]
        else:
            found = [found]
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        unreadable(path, "it holds no list of objects")
    yield from found


def _lines(path: Path) -> Iterator[Row]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = parsed(line)
        except (ValueError, RecursionError) as error:
            unreadable(path, f"line {number}: {reason(error)}", error)
        if not isinstance(row, dict):
            unreadable(path, f"line {number} holds no object")
        yield row


def _value(value: Any) -> Any:
    """A value of Parquet: decimals are numbers; dates, times and identifiers the texts that they are."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) and abs(value) < 2**63 else float(value)
    return str(value) if isinstance(value, date | time | timedelta | UUID) else value


def _parquet(path: Path) -> Iterator[Row]:
    import duckdb

    try:
        with duckdb.connect() as connection:
            cursor = connection.execute(
                "SELECT * FROM read_parquet(?, hive_partitioning = false)", [str(path)]
            )
            names = [column[0] for column in cursor.description or ()]
            while batch := cursor.fetchmany(10_000):
                for values in batch:
                    yield {n: _value(v) for n, v in zip(names, values, strict=True) if v is not None}
    except duckdb.Error as error:
        unreadable(path, reason(error), error)
