"""Step descriptions: the contract between the compiler and the runtime.

A step says completely what it does. Its key is the SHA-256 of the operation, the operation's
version, its identity and the keys of its inputs. What a parameter is, is decided by its place:

* `params` is identity: it changes the bits of the result (learning rate, data, dtype).
* `execution` is not: it says where and how (paths, device, threads) and never enters a key.

A field of `params` that has a default is left out of the key while it has that value, so that a
new parameter leaves old keys as they are. Changing what an operation computes, or a default,
means raising its version in `VERSIONS`.

Fractions are written "n/d" in lowest terms; tokens, steps and sequences are integers.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from specc.canonical import digest

VERSIONS = {
    "tokenizer": 1,
    "prepare": 1,
    "dataset": 1,
    "init": 1,
    "import": 1,
    "train": 2,
    "combine": 1,
    "transform": 1,
    "select": 1,
    "eval": 2,
}
"""Version of each operation; raised when its results change."""

Op = Literal[
    "tokenizer", "prepare", "dataset", "init", "import", "train", "combine", "transform", "select", "eval"
]


class Frozen(BaseModel):
    """Immutable data that crosses an edge; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


Ratio = Annotated[
    Fraction,
    BeforeValidator(lambda value: Fraction(value)),
    PlainSerializer(lambda value: f"{value.numerator}/{value.denominator}", return_type=str),
]
"""An exact fraction, written "n/d" in JSON."""


class Component(Frozen):
    """A named component and the arguments that differ from its declared defaults.

    `plugin` is the package that brings it and its version ("specc-lion 1.2.0"); "" for specc itself.
    """

    name: str
    args: dict[str, Any] = Field(default_factory=dict)
    plugin: str = ""


# ---------------------------------------------------------------- tokenizer: files -> tokenizer.json


class NamedSplit(Frozen):
    """A part of a corpus, by document hash, beside those for training and held out."""

    name: str
    share: Ratio


class TokenizerText(Frozen):
    """What a tokenizer is trained on: the training split of a corpus; fields as of `PrepareParams`."""

    reader: Component
    fingerprint: str = ""
    held_out: Ratio = Fraction(0)
    splits: tuple[NamedSplit, ...] = ()


class TokenizerParams(Frozen):
    """Train a tokenizer.

    Attributes:
        component: for instance `bpe`, with its vocabulary.
        sha256: of the file that it makes, known since the recipe was compiled.
    """

    component: Component
    texts: tuple[TokenizerText, ...]
    sha256: str


class TokenizerExecution(Frozen):
    """Where the content of the texts lies now, and where the finished tokenizer may.

    Attributes:
        files: of all texts, one after another. counts: how many each has.
    """

    files: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    made: str | None = None


# ---------------------------------------------------------------- prepare: files -> token files

TRAINED = "tokenizer"
"""Role of the input of a prepare step that holds a tokenizer made by another step."""


class PrepareParams(Frozen):
    """Read documents, split them by hash, tokenise them once.

    Attributes:
        reader: reader or generator, for instance `text`, `jsonl`, `parquet`, `facts`.
        fingerprint: digest of the content that is read; empty for generators.
        tokenizer: "byte", or the SHA-256 of a `tokenizers` JSON file: of the one that the input
            "tokenizer" has made, if there is such an input.
        held_out: share of the documents, by document hash, that is never trained on.
        splits: further parts; see `specc.corpora.documents.split_of`.
    """

    reader: Component
    fingerprint: str = ""
    tokenizer: str = "byte"
    held_out: Ratio = Fraction(0)
    splits: tuple[NamedSplit, ...] = ()


class PrepareExecution(Frozen):
    """Where the content of a corpus lies now, and how many threads tokenise it.

    Attributes:
        content: of a data set of the hub, what it held when it was pinned; see
            `specc.hub.datasets.ContentDigest`. "" where that is not known.
    """

    files: tuple[str, ...] = ()
    tokenizer_path: str | None = None
    threads: int = 1
    content: str = ""


# ---------------------------------------------------------------- dataset: token files -> token files

DATA_SPLIT = "data"
"""Name of the one split that a `dataset` step makes."""


class DataSet(Frozen):
    """Documents of a prepared corpus, or of another `dataset` step.

    Attributes:
        corpus: name of the input that holds the tokens.
        split: "train", "held_out" or the name of another split; `DATA_SPLIT` of a `dataset` step.
        tokens: if given, whole documents in stored order until this many tokens are reached.
    """

    corpus: str
    split: str
    tokens: int | None = None


class DataSetParams(Frozen):
    """Make a data set out of others, by a registered transform; their documents come one after another."""

    component: Component
    data: tuple[DataSet, ...]


# ---------------------------------------------------------------- init, import: -> checkpoint


class InitParams(Frozen):
    """Initialise a model from a configuration; `vocab` in tokens."""

    architecture: Component
    vocab: int
    seed: int


