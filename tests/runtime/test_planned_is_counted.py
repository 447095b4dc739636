"""What the compiler plans is what batches hold: for recipes of any shape, counted from the tokens themselves.

Each corpus has numbers of its own as tokens, so that a batch tells by itself where each token is from.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from specc.analysis.compile import CompiledExperiment, compile_file
from specc.graph.cost import Rates
from specc.graph.expand import expand
from specc.steps import TrainParams
from specc.study import Cell, Study
from specc_runtime.order import Stream
from specc_runtime.packing import Mixture
from specc_runtime.prepared import Split

RANGE = 1_000_000
"""Token ids of a corpus: the first has those from 0, the second from here, and so on."""

CORPORA = {
    "web": "markov(tokens = 3_000 tokens, document = 20 tokens, max_epochs = 10000)",
    "skill": "markov(tokens = 900 tokens, document = 7 tokens, seed = 1, "
    'splits = [("probe", 30%)], max_epochs = 10000)',
    "drift": "markov(tokens = 450 tokens, document = 90 tokens, seed = 2, max_epochs = 10000)",
    # One document, shorter than any row.
    "mote": "markov(tokens = 5 tokens, document = 5 tokens, seed = 3, max_epochs = 10000)",
}
DATA_SETS = {"few": "take(skill, 130 tokens)", "probe": "skill.probe"}
STAGES = ("first", "second", "third")


@dataclass
class Read:
    """What a stage read: token ids of each step, and what the runtime counted of each role."""

    steps: list[NDArray[np.int64]]
    counted: Counter[str]


@dataclass
class Recount:
    """A study with one arm, read as the runtime reads it."""

    study: Study
    sizes: dict[str, tuple[int, int]]
    stages: dict[str, Read] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = list(self.sizes)
        for run in self.study.stages:
            if run.steps:
                self.stages[run.stage] = self._read(run.stage, run.checkpoint)

    def cells(self, stage: str) -> list[Cell]:
        return [cell for cell in self.study.cells if cell.stage == stage]

    def mixture(self, stage: str, key: str) -> tuple[TrainParams, Mixture]:
        """What the train step of a state of a stage reads, from its own parameters."""
        step = next(step for step in self.study.steps if step.key == key)
        params = TrainParams.model_validate(step.params)
        corpora = {cell.role: cell.corpus for cell in self.cells(stage)}
        mixture = Mixture(
            roles=tuple(source.corpus for source in params.sources),
            streams=tuple(
                Stream(self._split(corpora[source.corpus]), params.seed, step.inputs[source.corpus])
                for source in params.sources
            ),
            shares=tuple(source.share for source in params.sources),
            starts=tuple(source.start for source in params.sources),
            sequence=params.sequence,
            spans=tuple(source.span for source in params.sources),
            intervals=params.intervals,
        )
        return params, mixture

    def _read(self, stage: str, key: str) -> Read:
        params, mixture = self.mixture(stage, key)
        read = Read([], Counter())
        for step in range(params.steps):
            batch, counted = mixture.batch(step * params.batch, (step + 1) * params.batch)
            assert batch.tokens.shape == (params.batch, params.sequence)
            read.steps.append(batch.tokens.reshape(-1))
            read.counted.update(counted)
        return read

    def _split(self, corpus: str) -> Split:
        """As many documents and tokens as the corpus has, with numbers of its own as tokens."""
        documents, tokens = self.sizes[corpus]
        offsets = np.arange(documents + 1, dtype=np.int64) * tokens // documents
        return Split(
            tokens=np.arange(tokens) + self.names.index(corpus) * RANGE,
            offsets=offsets,
            prompts=np.zeros(documents, dtype=np.int32),
            ids=np.arange(documents, dtype=np.uint64),
        )

    def by_hand(self, stage: str) -> Counter[str]:
        """Tokens of each corpus in the batches of a stage."""
        tokens, times = np.unique(np.concatenate(self.stages[stage].steps) // RANGE, return_counts=True)
        return Counter({self.names[n]: int(t) for n, t in zip(tokens, times, strict=True)})

    def lineage(self, stage: str) -> list[tuple[str, int]]:
        """Stages that lead to one with the steps made of them, the first first; itself at the end."""
        steps = {step.key: step for step in self.study.steps}
        runs = {run.stage: run for run in self.study.stages}
        stage_of = {key: run.stage for run in self.study.stages for key in run.segments}
        found = [(stage, runs[stage].steps)]
        while (parent := steps[runs[found[-1][0]].segments[0]].inputs["parent"]) in stage_of:
            found.append((stage_of[parent], steps[parent].params["steps"]))
        return found[::-1]


def recount(folder: Path, text: str) -> Recount | None:
    """The only experiment of a text, read; None if it is refused."""
    path = folder / "case.spec"
    path.write_text(text, encoding="utf-8")
    compilation = compile_file(path)
    if compilation.report.failed:
        return None
    (experiment,) = compilation.experiments
    return Recount(expand(experiment, Rates()), sizes_of(experiment))


def sizes_of(experiment: CompiledExperiment) -> dict[str, tuple[int, int]]:
    """Documents and tokens of the training split of each corpus that is read."""
    (point,) = experiment.recipes[0].points
    return {
        reading.corpus.name: (reading.corpus.facts.train.documents, reading.corpus.facts.train.tokens)
        for stage in point.stages.values()
        for reading in stage.readings
    }


def check_counts(read: Recount) -> None:
    """Planned = counted = what batches hold, and no token of a row is lost or read out of turn."""
    for stage, found in read.stages.items():
        run = next(run for run in read.study.stages if run.stage == stage)
        cells = read.cells(stage)
        # What a stage never comes to is no source of it: for a counter, nothing is 0.
        assert Counter({cell.role: cell.planned for cell in cells}) == found.counted
        by_corpus: Counter[str] = Counter()
        for cell in cells:
            by_corpus[cell.corpus] += cell.planned
        assert +by_corpus == read.by_hand(stage)
        assert sum(by_corpus.values()) == run.tokens == sum(len(step) for step in found.steps)
        check_order(read, stage)
        for key in run.segments[:-1]:
            # A state inside of a stage knows nothing of what comes after it, and reads the same.
            params, mixture = read.mixture(stage, key)
            for number in (0, params.steps // 2, params.steps - 1):
                batch, _ = mixture.batch(number * params.batch, (number + 1) * params.batch)
                assert batch.tokens.reshape(-1).tolist() == found.steps[number].tolist()


def check_order(read: Recount, stage: str) -> None:
    """Along a lineage a corpus is read in whole passes: no token twice more than another one."""
    lineage = read.lineage(stage)
    tokens = np.concatenate(
        [step for name, steps in lineage for step in read.stages[name].steps[:steps]] or [np.empty(0, int)]
    )
    again = {cell.corpus for name, _ in lineage for cell in read.cells(name) if cell.replay_of}
    for number, corpus in enumerate(read.names):
        size = read.sizes[corpus][1]
        mine = tokens[tokens // RANGE == number] - number * RANGE
        times = np.bincount(mine, minlength=size)
        assert len(times) == size
        if corpus not in again:
            assert times.max() - times.min() <= 1
    for cell in read.cells(stage):
        if cell.replay_of and all(
            other.corpus != cell.corpus for other in read.cells(stage) if not other.replay_of
        ):
            # Only what the lineage had read before can have been read again.
            before = np.concatenate(
                [s for name, steps in lineage[:-1] for s in read.stages[name].steps[:steps]]
            )
            number = read.names.index(cell.corpus)
            now = np.concatenate(read.stages[stage].steps)
            assert set(now[now // RANGE == number]) <= set(before)


@st.composite
def places(draw: st.DrawFn) -> str:
    """Where a cell lies: nowhere in particular, in a window, a block or bursts."""
    kind = draw(st.sampled_from(("", "", "within", "early block", "late block", "at")))
    if kind == "within":
        first, last = sorted(draw(st.tuples(st.integers(0, 50), st.integers(51, 100))))
        return f" within {first}%..{last}%"
    if kind == "at":
        return " at " + ", ".join(
            f"{at}%" for at in sorted(draw(st.sets(st.sampled_from((5, 35, 65)), min_size=1)))
        )
    return f" {kind}".rstrip()


@st.composite
def cells(draw: st.DrawFn, most: int) -> str:
    kind = draw(st.sampled_from(("tokens", "epochs", "share", "ramp")))
    if kind == "ramp":
        first, last = draw(st.tuples(st.integers(0, 20), st.integers(0, 20)).filter(any))
        return f"{first}%..{last}% of stage"
    if kind == "share":
        return f"{draw(st.integers(0, 15))}% of stage{draw(places())}"
    tokens = draw(st.integers(0, most))
    amount = f"{tokens} tokens" if kind == "tokens" else f"{tokens / 640:.3f} epochs"
    return amount + draw(places())


@st.composite
def recipes(draw: st.DrawFn) -> str:
    """Up to three stages that read up to four corpora, in most of the ways that there are to say so."""
    names = list(STAGES[: draw(st.integers(1, 3))])
    lines: list[str] = []
    rows: dict[str, list[str]] = {corpus: [] for corpus in CORPORA}
    rows["few"], rows["probe"] = [], []
    for number, name in enumerate(names):
        parent = "tiny"
        if number:
            parent = draw(st.sampled_from((names[number - 1], names[0], f"{names[number - 1]}@50%")))
        steps = draw(st.integers(2, 60))
        batch, sequence = draw(st.sampled_from((1, 2, 3, 4))), draw(st.sampled_from((8, 16, 32)))
        budget = steps * batch * sequence + draw(st.sampled_from((0, 0, 5)))
        filled = draw(st.booleans())
        body = [f"batch = {batch} sequences", f"sequence = {sequence} tokens"]
        body += [f"budget = {budget} tokens"] if filled else []
        if not number:
            body += ["optimizer = adamw()", "schedule = constant(peak = 1e-3)"]
        elif draw(st.booleans()):
            share, decay = draw(st.integers(1, 30)), draw(st.integers(1, 100))
            body.append(f"replay = past(share = {share}%, decay = {decay}%)")
        lines.append(f"stage {name} from {parent} {{\n" + "\n".join(body) + "\n}")
        rows["web"].append(f"{name}: fill" if filled else f"{name}: {budget} tokens")
        for corpus in ("skill", "drift", "mote", "few", "probe"):
            if draw(st.booleans()):
                rows[corpus].append(f"{name}: {draw(cells(budget // 6))}")
    declared = "\n".join(f"corpus {name} = {corpus}" for name, corpus in CORPORA.items())
    declared += "".join(f"\nlet {name} = {data}" for name, data in DATA_SETS.items() if rows[name])
    allocated = "\n".join(f"{name} {{ {', '.join(row)} }}" for name, row in rows.items() if row)
    model = "model tiny = llama(layers = 1, width = 16, heads = 2, context = 32 tokens)"
    return (
        f"experiment e {{\n{model}\n{declared}\nallocate {{\n{allocated}\n}}\n" + "\n".join(lines) + "\n}\n"
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recipes")


@settings(max_examples=12)
@given(text=recipes())
def test_every_token_of_a_plan_is_in_the_batches(folder: Path, text: str) -> None:
    read = recount(folder, text)
    assume(read is not None)
    assert read is not None
    check_counts(read)


@pytest.mark.conformance
@settings(max_examples=300)
@given(text=recipes())
def test_every_token_of_many_plans_is_in_the_batches(folder: Path, text: str) -> None:
    read = recount(folder, text)
    assume(read is not None)
    assert read is not None
    check_counts(read)


def documents_as_corpora(folder: Path, count: int) -> Recount:
    """A stage of two halves: one corpus of `count` documents, and as many corpora of one document each."""
    lines, rows = [], []
    for number in range(count):
        (folder / f"{number}.txt").write_text(f"document {number:04d} of its own corpus")
        lines.append(f'corpus c{number} = text("{number}.txt", max_epochs = 10000)')
        rows.append(f"c{number} {{ first: {100 + number % 7} tokens }}")
    total = sum(100 + number % 7 for number in range(count))
    (folder / "all").mkdir()
    for number in range(count):
        (folder / "all" / f"{number}.txt").write_text(f"document {number:04d} of one large corpus")
    text = "\n".join(
        [
            "experiment e {",
            "model tiny = llama(layers = 1, width = 16, heads = 2, context = 32 tokens)",
            'corpus whole = text("all/*.txt", max_epochs = 10000)',
            *lines,
            "allocate {",
            f"whole {{ first: {total} tokens }}",
            *rows,
            "}",
            "stage first from tiny {",
            "batch = 4 sequences",
            "optimizer = adamw()",
            "schedule = constant(peak = 1e-3)",
            "}",
            "}",
        ]
    )
    read = recount(folder, text)
    assert read is not None
    return read


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.conformance)])
def test_many_sources_of_one_document_are_given_what_one_source_of_as_many_is(
    tmp_path: Path, count: int
) -> None:
    read = documents_as_corpora(tmp_path, count)
    check_counts(read)
    planned = {cell.corpus: cell.planned for cell in read.cells("first")}
    run = read.study.stages[0]
    assert len(planned) == count + 1
    # The large corpus gets half of the stage to the row, however many sources share the other half.
    assert abs(planned["whole"] - run.tokens / 2) <= 32
    assert abs(sum(n for name, n in planned.items() if name != "whole") - run.tokens / 2) <= 32
