"""Data sets as steps: what a recipe counts is what the step makes, and what a stage then learns."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from specc.corpora import encode as encode_module
from specc.corpora.blocks import Block
from specc.corpora.contents import fingerprint
from specc.corpora.datasets import Derived, Part, count_data, documents_of
from specc.corpora.tokens import load_tokens
from specc.errors import DataError
from specc.files import file_digest
from specc.steps import Component, DataSet
from specc.store import Manifest, Store, open_workspace
from specc_runtime import dataset as dataset_module
from specc_runtime.dataset import blocks_of
from specc_runtime.options import open_options
from specc_runtime.order import Stream
from specc_runtime.packing import IGNORED, Mixture
from specc_runtime.prepared import open_split
from specc_runtime.run import Interrupted
from workshop import EOS, Workshop, random_documents

WORDS = tuple("a quick brown fox jumps over the lazy dog . and ? then ( sleeps ) !".split())  # noqa: SIM905
READER = Component(name="jsonl", args={"prompt": "q", "completion": "a", "options": "o"})
SPLITS = (("probe", Fraction(1, 10)),)
HELD_OUT = Fraction(1, 5)


def write_corpus(folder: Path) -> Path:
    path = folder / "pairs.jsonl"
    records = []
    for number in range(120):
        words = [WORDS[(number * step) % len(WORDS)] for step in range(2, 5 + number % 7)]
        options = [f"yes {number}", "no", "perhaps so"]
        records.append({"q": f"{number} {' '.join(words)}\n", "a": options[number % 3], "o": options})
    path.write_text("\n".join(map(json.dumps, records)))
    return path


def write_tokenizer(folder: Path) -> Path:
    vocabulary = {
        word: number for number, word in enumerate(["[UNK]", "<tag>", *WORDS, "yes", "no", "perhaps"])
    }
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    return path


class Bench:
    """A corpus on disk, and its data sets counted from the files and made by steps."""

    def __init__(self, folder: Path, with_file: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.workshop = Workshop(Store(open_workspace(folder / "workspace", create=True)))
        self.path = write_corpus(folder)
        self.tokenizer = str(write_tokenizer(folder)) if with_file else None
        self.prepared = self.workshop.do(
            self.workshop.step(
                "prepare",
                {
                    "reader": READER,
                    "fingerprint": fingerprint([self.path]),
                    "held_out": HELD_OUT,
                    "splits": [{"name": name, "share": share} for name, share in SPLITS],
                    "tokenizer": file_digest(Path(self.tokenizer)) if self.tokenizer else "byte",
                },
                execution={"files": [str(self.path)], "tokenizer_path": self.tokenizer},
            )
        )

    def part(self, split: str, tokens: int | None = None) -> Part:
        return Part(READER, (self.path,), self.tokenizer, HELD_OUT, SPLITS, split, tokens)

    def make(self, data: Derived) -> Manifest:
        """The data set as steps make it, each of its inputs by a step of its own."""
        inputs, references = {}, []
        for number, each in enumerate(data.inputs):
            role = f"corpus{number}"
            inputs[role] = self.prepared.key if isinstance(each, Part) else self.make(each).key
            split, tokens = (each.split, each.tokens) if isinstance(each, Part) else ("data", None)
            references.append({"corpus": role, "split": split, "tokens": tokens})
        step = self.workshop.step("dataset", {"component": data.component, "data": references}, inputs)
        if self.workshop.store.has(step.key):
            return self.workshop.store.manifest(step.key)
        return self.workshop.do(step)


def joined(blocks: list[Block]) -> dict[str, Any]:
    """Blocks as the arrays that they are pieces of."""
    found: dict[str, Any] = {
        name: np.concatenate([getattr(block, name) for block in blocks]).tolist()
        for name in ("tokens", "prompts", "ids", "lengths")
    }
    masks = [np.zeros(len(b.tokens), bool) if b.masked is None else b.masked for b in blocks]
    found["masked"] = np.concatenate(masks).tolist()
    found["options"] = None
    if all(block.options is not None for block in blocks):
        found["options"] = [
            [(tokens.tolist(), size) for tokens, size in block.options.of(number)]
            for block in blocks
            if block.options is not None
            for number in range(block.documents)
        ]
    return found


def opened(workshop: Workshop, made: Manifest) -> dict[str, Any]:
    """The arrays of an artifact, read by what stages and evaluations read with."""
    folder = workshop.store.path(made.key)
    split, options = open_split(folder, "data"), open_options(folder, "data")
    assert made.outputs["data"]["tokens"] == len(split.tokens) == int(split.offsets[-1])
    return {
        "tokens": split.tokens.tolist(),
        "prompts": split.prompts.tolist(),
        "ids": split.ids.tolist(),
        "lengths": np.diff(split.offsets).tolist(),
        "masked": [False] * len(split.tokens) if split.masked is None else split.masked.tolist(),
        "options": None
        if options is None
        else [
            [(tokens.tolist(), size) for tokens, size in options.of(number)]
            for number in range(split.documents)
        ],
    }


SHARES = st.sampled_from(["1/1", "1/2", "1/7"])
TRANSFORMS = st.one_of(
    st.builds(lambda n: ("take", {"tokens": n}), st.integers(1, 3000)),
    st.builds(lambda s, k: ("where", {"share": s, "seed": k}), SHARES, st.integers(0, 3)),
    st.just(("where", {"contains": "fox", "min_tokens": 2})),
    st.builds(lambda s, k: ("shuffle_labels", {"share": s, "seed": k}), SHARES, st.integers(0, 3)),
    st.builds(
        lambda s, p: ("annotate", {"prefix": "<tag> fox", "share": s, "place": p}),
        SHARES,
        st.sampled_from(["start", "completion"]),
    ),
    st.builds(
        lambda s: ("annotate", {"prefix": "<tag>", "share": s, "place": "completion", "loss": True}), SHARES
    ),
    st.builds(lambda s, c: ("mask_tokens", {"share": s, "context": c}), SHARES, st.integers(0, 4)),
    st.builds(
        lambda u, s: ("permute_units", {"unit": u, "side": s}),
        st.sampled_from(["words", "lines", "sentences"]),
        st.sampled_from(["both", "prompt", "completion"]),
    ),
    st.builds(lambda s, k: ("corrupt", {"share": s, "seed": k}), SHARES, st.integers(0, 3)),
)
PARTS = st.tuples(st.sampled_from(["train", "held_out", "probe"]), st.sampled_from([None, 1, 300]))


@pytest.fixture(scope="module", params=[False, True], ids=["bytes", "file"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"), request.param)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
@given(
    first=st.lists(PARTS, min_size=1, max_size=3),
    chain=st.lists(TRANSFORMS, min_size=1, max_size=4),
    size=st.sampled_from([30, 200, 1 << 18]),
)
def test_what_is_counted_is_what_is_made(
    bench: Bench,
    first: list[tuple[str, int | None]],
    chain: list[tuple[str, dict[str, Any]]],
    size: int,
) -> None:
    data = Derived(Component(name="concat"), tuple(bench.part(*part) for part in first))
    for name, args in chain:
        data = Derived(Component(name=name, args=args), (data,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode_module, "BATCH_CHARACTERS", size)
        wanted = list(documents_of(data, load_tokens(bench.tokenizer)))
        counted = count_data(data)
    if not wanted:
        assert counted.documents == 0
        with pytest.raises(DataError, match="no document left"):
            bench.make(data)
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset_module, "BLOCK_TOKENS", 100)
        made = bench.make(data)
    assert opened(bench.workshop, made) == joined(wanted)
    assert made.outputs["data"]["tokens"] == counted.tokens
    assert made.outputs["data"]["documents"] == counted.documents


def test_a_data_set_is_read_in_blocks_as_it_was_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench.make(Derived(Component(name="annotate", args={"prefix": "<tag>"}), (bench.part("train"),)))
    whole = opened(bench.workshop, made)
    monkeypatch.setattr(dataset_module, "BLOCK_TOKENS", 50)
    folder = bench.workshop.store.path(made.key)
    blocks = list(blocks_of(folder, DataSet(corpus="corpus0", split="data")))
    assert len(blocks) > 10
    assert joined(blocks) == whole


def test_an_interrupted_step_leaves_nothing(bench: Bench) -> None:
    step = bench.workshop.step(
        "dataset",
        {
            "component": Component(name="corrupt", args={"share": "1/3", "seed": 77}),
            "data": [{"corpus": "corpus0", "split": "train"}],
        },
        {"corpus0": bench.prepared.key},
    )
    with pytest.raises(Interrupted):
        bench.workshop.do(step, lambda: True)
    assert not bench.workshop.store.has(step.key)


def test_other_documents_are_read_in_another_order_and_changed_ones_in_the_same(bench: Bench) -> None:
    train = bench.part("train")
    noisy = bench.make(Derived(Component(name="shuffle_labels"), (train,)))
    twice = bench.make(
        Derived(
            Component(name="corrupt", args={"share": "1/2"}),
            (Derived(Component(name="shuffle_labels"), (train,)),),
        )
    )
    half = bench.make(Derived(Component(name="where", args={"share": "1/2"}), (train,)))
    few = bench.make(Derived(Component(name="shuffle_labels"), (bench.part("train", 200),)))
    order = dataset_module.order_of
    assert order(noisy) == order(twice) == order(bench.prepared) == bench.prepared.key
    assert order(half) == half.key
    assert order(few) == few.key


# ---- masks in training and in evaluation


def masked_corpus(workshop: Workshop, share: str = "1/3") -> tuple[str, str]:
    """A hand-made corpus, and the same with a share of its tokens masked."""
    plain = workshop.corpus(random_documents(60, seed=1), random_documents(20, seed=2), name="masked")
    step = workshop.step(
        "dataset",
        {
            "component": Component(name="mask_tokens", args={"share": share, "context": 0}),
            "data": [{"corpus": "corpus0", "split": "train"}],
        },
        {"corpus0": plain},
    )
    if not workshop.store.has(step.key):
        workshop.do(step)
    return plain, step.key


def test_masked_tokens_are_no_targets_of_a_stage(workshop: Workshop) -> None:
    plain, masked = masked_corpus(workshop)
    split = open_split(workshop.store.path(masked), "data")
    assert split.masked is not None
    sources = {
        "plain": Stream(open_split(workshop.store.path(plain), "train"), 0, plain),
        "masked": Stream(split, 0, plain),
    }
    batches = {
        name: Mixture((name,), (stream,), (Fraction(1),), (0,), 16).batch(0, 40)[0]
        for name, stream in sources.items()
    }
    assert batches["plain"].tokens.tolist() == batches["masked"].tokens.tolist()
    masks = sources["masked"].read(np.arange(40) * 16, 16).masked
    assert masks is not None
    wanted = np.where(masks, IGNORED, batches["plain"].labels)
    assert batches["masked"].labels.tolist() == wanted.tolist()
    assert batches["masked"].targets == np.count_nonzero(wanted != IGNORED) < batches["plain"].targets


def test_a_mixture_of_masked_and_unmasked_corpora_masks_the_rows_of_one(workshop: Workshop) -> None:
    plain, masked = masked_corpus(workshop)
    streams = (
        Stream(open_split(workshop.store.path(plain), "held_out"), 0, plain),
        Stream(open_split(workshop.store.path(masked), "data"), 0, masked),
    )
    batch, counted = Mixture(("a", "b"), streams, (Fraction(1, 2),) * 2, (0, 0), 16).batch(0, 20)
    alone, _ = Mixture(("b",), streams[1:], (Fraction(1),), (0,), 16).batch(0, 10)
    assert counted == {"a": 160, "b": 160}
    assert batch.labels[1::2].tolist() == alone.labels.tolist()


def test_targets_of_a_data_set_are_counted_without_masks_and_prompts(bench: Bench) -> None:
    data = Derived(Component(name="mask_tokens", args={"share": "1/2", "context": 2}), (bench.part("train"),))
    made = bench.make(data)
    found = opened(bench.workshop, made)
    targets, begin = 0, 0
    for length, prompt in zip(found["lengths"], found["prompts"], strict=True):
        masked = found["masked"][begin : begin + length]
        targets += sum(not hidden for hidden in masked[max(prompt, 1) :])
        begin += length
    assert made.outputs["data"]["targets"] == targets > 0


def test_a_stage_trains_on_what_is_not_masked(workshop: Workshop) -> None:
    _, masked = masked_corpus(workshop, share="1/1")
    step = workshop.train(
        workshop.init(), [masked], sources=[{"corpus": "corpus0", "share": 1, "split": "data"}], steps=3
    )
    made = workshop.do(step)
    assert made.outputs["targets"] == 0
    assert workshop.weights(step.key) == workshop.weights(step.inputs["parent"])


def test_the_loss_leaves_masked_tokens_out(workshop: Workshop) -> None:
    _, masked = masked_corpus(workshop)
    checkpoint = workshop.init()

    def loss(corpus: str, split: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        step = workshop.step(
            "eval",
            {
                "evaluator": {"name": "loss"},
                "data": {"corpus": "corpus0", "split": split},
                "sequence": 16,
            },
            {"checkpoint": checkpoint, "corpus0": corpus},
        )
        made = workshop.do(step)
        lines = (workshop.store.path(step.key) / "samples.jsonl").read_text().splitlines()
        return made.outputs, [json.loads(line) for line in lines]

    split = open_split(workshop.store.path(masked), "data")
    assert split.masked is not None
    result, samples = loss(masked, "data")
    places = np.arange(len(split.tokens)) - np.repeat(split.offsets[:-1], np.diff(split.offsets))
    counted = (places > 0) & ~split.masked
    assert result["n"] == int(counted.sum())
    # The same by hand: the model on each document alone, window by window.
    import torch

    from specc_runtime import model as models

    net = models.load(workshop.store.path(checkpoint), torch.device("cpu"), "eager")
    net.eval()
    total = 0.0
    for first, last in zip(split.offsets[:-1].tolist(), split.offsets[1:].tolist(), strict=True):
        document, hidden = split.tokens[first:last].astype(np.int64), split.masked[first:last]
        for begin in range(0, max(last - first - 1, 1), 15):
            window = torch.from_numpy(document[begin : begin + 16])[None]
            with torch.inference_mode():
                logits = net(input_ids=window).logits[0, :-1].log_softmax(-1)
            for place, token in enumerate(window[0, 1:].tolist()):
                if not hidden[begin + place + 1]:
                    total -= float(logits[place, token])
    assert result["value"] == pytest.approx(total / result["n"], rel=1e-5)
    assert sum(sample["n"] for sample in samples) == result["n"]
    assert EOS in split.tokens
