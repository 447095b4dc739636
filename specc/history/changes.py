"""What a run changed of its recipe, against the run of the same experiment before it."""

from __future__ import annotations

from specc.difference.compare import compare
from specc.difference.result import Difference
from specc.difference.show import summary
from specc.files import file_digest
from specc.history.origin import read_origin
from specc.history.runs import Run, run_before
from specc.study import Study
from specc.words import count

FIRST = "the first run of this experiment"
SAME = "the same recipe"
TEXT = "the text alone; no step"


def difference(before: Run, after: Run) -> Difference | None:
    """What differs between the plans of two runs; None if one can't be read."""
    was, now = before.study, after.study
    return compare(was, now) if was is not None and now is not None else None


def changed(run: Run) -> str:
    """What a run changed, in a line."""
    before = run_before(run)
    if before is None:
        return FIRST
    try:
        if file_digest(before.folder / "plan.json") == file_digest(run.folder / "plan.json"):
            return SAME
    except OSError:
        return ""
    was, now = before.study, run.study
    if was is None or now is None:
        return ""
    if read_origin(run.folder) is not None:
        return _imported(was, now)
    told = summary(compare(was, now))
    return told or (SAME if was.spec_digest == now.spec_digest else TEXT)


def _imported(was: Study, now: Study) -> str:
    """What another import of an experiment changed."""
    before, after = ({arm.label for arm in study.arms} for study in (was, now))
    parts = [
        f"{count(len(labels), 'arm')} {word}"
        for labels, word in ((after - before, "new"), (before - after, "gone"))
        if labels
    ]
    return ", ".join(parts) or "the same arms; the source has changed, or is read in another way"
