"""The answer of `specc why` for people."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from specc.study import IMPORTED
from specc.why.answer import Answer, Link
from specc.words import count, duration, printable

MOST_LINKS = 16
"""Steps of a lineage that are shown; the others are counted, and what they begin with is named."""

MOST_NAMES = 8
WIDTH = 108


def as_text(answer: Answer) -> str:
    """A step: its state, what it is for, what it comes from."""
    parts = [f"{printable(answer.label)}\n  {answer.op}  {answer.key}\n  {_state(answer)}"]
    parts.append("\n".join(["what it is for", *_purpose(answer)]))
    parts.append("\n".join(["what it comes from", *_origin(answer.chain)]))
    return "\n\n".join(parts) + "\n"


def _state(answer: Answer) -> str:
    done = answer.done
    if done is not None and done.started:
        by = f", run {done.run}" if done.run else ""
        when = done.started[:19].replace("T", " ")
        return printable(f"done {when} UTC in {duration(done.seconds)} on {done.device}{by}")
    if done is not None:
        return "done, but its record can't be read; `specc run` makes it again"
    if answer.op == IMPORTED:
        return "done elsewhere; `specc import` has brought its numbers"
    cost = f", about {duration(answer.seconds)}" if answer.seconds else ""
    if answer.waits:
        more = f" and {len(answer.waits) - 1} more" if len(answer.waits) > 1 else ""
        return f"to do{cost}: waits for {printable(answer.waits[0])}{more}"
    return f"to do{cost}: never done"


def _purpose(answer: Answer) -> list[str]:
    if not answer.arms_total:
        return ["  no plan of a run has it any more"]
    which = f": {answer.points}" if answer.points else ""
    rows = [("arms", f"{answer.arms:,} of {answer.arms_total:,}{which}")]
    if answer.users:
        rows.append(("used by", _listed(answer.users)))
    further = answer.downstream - sum(answer.users.values())
    if further > 0:
        rows.append(("", f"and {count(further, 'step')} that come from these"))
    if answer.op != "eval":
        rows.append(("results", _listed(answer.evaluations) if answer.evaluations else "none"))
    for name, values in (("expected", answer.expectations), ("compared", answer.comparisons)):
        for number, text in enumerate(values[:MOST_NAMES]):
            rows.append((name if not number else "", " ".join(printable(text).split())))
        if len(values) > MOST_NAMES:
            rows.append(("", f"... {len(values) - MOST_NAMES} more"))
    if not answer.expectations and not answer.comparisons:
        rows.append(("", "no expectation and no comparison needs it"))
    lines = []
    for name, text in rows:
        wrapped = textwrap.wrap(text, WIDTH - 12) or [""]
        lines.append(f"  {name.ljust(10)}{wrapped[0]}")
        lines += [" " * 12 + line for line in wrapped[1:]]
    return lines


def _listed(steps: Mapping[str, int]) -> str:
    """Readable names, with how many steps have each."""
    names = [
        printable(name) if number == 1 else f"{number:,} x {printable(name)}"
        for name, number in steps.items()
    ]
    more = [f"... {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    return ", ".join([*names[:MOST_NAMES], *more])


def _origin(chain: Sequence[Link]) -> list[str]:
    lines = []
    for link in chain[:MOST_LINKS]:
        role = f"{link.role} of {link.of}: " if link.role else ""
        state = "done" if link.done or link.op == IMPORTED else "to do"
        lines.append(f"  {printable(role)}{printable(link.label)}  ({link.op}, {link.key[:12]}, {state})")
        shown = "; ".join(
            f"{name} {value}" + (f" ({printable(link.places[name])})" if name in link.places else "")
            for name, value in link.parameters.items()
        )
        lines += [f"      {line}" for line in textwrap.wrap(printable(shown), WIDTH - 6)]
    if len(chain) > MOST_LINKS:
        roots = [link.label for link in chain if link.begins][:4]
        lines.append(f"  ... {len(chain) - MOST_LINKS:,} more, down to {', '.join(map(printable, roots))}")
        lines.append("  `--json` has all")
    return lines
