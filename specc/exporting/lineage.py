"""What a checkpoint comes from, as the manifests of its steps say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from specc.errors import CorruptArtifact, QueryError
from specc.store import Manifest, Store

CHECKPOINTS = ("init", "import", "train", "combine", "transform", "select")
"""Operations that make checkpoints."""

TOKENIZER = "tokenizer.json"
"""The tokenizer beside prepared tokens; bytes if there is none."""

TOKEN_IDS = "token_ids.json"
"""What lies there instead, where token ids were made elsewhere."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """A checkpoint and the steps before it, nearest first.

    Attributes:
        steps: manifests of the checkpoints that lead to it. data: of what was read, by key.
    """

    steps: tuple[Manifest, ...]
    data: dict[str, Manifest]

    @property
    def beginnings(self) -> tuple[Manifest, ...]:
        """The models that it began with: initialised or imported."""
        return tuple(step for step in self.steps if step.op in ("init", "import"))

    @property
    def trained(self) -> tuple[Manifest, ...]:
        """The stages behind it, the latest first."""
        return tuple(step for step in self.steps if step.op == "train")

    def corpora(self, step: Manifest) -> Iterator[tuple[str, Manifest, int]]:
        """Name, record and tokens counted of each corpus that a stage has read."""
        counted: dict[str, int] = step.outputs.get("tokens", {})
        for role, tokens in counted.items():
            read = self.data.get(step.inputs.get(role, ""))
            if read is not None:
                yield (read.label.rpartition("/")[2] or role), read, int(tokens)


def lineage_of(store: Store, key: str) -> Lineage:
    """Follow a checkpoint back to where it began.

    Raises:
        QueryError: if the step makes no checkpoint.
        CorruptArtifact: if its own manifest can't be read; steps that are gone end the lineage.
    """
    first = store.manifest(key)
    if first.op not in CHECKPOINTS:
        raise QueryError(
            f"`{first.label or key[:12]}` is a step of type `{first.op}`, which makes no checkpoint",
            "name a stage, for instance `early=25%/seed=1/posttrain`",
        )
    steps: dict[str, Manifest] = {key: first}
    data: dict[str, Manifest] = {}
    waiting = [first]
    for step in waiting:  # which grows on the way
        chosen = step.outputs.get("chosen")
        for role, source in step.inputs.items():
            if source in steps or source in data or (chosen and source != chosen):
                continue
            try:
                found = store.manifest(source)
            except CorruptArtifact:
                continue
            if found.op in ("prepare", "dataset"):
                data[source] = found
            elif found.op in CHECKPOINTS and role != "resume":
                steps[source] = found
                waiting.append(found)
    return Lineage(tuple(steps.values()), data)
