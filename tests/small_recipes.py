"""A small recipe to vary, and what comes of a text."""

from __future__ import annotations

from pathlib import Path

from specc.analysis.compile import Compilation, CompiledExperiment, compile_file
from specc.analysis.resolved import ResolvedPoint, ResolvedStage
from specc.diagnostics import render
from specc.graph.cost import Rates
from specc.graph.expand import expand
from specc.study import Study

RECIPE = """\
experiment small {
  sweep early in [25%, 50%]
  seeds 0..1
  model tiny = llama(layers = 1, width = 16, heads = 2, context = 32 tokens)
  corpus web = markov(tokens = 40K tokens, held_out = 10%)
  corpus skill = markov(tokens = 20K tokens, seed = 1, held_out = 10%)
  allocate {
    web              { pretrain: fill }
    skill 12_800 tokens { pretrain: early, posttrain: rest }
  }
  stage pretrain from tiny {
    budget    = 25_600 tokens
    optimizer = adamw(beta2 = 0.9)
    schedule  = cosine(peak = 1e-3, warmup = 10%)
    batch     = 4 sequences
  }
  stage posttrain from pretrain {
    schedule = constant(peak = 5e-4)
  }
  eval fit = loss(skill.held_out) after [pretrain, posttrain]
}
"""
"""Two stages, two corpora, two arms with two seeds each; all in whole training steps."""


def compiled(folder: Path, text: str) -> Compilation:
    """What compiling a text gives, right or wrong."""
    path = folder / "case.spec"
    path.write_text(text, encoding="utf-8")
    return compile_file(path)


def experiment_of(folder: Path, text: str) -> CompiledExperiment:
    """The only experiment of a text, which must have no errors."""
    compilation = compiled(folder, text)
    assert not compilation.report.failed, render(compilation.report)
    (experiment,) = compilation.experiments
    return experiment


def study_of(folder: Path, text: str) -> Study:
    """Arms and steps of the only experiment of a text."""
    return expand(experiment_of(folder, text), Rates())


def points_of(folder: Path, text: str, recipe: str = "base") -> list[ResolvedPoint]:
    """The resolved points of a recipe of the only experiment."""
    return next(arms.points for arms in experiment_of(folder, text).recipes if arms.name == recipe)


def stage_of(folder: Path, text: str, stage: str, recipe: str = "base") -> ResolvedStage:
    """A stage at the first point of the sweep."""
    return points_of(folder, text, recipe)[0].stages[stage]


def codes_of(folder: Path, text: str) -> list[str]:
    """Codes of what is wrong with a text, in its order."""
    return [diagnostic.code for diagnostic in compiled(folder, text).report.ordered()]
