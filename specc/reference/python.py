"""A page on the results from Python, made from the docstrings of what there is to call."""

from __future__ import annotations

import inspect
import re

from specc.results.answer import Answer
from specc.workspace import Workspace, open

PYTHON = (
    "A workspace from Python. Every call reads the newest results, also while a run goes on; nothing is "
    "held between calls, so that threads may share a workspace. `sql` returns an answer with `columns`, "
    "`types` and `rows`; it and what `compare`, `frontier` and `fit` return show themselves as tables in a "
    "notebook. Errors are `specc.SpeccError`, with `message` and `help`."
)

EXAMPLE = """\
import specc

ws = specc.open(".")
ws.experiments
answer = ws.sql("select early, avg(value) as loss from results group by early")
answer.df()  # a data frame of pandas; .pl() of polars, .arrow() of pyarrow
ws.sql("from wide order by arm").df()  # one row per arm"""


def forms() -> tuple[str, ...]:
    """All that there is to call, with its arguments."""
    calls = [f"specc.open{_arguments(open)}"]
    for owner, variable in ((Workspace, "ws"), (Answer, "answer")):
        calls += [f"{variable}.{name}{_arguments(member)}" for name, member in _members(owner)]
    return tuple(calls)


def facts() -> tuple[tuple[str, str], ...]:
    """What each of them does: the first sentence of its docstring."""
    found = [("specc.open", _sentence(open))]
    for owner, variable in ((Workspace, "ws"), (Answer, "answer")):
        found += [(f"{variable}.{name}", _sentence(member)) for name, member in _members(owner)]
    return tuple(found)


def _members(owner: type) -> list[tuple[str, object]]:
    return [
        (name, member)
        for name, member in vars(owner).items()
        if not name.startswith("_") and (callable(member) or isinstance(member, property))
    ]


def _arguments(member: object) -> str:
    if isinstance(member, property) or not callable(member):
        return ""
    parameters = [each for each in inspect.signature(member).parameters.values() if each.name != "self"]
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in parameters]
    return str(inspect.Signature(plain))


def _sentence(member: object) -> str:
    text = inspect.getdoc(member) or ""
    return " ".join(re.split(r"\n\s*\n", text)[0].split()).rstrip(".")
