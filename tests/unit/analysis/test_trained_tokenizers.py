"""Tokenizers that a recipe has made, given to one corpus or to several."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from small_recipes import codes_of, compiled, study_of
from specc.cli.main import specc
from specc.study import PlannedStep, Study

SPEC = """
experiment words {
  LETS
  corpus web   = WEB
  corpus skill = SKILL
  allocate {
    web   { pretrain: 100% }
    skill { pretrain: 100% }
  }
  stage pretrain from llama(layers = 1, width = 16, heads = 2, context = 32 tokens) {
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 4 sequences
  }
}
"""
WEB = 'text("web/*.txt", held_out = 20%'
SKILL = 'text("skill/*.txt"'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, words in {"web": "grüß Gott, the quick brown fox", "skill": "two plus two is four"}.items():
        (tmp_path / name).mkdir()
        for number in range(30):
            (tmp_path / name / f"{number}.txt").write_text(f"{number} {words} {words[number % 7 :]}")
    return tmp_path


def recipe(web: str, skill: str, lets: str = "") -> str:
    return SPEC.replace("LETS", lets).replace("WEB", web).replace("SKILL", skill)


def steps(study: Study, op: str) -> list[PlannedStep]:
    return [step for step in study.steps if step.op == op]


def test_a_tokenizer_is_a_step_that_its_corpora_share(folder: Path) -> None:
    web, skill = f"{WEB}, tokenizer = bpe(vocab = 280))", f"{SKILL}, tokenizer = web.tokenizer)"
    study = study_of(folder, recipe(web, skill))
    (made,) = steps(study, "tokenizer")
    prepared = steps(study, "prepare")
    assert [step.inputs for step in prepared] == [{"tokenizer": made.key}] * 2
    assert {step.params["tokenizer"] for step in prepared} == {made.params["sha256"]}
    assert all(step.execution["tokenizer_path"] is None for step in prepared)
    (init,) = steps(study, "init")
    assert init.params["vocab"] == 280


def test_one_tokenizer_may_be_trained_on_several_corpora(folder: Path) -> None:
    lets = (
        f"let raw = {WEB})\n  let other = {SKILL})\n  let both = bpe(vocab = 280, on = [raw, other])\n"
        "  let one = bpe(vocab = 280, on = raw)"
    )
    study = study_of(folder, recipe("raw with (tokenizer = both)", "other with (tokenizer = both)", lets))
    (made,) = steps(study, "tokenizer")
    assert [text["held_out"] for text in made.params["texts"]] == ["1/5", "0/1"]
    assert made.execution["counts"] == [30, 30]
    alone = study_of(folder, recipe("raw with (tokenizer = one)", "other with (tokenizer = one)", lets))
    assert steps(alone, "tokenizer")[0].key != made.key
    # What `web.tokenizer` is, said at length.
    same = study_of(
        folder, recipe(f"{WEB}, tokenizer = bpe(vocab = 280))", f"{SKILL}, tokenizer = web.tokenizer)")
    )
    assert steps(alone, "tokenizer")[0].key == steps(same, "tokenizer")[0].key


def test_a_swept_vocabulary_has_a_tokenizer_for_each_value(folder: Path) -> None:
    web, skill = f"{WEB}, tokenizer = bpe(vocab = size))", f"{SKILL}, tokenizer = web.tokenizer)"
    study = study_of(folder, recipe(web, skill, "sweep size in [270, 280]"))
    assert sorted(step.params["component"]["args"]["vocab"] for step in steps(study, "tokenizer")) == [
        270,
        280,
    ]
    assert len(steps(study, "prepare")) == 4


def test_a_corpus_may_share_a_file_or_bytes(folder: Path) -> None:
    words = Path(__file__).parents[2] / "ui/data/words.json"
    (folder / "tokenizer.json").write_bytes(words.read_bytes())
    for given in (', tokenizer = "tokenizer.json"', ""):
        study = study_of(folder, recipe(f"{WEB}{given})", f"{SKILL}, tokenizer = web.tokenizer)"))
        assert not steps(study, "tokenizer")
        first, second = steps(study, "prepare")
        assert first.params["tokenizer"] == second.params["tokenizer"]


@pytest.mark.parametrize(
    ("web", "skill", "code"),
    [
        # Each is trained on its own text.
        ("tokenizer = bpe(vocab = 280)", "tokenizer = bpe(vocab = 280)", "E0503"),
        ("tokenizer = bpe(vocab = 280)", "", "E0503"),
        ("tokenizer = bpe(vocab = 200)", "", "E0303"),
        ("tokenizer = bpe(vocab = 9_999)", "tokenizer = web.tokenizer", "E0006"),
        ("tokenizer = adamw()", "", "E0301"),
        ("tokenizer = bpe(vocab = 280, on = 3)", "", "E0301"),
        ("tokenizer = skill.tokenizer", "", "E0201"),
        ("tokenizer = bpe(vocab = 280, on = skill)", "", "E0201"),
        ("tokenizer = web.tokenizer", "", "E0201"),
    ],
)
def test_mistakes_are_told(folder: Path, web: str, skill: str, code: str) -> None:
    text = recipe(f"{WEB}, {web})", f"{SKILL}{', ' if skill else ''}{skill})")
    assert code in codes_of(folder, text)


def test_too_small_a_text_is_told_once_where_the_tokenizer_is_given(folder: Path) -> None:
    web, skill = f"{WEB}, tokenizer = bpe(vocab = 9_999))", f"{SKILL}, tokenizer = web.tokenizer)"
    told = compiled(folder, recipe(web, skill)).report.diagnostics
    assert [found.code for found in told] == ["E0006", "E0006"]
    assert all("not 9,999" in found.title for found in told)
    assert [found.primary.span.text for found in told if found.primary is not None] == [
        "bpe(vocab = 9_999)",
        "web.tokenizer",
    ]


def test_a_recipe_that_is_shown_names_the_same_tokenizers(folder: Path) -> None:
    words = Path(__file__).parents[2] / "ui/data/words.json"
    (folder / "apart").mkdir()
    (folder / "apart/tokenizer.json").write_bytes(words.read_bytes())
    (folder / "apart/lib.spec").write_text(
        'corpus given = text("../web/*.txt", tokenizer = "tokenizer.json")\n'
        'corpus made = text("../web/*.txt", tokenizer = bpe(vocab = 280))\n'
    )
    for name in ("given", "made"):
        text = f'use "apart/lib.spec" {{ {name} }}\n' + recipe(
            name, f"{SKILL}, tokenizer = {name}.tokenizer)"
        )
        keys = {step.key for step in study_of(folder, text).steps}
        shown = CliRunner().invoke(specc, ["show", str(folder / "case.spec")])
        assert shown.exit_code == 0, shown.stderr
        assert "use" not in shown.stdout
        assert {step.key for step in study_of(folder, shown.stdout).steps} == keys
