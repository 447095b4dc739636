"""What an editor is told of mistakes, as they are made and mended."""

from __future__ import annotations

from pathlib import Path

from editor import Editor, edit
from recipes import MODELS, STUDY, place
from specc.diagnostics.explain import explanation


def codes(found: list[dict[str, object]]) -> list[object]:
    return [each["code"] for each in found]


def test_a_right_recipe_has_no_diagnostics_and_a_mistake_is_told_where_it_stands(editor: Editor) -> None:
    editor.open("models.spec", MODELS)
    editor.open("study.spec", STUDY)
    assert editor.checked("study.spec") == []
    line, column = place(STUDY, "hot\n")
    editor.change("study.spec", 2, edit((line, column), (line, column + 3), "hott"))
    (found,) = editor.checked("study.spec", 2)
    assert found["code"] == "E0201"
    assert found["severity"] == 1
    assert found["source"] == "specc"
    assert found["message"] == "`hott` is not declared\nhelp: write `hot`"
    assert found["range"] == {
        "start": {"line": line, "character": column},
        "end": {"line": line, "character": column + 4},
    }
    assert found["data"]["explanation"] == explanation("E0201").text
    editor.change("study.spec", 3, edit((line, column), (line, column + 4), "hot"))
    assert editor.checked("study.spec", 3) == []


def test_other_places_of_a_mistake_are_related_information(editor: Editor) -> None:
    editor.open("a.spec", "let a = 1\nlet b = 2\nlet a = 3\n")
    (found,) = editor.checked("a.spec")
    (related,) = found["relatedInformation"]
    assert found["code"] == "E0202"
    assert related["message"] == "first here"
    assert related["location"]["uri"] == editor.uri("a.spec")
    assert related["location"]["range"]["start"] == {"line": 0, "character": 4}


def test_a_warning_is_a_warning(editor: Editor) -> None:
    editor.open("models.spec", MODELS)
    editor.open("study.spec", STUDY.replace("warmup = 5%", "warmup = 100%"))
    assert [(each["code"], each["severity"]) for each in editor.checked("study.spec")] == [("W0404", 2)]


def test_an_unsaved_change_of_a_used_file_shows_in_those_that_use_it(editor: Editor) -> None:
    editor.open("models.spec", MODELS)
    editor.open("study.spec", STUDY)
    assert editor.checked("study.spec") == []
    editor.change("models.spec", 2, edit((0, 4), (0, 8), "cold"))
    assert codes(editor.until("study.spec", ["E0201"])) == ["E0201"]
    editor.change("models.spec", 3, edit((0, 4), (0, 8), "warm"))
    assert editor.until("study.spec", []) == []


def test_a_mistake_in_a_used_file_that_is_not_open_is_shown_in_that_file(editor: Editor) -> None:
    (editor.folder / "models.spec").write_text(MODELS.replace("heads = 2", "heads = two"))
    editor.open("study.spec", STUDY)
    assert codes(editor.until("models.spec", ["E0201"])) == ["E0201"]
    editor.shut("study.spec")
    assert editor.until("models.spec", []) == []


def test_a_file_that_was_corrected_on_the_disk_is_read_again_when_the_editor_says_so(editor: Editor) -> None:
    path = editor.folder / "models.spec"
    path.write_text(MODELS.replace("warm", "cold"))
    editor.open("study.spec", STUDY)
    assert codes(editor.until("study.spec", ["E0201"])) == ["E0201"]
    path.write_text(MODELS)
    editor.tell(
        "workspace/didChangeWatchedFiles", {"changes": [{"uri": editor.uri("models.spec"), "type": 2}]}
    )
    assert editor.until("study.spec", []) == []


def test_data_that_comes_later_is_found_when_the_recipe_is_saved(editor: Editor) -> None:
    text = STUDY.replace("markov(tokens = 40K tokens", 'text("data/*.txt"')
    editor.open("models.spec", MODELS)
    editor.open("study.spec", text)
    assert codes(editor.checked("study.spec")) == ["E0006"]
    (editor.folder / "data").mkdir()
    for number in range(40):
        (editor.folder / f"data/{number}.txt").write_text(f"{number} some words " * 90)
    editor.tell("textDocument/didSave", {"textDocument": {"uri": editor.uri("study.spec")}})
    assert editor.until("study.spec", []) == []


def test_a_broken_item_does_not_hide_mistakes_elsewhere(editor: Editor) -> None:
    editor.open("models.spec", MODELS)
    text = STUDY.replace("seeds 0..1", "seeds zero..").replace("optimizer = hot", "optimiser = hot")
    editor.open("study.spec", text)
    assert codes(editor.checked("study.spec")) == ["E0102", "E0101"]


def test_closing_takes_the_diagnostics_away(editor: Editor) -> None:
    editor.open("a.spec", "let a = nothing\n")
    assert codes(editor.checked("a.spec")) == ["E0201"]
    editor.shut("a.spec")
    assert editor.until("a.spec", []) == []


def test_an_editor_that_types_fast_gets_the_answer_to_its_last_word(editor: Editor) -> None:
    editor.open("models.spec", MODELS)
    editor.open("study.spec", STUDY)
    line, column = place(STUDY, "16_384")
    for version in range(2, 30):
        editor.change("study.spec", version, edit((line, column), (line, column + 1), str(version % 9 + 1)))
    editor.change("study.spec", 30, edit((line, column), (line, column + 1), "1"))
    assert editor.checked("study.spec", 30) == []


def test_a_recipe_in_a_folder_with_spaces_and_accents(editor: Editor) -> None:
    folder = editor.folder / "ma thèse"
    folder.mkdir()
    (folder / "models.spec").write_text(MODELS)
    editor.open("ma thèse/study.spec", STUDY)
    assert editor.checked("ma thèse/study.spec") == []


def test_nothing_is_written_beside_the_recipe(editor: Editor) -> None:
    editor.open("models.spec", MODELS)
    editor.open("study.spec", STUDY)
    editor.checked("study.spec")
    assert [path.name for path in Path(editor.folder).rglob("*")] == []
