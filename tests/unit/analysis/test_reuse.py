"""Templates, extensions and overrides compile to the steps of what one would have written out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from small_recipes import RECIPE, compiled, points_of, study_of
from specc.analysis.compile import Compilation, compile_file
from specc.diagnostics import render
from specc.graph.cost import Rates
from specc.graph.expand import expand
from specc.study import Study

TINY = "model tiny = llama(layers = 1, width = 16, heads = 2, context = 32 tokens)"


def keys(study: Study) -> set[str]:
    return {step.key for step in study.steps}


def study_named(folder: Path, name: str, **files: str) -> Study:
    """The study of one experiment of the last file; each file is NAME.spec."""
    for file, text in files.items():
        (folder / f"{file}.spec").write_text(text, encoding="utf-8")
    compilation = compile_file(folder / f"{list(files)[-1]}.spec", [name])
    assert not compilation.report.failed, render(compilation.report)
    (experiment,) = compilation.experiments
    return expand(experiment, Rates())


def codes(compilation: Compilation) -> list[str]:
    return [diagnostic.code for diagnostic in compilation.report.diagnostics]


# ---- templates


def test_a_template_makes_the_steps_of_its_text_with_the_arguments_in_it(tmp_path: Path) -> None:
    template = (
        "model sized(width, layers = 1, heads = width / 8) = "
        "llama(layers = layers, width = width, heads = heads, context = 32 tokens)"
    )
    by_template = RECIPE.replace(TINY, f"{template}\n  model tiny = sized(width = 16)")
    assert keys(study_of(tmp_path, by_template)) == keys(study_of(tmp_path, RECIPE))
    in_place = RECIPE.replace(TINY, template).replace("from tiny", "from sized(width = 16)")
    assert keys(study_of(tmp_path, in_place)) == keys(study_of(tmp_path, RECIPE))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    width=st.sampled_from([8, 16, 32]),
    layers=st.integers(1, 3),
    share=st.integers(5, 50),
    rate=st.sampled_from(["1e-3", "3e-4", "0.01"]),
    tokens=st.integers(20, 60),
)
def test_substitution_is_writing_it_out_by_hand(
    tmp_path: Path, width: int, layers: int, share: int, rate: str, tokens: int
) -> None:
    by_hand = (
        RECIPE.replace("layers = 1, width = 16", f"layers = {layers}, width = {width}")
        .replace("tokens = 40K tokens, held_out = 10%", f"tokens = {tokens}K tokens, held_out = {share}%")
        .replace("peak = 5e-4", f"peak = {rate}")
    )
    form = (
        RECIPE.replace("experiment small", "experiment form(w, l, n, h, rate)")
        .replace("layers = 1, width = 16", "layers = l, width = w")
        .replace("tokens = 40K tokens, held_out = 10%", "tokens = n, held_out = h")
        .replace("peak = 5e-4", "peak = rate")
    )
    arguments = f"w = {width}, l = {layers}, n = {tokens}K tokens, h = {share}%, rate = {rate}"
    extended = study_named(tmp_path, "small", one=f"{form}\nexperiment small extends form({arguments})\n")
    assert keys(extended) == keys(study_of(tmp_path, by_hand))


def test_an_axis_as_an_argument_is_swept(tmp_path: Path) -> None:
    template = "model sized(width) = llama(layers = 1, width = width, heads = 2, context = 32 tokens)"
    text = RECIPE.replace(TINY, f"{template}\n  sweep w in [16, 32]").replace(
        "from tiny", "from sized(width = w)"
    )
    study = study_of(tmp_path, text)
    assert keys(study_of(tmp_path, RECIPE)) < keys(study)
    assert len(study.arms) == 8


def test_names_of_a_template_mean_what_they_mean_in_its_file(tmp_path: Path) -> None:
    library = (
        "let context = 32 tokens\nlet heads = 2\n"
        "model sized(width) = llama(layers = 1, width = width, heads = heads, context = context)\n"
    )
    user = RECIPE.replace(
        TINY, "let context = 16\n  let heads = context\n  model tiny = sized(width = heads)"
    )
    study = study_named(tmp_path, "small", library=library, user='use "library.spec" { sized }\n' + user)
    assert keys(study) == keys(study_of(tmp_path, RECIPE))


def test_a_path_given_to_a_template_begins_where_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "mine.txt").write_text("a text of mine\n" * 1800)
    (tmp_path / "library" / "theirs.txt").write_text("a text of theirs\n" * 1600)
    (tmp_path / "library" / "parts.spec").write_text(
        'corpus english(files) = text(files)\ncorpus own(share) = text("theirs.txt", held_out = share)\n'
    )
    text = (
        RECIPE.replace(
            "corpus web = markov(tokens = 40K tokens, held_out = 10%)", 'corpus web = english("mine.txt")'
        )
        .replace(
            "corpus skill = markov(tokens = 20K tokens, seed = 1, held_out = 10%)", "corpus skill = own(0%)"
        )
        .replace("skill.held_out", "skill.train")
    )
    (tmp_path / "case.spec").write_text('use "library/parts.spec" { english, own }\n' + text)
    compilation = compile_file(tmp_path / "case.spec")
    assert not compilation.report.failed, render(compilation.report)
    steps = expand(compilation.experiments[0], Rates()).steps
    files = [file for step in steps if step.op == "prepare" for file in step.execution["files"]]
    assert {Path(file).name for file in files} == {"mine.txt", "theirs.txt"}


# ---- extensions


def test_an_extension_without_overrides_makes_the_same_steps(tmp_path: Path) -> None:
    study = study_named(tmp_path, "other", one=RECIPE + "experiment other extends small\n")
    assert keys(study) == keys(study_of(tmp_path, RECIPE))
    assert study.experiment == "other"
    assert study.arms[0].label.startswith("other/")


def test_each_kind_of_override_replaces_and_keeps_the_rest(tmp_path: Path) -> None:
    changes = """experiment other extends small {
      override sweep early in [0%, 100%]
      override seeds 3..3
      override model tiny = llama(layers = 2, width = 16, heads = 2, context = 32 tokens)
      override corpus skill = markov(tokens = 30K tokens, seed = 2, held_out = 10%)
      override allocate { skill 6_400 tokens { pretrain: early, posttrain: rest } }
      override stage posttrain { dropout = 0.1 }
      override eval fit = loss(web.held_out) after pretrain
    }"""
    by_hand = (
        RECIPE.replace("[25%, 50%]", "[0%, 100%]")
        .replace("0..1", "3..3")
        .replace("layers = 1", "layers = 2")
        .replace("tokens = 20K tokens, seed = 1", "tokens = 30K tokens, seed = 2")
        .replace("skill 12_800", "skill 6_400")
        .replace("peak = 5e-4)", "peak = 5e-4)\n dropout = 0.1")
        .replace("loss(skill.held_out) after [pretrain, posttrain]", "loss(web.held_out) after pretrain")
    )
    study = study_named(tmp_path, "other", one=f"{RECIPE}\n{changes}\n")
    assert keys(study) == keys(study_of(tmp_path, by_hand))


def test_an_override_may_use_what_is_added_before_it(tmp_path: Path) -> None:
    base = RECIPE.replace("corpus web", "let peak = 1e-3\n  corpus web").replace(
        "cosine(peak = 1e-3", "cosine(peak = peak"
    )
    changes = "experiment other extends small {\n  let high = 2e-3\n  override let peak = high\n}\n"
    study = study_named(tmp_path, "other", one=f"{base}\n{changes}")
    assert keys(study) == keys(study_of(tmp_path, RECIPE.replace("peak = 1e-3", "peak = 2e-3")))


def test_an_override_stage_may_have_another_parent(tmp_path: Path) -> None:
    changes = "experiment other extends small { override stage posttrain from pretrain@50% {} }\n"
    study = study_named(tmp_path, "other", one=f"{RECIPE}\n{changes}")
    by_hand = RECIPE.replace("posttrain from pretrain", "posttrain from pretrain@50%")
    assert keys(study) == keys(study_of(tmp_path, by_hand))


def test_a_chain_of_extensions_over_files_is_one_experiment(tmp_path: Path) -> None:
    base = RECIPE.replace("experiment small {", "let heads = 2\nexperiment small(width) {").replace(
        "width = 16, heads = 2", "width = width, heads = heads"
    )
    middle = (
        'use "base.spec" { small as first }\nlet heads = 16\n'
        "experiment second(w) extends first(width = w / 2) {\n"
        "  override stage posttrain { dropout = 0.1 }\n}\n"
    )
    last = 'use "middle.spec" { second }\nexperiment third extends second(w = 32) { override seeds 0..0 }\n'
    study = study_named(tmp_path, "third", base=base, middle=middle, last=last)
    by_hand = RECIPE.replace("0..1", "0..0").replace("5e-4)", "5e-4)\n dropout = 0.1")
    assert keys(study) == keys(study_of(tmp_path, by_hand))


def test_experiments_of_used_files_and_forms_are_not_run(tmp_path: Path) -> None:
    (tmp_path / "base.spec").write_text(RECIPE)
    form = RECIPE.replace("small", "form(x)")
    (tmp_path / "case.spec").write_text(f'use "base.spec" {{ small }}\nexperiment mine extends small\n{form}')
    compilation = compile_file(tmp_path / "case.spec")
    assert not compilation.report.failed, render(compilation.report)
    assert [each.name for each in compilation.experiments] == ["mine"]


def test_the_description_is_that_of_the_base_unless_there_is_one(tmp_path: Path) -> None:
    base = RECIPE.replace("{\n", '{\n  "the base"\n', 1)
    assert study_named(tmp_path, "a", one=f"{base}experiment a extends small\n").description == "the base"
    own = f'{base}experiment b extends small {{ "my own" }}\n'
    assert study_named(tmp_path, "b", one=own).description == "my own"


def test_a_mistake_that_an_extension_makes_in_the_base_says_where_it_is_extended(tmp_path: Path) -> None:
    changes = "experiment other extends small { override stage pretrain { budget = 256 tokens } }\n"
    compilation = compiled(tmp_path, f"{RECIPE}\n{changes}")
    (diagnostic,) = compilation.report.diagnostics
    assert [label.text for label in diagnostic.secondary][-1] == "extended here"
    assert [each.name for each in compilation.experiments] == ["small"]


# ---- recipes


def test_a_recipe_with_parameters_is_no_arm_and_one_that_extends_it_is(tmp_path: Path) -> None:
    recipes = """recipe dropped(p) { override stage posttrain { dropout = p } }
  recipe weak extends dropped(p = 0.1)
  recipe strong extends dropped(p = 0.5) { override seeds 0..0 }
}
"""
    text = RECIPE.rstrip().removesuffix("}") + recipes
    study = study_of(tmp_path, text)
    assert list(dict.fromkeys(arm.recipe for arm in study.arms)) == ["base", "weak", "strong"]
    assert sum(arm.recipe == "strong" for arm in study.arms) == 2
    for name, rate in (("weak", 0.1), ("strong", 0.5)):
        (dropout,) = {p.stages["posttrain"].settings.dropout for p in points_of(tmp_path, text, name)}
        assert dropout == rate


def test_a_recipe_outside_of_experiments_changes_those_that_extend_it(tmp_path: Path) -> None:
    library = "recipe dropped(p = 0.2) { override stage posttrain { dropout = p } }\n"
    text = RECIPE.rstrip().removesuffix("}") + "  recipe lossy extends dropped\n}\n"
    study = study_named(tmp_path, "small", library=library, one=f'use "library.spec" {{ dropped }}\n{text}')
    by_hand = RECIPE.replace("5e-4)", "5e-4)\n dropout = 0.2")
    assert keys(study) == keys(study_of(tmp_path, RECIPE)) | keys(study_of(tmp_path, by_hand))


# ---- limits


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("".join(f"model m{n}(w) = m{n - 1}(w = w)\n" for n in range(1, 300)), "E0209"),
        ("".join(f"experiment e{n} extends e{n - 1}\n" for n in range(1, 300)), "E0209"),
        ("".join(f"experiment e{n}(x) extends e{n - 1}(x = x + x)\n" for n in range(1, 99)), "E0209"),
        ("model r(w) = r(w = w)\n", "E0210"),
        ("experiment a extends b\nexperiment b extends a\n", "E0210"),
    ],
    ids=["templates", "extensions", "arguments", "itself", "circle"],
)
def test_what_is_endless_is_told_once(tmp_path: Path, text: str, code: str) -> None:
    head = "model m0(w) = llama(layers = 1, width = w, heads = 2, context = 32 tokens)\n"
    head += RECIPE.replace("small", "e0(x)" if "(x)" in text else "e0")
    tail = "experiment last extends e98(x = 1)\n" if "(x)" in text else ""
    assert codes(compiled(tmp_path, head + text + tail)) == [code]
