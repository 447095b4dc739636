"""The command line: one function a command, each importing only what it needs.

Output that was asked for goes to stdout; progress, warnings and errors go to stderr. Exit codes:
0 done, 1 the recipe is wrong, 2 wrong usage, 3 an expectation is not met, 4 a step failed or is not what
it was, 130 interrupted, 75 interrupted by SIGTERM or SIGUSR1 (a batch system may start it again).
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Literal

import click

from specc.cli.failures import told
from specc.cli.lane_count import LaneCount
from specc.version import __version__

MAX_ARMS = "--max-arms"


class Commands(click.Group):
    """Commands in the order of a study, and errors told without a traceback."""

    ORDER = (
        "new",
        "check",
        "lock",
        "fmt",
        "show",
        "plan",
        "run",
        "status",
        "sql",
        "compare",
        "diff",
        "why",
        "graph",
        "export",
        "index",
        "verify",
        "specs",
        "explain",
        "lsp",
        "reference",
    )

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in self.ORDER if name in self.commands]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="specc")
def specc() -> None:
    """Compile, run and compare language-model training recipes.

    A recipe is a .spec file. `specc run FILE` does every step that no earlier run has done, and
    `specc sql "select ..."` answers from the results, also while a run goes on.
    """


_file = click.argument("file", type=click.Path(path_type=str))
_only = click.option("-e", "--experiment", "only", multiple=True, help="Only this experiment of the file.")
_max_arms = click.option(
    MAX_ARMS,
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Refuse an experiment with more arms.",
)
_workspace = click.option(
    "-w",
    "--workspace",
    type=click.Path(path_type=str),
    envvar="SPECC_WORKSPACE",
    help="Folder of results; default: .specc beside the recipe, or the one found from here.",
)
_workers = click.option(
    "-j", "--workers", type=click.IntRange(min=1), help="Steps done at once; default: one per processor."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


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
@_file
@_only
@_max_arms
@_json
@told
def check(file: str, only: tuple[str, ...], max_arms: int, as_json: bool) -> int:
    """Check a recipe: names, types, units, budgets, SQL.

    --json lists diagnostics by file, in the shapes of the Language Server Protocol.
    """
    from specc.cli.compiling import check_file

    return check_file(file, only, max_arms, as_json)


@specc.command()
@_file
@_max_arms
@click.option("--update", is_flag=True, help="Pin all anew: branches and tags as they are now.")
@_json
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
@_file
@_only
@_max_arms
@click.option("--recipe", metavar="NAME", help="Show this recipe of the experiment alone.")
@click.option(
    "--arm",
    multiple=True,
    metavar="AXIS=VALUE",
    help="Show one arm alone: AXIS=VALUE for each axis, also seed=N; or the label of an arm.",
)
@click.option("--origin", is_flag=True, help="Show every resolved value with the line that set it, and why.")
@_json
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
@_file
@_only
@_max_arms
@_workspace
@_workers
@click.option("--all", "all_tables", is_flag=True, help="Show every budget table.")
@_json
@told
def plan(
    file: str,
    only: tuple[str, ...],
    max_arms: int,
    workspace: str | None,
    workers: int | None,
    all_tables: bool,
    as_json: bool,
) -> int:
    """Show what a recipe will do: arms, budgets, steps, what is done, cost."""
    from specc.cli.compiling import plan_file

    return plan_file(file, only, max_arms, workspace, workers, all_tables, as_json)


@specc.command()
@_file
@_only
@_max_arms
@_workspace
@_workers
@click.option(
    "--device", default="cpu", show_default=True, help="Where models are trained: cpu, cuda, cuda:1, mps."
)
@click.option(
    "--replicas",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    envvar="SPECC_REPLICAS",
    show_envvar=True,
    help="Processes that train each model together, one GPU each where there are some.",
)
@click.option(
    "--sharding",
    type=click.Choice(["auto", "replicate", "shard"]),
    default="auto",
    show_default=True,
    help="Whether replicas hold whole models or parts of them; auto: parts from 1B parameters.",
)
@click.option(
    "--micro-batch",
    type=click.IntRange(1),
    help="Sequences in a forward pass; default: all, on a GPU what fits.",
)
@click.option(
    "--implementation",
    type=click.Choice(["auto", "plain", "transformers"]),
    default="auto",
    show_default=True,
    help="Whose forward and backward pass trains; auto: the plain one, where it covers the model.",
)
@click.option(
    "--compile",
    "compiled",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    help="Whether torch compiles the plain one; pays where small models train for minutes; auto: on a GPU.",
)
@click.option(
    "--lanes",
    type=LaneCount(),
    default="auto",
    show_default=True,
    metavar="off|auto|N",
    help="Small training steps of one shape that a worker trains together; changes rounding.",
)
@click.option("--no-wait", is_flag=True, help="Fail at once if another run uses the workspace.")
@told
def run(
    file: str,
    only: tuple[str, ...],
    max_arms: int,
    workspace: str | None,
    workers: int | None,
    device: str,
    replicas: int,
    sharding: str,
    micro_batch: int | None,
    implementation: str,
    compiled: str,
    lanes: int | Literal["auto", "off"],
    no_wait: bool,
) -> int:
    """Do what has not been done, then print comparisons and expectations.

    Interrupt with Ctrl-C at any time; the same command goes on from there.
    """
    from specc.cli.machine import Machine
    from specc.cli.running import run_file

    machine = Machine(device, replicas, sharding, micro_batch, implementation, compiled, lanes)
    if contradiction := machine.contradiction():
        raise click.UsageError(contradiction)
    return run_file(file, only, max_arms, workspace, workers, machine, no_wait)


@specc.command()
@_workspace
@_json
@told
def status(workspace: str | None, as_json: bool) -> int:
    """Tell how the latest run is going, from any shell."""
    from specc.cli.running import show_status

    return show_status(workspace, as_json)


@specc.command()
@click.argument("query", required=False)
@_workspace
@click.option("-e", "--experiment", help="Look into this experiment first; needed if there are several.")
@click.option("-f", "--file", "script", type=click.Path(path_type=str), help="Read the query from a file.")
@_json
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@told
def sql(
    query: str | None,
    workspace: str | None,
    experiment: str | None,
    script: str | None,
    as_json: bool,
    as_csv: bool,
) -> int:
    """Answer a query on the results; without one, open a prompt.

    Tables: results, recipes, allocations, stages, steps, metrics, samples, expectations, lineage,
    artifacts, environments, experiments. Axes of the sweep are columns.
    """
    from specc.cli.querying import run_sql

    return run_sql(query, workspace, experiment, script, as_json, as_csv)


@specc.command()
@click.argument("name", required=False)
@_workspace
@click.option("-e", "--experiment", help="Of this experiment; needed if there are several.")
@_json
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@told
def compare(
    name: str | None, workspace: str | None, experiment: str | None, as_json: bool, as_csv: bool
) -> int:
    """Print a recipe's comparison, or all of them, and its expectations."""
    from specc.cli.querying import show_comparisons

    return show_comparisons(name, workspace, experiment, as_json, as_csv)


