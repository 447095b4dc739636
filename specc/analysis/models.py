"""The models that stages start from: their shape, from a configuration or a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from specc.analysis.values import ComponentValue
from specc.components import Type
from specc.diagnostics import Report, Span
from specc.errors import SpeccError
from specc.families import plain_llama
from specc.shapes import ModelShape, llama_shape
from specc.steps import ImportExecution, ImportParams, InitParams


@dataclass(frozen=True, slots=True)
class Model:
    """A model to start from.

    Attributes:
        family: its type in the hub's format.
        fingerprint: content of an imported checkpoint; None for one that is initialised.
        execution: where the checkpoint lies.
        companions: files beside its weights: name -> SHA-256.
        dtype: what its weights are stored in.
    """

    value: ComponentValue
    shape: ModelShape
    family: str = "llama"
    fingerprint: str | None = None
    execution: ImportExecution | None = None
    companions: Mapping[str, str] = field(default_factory=dict)
    dtype: str = "float32"

    @property
    def context(self) -> int:
        """Longest sequence, in tokens."""
        return self.shape.context

    def step(self, seed: int) -> tuple[str, Any, dict[str, Any]]:
        """Operation, parameters and execution settings of the step that makes it."""
        if self.fingerprint is not None:
            assert self.execution is not None
            return (
                "import",
                ImportParams(fingerprint=self.fingerprint, companions=dict(self.companions)),
                self.execution.model_dump(mode="json"),
            )
        component = self.value.signature.component(self.value.args)
        return "init", InitParams(architecture=component, vocab=self.shape.vocab, seed=seed), {}


class ModelReader:
    """Models by their value; a checkpoint is read once."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._memo: dict[tuple[int, int], Model | None] = {}
        self._kept: list[ComponentValue] = []

    def model(self, value: ComponentValue, vocab: int, span: Span) -> Model | None:
        """The model of a value over a vocabulary; None if it can't be one, and was reported."""
        key = (id(value), vocab)
        if key not in self._memo:
            self._kept.append(value)
            self._memo[key] = self._read(value, vocab, span)
        return self._memo[key]

    def _read(self, value: ComponentValue, vocab: int, span: Span) -> Model | None:
        component = value.signature.component(value.args)
        if any(p.type is Type.PATH for p in value.signature.parameters):
            return self._knowing(self._checkpoint(value, span), vocab, value.spans.get("path", span))
        if value.signature.name == "hub":
            return self._knowing(self._hub(value, span), vocab, value.spans.get("name", span))
        try:
            return Model(value, llama_shape(component, vocab))
        except ValueError as error:
            heads = value.spans.get("kv_heads" if "kv_heads` must" in str(error) else "heads", span)
            width, heads_given = int(value.args["width"]), int(value.args["heads"])
            fitting = [n for n in range(1, heads_given + 1) if width % n == 0 and (width // n) % 2 == 0]
            help = f"write `heads = {fitting[-1]}`" if fitting and "`heads` must" in str(error)[:14] else None
            self.report.add("E0303", str(error), heads, help=help)
            return None

    def _knowing(self, model: Model | None, vocab: int, where: Span) -> Model | None:
        """A model that knows all tokens of the corpora; None if it doesn't, which is reported."""
        if model is None or model.shape.vocab >= vocab:
            return model
        self.report.add(
            "E0303",
            f"this checkpoint knows {model.shape.vocab:,} tokens; the corpora have {vocab:,}",
            where,
            help='give the corpora the checkpoint\'s tokenizer: `tokenizer = "FOLDER/tokenizer.json"`',
        )
        return None

    def _checkpoint(self, value: ComponentValue, span: Span) -> Model | None:
        from specc.checkpoints import (
            checkpoint_dtype,
            checkpoint_fingerprint,
            checkpoint_shape,
            companions,
            read_config,
        )

        where = value.spans.get("path", span)
        path = Path(where.source.name).parent / str(value.args["path"])
        try:
            config = read_config(path)
            return Model(
                value,
                checkpoint_shape(path),
                str(config["model_type"]),
                checkpoint_fingerprint(path),
                ImportExecution(path=str(path.resolve()), stackable=plain_llama(config)),
                companions(path),
                checkpoint_dtype(path),
            )
        except SpeccError as error:
            self.report.add("E0001", error.message, where, help=error.help)
            return None

    def _hub(self, value: ComponentValue, span: Span) -> Model | None:
        """A model of the hub, as the lock file describes it; no file of it is needed here."""
        from specc.checkpoints import pinned_checkpoint
        from specc.locking import ModelWanted, current, missing

        name, asked = str(value.args["name"]), str(value.args.get("revision", ""))
        where = value.spans.get("name", span)
        pinned = current().model(name, asked)
        if pinned is None:
            if not missing(ModelWanted(name, asked)):
                self.report.add(
                    "E0007",
                    f"the model `{name}` is not pinned in the lock file",
                    where,
                    help="run `specc lock FILE` once, where there is a network",
                )
            return None
        try:
            shape, fingerprint, beside = pinned_checkpoint(
                pinned.config, pinned.files, pinned.parameters, f"the lock of `{name}`"
            )
        except SpeccError as error:
            self.report.add("E0001", error.message, where, help=error.help)
            return None
        execution = ImportExecution(
            repository=name,
            revision=pinned.revision,
            files=tuple(pinned.files),
            stackable=plain_llama(pinned.config),
        )
        family = str(pinned.config["model_type"])
        return Model(value, shape, family, fingerprint, execution, beside, pinned.dtype)
