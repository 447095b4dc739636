"""`specc compare --since`: a run against an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from specc.cli.comparing import Form, judged, margin_of, show, signs, width, write_answers
from specc.cli.places import find_workspace
from specc.errors import QueryError
from specc.history.runs import LATEST, find_run, latest_of
from specc.store import open_workspace
from specc.words import count, printable

if TYPE_CHECKING:
    from specc.history.since import Since


def compare_since(
    before: str | None,
    after: str | None,
    workspaces: Sequence[str],
    experiments: Sequence[str],
    metric: str | None,
    others: object,
    form: Form,
    fail_if_worse: str | None = None,
) -> int:
    """Print what was changed since a run, and what became of the results; 3 if that is worse and may not be.

    Raises:
        QueryError: for options that don't go together, or runs that are not there.
    """
    from specc.history.since import earlier, since

    if before is None:
        raise QueryError("`--run` is of `--since`", "say since when: `specc compare --since RUN --run RUN`")
    if others or len(workspaces) > 1 or len(experiments) > 1 or form == "sql":
        raise QueryError(
            "`--since` takes one experiment as a whole",
            "beside it, give `--metric`, `--run`, `-e`, `-w`, `--fail-if-worse` and a form of output alone",
        )
    place = open_workspace(find_workspace(workspaces[0] if workspaces else None))
    last = find_run(place, after or LATEST)
    if experiments and after is None:
        last = latest_of(place, experiments[0])
    margin = margin_of(fail_if_worse)
    found = since(earlier(last, before), last, metric or "")
    if form == "json":
        print(found.model_dump_json(indent=1))
    elif form != "text":
        write_answers(form, found.answers)
    else:
        _tell(found)
    return 0 if margin is None else judged(found.pairs, margin)


def _tell(found: Since) -> None:
    from specc.comparing.terminal import compared_page
    from specc.difference.show import as_text

    print(f"{printable(found.experiment)}: run {found.after} against run {found.before}\n")
    print(as_text(found.difference).partition("\n\n")[2].partition("\n\n")[0])
    if found.gone:
        lacking = count(found.gone, "result")
        print(f"note: run {found.before} lacks {lacking} of its plan: never made, or collected since")
    for answer in found.answers:
        print()
        show(compared_page(answer, width(), signs(), brief=True))
