"""What the value of a corpus says of its text: who reads it, from which files, in which parts."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path

from specc.analysis.values import ComponentValue
from specc.steps import Component, NamedSplit

_SHARED = ("held_out", "splits", "tokenizer", "max_epochs")
"""Parameters of every corpus that are not the reader's own."""

Splits = tuple[tuple[str, Fraction], ...]


def folder_of(value: ComponentValue, parameter: str) -> Path:
    """Where a path begins that is given to a component: the folder of the file in which it is written."""
    return Path(value.spans.get(parameter, value.span).source.name).parent


def reader_of(value: ComponentValue) -> Component:
    """What reads the documents of a corpus, with its own arguments."""
    whole = value.signature.component(value.args)
    return whole.model_copy(update={"args": {k: v for k, v in whole.args.items() if k not in _SHARED}})


def parts_of(value: ComponentValue) -> tuple[Fraction, Splits]:
    """The share that is held out, and the other parts of a corpus."""
    splits = tuple((part, Fraction(share)) for part, share in value.args.get("splits", ()))
    return Fraction(value.args.get("held_out", "0/1")), splits


def named(splits: Splits) -> tuple[NamedSplit, ...]:
    """Parts of a corpus as a step describes them."""
    return tuple(NamedSplit(name=name, share=share) for name, share in splits)


def files_of(value: ComponentValue) -> tuple[Path, ...]:
    """The files of a corpus; none of one that is generated.

    Raises:
        DataError: if a pattern can't be followed, or matches nothing.
        StillCounting: if they are looked up in the background.
    """
    from specc.corpora.locate import locate
    from specc.corpora.recent import ask

    if "files" not in value.args:
        return ()
    wanted = (value.args["files"], value.args.get("exclude", ()), folder_of(value, "files"))
    return ask(wanted, partial(locate, *wanted))
