"""The answer of `specc diff` for people."""

from __future__ import annotations

from collections.abc import Sequence

from specc.difference.causes import DATA, NEW, POSITIONS
from specc.difference.result import Budget, Change, Difference, Variant
from specc.graph.show import aligned
from specc.words import count, duration, printable

MOST_VARIANTS = 3
"""Ways in which one thing changed that are listed."""

MOST_BUDGETS = 16
"""Lines of budgets that are listed."""


def as_text(difference: Difference) -> str:
    """All that differs, from the recipes' settings to what has to be trained."""
    name = printable(difference.after or difference.before)
    if not difference.before or not difference.after:
        arms = difference.arms_after or difference.arms_before
        state = "new" if difference.after else "gone"
        return f"{name}: the experiment is {state} ({count(arms, 'arm')})\n\n{_steps(difference)}\n"
    parts = [f"{name}: {_arms(difference)}"]
    if difference.changes or difference.others:
        lines = [line for change in difference.changes for line in _change(change)]
        lines += [line for change in difference.others for line in _other(change)]
        parts.append("\n".join(["what changed", *lines]))
    if difference.budgets:
        parts.append(_budgets(difference.budgets))
    same = sum(each.same for each in difference.steps)
    if difference.differs:
        parts.append(_steps(difference))
        parts.append(_cost(difference))
    else:
        parts.append(
            f"no step changes: {'it is' if same == 1 else 'they are'} the same {count(same, 'step')}"
        )
    if difference.confounds:
        listed = [f"  {each.text}" for each in difference.confounds]
        parts.append("\n".join(["confounded: results may differ for more than one reason", *listed]))
    return "\n\n".join(parts) + "\n"


def summary(difference: Difference, most: int = 3) -> str:
    """What changed, in one line; of many changes the first, and how many more."""
    if not difference.before or not difference.after:
        return f"the experiment is {'new' if difference.after else 'gone'}"
    listed = [_change(change)[0].strip() for change in difference.changes]
    listed += [_other(change)[0].strip() for change in difference.others]
    more = [f"{len(listed) - most} more"] if len(listed) > most else []
    return "; ".join([*listed[:most], *more])


def _arms(difference: Difference) -> str:
    before, after, paired = difference.arms_before, difference.arms_after, difference.arms_paired
    if before == after == paired:
        return f"{count(after, 'arm')} in both"
    parts = [f"{count(before, 'arm')} -> {after:,}", f"{paired:,} in both"]
    parts += [f"{after - paired:,} new"] if after > paired else []
    parts += [f"{before - paired:,} gone"] if before > paired else []
    return ", ".join(parts)


def _change(change: Change) -> list[str]:
    """A change and what it makes new."""
    where = f"  ({printable(change.where)})" if change.where else ""
    if len(change.variants) == 1:
        colon = " " if change.name in _subject(change).split(": ")[1:] else ": "
        lines = [f"  {_subject(change)}{colon}{_variant(change, change.variants[0])}{where}"]
    elif change.kind == "arms" and change.name == NEW:
        listed = ", ".join(printable(each.after) for each in change.variants[:8])
        more = f", ... {len(change.variants) - 8} more" if len(change.variants) > 8 else ""
        lines = [f"  {_subject(change)}: new: {listed}{more}{where}"]
    else:
        told = change.name == DATA
        ways = f"{len(change.variants)} ways{where}"
        lines = [f"  {_subject(change)}: {'tokens change in' if told else 'changed in'} {ways}"]
    if len(change.variants) > 1 and change.kind != "arms" and change.name != DATA:
        for variant in change.variants[:MOST_VARIANTS]:
            lines.append(f"    {_variant(change, variant)}")
        if len(change.variants) > MOST_VARIANTS:
            lines.append(f"    ... {len(change.variants) - MOST_VARIANTS} more")
    return [*lines, f"    {_consequence(change)}"]


def _consequence(change: Change) -> str:
    """What a change makes new, in words."""
    others = {name: number for name, number in change.steps.items() if " after " not in name}
    again = "" if change.name in (NEW, POSITIONS) or change.kind == "arms" else " again"
    parts = []
    if len(others) == 1:
        ((name, number),) = others.items()
        parts.append(f"{count(number, 'step')} of {_quoted(name)}")
    elif others:
        named = ", ".join(f"{number:,} {_quoted(name)}" for name, number in others.items())
        parts.append(f"{count(sum(others.values()), 'step')} ({named})")
    if change.evaluated:
        parts.append(count(change.evaluated, "evaluation"))
    text = f"{' and '.join(parts)} to do{again}"
    shared = change.total - change.alone
    if shared == change.total:
        return f"{text}, all of them for other changes too"
    return f"{text}, {shared:,} of them for other changes too" if shared else text


def _quoted(name: str) -> str:
    """The name of a stage as it is, that of an expression in quotes."""
    return name if name.isidentifier() else f"`{printable(name)}`"


