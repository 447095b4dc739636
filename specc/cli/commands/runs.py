"""Commands on runs and their steps."""

from __future__ import annotations

from typing import Literal

import click

from specc.cli.failures import told
from specc.cli.lane_count import LaneCount
from specc.cli.root import (
    file_argument,
    json_option,
    max_arms_option,
    only_option,
    specc,
    workers_option,
    workspace_option,
)


@specc.command()
@file_argument
@only_option
@max_arms_option
@workspace_option
@workers_option
@click.option("--all", "all_tables", is_flag=True, help="Show every budget table.")
@json_option
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
@file_argument
@only_option
@max_arms_option
@workspace_option
@workers_option
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
@workspace_option
@click.option("--watch", is_flag=True, help="Go on showing it until the run ends.")
@json_option
@told
def status(workspace: str | None, watch: bool, as_json: bool) -> int:
    """Tell how the latest run is going, from any shell.

    With --watch it is shown until the run ends: redrawn once a second on a terminal, else a line every
    few seconds, with --json a line for each change. The exit code then tells how the run ended: 0 done,
    4 failed or killed, 130 interrupted. Ctrl-C ends the watching, and the run goes on.
    """
    from specc.cli.running import show_status

    return show_status(workspace, as_json, watch)


@specc.command()
@click.argument("words", nargs=-1, required=True, metavar="[FILE] STEP")
@only_option
@max_arms_option
@workspace_option
@json_option
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
@click.argument("words", nargs=-1, metavar="[FILE] [STEP]...")
@only_option
@max_arms_option
@workspace_option
@click.option(
    "--rerun",
    type=click.IntRange(min=1),
    metavar="N",
    help="Do N finished steps again, in a scratch folder, and compare the results bit for bit.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Draws the steps that are done again.")
@workers_option
@json_option
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
@click.argument("names", metavar="[CHECKPOINT] FOLDER", nargs=-1, required=True)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="Type of the weights; default: what the model that it began with was stored in.",
)
@click.option("-e", "--experiment", "only", multiple=True, help="Of this experiment.")
@click.option("--study", is_flag=True, help="Write results, and what they are of, instead of a checkpoint.")
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(["metrics", "samples"]),
    help="With --study: leave out what training logged, or the evaluated documents.",
)
@workspace_option
@json_option
@told
def export(
    names: tuple[str, ...],
    dtype: str | None,
    only: tuple[str, ...],
    study: bool,
    without: tuple[str, ...],
    workspace: str | None,
    as_json: bool,
) -> int:
    """Write a checkpoint to a folder that transformers loads, or a study to one that everybody reads.

    CHECKPOINT is the step that made it: a label, the end of one, or the beginning of a key. FOLDER
    must not exist. It gets weights, configuration, tokenizer, and a README.md that says which tokens of
    which corpora the model has read.

    With --study, FOLDER gets the results of all runs as Parquet, with a README.md, the recipes, and
    the plans, but no data and no weights. It opens again as a workspace that can be read.

    \b
    Examples:
      specc export early=25%/seed=1/posttrain models/early
      specc export 3f2a9c1b models/early --dtype bfloat16
      specc export --study published
      specc compare -w published
    """
    if study:
        from specc.cli.exchanging import export_to

        return export_to(names, only, without, dtype, workspace, as_json)
    from specc.cli.exchanging import step_and_folder
    from specc.cli.exporting import export as export_step

    checkpoint, folder = step_and_folder(names, without)
    return export_step(checkpoint, folder, dtype, only, workspace, as_json)
