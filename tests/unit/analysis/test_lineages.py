"""Where in its corpora a stage begins to read: where its lineage has stopped."""

from __future__ import annotations

from pathlib import Path

from small_recipes import study_of

SPEC = """
experiment branches {
  corpus web = markov(tokens = 40K tokens)
  allocate {
    web {
      trunk: 10_240 tokens
      left:   2_560 tokens
      right:  5_120 tokens
      half:   2_560 tokens
      leaf:   2_560 tokens
    }
  }
  stage trunk from llama(layers = 1, width = 16, heads = 1, context = 32 tokens) {
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 8 sequences
  }
  stage left  from trunk {}
  stage right from trunk {}
  stage half  from trunk@50% {}
  stage leaf  from left {}
}
"""


def starts(folder: Path, text: str = SPEC) -> dict[str, int]:
    """Stage -> token of the corpus at which its last state's training began."""
    study = study_of(folder, text)
    steps = {step.key: step for step in study.steps}
    return {run.stage: steps[run.checkpoint].params["sources"][0]["start"] for run in study.stages}


def test_a_stage_reads_on_where_its_lineage_stopped(tmp_path: Path) -> None:
    assert starts(tmp_path) == {"trunk": 0, "left": 10_240, "right": 10_240, "half": 5_120, "leaf": 12_800}


def test_a_sibling_of_another_size_changes_nothing(tmp_path: Path) -> None:
    before = {run.stage: run.checkpoint for run in study_of(tmp_path, SPEC).stages}
    changed = SPEC.replace("left:   2_560", "left:   7_680")
    after = {run.stage: run.checkpoint for run in study_of(tmp_path, changed).stages}
    assert {stage for stage in before if before[stage] != after[stage]} == {"left", "leaf"}
