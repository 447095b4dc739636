"""A sentence on every word of the language that has no page in the reference.

Items, settings and components have pages (`specc.reference`); here is what goes on with a
statement, and what stands for a value. A test keeps the table in step with the grammar.
"""

from __future__ import annotations

from functools import lru_cache

CLAUSES = {
    "as": 'gives a name from another file another name here: `use "models.spec" { warm as hot }`',
    "extends": "takes everything of another experiment or recipe; what differs is written with `override`",
    "in": "values of an axis: `sweep early in [0%, 50%]`; those that are meant: `given early in [0%, 50%]`",
    "by": "how far two sides of `expect` lie apart at least: `... < ... by 0.02`; in `sweep rate by width in "
    "{ ... }`, the axis that decides the values",
    "of": "`2% of stage` is a share of the stage; without it a percentage is a share of the row",
    "within": "where in the stage the tokens of a cell lie: `within 80%..100%`",
    "at": "positions of the stage at which the tokens of a cell are read: `at 1M, 2M tokens`",
    "from": "the checkpoint or model that a stage starts from: `stage finetune from posttrain`",
    "after": "the checkpoints that are measured: `after finetune`, `after [pretrain@50%, pretrain]`",
    "every": "measures along the stage as well: `every 10%`, `every 100 steps`",
    "with": "the same component with other arguments: `warm with (beta2 = 0.99)`",
    "given": "the arms that are meant: `given early = 50%`, `given seed = 0`, `given recipe = replay`",
}
"""Words that go on with a statement."""

PHRASES = {
    ("early", "block"): "the tokens of the cell come first in the stage, before all others",
    ("late", "block"): "the tokens of the cell come last in the stage, after all others",
    (
        "is",
        "equal",
        "across",
    ): "holds if the amount is the same for all values of the axis, whatever else is swept",
}
"""Words that mean something beside each other."""

VALUES = {
    "rest": "what is left of the row: of the corpus' total, after its other cells",
    "fill": "what is left of the stage's `budget`, after its other corpora",
    "true": "a truth value",
    "false": "a truth value",
}
"""Words that stand for a value."""

UNITS = {
    "token": "tokens, counted exactly; end tokens of documents count",
    "step": "training steps of the stage, each of `batch` sequences",
    "sequence": "sequences of the stage's length, in tokens",
    "epoch": "passes over the training split of the corpus",
}
"""Units, in the singular."""

MEMBERS = {
    "train": "the training split: the documents that stages read",
    "held_out": "the held-out split: documents, chosen by hash, that no stage ever reads",
}
"""Parts of a corpus."""

REDUCERS = {
    "mean": "mean over every axis and seed that is not `given`",
    "median": "median over every axis and seed that is not `given`",
    "min": "smallest value over every axis and seed that is not `given`; NaN never wins",
    "max": "largest value over every axis and seed that is not `given`; NaN never wins",
    "sd": "sample standard deviation over every axis and seed that is not `given`",
}
"""What makes one number of many results, in `expect`."""


@lru_cache(maxsize=512)
def reference(name: str) -> str | None:
    """The page of an item, setting or component in Markdown, without its heading."""
    from specc.reference.pages import page, page_markdown

    found = page(name)
    return page_markdown(found).split("\n\n", 1)[1] if found else None


def meaning(word: str) -> str | None:
    """A sentence or a page on a word of the language; None if it isn't one."""
    from specc.analysis.checkpoint_calls import FUNCTIONS as CHECKPOINT_FUNCTIONS
    from specc.analysis.checks import FUNCTIONS

    phrase = next((text for words, text in PHRASES.items() if word in words), None)
    tables = (CLAUSES, VALUES, MEMBERS, REDUCERS, FUNCTIONS, CHECKPOINT_FUNCTIONS)
    found = [f"`{word}`: {table[word]}" for table in tables if word in table]
    if found:
        return "\n\n".join(found)
    if word in UNITS or word.removesuffix("s") in UNITS:
        return f"`{word}`: {UNITS[word.removesuffix('s')]}"
    return f"`{word}`: {phrase}" if phrase else reference(word)
