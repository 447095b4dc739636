"""A finished checkpoint as a folder that transformers loads: weights, configuration, tokenizer, card.

    lineage.py     what a checkpoint comes from: stages, corpora, and the model that it began with
    tokenizer.py   the tokenizer of its corpora in the hub's format, bytes included
    card.py        README.md: where it comes from, in words and tables
    folder.py      the folder itself, written aside and renamed once

No torch is needed: weights are copied tensor by tensor, and rounded where another type is asked for.
"""

from specc.exporting.folder import Exported, export_checkpoint

__all__ = ["Exported", "export_checkpoint"]
