"""`specc show`: one text that means the same, and where values come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recipe import SPEC, Study, small_study

LIBRARY = """\
let heads = 1
model sized(width, layers = 1) =
  llama(layers = layers, width = width, heads = heads, context = 32 tokens)
corpus pages(share) = text("web/*.txt", held_out = share)
recipe lossy(p) { override stage posttrain { dropout = p } }
"""


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """The small study again, made of a library in another folder, a template and an extension."""
    study = small_study(tmp_path)
    (tmp_path / "library").mkdir()
    (tmp_path / "web").rename(tmp_path / "library" / "web")
    (tmp_path / "library" / "parts.spec").write_text(LIBRARY)
    text = (
        SPEC.replace("model tiny = llama(layers = 1, width = 16, heads = 1, context = 32 tokens)\n", "")
        .replace("experiment small", "experiment base(width, rate = 1e-3)")
        .replace('text("web/*.txt", held_out = 20%)', "pages(20%)")
        .replace("from tiny", "from sized(width = width)")
        .replace("constant(peak = 1e-3)", "constant(peak = rate)")
    )
    study.write(
        'use "library/parts.spec" { sized, pages, lossy as weaker }\nlet heads = 3\n'
        f"{text}\nexperiment small extends base(width = 16) {{\n"
        "  override stage posttrain { batch = 4 sequences }\n"
        "  recipe weak extends weaker(p = 0.1)\n}\n"
    )
    return study


def steps(study: Study, file: str) -> tuple[list[str], set[str]]:
    """Labels of the arms, and keys of the steps."""
    (plan,) = json.loads(study.specc("plan", file, "--json").stdout)
    found = plan["study"]
    return [arm["label"] for arm in found["arms"]], {step["key"] for step in found["steps"]}


def test_the_text_needs_no_other_file_and_makes_the_same_steps(study: Study) -> None:
    text = study.specc("show", "small.spec").stdout
    assert "extends" not in text
    assert "use " not in text
    assert 'text("library/web/*.txt", held_out = 20%)' in text
    (study.folder / "whole.spec").write_text(text)
    whole = steps(study, "whole.spec")
    assert whole == steps(study, "small.spec")
    (study.folder / "library" / "parts.spec").unlink()
    assert steps(study, "whole.spec") == whole
    assert study.specc("show", "whole.spec").stdout == text
    study.specc("fmt", "--check", "whole.spec")


def test_an_arm_is_shown_with_its_values(study: Study) -> None:
    by_axis = study.specc("show", "small.spec", "--arm", "early=50%", "--arm", "seed=1").stdout
    assert study.specc("show", "small.spec", "--arm", "small/base/early=50%/seed=1").stdout == by_axis
    assert "{ pretrain: 50%, posttrain: rest }" in by_axis
    assert "sweep" not in by_axis
    (study.folder / "arm.spec").write_text(by_axis)
    _, arm = steps(study, "arm.spec")
    (plan,) = json.loads(study.specc("plan", "small.spec", "--json").stdout)
    number = next(a["arm"] for a in plan["study"]["arms"] if a["label"] == "small/base/early=50%/seed=1")
    runs = [run for run in plan["study"]["stages"] if run["arm"] == number]
    assert {key for run in runs for key in run["segments"]} < arm


def test_a_recipe_is_shown_with_its_overrides(study: Study) -> None:
    text = study.specc("show", "small.spec", "--recipe", "weak").stdout
    assert "dropout  = 0.1" in text
    assert "recipe" not in text
    (study.folder / "weak.spec").write_text(text)
    assert steps(study, "weak.spec")[1] < steps(study, "small.spec")[1]


def test_origins_name_the_line_and_the_reason(study: Study) -> None:
    (data,) = json.loads(study.specc("show", "small.spec", "--json").stdout)
    found = {(each["subject"], each["name"]): each for each in data["values"]}
    lines = study.spec.read_text().splitlines()

    def told(subject: str, name: str) -> tuple[str, str, str]:
        each = found[subject, name]
        text = ""
        if each["file"]:
            text = (study.folder / each["file"]).read_text().splitlines()[each["line"] - 1].strip()
        return each["value"], text, each["reason"]

    line = next(line.strip() for line in lines if line.startswith("experiment small"))
    assert told("stage pretrain", "from.width") == ("16", line, "argument of `base`")
    assert told("stage pretrain", "from.layers")[2] == "default of template `sized`"
    assert told("stage pretrain", "from.heads")[1].startswith("llama(layers = layers")
    assert told("stage pretrain", "dropout") == ("0", "", "default of a stage")
    assert told("stage pretrain", "optimizer.beta1")[2] == "default of `adamw`"
    value, text, reason = told("stage posttrain", "optimizer")
    assert (value, text) == ("adamw", "optimizer = adamw()")
    assert reason == "inherited from stage `pretrain`, experiment `base`"
    assert told("stage posttrain", "batch") == (
        "4 sequences",
        "override stage posttrain { batch = 4 sequences }",
        "",
    )
    weak = study.specc("show", "small.spec", "--recipe", "weak", "--origin").stdout
    (dropout,) = [line for line in weak.splitlines() if line.split()[:2] == ["dropout", "0.1"]]
    assert "library/parts.spec:5" in dropout
    assert "recipe `lossy`" in dropout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--recipe", "weaker"], "has no recipe `weaker`"),
        (["--arm", "early=30%"], "no such arm has `early = 30%`"),
        (["--arm", "erly=50%"], "there is no axis `erly`"),
        (["--arm", "seed=7"], "there is no seed `7`"),
        (["--arm", "seed=1"], "2 arms are meant: they differ in `early`"),
        (["--arm", "here"], "`here` is no arm"),
        (["-e", "base"], "experiment `base` has parameters"),
    ],
)
def test_what_is_not_there_is_told(study: Study, arguments: list[str], told: str) -> None:
    code = 1 if "-e" in arguments else 2
    assert told in study.specc("show", "small.spec", *arguments, code=code).stderr


def test_names_of_two_files_that_collide_get_different_ones(study: Study) -> None:
    other = 'use "library/parts.spec" { sized }\nlet heads = 2\nlet width = 16 * heads / 2\n'
    text = SPEC.replace("model tiny = llama(layers = 1, width = 16, heads = 1, context = 32 tokens)", other)
    text = text.replace("from tiny", "from sized(width = width)").replace('"web/', '"library/web/')
    study.write(text)
    shown = study.specc("show", "small.spec").stdout
    assert "let heads_2 = " in shown
    (study.folder / "whole.spec").write_text(shown)
    assert steps(study, "whole.spec") == steps(study, "small.spec")
