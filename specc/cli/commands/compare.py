"""The command that compares groups of arms."""

from __future__ import annotations

from typing import Any, Literal

import click

from specc.cli import shell_completion as completion
from specc.cli.failures import told
from specc.cli.root import json_option, specc


@specc.command()
@click.argument(
    "names", metavar="[NAME | A B...]", nargs=-1, shell_complete=completion.comparison_and_recipe_names
)
@click.option(
    "-w",
    "--workspace",
    "workspaces",
    multiple=True,
    type=click.Path(path_type=str),
    envvar="SPECC_WORKSPACE",
    help="Folder of results; several are compared with each other.",
)
@click.option(
    "-e",
    "--experiment",
    "experiments",
    multiple=True,
    shell_complete=completion.experiment_names,
    help="Of this experiment; several are compared.",
)
@click.option(
    "--by",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.axis_names,
    help="Axis that makes the groups, or `recipe`.",
)
@click.option(
    "--metric",
    metavar="EVAL",
    shell_complete=completion.evaluation_names,
    help="Result to compare; default: all after the last stage.",
)
@click.option(
    "--stage", shell_complete=completion.stage_names, help="After this stage; default: the last one."
)
@click.option("--position", metavar="SHARE", help="After this share of the stage, such as 50%.")
@click.option("--given", multiple=True, metavar="NAME=VALUE", help="Only arms with this value.")
@click.option("--baseline", metavar="GROUP", help="Group that the others are compared with.")
@click.option("--frontier", nargs=2, metavar="EVAL EVAL", help="Two results against each other.")
@click.option(
    "--since",
    metavar="RUN",
    help="Against an earlier run: its number or tag, a date, or words of a change.",
)
@click.option("--run", metavar="RUN", help="With --since: this run, and not the latest.")
@click.option("--better", type=click.Choice(["lower", "higher"]), help="Which results are better.")
@click.option("--level", default="95%", show_default=True, metavar="SHARE", help="Of the intervals.")
@click.option(
    "--fail-if-worse",
    is_flag=False,
    flag_value="0",
    metavar="[MARGIN]",
    help="Exit with 3 if a group is worse than the baseline, beyond its interval and this margin.",
)
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a row for each group.")
@click.option("--md", "as_md", is_flag=True, help="Print Markdown tables.")
@click.option("--latex", "as_latex", is_flag=True, help="Print LaTeX tables (booktabs).")
@click.option("--sql", "as_sql", is_flag=True, help="Print the query that gives the values, and stop.")
@told
def compare(
    names: tuple[str, ...],
    workspaces: tuple[str, ...],
    experiments: tuple[str, ...],
    by: tuple[str, ...],
    metric: str | None,
    stage: str | None,
    position: str | None,
    given: tuple[str, ...],
    baseline: str | None,
    frontier: tuple[str, str] | None,
    since: str | None,
    run: str | None,
    better: Literal["lower", "higher"] | None,
    level: str,
    fail_if_worse: str | None,
    **forms: Any,
) -> int:
    """Compare recipes: effects with their intervals first, paired over the seeds that groups share.

    Alone, answers the experiment's main questions, and prints the recipe's own comparisons and
    expectations. NAME is one of these comparisons.

    A B... are groups, the first of which is the baseline: a recipe, AXIS=VALUE, both with a comma, an
    arm's label, an experiment; EXPERIMENT::GROUP, or WORKSPACE::EXPERIMENT::GROUP, is one elsewhere, a
    workspace being its folder or a recipe beside it.
    Without --baseline, groups are compared with the recipe `base`, else with the first.

    --fail-if-worse exits with 3 if the whole interval of a difference lies on the worse side, beyond
    MARGIN, or if a group has arms that diverged or failed where the baseline has results. What the
    interval leaves open passes, and is told; nothing to judge, or other data, is an error (2). Each
    group is judged alone: of many groups, one may fail by chance.

    What is computed, and why: `specc reference statistics`.

    \b
    Examples:
      specc compare
      specc compare early=0% early=50% --metric L_ret
      specc compare --by early --metric L_ret --stage finetune --given lr=3e-3
      specc compare base replay --fail-if-worse=0.01
      specc compare old/.specc::early_text::early=50% early=50%
      specc compare --frontier L_ft L_ret --by recipe --by early
      specc compare -w monday/.specc -w tuesday/.specc --metric L_ret --json
      specc compare --since 3
      specc compare --since "schedule.peak"      since that was changed
    """
    if since is not None or run is not None:
        from specc.cli.since import compare_since

        others = [*names, *by, *given, *(each for each in (stage, position, baseline) if each)]
        return compare_since(
            since, run, workspaces, experiments, metric, others or frontier, _form(forms), fail_if_worse
        )
    from specc.cli.comparing import Request, run_compare

    return run_compare(
        Request(
            names,
            workspaces,
            experiments,
            by,
            metric,
            stage,
            position,
            given,
            baseline,
            frontier,
            better,
            level,
            fail_if_worse,
            _form(forms),
        )
    )


def _form(forms: dict[str, bool]) -> Literal["text", "json", "csv", "md", "latex", "sql"]:
    wanted = [name for name, flag in forms.items() if flag]
    if len(wanted) > 1:
        from specc.errors import QueryError

        listed = " and ".join(f"`--{name.removeprefix('as_')}`" for name in wanted)
        raise QueryError(f"{listed} exclude each other", "give one of them")
    known: dict[str, Literal["json", "csv", "md", "latex", "sql"]] = {
        "as_json": "json",
        "as_csv": "csv",
        "as_md": "md",
        "as_latex": "latex",
        "as_sql": "sql",
    }
    return known[wanted[0]] if wanted else "text"
