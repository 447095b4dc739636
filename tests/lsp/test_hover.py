"""What a hover tells: what a word means, its value, what set it, and the budget."""

from __future__ import annotations

import pytest

from editor import Editor
from recipes import MODELS, STUDY, place
from specc.components import COMPONENTS
from specc.language.keywords import keywords
from specc.lsp.meanings import CLAUSES, MEMBERS, PHRASES, REDUCERS, UNITS, VALUES, meaning, reference


def hovered(editor: Editor, words: str, skip: int = 0, text: str = STUDY) -> str:
    """The text of a hover, with the white space of Markdown tables taken together."""
    found = editor.ask("textDocument/hover", editor.at("study.spec", *place(text, words, skip)))
    assert found is not None
    return str(found["contents"]["value"])


@pytest.fixture
def study(editor: Editor) -> Editor:
    editor.open("models.spec", MODELS)
    editor.open("study.spec", STUDY)
    assert editor.checked("study.spec") == []
    editor.counted("study.spec")
    return editor


def test_a_stage_tells_its_budget_and_what_set_its_settings(study: Editor) -> None:
    text = hovered(study, "pretrain from tiny")
    assert "| early = 0% | 16.384K | – | 16.384K | 64 |" in text
    assert "| early = 50% | 12.288K | 4.096K | 16.384K | 64 |" in text
    line = STUDY.count("\n", 0, STUDY.index("batch ")) + 1
    assert f"| `batch` | `8 sequences` | study.spec:{line} |" in text


def test_an_inherited_setting_names_the_line_of_the_stage_that_gave_it(study: Editor) -> None:
    text = hovered(study, "posttrain from pretrain")
    line = STUDY.count("\n", 0, STUDY.index("optimizer =")) + 1
    assert f"| `optimizer` | `adamw(beta2 = 0.9)` | study.spec:{line} |" in text
    assert "| `clip` | `1` | default |" in text


def test_a_setting_tells_what_it_is_and_its_value(study: Editor) -> None:
    text = hovered(study, "schedule = constant")
    assert str(reference("schedule")) in text
    assert "is `constant(peak = 0.001)`, set at study.spec:" in text


def test_a_corpus_tells_its_size_and_where_it_is_read(study: Editor) -> None:
    text = hovered(study, "skill 8_192")
    assert "corpus skill = markov(tokens = 20K tokens" in text
    assert "tokens to train on; held out" in text
    assert "| early = 50% | 4.096K | 4.096K | 8.192K |" in text


def test_a_name_from_another_file_tells_its_value_and_where_it_was_declared(study: Editor) -> None:
    text = hovered(study, "optimizer = hot", len("optimizer = "))
    assert "let warm = adamw(beta2 = 0.9)" in text
    text = hovered(study, "from tiny", 5)
    assert "models.spec:2" in text


def test_an_axis_tells_its_values_and_column(study: Editor) -> None:
    text = hovered(study, "pretrain: early", len("pretrain: "))
    assert "sweep early in [0%, 50%]" in text
    assert "in SQL the column `early` (fraction)" in text


def test_a_parameter_tells_its_type_and_default(study: Editor) -> None:
    text = hovered(study, "warmup = 5%")
    parameter = COMPONENTS["cosine"].parameter("warmup")
    assert parameter is not None
    assert parameter.doc in text
    assert "default `0%`" in text


def test_a_component_and_an_item_tell_their_page(study: Editor) -> None:
    assert hovered(study, "cosine(") == reference("cosine")
    assert hovered(study, "allocate {") == reference("allocate")
    assert hovered(study, "after [") == meaning("after")


def test_a_number_with_a_suffix_is_told_in_full(study: Editor) -> None:
    assert hovered(study, "40K") == "`40K` is 40,000"


def test_an_experiment_tells_its_arms(study: Editor) -> None:
    assert "8 arms, 2 seeds" in hovered(study, "study {")


def test_text_of_a_recipe_is_never_markup(editor: Editor) -> None:
    editor.open("study.spec", 'let a = "`[x](command:evil)` ![](https://a.b/c.png)"\nlet b = a\n')
    text = editor.ask("textDocument/hover", editor.at("study.spec", 1, 8))["contents"]["value"]
    fenced = text.split("````specc")[1].split("````")[0]
    rest = text.replace(fenced, "")
    assert "command:evil" in fenced
    assert "command:evil" not in rest.replace("`` ", "\0").split("\0")[0]


def test_nothing_is_told_of_spaces_and_of_words_that_mean_nothing(study: Editor) -> None:
    for words in ('"An early', "# What"):
        assert study.ask("textDocument/hover", study.at("study.spec", *place(STUDY, words, 2))) is None


def test_every_word_of_the_grammar_has_a_meaning() -> None:
    words = keywords()
    assert set(CLAUSES) == set(words.clauses)
    assert set(PHRASES) == set(words.phrases)
    assert all(reference(item) for item in words.items)


def test_the_words_of_the_tables_are_those_of_the_compiler() -> None:
    from specc.analysis import expectations, values

    assert set(REDUCERS) == set(expectations.REDUCERS)
    assert set(UNITS) == {unit.removesuffix("s") for unit in values.UNITS}
    assert {word.value for word in values.Word} <= set(VALUES)
    assert {"train", "held_out"} <= set(MEMBERS)


def test_functions_of_queries_and_templates_are_explained(editor: Editor) -> None:
    query = (
        "compare new = ```sql select {{ mean_ci('difference') }}, half_width(difference) as within, "
        "avg(difference) from {{ paired('skill_loss', early = 0) }} ```\n  compare retained"
    )
    text = STUDY.replace("compare retained", query, 1)
    editor.open("models.spec", MODELS)
    editor.open("study.spec", text)
    assert editor.checked("study.spec") == []
    assert "seed by seed" in hovered(editor, "paired(", text=text)
    assert "three columns" in hovered(editor, "mean_ci(", text=text)
    assert "half the width" in hovered(editor, "half_width(", text=text)
    where = editor.at("study.spec", *place(text, "avg(difference)", 0))
    assert editor.ask("textDocument/hover", where) is None
