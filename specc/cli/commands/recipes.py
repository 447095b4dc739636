"""Commands on recipes: start, check, format, show, compare texts, draw."""

from __future__ import annotations

import click

from specc.cli.failures import told
from specc.cli.root import file_argument, json_option, max_arms_option, only_option, specc, workspace_option


@specc.command()
@click.argument("folder", type=click.Path(path_type=str), required=False)
@click.option(
    "--from", "source", metavar="RECIPE", help="Copy a recipe that comes with specc; `paper` lists them."
)
@told
def new(folder: str | None, source: str | None) -> int:
    """Start a project: a folder with a recipe that runs, data for it, and a .gitignore.

    \b
    Examples:
      specc new my_study
      specc new --from paper                          what comes with specc
      specc new my_study --from early_exposure/text
    """
    from specc.cli.starting import new_project

    return new_project(folder, source)


@specc.command()
@file_argument
@only_option
@max_arms_option
@json_option
@told
def check(file: str, only: tuple[str, ...], max_arms: int, as_json: bool) -> int:
    """Check a recipe: names, types, units, budgets, SQL.

    --json lists diagnostics by file, in the shapes of the Language Server Protocol.
    """
    from specc.cli.compiling import check_file

    return check_file(file, only, max_arms, as_json)


@specc.command()
@file_argument
@max_arms_option
@click.option("--update", is_flag=True, help="Pin all anew: branches and tags as they are now.")
@json_option
@told
def lock(file: str, max_arms: int, update: bool, as_json: bool) -> int:
    """Pin the models and data sets that a recipe takes from the hub.

    \b
    Writes NAME.lock beside NAME.spec: the commit of each model and data set, checksums, and what a
    plan needs to know of them. Only this command asks the hub; `specc check` and `specc plan` read the
    lock. What is pinned stays as it is. Keep the file with the recipe.
    """
    from specc.cli.locking import lock_file

    return lock_file(file, update, max_arms, as_json)


@specc.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=str, allow_dash=True))
@click.option(
    "--check", is_flag=True, help="Write nothing; name the files that would change, and exit with 1."
)
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@told
def fmt(files: tuple[str, ...], check: bool, diff: bool) -> int:
    """Bring recipes into the canonical form.

    Two spaces a level, an item a line, columns aligned, lines of 100 columns; comments stay where
    they are. FILES may be folders, for all recipes in them, and - for standard input, which is
    printed. What can't be parsed is reported and left as it is. There are no options of style.
    """
    from specc.cli.formatting import format_files

    return format_files(files, check, diff)


@specc.command()
@file_argument
@only_option
@max_arms_option
@click.option("--recipe", metavar="NAME", help="Show this recipe of the experiment alone.")
@click.option(
    "--arm",
    multiple=True,
    metavar="AXIS=VALUE",
    help="Show one arm alone: AXIS=VALUE for each axis, also seed=N; or the label of an arm.",
)
@click.option("--origin", is_flag=True, help="Show every resolved value with the line that set it, and why.")
@json_option
@told
def show(
    file: str,
    only: tuple[str, ...],
    max_arms: int,
    recipe: str | None,
    arm: tuple[str, ...],
    origin: bool,
    as_json: bool,
) -> int:
    """Print an experiment as one text: templates, extensions and other files are put in.

    The text compiles to the same steps. --origin prints where each value of an arm comes from instead,
    those of the first arm unless one is named.

    \b
    Examples:
      specc show recipe.spec > whole.spec
      specc show recipe.spec --arm early=25% --arm seed=1
      specc show recipe.spec --origin
    """
    from specc.cli.showing import show_file

    return show_file(file, only, max_arms, recipe, arm, origin, as_json)


@specc.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="[B]", required=False)
@click.option("--since", metavar="REVISION", help="Compare A at this git revision with A now; default: HEAD.")
@only_option
@max_arms_option
@workspace_option
@json_option
@click.option("--exit-code", is_flag=True, help="Exit with 1 if steps differ.")
@told
def diff(
    first: str,
    second: str | None,
    since: str | None,
    only: tuple[str, ...],
    max_arms: int,
    workspace: str | None,
    as_json: bool,
    exit_code: bool,
) -> int:
    """Say what differs between two recipes, what that makes new, and what is confounded.

    A change of the text that changes no step, as of a comment or a name, is told as such.

    \b
    Examples:
      specc diff old.spec new.spec
      specc diff recipe.spec                  what has changed since the last commit
      specc diff recipe.spec --since v1.0
    """
    from specc.cli.differing import diff_files

    return diff_files(first, second, since, only, max_arms, workspace, as_json, exit_code)


@specc.command()
@file_argument
@only_option
@max_arms_option
@workspace_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "svg", "html", "dot", "mermaid"]),
    help="Form; default: by the ending of -o, else text.",
)
@click.option("-o", "--output", type=click.Path(path_type=str), help="Write to this file.")
@click.option(
    "--unfold",
    multiple=True,
    metavar="AXIS",
    help="Draw the values of an axis apart; also recipe, seed, position, eval, or all.",
)
@told
def graph(
    file: str,
    only: tuple[str, ...],
    max_arms: int,
    workspace: str | None,
    form: str | None,
    output: str | None,
    unfold: tuple[str, ...],
) -> int:
    """Draw the steps of a recipe: what is made from what, and what is done.

    Steps that differ by arm, seed or position alone are one node.

    \b
    Examples:
      specc graph recipe.spec
      specc graph recipe.spec -o recipe.html --unfold early
    """
    from specc.cli.drawing import draw_file

    return draw_file(file, only, max_arms, workspace, form, output, unfold)


@specc.command()
@told
def specs() -> int:
    """List the recipes that come with specc."""
    from specc.cli.compiling import list_shipped

    return list_shipped()
