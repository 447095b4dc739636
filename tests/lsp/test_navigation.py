"""Definition, references, highlights and rename: within a file, across files, and in queries."""

from __future__ import annotations

from typing import Any

import pytest

from editor import Editor
from recipes import MODELS, STUDY, place


@pytest.fixture
def study(editor: Editor) -> Editor:
    (editor.folder / "models.spec").write_text(MODELS)
    (editor.folder / "other.spec").write_text(
        'use "models.spec" { warm }\nlet mine = warm with (beta1 = 0.8)\n'
    )
    editor.open("study.spec", STUDY)
    assert editor.checked("study.spec") == []
    return editor


def defined(editor: Editor, words: str, skip: int = 0) -> tuple[str, int, int]:
    found = editor.ask("textDocument/definition", editor.at("study.spec", *place(STUDY, words, skip)))
    start = found["range"]["start"]
    return found["uri"].rpartition("/")[2], start["line"], start["character"]


def test_a_name_leads_to_its_declaration(study: Editor) -> None:
    assert defined(study, "skill.held_out") == ("study.spec", *place(STUDY, "corpus skill", 7))
    assert defined(study, "pretrain: early", 10) == ("study.spec", *place(STUDY, "early in"))
    assert defined(study, "from pretrain", 5) == ("study.spec", *place(STUDY, "pretrain from"))
    assert defined(study, "override stage posttrain", 16) == ("study.spec", *place(STUDY, "posttrain from"))


def test_a_name_from_another_file_leads_there(study: Editor) -> None:
    assert defined(study, "from tiny", 5) == ("models.spec", *place(MODELS, "tiny"))
    assert defined(study, "warm as") == ("models.spec", *place(MODELS, "warm"))
    assert defined(study, "optimizer = hot", 12) == ("study.spec", *place(STUDY, "hot }"))


def test_a_column_of_a_query_leads_to_its_axis_and_a_string_to_its_eval(study: Editor) -> None:
    assert defined(study, "select early", 7) == ("study.spec", *place(STUDY, "early in"))
    assert defined(study, "'skill_loss'", 1) == ("study.spec", *place(STUDY, "skill_loss ="))


def test_words_of_the_language_lead_nowhere(study: Editor) -> None:
    for words in ("cosine", "batch", "from", "16_384"):
        place_ = study.at("study.spec", *place(STUDY, words, 1))
        assert study.ask("textDocument/definition", place_) is None


def referred(
    editor: Editor, name: str, where: tuple[int, int], declaration: bool = True
) -> list[tuple[str, int]]:
    found = editor.ask(
        "textDocument/references",
        editor.at(name, *where) | {"context": {"includeDeclaration": declaration}},
    )
    return [(each["uri"].rpartition("/")[2], each["range"]["start"]["line"]) for each in found]


def test_references_of_a_name_are_all_its_uses(study: Editor) -> None:
    found = referred(study, "study.spec", place(STUDY, "early in"))
    lines = [
        line for line, text in enumerate(STUDY.split("\n")) if "early" in text.replace("early share", "")
    ]
    assert sorted({line for _, line in found}) == lines
    assert len(found) == 6
    assert len(referred(study, "study.spec", place(STUDY, "early in"), declaration=False)) == 5


def test_references_reach_files_that_are_not_open(study: Editor) -> None:
    study.open("models.spec", MODELS)
    study.checked("models.spec")
    found = referred(study, "models.spec", place(MODELS, "warm"))
    assert set(found) == {("models.spec", 0), ("study.spec", 0), ("other.spec", 0), ("other.spec", 1)}


def test_highlights_tell_declarations_from_uses(study: Editor) -> None:
    found = study.ask(
        "textDocument/documentHighlight", study.at("study.spec", *place(STUDY, "posttrain from"))
    )
    kinds = {(each["range"]["start"]["line"], each["kind"]) for each in found}
    write, read = 3, 2
    assert (place(STUDY, "posttrain from")[0], write) in kinds
    assert (place(STUDY, "override stage")[0], write) in kinds
    assert (place(STUDY, "posttrain: rest")[0], read) in kinds


