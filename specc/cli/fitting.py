"""`specc fit`."""

from __future__ import annotations

import json
import sys

from specc.cli.places import find_workspace
from specc.errors import QueryError


def show_fit(
    form: str | None,
    query: str | None,
    workspace: str | None,
    experiment: str | None,
    hold_out: str | None,
    first: int | None,
    json_wanted: bool,
) -> int:
    """Fit a form to the rows of a query and print it; without a form, list them all."""
    from specc.quantities.fits.forms import FORMS
    from specc.quantities.fits.text import listing

    if form is None:
        if json_wanted:
            listed = [
                {
                    "form": each.name,
                    "formula": each.formula,
                    "source": each.source,
                    "columns": dict(each.columns),
                    "parameters": {parameter.name: parameter.doc for parameter in each.parameters},
                }
                for each in FORMS.values()
            ]
            print(json.dumps(listed, indent=1))
        else:
            print(listing(tuple(FORMS.values())), end="")
        return 0
    from specc.quantities.fits.fit import form_named
    from specc.quantities.fits.query import fit_query
    from specc.results.reader import open_results
    from specc.store import open_workspace

    wanted = form_named(form)
    if query is None:
        if sys.stdin.isatty():
            columns = ", ".join(f"... as {name}" for name in (*wanted.columns, "y"))
            raise QueryError(
                "there is no query", f'write one: `specc fit {form} "select {columns} from ..."`'
            )
        query = sys.stdin.read()
    connection = open_results(open_workspace(find_workspace(workspace)), experiment)
    try:
        fitted = fit_query(connection, form, query, hold_out, first)
    finally:
        connection.close()
    print(fitted.model_dump_json(indent=1) if json_wanted else str(fitted), end="\n" if json_wanted else "")
    return 0