@specc.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="[B]", required=False)
@click.option("--since", metavar="REVISION", help="Compare A at this git revision with A now; default: HEAD.")
@_only
@_max_arms
@_workspace
@_json
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
@click.argument("words", nargs=-1, required=True, metavar="[FILE] STEP")
@_only
@_max_arms
@_workspace
@_json
@told
def why(
    words: tuple[str, ...], only: tuple[str, ...], max_arms: int, workspace: str | None, as_json: bool
) -> int:
    """Say what a step is for, what it comes from, and whether it is done.

    STEP is a label, the end of one, or the beginning of a key. Without FILE it is looked up in the
    runs of the workspace, the latest first.

    \b
    Examples:
      specc why early=25%/seed=1/posttrain
      specc why recipe.spec 3f2a9c1b
    """
    from specc.cli.asking import tell_why

    return tell_why(words, only, max_arms, workspace, as_json)


@specc.command()
@click.argument("checkpoint")
@click.argument("folder", type=click.Path(path_type=str))
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="Type of the weights; default: what the model that it began with was stored in.",
)
@click.option("-e", "--experiment", "only", multiple=True, help="Of this experiment.")
@_workspace
@_json
@told
def export(
    checkpoint: str,
    folder: str,
    dtype: str | None,
    only: tuple[str, ...],
    workspace: str | None,
    as_json: bool,
) -> int:
    """Write a checkpoint to a folder that transformers loads: weights, configuration, tokenizer, card.

    CHECKPOINT is the step that made it: a label, the end of one, or the beginning of a key. FOLDER
    must not exist. README.md in it says which tokens of which corpora the model has read.

    \b
    Examples:
      specc export early=25%/seed=1/posttrain models/early
      specc export 3f2a9c1b models/early --dtype bfloat16
    """
    from specc.cli.exporting import export as export_step

    return export_step(checkpoint, folder, dtype, only, workspace, as_json)