class ImportParams(Frozen):
    """Copy a checkpoint in the hub's format (config.json, *.safetensors) into the store.

    `companions` are the tokenizer's files and others that lie beside the weights: name -> SHA-256.
    """

    fingerprint: str
    companions: dict[str, str] = Field(default_factory=dict)


class ImportExecution(Frozen):
    """Folder that holds the checkpoint; or, of a model of the hub, its name, commit and files.

    `stackable` is whether it can be trained in lanes.
    """

    path: str = ""
    repository: str = ""
    revision: str = ""
    files: tuple[str, ...] = ()
    stackable: bool = True


# ---------------------------------------------------------------- train: checkpoint + mixture -> checkpoint


class Source(Frozen):
    """One corpus in a stage's mixture.

    Attributes:
        corpus: name of the input (a key of `Step.inputs`) that holds its prepared tokens.
        share: exact share of the stage's sequences that no interval places; 0 for a placed source.
        start: token of this corpus' endless stream at which the stage begins to read.
        span: tokens after which it is read again from `start`; None for never.
        split: which of its splits is read.
    """

    corpus: str
    share: Ratio
    start: int = 0
    span: int | None = None
    split: str = "train"


class Placed(Frozen):
    """A source in an interval: `first` is its share of the interval's sequences, or, if `last` is
    given, the share at its beginning, which changes in a straight line to `last` at its end."""

    source: int
    first: Ratio
    last: Ratio | None = None


class Interval(Frozen):
    """Sequences [start, stop) of a stage in which sources are placed; see `specc.placement`."""

    start: int
    stop: int
    placed: tuple[Placed, ...]


class Phase(Frozen):
    """A piece of a learning-rate curve, over steps [start, stop) of the stage.

    `constant` holds `first`; `linear` goes from `first` (at `start`) to `last` (at `stop`);
    `cosine` is half a cosine from `first` to `last`.
    """

    shape: Literal["constant", "linear", "cosine"]
    start: int
    stop: int
    first: float
    last: float


UNTIL = "until"
"""Role of the input of a train step that an early stop measures on."""


class Until(Frozen):
    """The end of a stage whose evaluation no longer gets better.

    The live model is measured after every `every` training steps and after the last one. A result is
    an improvement if it is better than the best so far by more than `min_delta`; one that is not a
    number never is. The stage ends where `patience` results in a row were none, from step `least` on.

    Attributes:
        data: what is measured on; its `corpus` is the role `UNTIL`.
        better: whether lower or higher results are better.
        restore: whether the stage ends with the weights and the optimizer of its best result.
    """

    evaluator: Component
    data: DataSet
    better: Literal["lower", "higher"]
    every: int
    patience: int
    min_delta: float = 0.0
    restore: bool = True
    least: int = 0


class TrainParams(Frozen):
    """The state of a stage after its first `steps` training steps.

    Attributes:
        sequence: tokens in a sequence. batch: sequences in a training step.
        sources: the mixture; shares sum to 1, or to 0 where intervals cover the stage.
        intervals: where in the stage sources are placed, as far as these steps go; in order.
        until: when the stage ends before `steps`; the state is then the one at its end.
        phases: the learning-rate curve on these steps, and only there.
        optimizer: name and arguments.
        clip: largest gradient norm; None for no clipping.
        dropout: probability at the embedding, the attention weights, both residual branches and
            the MLP's inner activations.
        dtype: "float32", or "bfloat16" for autocast with float32 weights.
        seed: seeds data order and dropout, from separate streams.
        optimizer_state: "fresh" at the start of the stage, or "kept" as the parent left it.
        adapter: what is trained in place of the weights, which it is added to; None for the weights.
    """

    steps: int
    sequence: int
    batch: int
    sources: tuple[Source, ...]
    phases: tuple[Phase, ...]
    optimizer: Component
    seed: int
    intervals: tuple[Interval, ...] = ()
    until: Until | None = None
    clip: float | None = None
    dropout: float = 0.0
    dtype: Literal["float32", "bfloat16"] = "float32"
    optimizer_state: Literal["fresh", "kept"] = "fresh"
    adapter: Component | None = None


class TrainExecution(Frozen):
    """How a segment is run; what it changes of the result is rounding at most.

    Attributes:
        threads, micro_batch: threads, and rows in a forward pass (None for the whole batch); they
            change the order in which numbers are added. With the same values, and on the same
            kind of machine, the same bits come out every time.
        replicas: processes that train together, each on a part of every batch; they change the order
            in which numbers are added, as micro-batches do.
        sharding: whether each of them holds the whole model and optimizer ("replicate") or a part of
            them ("shard"); "auto" shards from a billion parameters.
        implementation: whose forward and backward pass; "auto" takes the plain one wherever it
            covers the model and the optimizer. "stacked" is that of lanes, which a run gives to steps
            that may be trained together; what it can't do is done as with "auto".
        compiled: whether the plain one is compiled by torch ("on", "off"); "auto" does so on a GPU, and not
            on a CPU, for only the length of a training could tell whether it pays, and bits must not
            depend on that.
        log_every: training steps between two lines of metrics.
        checkpoint_seconds: seconds between two scratch checkpoints.
    """

    device: str = "cpu"
    threads: int = 1
    micro_batch: int | None = None
    replicas: int = Field(default=1, ge=1)
    sharding: Literal["auto", "replicate", "shard"] = "auto"
    implementation: Literal["auto", "plain", "transformers", "stacked"] = "auto"
    compiled: Literal["auto", "on", "off"] = "auto"
    log_every: int = 1
    checkpoint_seconds: float = 30.0


