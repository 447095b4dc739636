"""Write rows of a data set of the hub to standard output, as JSON lines: a process of its own.

    python -m specc.hub.stream '{"name": ..., "revision": ..., "subset": ..., "split": ..., "columns": [...]}'

The library `datasets` starts threads and loads what it finds; none of that belongs into a process that
compiles a recipe, or trains. The last line of a stream that ended well is `{"end": rows}`, that of one
that did not `{"error": message, "help": text}`; a row is a list of the columns' values.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any


def rows(wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows that are asked for, in the order of the data set's files."""
    import datasets

    datasets.disable_progress_bars()
    data = datasets.load_dataset(
        wanted["name"],
        wanted["subset"] or None,
        split=wanted["split"],
        revision=wanted["revision"],
        streaming=True,
    )
    known = data.column_names
    if known is not None and set(wanted["columns"]) <= set(known):
        data = data.select_columns(wanted["columns"])
    yield from data


def main() -> int:
    wanted = json.loads(sys.argv[1])
    columns: list[str] = wanted["columns"]
    number = 0
    try:
        for row in rows(wanted):
            present = [name for name in columns if name in row]
            if len(present) < len(columns):
                _write({"columns": sorted(row)})
                return 1
            _write([row[name] for name in columns])
            number += 1
        _write({"end": number})
    except ImportError:
        message = "data sets of the hub need the package `datasets`"
        _write({"error": message, "help": "install it: `pip install 'specc[hf]'`"})
        return 1
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads on
        return 0
    except Exception as error:  # those of the library, of what carries its requests, of what reads files
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        _write({"error": f"{type(error).__name__}: {first}", "help": ""})
        return 1
    return 0


def _write(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")


if __name__ == "__main__":
    sys.exit(main())