@specc.command()
@_file
@_only
@_max_arms
@_workspace
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
@_workspace
@click.option("--rebuild", is_flag=True, help="Build it again from the files of the store.")
@told
def index(workspace: str | None, rebuild: bool) -> int:
    """Bring the DuckDB index of the results up to date, and print where it lies."""
    from specc.cli.querying import update_index

    return update_index(workspace, rebuild)


@specc.command()
@click.argument("words", nargs=-1, metavar="[FILE] [STEP]...")
@_only
@_max_arms
@_workspace
@click.option(
    "--rerun",
    type=click.IntRange(min=1),
    metavar="N",
    help="Do N finished steps again, in a scratch folder, and compare the results bit for bit.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Draws the steps that are done again.")
@_workers
@_json
@told
def verify(
    words: tuple[str, ...],
    only: tuple[str, ...],
    max_arms: int,
    workspace: str | None,
    rerun: int | None,
    seed: int,
    workers: int | None,
    as_json: bool,
) -> int:
    """Compare finished steps with their checksums, or with what they give when done again.

    All finished steps of the workspace, those of a recipe, or those that a name fits (a label, the end
    of one, or the beginning of a key). What is damaged is moved to the workspace's `quarantine`, and
    `specc run` makes it again.

    --rerun executes N of them once more, chosen at random, as they were executed before. All files and
    results must be the same bits; measured times are left out. Steps that were trained together with
    others (lanes) may differ by 1e-4, relative. Made with other versions, on another device, or from
    files that are gone, a step is not comparable. What differs is recorded in `runs/incidents.jsonl`;
    the store is not changed.

    Exits with 4 if a step is damaged, unreadable, different, or fails when done again.

    \b
    Examples:
      specc verify
      specc verify recipe.spec --rerun 3
      specc verify early=25%/seed=1/posttrain --rerun 1
    """
    from specc.cli.verifying import verify as verify_steps

    return verify_steps(words, only, max_arms, workspace, rerun, seed, workers, as_json)


@specc.command()
@told
def specs() -> int:
    """List the recipes that come with specc."""
    from specc.cli.compiling import list_shipped

    return list_shipped()


@specc.command()
@click.option(
    "--log-level",
    type=click.Choice(("error", "warning", "info", "debug")),
    default="warning",
    show_default=True,
    help="What is told on stderr.",
)
@click.option("--stdio", is_flag=True, hidden=True, help="What it does anyway; some editors ask for it.")
@told
def lsp(log_level: str, stdio: bool) -> int:
    """Serve an editor: diagnostics as you type, hover, completion, rename and more.

    It talks over stdin and stdout, and runs nothing of a recipe. Needs `pip install 'specc[lsp]'`;
    how to set up VS Code, Neovim and others stands in grammar/editors/README.md.
    """
    from specc.cli.editing import serve

    return serve(log_level)


@specc.command()
@click.argument("code", required=False)
@told
def explain(code: str | None) -> int:
    """Say what a diagnostic's code means, with an example; without a code, list all.

    For instance: specc explain E0401
    """
    from specc.cli.explaining import explain_code, list_codes

    return explain_code(code) if code else list_codes()


@specc.command()
@click.argument("name", required=False)
@click.option("--format", "kind", type=click.Choice(["text", "markdown"]), default="text", show_default=True)
@told
def reference(name: str | None, kind: str) -> int:
    """Say what an item, setting or component is: parameters, types, defaults, an example.

    Without a name, list them. For instance: specc reference cosine
    """
    from specc.cli.explaining import show_reference

    return show_reference(name, kind)


def main() -> None:
    """Entry point of `specc`."""
    # Compiling makes many objects that live until the end and few that form circles: collecting
    # takes a third of the time of a large plan and frees nothing. `run` turns it on again.
    gc.disable()
    # Pydantic would look through every installed package for plugins, which specc doesn't use.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        specc.main(prog_name="specc")
    except BrokenPipeError:
        # The reader of our output (`head`, say) has gone; leave without a second complaint at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
