"""Commands on what was run before."""

from __future__ import annotations

import click

from specc.cli.failures import told
from specc.cli.root import json_option, specc, workspace_option


@specc.command()
@click.argument("name", required=False, metavar="[RUN | EXPERIMENT | FILE]")
@click.option("-n", "most", type=click.IntRange(min=1), default=20, show_default=True, help="Runs listed.")
@click.option("--recipe", is_flag=True, help="Print the recipe of the run, as it was then.")
@workspace_option
@json_option
@told
def log(name: str | None, most: int, recipe: bool, workspace: str | None, as_json: bool) -> int:
    """List runs, newest first: how each ended, what it changed, its notes and tags.

    RUN is a number, a tag, or `latest`; all that is known of it is told, and what changed since the
    run before it.

    \b
    Examples:
      specc log
      specc log recipe.spec
      specc log 12 --recipe > as_it_was.spec
    """
    from specc.cli.history import show_log

    return show_log(name, most, workspace, recipe, as_json)


@specc.command()
@click.argument("run")
@click.argument("text", required=False)
@click.option("--replace", is_flag=True, help="In the place of the notes that are there.")
@workspace_option
@told
def note(run: str, text: str | None, replace: bool, workspace: str | None) -> int:
    """Write a note on a run; without TEXT, read it from standard input. If that is a terminal, or empty,
    show the notes that are there.

    \b
    Examples:
      specc note latest "the learning rate was too low"
      specc note 12 - < thoughts.txt
    """
    from specc.cli.history import note as write_note

    return write_note(run, text, replace, workspace)


@specc.command()
@click.argument("run")
@click.argument("tags", nargs=-1, metavar="[TAG]...")
@click.option("--remove", is_flag=True, help="Take the tags away.")
@workspace_option
@told
def tag(run: str, tags: tuple[str, ...], remove: bool, workspace: str | None) -> int:
    """Give a run a tag: a name for it wherever a run is asked for. What a tagged run needs is kept.

    \b
    Examples:
      specc tag latest submitted
      specc log submitted
    """
    from specc.cli.history import tag as set_tags

    return set_tags(run, tags, remove, workspace)


@specc.command()
@click.option(
    "--keep",
    "runs_kept",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Keep what the latest N runs of each experiment need.",
)
@click.option("--results", is_flag=True, help="Give up evaluations too; else they all stay.")
@click.option("--yes", is_flag=True, help="Do it; without, it is only shown.")
@click.option("--purge", is_flag=True, help="Empty the trash.")
@click.option("--restore", is_flag=True, help="Put back what is in the trash.")
@workspace_option
@json_option
@told
def gc(
    runs_kept: int, results: bool, yes: bool, purge: bool, restore: bool, workspace: str | None, as_json: bool
) -> int:
    """Take away what no kept result needs: in two steps, each shown before it is done.

    What the latest run of each experiment needs is kept, and the latest that was done, what any tagged
    run needs (`specc tag`), and the numbers of all evaluations. The rest is moved to the workspace's
    trash, from where it can be put back until the trash is emptied. Plans, recipes, notes and events of
    all runs stay.

    \b
    Examples:
      specc gc                  what, and how much
      specc gc --yes            into the trash
      specc gc --purge --yes    for good
    """
    from specc.cli.collecting import collect_garbage

    return collect_garbage(workspace, runs_kept, results, yes, purge, restore, as_json)
