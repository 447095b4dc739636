"""What makes a data set out of others, by the name of its component.

A transform is a generator: blocks of documents go in, in their order, and blocks come out. It is
given its arguments (percentages as "n/d", tokens as integers) and the tokenizer. The same function
counts tokens when a recipe is checked and makes the token files when it is run. So it must be pure:
what it makes of a document depends on the documents and on its arguments, never on how they are cut
into blocks; what it draws comes from its `seed` and a document's id (`specc.corpora.draws`).

Several data sets, as `concat` has, come one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from specc.components import arguments
from specc.components.plugins import implementation
from specc.corpora.blocks import Block
from specc.corpora.tokens import Tokens
from specc.corpora.transforms.annotate import annotate
from specc.corpora.transforms.choose import concat, take, where
from specc.corpora.transforms.corrupt import corrupt
from specc.corpora.transforms.labels import shuffle_labels
from specc.corpora.transforms.mask import mask_tokens
from specc.corpora.transforms.units import permute_units
from specc.steps import Component

Transform = Callable[[Iterator[Block], Mapping[str, Any], Tokens], Iterator[Block]]

TRANSFORMS: dict[str, Transform] = {
    "take": take,
    "concat": concat,
    "where": where,
    "shuffle_labels": shuffle_labels,
    "annotate": annotate,
    "mask_tokens": mask_tokens,
    "permute_units": permute_units,
    "corrupt": corrupt,
}


def transformed(component: Component, inputs: Sequence[Iterator[Block]], tokens: Tokens) -> Iterator[Block]:
    """The documents that a transform makes of those of its inputs; blocks without any are left out."""
    transform: Transform = TRANSFORMS.get(component.name) or implementation(component)
    for block in transform(chain(*inputs), arguments(component), tokens):
        if block.documents:
            yield block
