"""The compiled experiments that runs of a workspace were of."""

from __future__ import annotations

from pathlib import Path

from specc.errors import QueryError
from specc.study import Study


def latest_study(workspace: Path, experiment: str | None) -> Study:
    """The study of the latest run, or of the latest of one experiment.

    Raises:
        QueryError: if there is none, or several experiments to choose from.
    """
    from specc.execute.status import run_folder, run_numbers

    found: dict[str, Study] = {}
    for number in reversed(run_numbers(workspace)):
        try:
            study = Study.model_validate_json((run_folder(workspace, number) / "plan.json").read_bytes())
        except (OSError, ValueError):
            continue
        if experiment is None or study.experiment == experiment:
            found.setdefault(study.experiment, study)
        if experiment is not None and found:
            break
    if not found:
        what = f"experiment `{experiment}`" if experiment else "experiment"
        raise QueryError(f"no {what} was run in this workspace", "run one: `specc run FILE`")
    if len(found) > 1:
        listed = ", ".join(f"`{name}`" for name in sorted(found))
        raise QueryError(f"this workspace holds several experiments: {listed}", "name one with `-e`")
    return next(iter(found.values()))
