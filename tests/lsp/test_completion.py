"""What is offered next, by what stands before the cursor."""

from __future__ import annotations

from typing import Any

import pytest

from editor import Editor, editing, marked
from recipes import MODELS, STUDY
from specc.analysis.definition import SETTINGS
from specc.components import COMPONENTS, Kind


class Writing:
    """An editor with a document that is replaced by each text that is tried."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.version = 1
        editor.open("models.spec", MODELS)
        editor.open("study.spec", "")

    def items(self, text: str) -> list[dict[str, Any]]:
        """What is offered at `|`."""
        text, where = marked(text)
        self.version += 1
        self.editor.change("study.spec", self.version, {"text": text})
        found = self.editor.ask("textDocument/completion", self.editor.at("study.spec", *where))
        return list(found["items"])

    def labels(self, text: str) -> list[str]:
        return [item["label"] for item in self.items(text)]


@pytest.fixture
def writing(editor: Editor) -> Writing:
    return Writing(editor)


INSIDE = STUDY.replace("  recipe slow", "  |\n  recipe slow")


def after(words: str, more: str = "") -> str:
    """The study, cut behind some words, with the cursor there."""
    head, found, _ = STUDY.partition(words)
    assert found
    return head + words + more + "|"


def test_items_begin_a_line(writing: Writing) -> None:
    assert writing.labels("|") == ["use", "let", "model", "corpus", "experiment"]
    inside = writing.labels(INSIDE)
    assert {"stage", "sweep", "allocate", "eval", "expect", "recipe"} <= set(inside)
    assert not {"use", "experiment"} & set(inside)


def test_a_stage_is_offered_the_settings_that_it_has_not(writing: Writing) -> None:
    found = writing.labels(after("    optimizer = hot\n", "    "))
    assert set(found) == set(SETTINGS) - {"budget", "optimizer"}


def test_a_setting_is_offered_components_of_its_kind_and_names_for_them(writing: Writing) -> None:
    found = writing.labels(after("    optimizer = "))
    optimizers = {name for name, each in COMPONENTS.items() if each.kind is Kind.OPTIMIZER}
    assert found[0] == "hot"
    assert set(found) == {"hot", *optimizers}
    assert "cosine" in writing.labels(after("    schedule  = "))


def test_a_call_is_offered_the_parameters_that_are_not_given(writing: Writing) -> None:
    found = writing.items(after("cosine(peak = 3e-3, "))
    labels = [item["label"] for item in found]
    assert "warmup" in labels
    assert "peak" not in labels
    (warmup,) = [item for item in found if item["label"] == "warmup"]
    assert warmup["textEdit"]["newText"] == "warmup = "
    assert warmup["detail"] == "default 0%"


def test_required_parameters_come_first(writing: Writing) -> None:
    found = writing.items("model m = llama(|")
    order = [item["label"] for item in sorted(found, key=lambda item: item["sortText"])]
    assert order[:4] == ["layers", "width", "heads", "context"]
    assert found[0]["detail"] == "required"


def test_names_changed_by_with_are_offered_the_parameters_of_what_they_are(writing: Writing) -> None:
    assert "beta1" in writing.labels(after("    optimizer = hot", " with ("))


def test_a_number_is_offered_units(writing: Writing) -> None:
    assert writing.labels(after("    batch     = 8 ")) == ["tokens", "steps", "sequences", "epochs"]


def test_a_stage_comes_from_models_and_stages(writing: Writing) -> None:
    found = writing.labels(after("  stage posttrain from "))
    assert found[:2] == ["pretrain", "tiny"]


def test_evaluations_come_after_stages(writing: Writing) -> None:
    assert writing.labels(after("loss(skill.held_out) after ")) == ["pretrain", "posttrain"]
    assert writing.labels(after("after [pretrain, "))[:2] == ["pretrain", "posttrain"]


def test_corpora_begin_rows_and_stages_begin_cells(writing: Writing) -> None:
    assert writing.labels(after("{ pretrain: fill }\n", "    ")) == ["skill"]
    assert writing.labels(STUDY.replace("posttrain: rest", "|")) == ["posttrain"]
    found = writing.labels(STUDY.replace("posttrain: rest", "posttrain: |"))
    assert found[:3] == ["rest", "fill", "early"]


def test_axes_stand_after_across_and_given(writing: Writing) -> None:
    assert writing.labels(after("is equal across ")) == ["early"]
    assert writing.labels(after("after posttrain given ")) == ["early", "seed", "recipe"]


def test_a_corpus_has_two_parts(writing: Writing) -> None:
    assert writing.labels(after("loss(skill.")) == ["train", "held_out"]
    assert "skill.held_out" in writing.labels(after("loss("))


def test_evaluations_are_offered_to_reducers(writing: Writing) -> None:
    assert writing.labels(after("expect mean(")) == ["skill_loss"]
    assert "mean" in writing.labels(after("expect "))
    assert "tokens" in writing.labels(after("check "))


def test_names_of_another_file_are_offered_to_use(writing: Writing) -> None:
    assert writing.labels('use "models.spec" { tiny, |') == ["warm"]


def test_an_unsaved_name_of_another_file_is_offered(writing: Writing) -> None:
    writing.editor.change("models.spec", 2, {"text": MODELS + "let cool = sgd()\n"})
    assert "cool" in writing.labels('use "models.spec" { |')


def test_overrides_are_offered_what_there_is_to_replace(writing: Writing) -> None:
    assert writing.labels(after("  recipe slow { ")) == ["override"]
    assert "stage" in writing.labels(after("  recipe slow { override "))
    assert writing.labels(after("  recipe slow { override stage ")) == ["pretrain", "posttrain"]


def test_names_of_another_experiment_are_not_offered(writing: Writing) -> None:
    found = writing.labels(STUDY + "experiment other {\n  stage first from |")
    assert found[0] == "tiny"
    assert "pretrain" not in found


def test_names_of_what_an_experiment_extends_are_offered(writing: Writing) -> None:
    found = writing.labels(STUDY + "experiment other extends study {\n  stage first from |")
    assert "pretrain" in found


def test_parameters_of_a_template_are_names_inside_it_and_arguments_of_its_calls(writing: Writing) -> None:
    template = "model sized(width, layers = 2) = llama(width = "
    assert {"width", "layers"} <= set(writing.labels(template + "|"))
    whole = template + "width, layers = layers, heads = 2, context = 32 tokens)\n"
    assert writing.labels(whole + "model one = sized(|")[:2] == ["width", "layers"]
    assert "width" not in writing.labels(whole + "let other = |")
    text, where = marked(whole + "model one = sized(layers = |")
    writing.items(text + "|")
    shown = writing.editor.ask("textDocument/signatureHelp", writing.editor.at("study.spec", *where))
    assert shown["signatures"][0]["label"] == "sized(width, layers)"
    assert shown["activeParameter"] == 1


def test_named_splits_are_parts_of_their_corpus(writing: Writing) -> None:
    corpus = 'corpus quiz = text("a.txt", splits = [("probe", 5%), ("late", 5%)])\n'
    assert writing.labels(corpus + "let a = quiz.|") == ["train", "held_out", "probe", "late"]


def test_a_model_has_a_tokenizer(writing: Writing) -> None:
    model = 'model base = checkpoint("base")\n'
    assert writing.labels(model + 'corpus web = text("a.txt", tokenizer = base.|') == ["tokenizer"]


def test_checkpoints_are_offered_to_what_computes_with_them(writing: Writing) -> None:
    found = writing.labels(after("  stage posttrain from ", "mean("))
    assert "pretrain" in found
    assert "skill_loss" not in found
    assert "lerp" in writing.labels(after("  stage posttrain from "))
    assert "take" in writing.labels(after("loss("))


def test_paths_in_corpora_and_in_use_are_offered_files(writing: Writing) -> None:
    folder = writing.editor.folder
    (folder / "data").mkdir()
    (folder / "data/a.txt").touch()
    (folder / "others.spec").touch()
    (folder / "$1.txt").touch()
    assert writing.labels('corpus web = text("|') == ["$1.txt", "data/"]
    assert writing.labels('corpus web = text("data/|') == ["a.txt"]
    assert writing.labels('use "|') == ["data/", "others.spec"]
    (dollar,) = [i for i in writing.items('corpus web = text("|') if i["label"] == "$1.txt"]
    assert dollar["insertTextFormat"] == 1


def test_nothing_is_offered_in_comments_numbers_and_queries(writing: Writing) -> None:
    assert writing.labels("# a |") == []
    assert writing.labels(after("8_19")) == []
    assert writing.labels(after("select early, ")) == []


def test_what_is_offered_replaces_the_word_that_is_being_written(writing: Writing) -> None:
    (item,) = [i for i in writing.items("# é😀\nexperi|") if i["label"] == "experiment"]
    assert item["textEdit"]["range"] == {
        "start": {"line": 1, "character": 0},
        "end": {"line": 1, "character": 6},
    }


def test_documentation_comes_when_it_is_asked_for(writing: Writing) -> None:
    (item,) = [i for i in writing.items("|") if i["label"] == "experiment"]
    assert "documentation" not in item
    told = writing.editor.ask("completionItem/resolve", item)
    assert "experiment NAME { ... }" in told["documentation"]["value"]


def test_an_editor_without_snippets_gets_plain_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    with editing(tmp_path_factory.mktemp("plain").resolve(), capabilities={}) as editor:
        found = Writing(editor).items("|")
        assert {item["textEdit"]["newText"] for item in found} == {item["label"] for item in found}


def test_a_signature_shows_the_parameter_that_is_being_given(writing: Writing) -> None:
    def signature(text: str) -> dict[str, Any]:
        writing.items(text)
        text, where = marked(text)
        place = writing.editor.at("study.spec", *where)
        return dict(writing.editor.ask("textDocument/signatureHelp", place))

    found = signature(after("cosine(peak = 3e-3, warmup = "))
    (shown,) = found["signatures"]
    assert shown["label"].startswith("cosine(peak, warmup = 0%")
    assert shown["parameters"][found["activeParameter"]]["label"] == "warmup = 0%"
    found = signature("corpus web = text(|")
    assert found["activeParameter"] == 0
    assert "EVAL after STAGE" in signature(after("expect mean("))["signatures"][0]["label"]


def test_a_tokenizer_is_trained_or_that_of_a_corpus(writing: Writing) -> None:
    found = writing.labels('corpus web = text("a.txt")\ncorpus skill = text("b.txt", tokenizer = |')
    assert {"bpe", "web.tokenizer"} <= set(found)
    assert "web" in writing.labels('corpus web = text("a.txt")\nlet words = bpe(vocab = 512, on = |')


def in_query(text: str) -> str:
    """The study with a comparison, whose query is cut short with the cursor in it."""
    return INSIDE.replace("|\n", f"compare new = ```sql {text} ```\n", 1)


def test_templates_are_offered_functions_names_and_axes(writing: Writing) -> None:
    found = writing.labels(in_query("select * from {{ p|"))
    assert {"paired", "pivot", "ref", "seeds", "evals", "early"} <= set(found)
    assert "skill_loss" not in found
    assert {"for", "seeds"} <= set(writing.labels(in_query("select {% |")))


def test_quotes_in_templates_are_offered_what_they_name(writing: Writing) -> None:
    found = writing.labels(in_query("select * from {{ paired('|"))
    assert {"skill_loss", "posttrain", "slow"} <= set(found)
    assert "paired" not in found
    assert set(writing.labels(in_query("select * from {{ ref('|"))) == {"retained", "new"}


@pytest.mark.parametrize("text", ["select |", "select {{ seeds }} |", "select a -- |"])
def test_sql_outside_of_templates_is_left_to_the_editor(writing: Writing, text: str) -> None:
    assert writing.labels(in_query(text)) == []
