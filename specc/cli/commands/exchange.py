"""The command that takes in results of other tools."""

from __future__ import annotations

import click

from specc.cli.failures import told
from specc.cli.root import json_option, specc, workspace_option


@specc.command("import")
@click.argument("source", type=click.Path(path_type=str))
@click.option("--as", "name", metavar="EXPERIMENT", help="Name of the experiment; default: the source's.")
@click.option(
    "--from",
    "kind",
    type=click.Choice(["mlflow", "wandb", "tensorboard", "lm_eval", "table"]),
    help="What SOURCE is; default: what it looks like.",
)
@click.option("--take", metavar="NAME", help="Of several experiments of MLflow, this one.")
@click.option("--seed", metavar="NAME", help="Parameter or column that is the seed.")
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="NAME=ROLE[:NEW]",
    help="What a parameter, a column or a logged name is, and what it is to be called.",
)
@click.option(
    "--better", multiple=True, metavar="EVAL=lower|higher", help="Which results of an evaluation are better."
)
@click.option(
    "--data",
    metavar="NAME",
    help="Names what was evaluated on: imports pair only where it is the same. Default: the experiment.",
)
@click.option("--replace", is_flag=True, help="Also an experiment that was imported from somewhere else.")
@click.option("--dry-run", is_flag=True, help="Tell what it would become, and write nothing.")
@click.option("--remove", is_flag=True, help="Remove the imported experiment SOURCE from the workspace.")
@workspace_option
@json_option
@told
def import_(
    source: str,
    name: str | None,
    kind: str | None,
    take: str | None,
    seed: str | None,
    mapped: tuple[str, ...],
    better: tuple[str, ...],
    data: str | None,
    replace: bool,
    dry_run: bool,
    remove: bool,
    workspace: str | None,
    as_json: bool,
) -> int:
    """Take in results of other tools as an experiment, to be compared like those that were run here.

    SOURCE is a database (mlflow.db) or folder (mlruns) of MLflow; the folder `wandb` of W&B, or files
    that it exported: runs with `config` and `summary`, or the page's CSV, and histories (with `_step`)
    named after their runs; a folder with event files of TensorBoard; `results_*.json` of
    lm-evaluation-harness with its samples, or a folder of them; or a table (CSV, JSON, JSON lines,
    Parquet) with a row for each result (columns `eval` and `value`) or for each run. No other program
    is needed, and nothing in SOURCE is executed.

    Parameters that differ among runs become axes, with their types; a parameter called seed is the
    seed. Without a table's result columns, results are the last values of all that was logged.

    \b
    ROLE is one of
      axis, setting             a parameter: told apart by it, or not
      recipe, seed, run, stage  a column or parameter that says it
      result, logged            results, or only curves; then only those told are results
      steps, tokens, eval, metric, value, stderr, n    columns of a table
      skip                      left out

    What was taken in is kept in the workspace; SOURCE is not needed again. The same once more changes
    nothing; a SOURCE that has grown is taken in anew.

    \b
    Examples:
      specc import mlflow.db --take ablation --as ablation
      specc import runs/ --from tensorboard --map eval/loss=result:skill_loss
      specc import sweep.csv --seed rng --map lr=axis --map val_loss=result --better val_loss=lower
      specc import results_2026-11-21T10-00-00.json
      specc import --remove ablation
    """
    from specc.cli.exchanging import bring_in, remove_import

    if remove:
        return remove_import(source, workspace, as_json)
    return bring_in(
        source, name, kind, take, seed, mapped, better, data, replace, dry_run, workspace, as_json
    )
