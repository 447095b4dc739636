"""The command that fits curves to results."""

from __future__ import annotations

import click

from specc.cli.failures import told
from specc.cli.root import json_option, specc, workspace_option


@specc.command()
@click.argument("form", required=False)
@click.argument("query", required=False)
@workspace_option
@click.option("-e", "--experiment", help="Look into this experiment first; needed if there are several.")
@click.option("--hold-out", metavar="CONDITION", help="Predict these rows instead of fitting them.")
@click.option(
    "--first",
    type=click.IntRange(min=1),
    metavar="K",
    help="Fit the first K rows, in the query's order, and predict the others.",
)
@json_option
@told
def fit(
    form: str | None,
    query: str | None,
    workspace: str | None,
    experiment: str | None,
    hold_out: str | None,
    first: int | None,
    as_json: bool,
) -> int:
    """Fit a curve to the rows of a query; without arguments, list the curves there are.

    The query names its columns as the form does, and `y`. With a column `seed`, intervals are over
    seeds; else points are taken as independent. All numbers are above 0: of an accuracy fit 1 - value.

    \b
    Examples:
      specc fit
      specc fit power_law "select tokens as x, value as y, seed from results where eval = 'L_pre'"
      specc fit power_law "select tokens as x, value as y from metrics" --hold-out "x > 1e6"
    """
    from specc.cli.fitting import show_fit

    return show_fit(form, query, workspace, experiment, hold_out, first, as_json)
