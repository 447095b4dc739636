"""`specc graph`: the steps of a recipe as a picture."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from specc.cli.compiling import compiled, study_of
from specc.cli.failures import WRONG_SPEC
from specc.cli.places import workspace_of
from specc.drawing.fold import Picture, fold
from specc.errors import QueryError, reason
from specc.store import Store
from specc.words import printable

ENDINGS = {
    ".svg": "svg",
    ".html": "html",
    ".htm": "html",
    ".dot": "dot",
    ".gv": "dot",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".txt": "text",
}
"""Forms by the ending of the file that is written."""


def _writer(form: str) -> Callable[[Picture], str]:
    match form:
        case "svg":
            from specc.drawing.svg import as_svg

            return as_svg
        case "html":
            from specc.drawing.page import as_page

            return as_page
        case "dot":
            from specc.drawing.dot import as_dot

            return as_dot
        case "mermaid":
            from specc.drawing.mermaid import as_mermaid

            return as_mermaid
        case _:
            from specc.drawing.outline import as_text

            return as_text


def draw_file(
    file: str,
    only: Sequence[str],
    max_arms: int,
    workspace: str | None,
    form: str | None,
    output: str | None,
    unfold: Sequence[str],
) -> int:
    """Draw the steps of a recipe's experiments; nothing is run.

    Raises:
        QueryError: for a file whose form isn't known or that can't be written, or several experiments
            in one picture.
    """
    form = form or ("text" if output is None else _by_ending(output))
    compilation = compiled(file, only, max_arms)
    if compilation.report.failed:
        return WRONG_SPEC
    if len(compilation.experiments) > 1 and form != "text":
        listed = ", ".join(f"`{experiment.name}`" for experiment in compilation.experiments)
        raise QueryError(
            f"a picture is of one experiment, and there are several: {listed}", "name one with `-e`"
        )
    store = Store(workspace_of(file, workspace))
    done = store.done()
    write = _writer(form)
    texts = []
    for experiment in compilation.experiments:
        study, _ = study_of(experiment, store)
        texts.append(write(fold(study, done, unfold)))
    text = "\n".join(texts)
    if output is None or output == "-":
        sys.stdout.write(text)
        return 0
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise QueryError(f"can't write `{output}`: {reason(error)}", "name another file with `-o`") from error
    print(f"wrote {printable(output)}", file=sys.stderr)
    return 0


def _by_ending(output: str) -> str:
    if output == "-":
        return "text"
    form = ENDINGS.get(Path(output).suffix.lower())
    if form is None:
        raise QueryError(
            f"the name `{output}` doesn't say in which form to draw",
            "end it with .svg, .html, .dot or .mmd, or give `--format`",
        )
    return form