def _subject(change: Change) -> str:
    words = {
        "stage": "",
        "arms": "",
        "tokenizer": "tokenizer ",
        "prepare": "corpus ",
        "dataset": "data set ",
        "init": "model ",
        "import": "model ",
    }
    subjects = ", ".join([change.subject, *change.also])
    subject = f"{words.get(change.kind, f'{change.kind} ')}{printable(subjects)}"
    if change.kind == "stage" and change.name == NEW:
        return f"stage {subject}"
    if change.kind == "arms":
        return f"recipe {printable(change.name)}" if change.subject == "recipe" else subject
    return subject if change.name in (NEW, DATA) else f"{subject}: {printable(change.name)}"


def _variant(change: Change, variant: Variant) -> str:
    in_arms = "" if variant.points in ("", "all arms", "the only arm") else f" in {variant.points}"
    before, after = printable(variant.before), printable(variant.after)
    if change.name == DATA:
        return f"tokens {before} -> {after}{in_arms}"
    if change.name == POSITIONS:
        return f"also after {after}{in_arms}"
    if change.kind == "arms":
        return "new" if change.subject == "recipe" else f"new: {after}"
    if change.name == NEW:
        return f"new{f' {after}' if after else ''}{in_arms}"
    return f"{before} -> {after}{in_arms}"


def _other(change: Change) -> list[str]:
    """A change that makes no step new."""
    words = {"compare": "comparison ", "expect": "expectation ", "experiment": "experiment ", "eval": "eval "}
    subject = f"{words.get(change.kind, '')}{printable(change.subject)}"
    variant = change.variants[0]
    if change.name == "gone":
        listed = f": {printable(variant.before)}" if change.kind == "arms" else ""
        stage = "stage " if change.kind == "stage" else ""
        text = f"{subject}: gone{listed}" if listed else f"{stage}{subject} is gone"
        if change.kind == "arms" and change.subject == "recipe":
            text = f"recipe {printable(variant.before)} is gone"
        return [f"  {text}"]
    if change.name == NEW:
        return [f"  {subject}: new; needs no new step"] if change.kind != "expect" else [f"  {subject}: new"]
    if change.kind == "stage" and change.subject == change.name:
        return [f"  stage {printable(variant.before)} is now called {subject}"]
    if change.name in ("text", "description"):
        what = "words" if change.name == "description" else "text"
        return [f"  {subject}: its {what} changed; needs no new step"]
    lines = []
    for each in change.variants[:MOST_VARIANTS]:
        pair = f"{printable(each.before)} -> {printable(each.after)}"
        in_arms = "" if each.points in ("", "all arms", "the only arm") else f" in {each.points}"
        lines.append(f"  {subject}: {printable(change.name)} {pair}{in_arms}; needs no new step")
    return lines


def _budgets(budgets: Sequence[Budget]) -> str:
    rows = [["stage", "corpus", "before", "after", "", "arms"]]
    for each in budgets[:MOST_BUDGETS]:
        ratio = f"{each.after / each.before - 1:+.1%}" if each.before else "new"
        ratio = "gone" if not each.after else ratio
        name = printable(each.stage) or "all stages"
        corpus = printable(each.corpus) or "all"
        rows.append([name, corpus, f"{each.before:,}", f"{each.after:,}", ratio, each.points])
    # Names to the left, numbers to the right; which arms to the left again, unpadded.
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["tokens, as declared"]
    for stage, corpus, before, after, ratio, arms in rows:
        parts = [stage.ljust(widths[0]), corpus.ljust(widths[1]), before.rjust(widths[2])]
        parts += [after.rjust(widths[3]), ratio.rjust(widths[4]), arms]
        lines.append(("  " + "  ".join(parts)).rstrip())
    if len(budgets) > MOST_BUDGETS:
        lines.append(f"  ... {len(budgets) - MOST_BUDGETS} more; `--json` has all")
    return "\n".join(lines)


def _steps(difference: Difference) -> str:
    ready = any(each.done for each in difference.steps)
    header = ["steps", "same", "new", "gone", *(["new, done"] if ready else [])]
    rows = [header]
    for each in difference.steps:
        numbers = [each.same, each.new, each.gone, *([each.done] if ready else [])]
        rows.append([each.op, *(f"{number:,}" for number in numbers)])
    totals = [sum(int(row[column].replace(",", "")) for row in rows[1:]) for column in range(1, len(header))]
    rows.append(["all", *(f"{number:,}" for number in totals)])
    return aligned(rows, indent="")


def _cost(difference: Difference) -> str:
    new = sum(each.new - each.done for each in difference.steps)
    if not new:
        return (
            "nothing to do: what is new is done already"
            if any(e.new for e in difference.steps)
            else "nothing to do"
        )
    source = (
        f"by {difference.measured} finished steps"
        if difference.measured
        else "by a table; within a factor of 3"
    )
    return (
        f"to do: {difference.tokens:,} tokens to train on, {difference.flops:.2e} FLOPs, "
        f"about {duration(difference.seconds)} with one worker ({source})"
    )
