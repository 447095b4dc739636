"""Commands that explain, and the language server."""

from __future__ import annotations

import click

from specc.cli.failures import told
from specc.cli.root import specc


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
