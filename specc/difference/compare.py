"""Two studies compared: which steps are the same, which are new, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from specc.difference.causes import DATA, Cause, Found, causes_of, join_inherited
from specc.difference.changes import budgets_of, other_changes, shown_variants
from specc.difference.confounds import confounds_of
from specc.difference.match import Pairs, matched
from specc.difference.origins import Origins
from specc.difference.result import Change, Difference, StepCounts
from specc.study import BASE, Study


def compare(
    before: Study,
    after: Study,
    done: Collection[str] = (),
    origins: Origins | None = None,
    measured: int = 0,
) -> Difference:
    """What differs between two studies of one experiment.

    Args:
        done: keys of finished steps. origins: places of the second recipe, for its lines.
        measured: finished steps that predicted times come from.
    """
    pairs = matched(before, after)
    found = causes_of(pairs)
    if origins is not None:
        for cause in found.causes.values():
            cause.where = _where(cause, pairs, origins)
        join_inherited(found)
    fresh = set(pairs.fresh)
    todo = [pairs.second.steps[key] for key in pairs.fresh if key not in done]
    kept = pairs.second.steps
    ops = dict.fromkeys(step.op for step in (*before.steps, *after.steps))
    gone = Counter(step.op for step in before.steps if step.key not in kept)
    new = Counter(pairs.second.steps[key].op for key in fresh)
    ready = Counter(pairs.second.steps[key].op for key in fresh if key in done)
    every = Counter(step.op for step in after.steps)
    return Difference(
        before=before.experiment,
        after=after.experiment,
        arms_before=len(before.arms),
        arms_after=len(after.arms),
        arms_paired=len(pairs.arms),
        changes=tuple(_change(cause, pairs, found) for cause in found.causes.values()),
        others=tuple(other_changes(pairs, found)),
        budgets=tuple(budgets_of(pairs)),
        steps=tuple(
            StepCounts(op=op, same=every[op] - new[op], new=new[op], gone=gone[op], done=ready[op])
            for op in ops
        ),
        flops=sum(step.flops for step in todo),
        tokens=sum(step.tokens for step in todo if step.op == "train"),
        seconds=sum(step.seconds for step in todo),
        measured=measured,
        confounds=tuple(confounds_of(pairs, found)),
    )


def _where(cause: Cause, pairs: Pairs, origins: Origins) -> str:
    """The line of the second recipe that sets what a cause is about."""
    recipes = {pairs.second.study.arms[arm].recipe for arms in cause.variants.values() for arm in arms}
    recipe = next(iter(recipes)) if len(recipes) == 1 else BASE
    arm = next((arm for arms in cause.variants.values() for arm in arms if arm in pairs.arms), None)
    corpora = _corpora(cause)
    if arm is not None and corpora:
        now = pairs.second.runs.get((arm, cause.subject))
        was = pairs.first.runs.get((pairs.arms[arm], pairs.stages.get(cause.subject, "")))
        if now is not None and was is not None and now.tokens != was.tokens:
            corpora = ()
    return origins.where(cause.kind, cause.subject, cause.name, recipe, corpora)


def _change(cause: Cause, pairs: Pairs, found: Found) -> Change:
    steps: Counter[str] = Counter()
    ops: Counter[str] = Counter()
    alone = 0
    for key in cause.keys:
        use = pairs.second.uses[key]
        steps[f"{use.name} after {use.stage}" if use.measured else use.name] += 1
        ops[use.op] += 1
        alone += len(found.of_step[key]) == 1
    return Change(
        kind=cause.kind,
        subject=cause.subject,
        also=tuple(cause.also),
        name=cause.name,
        variants=shown_variants(pairs.second, cause.variants),
        where=cause.where,
        steps=dict(steps),
        retrained=ops["train"],
        evaluated=ops["eval"],
        alone=alone,
    )


def _corpora(cause: Cause) -> tuple[str, ...]:
    """Names of the corpora that a change of tokens is about."""
    if cause.name != DATA:
        return ()
    names = (part.rpartition(" ")[0] for _, after in cause.variants for part in after.split(", "))
    return tuple(dict.fromkeys(names))


def only_in_one(study: Study, is_new: bool) -> Difference:
    """An experiment that the other recipe doesn't have."""
    counts = Counter(step.op for step in study.steps)
    return Difference(
        before="" if is_new else study.experiment,
        after=study.experiment if is_new else "",
        arms_before=0 if is_new else len(study.arms),
        arms_after=len(study.arms) if is_new else 0,
        arms_paired=0,
        steps=tuple(
            StepCounts(op=op, same=0, new=number if is_new else 0, gone=0 if is_new else number, done=0)
            for op, number in counts.items()
        ),
        flops=sum(step.flops for step in study.steps) if is_new else 0.0,
        tokens=sum(step.tokens for step in study.steps if step.op == "train") if is_new else 0,
        seconds=sum(step.seconds for step in study.steps) if is_new else 0.0,
    )
