"""The root of the command line, and the arguments and options that commands share.

Output that was asked for goes to stdout; progress, warnings and errors go to stderr. Exit codes:
0 done, 1 the recipe is wrong, 2 wrong usage, 3 an expectation is not met, 4 a step failed or is not what
it was, 130 interrupted, 75 interrupted by SIGTERM or SIGUSR1 (a batch system may start it again).
"""

from __future__ import annotations

import click

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
        "ui",
        "sql",
        "compare",
        "report",
        "fit",
        "log",
        "note",
        "tag",
        "diff",
        "why",
        "graph",
        "export",
        "import",
        "index",
        "verify",
        "gc",
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


file_argument = click.argument("file", type=click.Path(path_type=str))
only_option = click.option(
    "-e", "--experiment", "only", multiple=True, help="Only this experiment of the file."
)
max_arms_option = click.option(
    MAX_ARMS,
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Refuse an experiment with more arms.",
)
workspace_option = click.option(
    "-w",
    "--workspace",
    type=click.Path(path_type=str),
    envvar="SPECC_WORKSPACE",
    help="Folder of results; default: .specc beside the recipe, or the one found from here.",
)
workers_option = click.option(
    "-j", "--workers", type=click.IntRange(min=1), help="Steps done at once; default: one per processor."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