# ---------------------------------------------------------------- combine, transform, select: -> checkpoint


class CombineParams(Frozen):
    """A weighted sum of checkpoints: `weights[i]` belongs to the input "checkpoint<i>"; they sum to 1."""

    weights: tuple[Ratio, ...]


class TransformParams(Frozen):
    """A checkpoint with a registered transform applied to its weights.

    Attributes:
        seed: of the arm, for transforms that draw random numbers; None for the others.
    """

    component: Component
    seed: int | None = None


class SelectParams(Frozen):
    """The best of several checkpoints: "candidate<i>" is judged by the evaluation "result<i>".

    A candidate whose training diverged, or whose result is not a number, is never chosen. Of equal
    results the first in the order of the inputs is taken.
    """

    better: Literal["lower", "higher"]


class SelectExecution(Frozen):
    """Which arm each candidate comes from, in words; by its number."""

    labels: dict[str, str] = Field(default_factory=dict)


# ---------------------------------------------------------------- eval: checkpoint + data -> results


class EvalParams(Frozen):
    """Measure a checkpoint on a data set; `sequence` is the longest window, in tokens."""

    evaluator: Component
    data: DataSet
    sequence: int
    dtype: Literal["float32", "bfloat16"] = "float32"


class EvalExecution(Frozen):
    """How an evaluation is run."""

    device: str = "cpu"
    threads: int = 1
    batch_tokens: int = 8192


class Nothing(Frozen):
    """No execution settings."""


PARAMS: dict[str, type[Frozen]] = {
    "tokenizer": TokenizerParams,
    "prepare": PrepareParams,
    "dataset": DataSetParams,
    "init": InitParams,
    "import": ImportParams,
    "train": TrainParams,
    "combine": CombineParams,
    "transform": TransformParams,
    "select": SelectParams,
    "eval": EvalParams,
}
EXECUTION: dict[str, type[Frozen]] = {
    "tokenizer": TokenizerExecution,
    "prepare": PrepareExecution,
    "dataset": Nothing,
    "init": Nothing,
    "import": ImportExecution,
    "train": TrainExecution,
    "combine": Nothing,
    "transform": Nothing,
    "select": SelectExecution,
    "eval": EvalExecution,
}


def identity(params: Frozen) -> dict[str, Any]:
    """What of the parameters enters the key: all but values equal to their defaults."""
    return params.model_dump(mode="json", exclude_defaults=True)


SELECT = "select"
"""Operation that chooses: its inputs "candidate<i>" and "result<i>" go together."""

RESUME = "resume"
"""Role of an input that is in no key: an earlier state of the same stage to go on from."""


def step_key(op: str, identity: dict[str, Any] | str, inputs: dict[str, str]) -> str:
    """Key of a step: SHA-256 over operation, version, identity and the keys of its inputs.

    Args:
        identity: see `identity`; or its canonical text, where many steps have it in common.
        inputs: role ("parent", "checkpoint", "corpus0", ...) -> key of the step that makes it;
            `RESUME` is left out.
    """
    inputs = {role: key for role, key in inputs.items() if role != RESUME}
    if isinstance(identity, str):
        # Canonical JSON, put together here: roles and keys are plain words, and its keys are sorted.
        keys = ",".join(f'"{role}":"{inputs[role]}"' for role in sorted(inputs))
        text = f'{{"identity":{identity},"inputs":{{{keys}}},"op":"{op}","version":{VERSIONS[op]}}}'
        return hashlib.sha256(text.encode()).hexdigest()
    return digest({"op": op, "version": VERSIONS[op], "identity": identity, "inputs": inputs})


class Step(Frozen):
    """A step as a worker receives it, in JSON.

    Attributes:
        inputs: role -> key of a finished step. `prepare` may have "tokenizer"; `dataset` has "corpus0",
            "corpus1", ...; `train` has "parent" and "corpus0", "corpus1", ...; `combine` has "checkpoint0",
            ...; `transform` has "checkpoint"; `select` has "candidate0", "result0", ..., without those that
            diverged; `eval` has "checkpoint" and "corpus0".
        params, execution: as the operation's classes above; see `parsed`.
        label: readable alias, for messages only.
    """

    key: str
    op: Op
    inputs: dict[str, str] = Field(default_factory=dict)
    params: dict[str, Any]
    execution: dict[str, Any] = Field(default_factory=dict)
    label: str = ""

    def parsed(self) -> tuple[Any, Any]:
        """The typed parameters and execution settings of the operation."""
        return PARAMS[self.op].model_validate(self.params), EXECUTION[self.op].model_validate(self.execution)
