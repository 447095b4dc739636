"""The page that follows a run."""

from __future__ import annotations

import click

from specc.cli.failures import told
from specc.cli.root import specc, workspace_option


@specc.command()
@workspace_option
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of 127.0.0.1; default: any that is free."
)
@click.option("--no-open", is_flag=True, help="Only print the address; start no browser.")
@told
def ui(workspace: str | None, port: int, no_open: bool) -> int:
    """Show a run on a local page while it goes on: steps, curves, budgets, comparisons, and SQL.

    The page is served to this machine alone, and to who has the address that is printed: it holds a token
    that is new each time. Nothing can be changed from it. Several may be open at once; Ctrl-C ends it.

    \b
    From another machine:
      ssh -L 8000:127.0.0.1:8000 HOST specc ui --no-open --port 8000
    """
    from specc.cli.serving import serve_page

    return serve_page(workspace, port, no_open)
