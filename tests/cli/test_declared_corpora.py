"""Recipes whose data is not there: they plan, and say so when they are run."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from specc.analysis.compile import compile_file
from specc.cli.main import specc
from specc.corpora.declared import declared_facts, read_declared
from specc.errors import DataError
from specc.graph.accelerators import arm_flops, gpu_lines
from specc.graph.cost import Rates
from specc.graph.expand import expand
from specc.study import Study

PAPER = Path(__file__).parents[2] / "specs" / "early_exposure" / "smollm_135m.spec"


def told(folder: Path, *arguments: str) -> str:
    done = CliRunner().invoke(specc, [*arguments, "-w", str(folder / "workspace")])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_plan_of_the_paper_says_what_a_condition_takes_on_a_gpu(tmp_path: Path) -> None:
    """The reproduction took 34.4 hours of an H100, or 59.5 of an RTX 4090, for each condition."""
    text = told(tmp_path, "plan", str(PAPER), "-e", "early_to_convergence")
    found = dict(re.findall(r"on one (H100|RTX 4090): .*one arm by itself (\d+) GPU-hours", text))
    assert float(found["H100"]) == pytest.approx(34.4, abs=1)
    assert float(found["RTX 4090"]) == pytest.approx(59.5, abs=1)
    assert "134,515,008 parameters" in text
    assert "ends where L_im" in text


@pytest.fixture(scope="module")
def once() -> Study:
    compilation = compile_file(PAPER, ["early_once"])
    assert not compilation.report.failed
    (experiment,) = compilation.experiments
    return expand(experiment, Rates())


def test_each_arm_of_the_paper_reads_the_target_once(once: Study) -> None:
    assert len(once.arms) == 15
    for arm in once.arms:
        read = [cell for cell in once.cells if cell.arm == arm.arm and cell.corpus == "music"]
        assert sum(cell.nominal for cell in read) == arm.axes["size"]
        assert sum(cell.epochs or 0 for cell in read) == pytest.approx(1, abs=0.01)


def test_operations_of_an_arm_are_those_of_its_tokens(once: Study) -> None:
    assert "width = 576" in once.stages[0].settings["model"]
    # 6 (N + V d) + 12 L d T, with N = 106,204,000 parameters outside of the embeddings.
    each = 6 * (106_203_456 + 49_152 * 576) + 12 * 30 * 576 * 1_024
    most = max(sum(run.tokens for run in once.stages if run.arm == arm.arm) for arm in once.arms)
    assert arm_flops(once) == pytest.approx(each * most, rel=1e-3)
    assert gpu_lines(once, 1e12) == []


def test_parts_of_a_declared_corpus_have_their_shares() -> None:
    args = {"tokens": 1_000_000, "vocab": 300, "documents": 0}
    facts = declared_facts(args, Fraction(1, 10), [("probe", Fraction(1, 5))])
    assert (facts.train.tokens, facts.held_out.tokens) == (700_000, 100_000)
    assert facts.splits["probe"].tokens == 200_000
    assert facts.train.documents == 1_400
    assert facts.vocab == 300
    with pytest.raises(DataError, match="only declared, with 1,000,000 tokens"):
        read_declared((), args)


def test_a_run_names_all_corpora_without_data_before_it_begins(tmp_path: Path) -> None:
    place = tmp_path / "workspace"
    done = CliRunner().invoke(specc, ["run", str(PAPER), "-e", "early_once", "-w", str(place)])
    assert done.exit_code == 1
    told, help = done.output.splitlines()
    assert told == "error: 3 corpora are declared without data: `c4`, `music`, `chem`"
    assert '`corpus c4 = jsonl("data/*.jsonl", text = "text")`' in help
    assert list((place / "runs").iterdir()) == []