# ---- rename


def renamed(editor: Editor, name: str, where: tuple[int, int], new: str) -> dict[str, list[dict[str, Any]]]:
    """Edits by file name."""
    found = editor.ask("textDocument/rename", editor.at(name, *where) | {"newName": new})
    assert "changes" in found, found
    return {uri.rpartition("/")[2]: edits for uri, edits in found["changes"].items()}


def applied(text: str, edits: list[dict[str, Any]]) -> str:
    """A text of plain letters with edits made."""
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda e: (e["range"]["start"]["line"], -e["range"]["start"]["character"])):
        start, end = edit["range"]["start"], edit["range"]["end"]
        line = lines[start["line"]]
        lines[start["line"]] = line[: start["character"]] + edit["newText"] + line[end["character"] :]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "words",
    ["early in", "skill ", "pretrain from", "skill_loss =", "study {", "slow {", "hot }", "retained ="],
)
def test_after_a_rename_the_recipe_means_the_same(study: Editor, words: str) -> None:
    where = place(STUDY, words)
    new = applied(STUDY, renamed(study, "study.spec", where, "changed")["study.spec"])
    assert "changed" in new
    study.change("study.spec", 2, {"text": new})
    assert study.checked("study.spec", 2) == []
    old = words.split()[0]
    back = applied(new, renamed(study, "study.spec", where, old)["study.spec"])
    assert back == STUDY


def test_a_rename_reaches_all_files_that_use_the_name(study: Editor) -> None:
    study.open("models.spec", MODELS)
    study.checked("models.spec")
    edits = renamed(study, "models.spec", place(MODELS, "warm"), "cold")
    assert set(edits) == {"models.spec", "study.spec", "other.spec"}
    other = applied((study.folder / "other.spec").read_text(), edits["other.spec"])
    assert other == 'use "models.spec" { cold }\nlet mine = cold with (beta1 = 0.8)\n'
    assert "{ tiny, cold as hot }" in applied(STUDY, edits["study.spec"])


def test_renaming_another_name_of_something_stays_in_its_file(study: Editor) -> None:
    edits = renamed(study, "study.spec", place(STUDY, "optimizer = hot", 12), "cold")
    assert set(edits) == {"study.spec"}
    assert "{ tiny, warm as cold }" in applied(STUDY, edits["study.spec"])


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("pretrain", "declared already"),
        ("1st", "can't be a name"),
        ("a b", "can't be a name"),
        ("größe", "can't be a name"),
        ("", "can't be a name"),
        ("stage", "word of the language"),
        ("rest", "word of the language"),
        ("x" * 64, "the longest has 63"),
    ],
)
def test_a_name_that_would_break_the_recipe_is_refused(study: Editor, new: str, why: str) -> None:
    place_ = study.at("study.spec", *place(STUDY, "early in"))
    answer = study.ask("textDocument/rename", place_ | {"newName": new})
    assert why in answer["message"]


def test_a_name_that_an_experiment_declares_is_refused_for_one_of_the_file(study: Editor) -> None:
    study.open("models.spec", MODELS)
    study.checked("models.spec")
    place_ = study.at("models.spec", *place(MODELS, "tiny"))
    assert "declared" in study.ask("textDocument/rename", place_ | {"newName": "web"})["message"]


def test_only_names_of_the_recipe_can_be_renamed(study: Editor) -> None:
    answer = study.ask("textDocument/prepareRename", study.at("study.spec", *place(STUDY, "cosine(")))
    assert "word of the language" in answer["message"]
    found = study.ask("textDocument/prepareRename", study.at("study.spec", *place(STUDY, "early in", 2)))
    line, character = place(STUDY, "early in")
    assert found["placeholder"] == "early"
    assert found["range"]["start"] == {"line": line, "character": character}
