"""Symbols, folding, semantic tokens, inlay hints, formatting and quick fixes."""

from __future__ import annotations

from typing import Any

import pytest

from editor import Editor, edit
from recipes import MODELS, STUDY, place
from specc.formatting import format_text


@pytest.fixture
def study(editor: Editor) -> Editor:
    editor.open("models.spec", MODELS)
    editor.open("study.spec", STUDY)
    assert editor.checked("study.spec") == []
    editor.counted("study.spec")
    return editor


def document(editor: Editor) -> dict[str, Any]:
    return {"textDocument": {"uri": editor.uri("study.spec")}}


def test_symbols_are_the_items_of_the_file(study: Editor) -> None:
    use, experiment = study.ask("textDocument/documentSymbol", document(study))
    assert (use["name"], experiment["name"]) == ("use", "study")
    members = {(each["name"], each["detail"]) for each in experiment["children"]}
    assert {("early", "sweep"), ("web", "corpus"), ("pretrain", "from tiny"), ("slow", "recipe")} <= members
    (pretrain,) = [
        each for each in experiment["children"] if each["name"] == "pretrain" and "from" in each["detail"]
    ]
    assert [each["name"] for each in pretrain["children"]] == ["budget", "optimizer", "batch", "schedule"]
    line, character = place(STUDY, "pretrain from")
    assert pretrain["selectionRange"]["start"] == {"line": line, "character": character}


def test_symbols_lie_in_their_parents(study: Editor) -> None:
    def walk(symbol: dict[str, Any]) -> None:
        for part in (symbol["selectionRange"], *(child["range"] for child in symbol.get("children") or ())):
            assert tuple(symbol["range"]["start"].values()) <= tuple(part["start"].values())
            assert tuple(part["end"].values()) <= tuple(symbol["range"]["end"].values())
        for child in symbol.get("children") or ():
            walk(child)

    for symbol in study.ask("textDocument/documentSymbol", document(study)):
        walk(symbol)


def test_symbols_of_the_workspace_are_found_by_their_letters(study: Editor) -> None:
    found = study.ask("workspace/symbol", {"query": "ptrn"})
    assert {each["name"] for each in found} == {"posttrain", "pretrain"}
    assert study.ask("workspace/symbol", {"query": "zzz"}) == []


def test_blocks_queries_and_comments_fold(editor: Editor) -> None:
    text = "# one\n# two\n\n" + STUDY
    editor.open("study.spec", text)
    found = editor.ask("textDocument/foldingRange", document(editor))
    ranges = {(each["startLine"], each["endLine"]) for each in found}
    assert (0, 1) in ranges
    stage = place(text, "stage pretrain")[0]
    assert (stage, stage + 4) in ranges
    query = place(text, "compare")[0]
    assert (query, query + 2) in ranges


def coloured(editor: Editor, text: str, method: str = "full", **more: Any) -> list[tuple[int, str, str]]:
    """Lines, words and types of semantic tokens."""
    legend = editor.server["capabilities"]["semanticTokensProvider"]["legend"]["tokenTypes"]
    data = editor.ask(f"textDocument/semanticTokens/{method}", document(editor) | more)["data"]
    lines, found, line, character = text.split("\n"), [], 0, 0
    for down, right, length, kind, _ in zip(*(iter(data),) * 5, strict=True):
        line, character = line + down, right if down else character + right
        units = lines[line].encode("utf-16-le")[2 * character : 2 * (character + length)]
        found.append((line, units.decode("utf-16-le"), legend[kind]))
    return found


def test_words_are_coloured_by_what_they_mean(study: Editor) -> None:
    found = coloured(study, STUDY)
    at = {(line, word): kind for line, word, kind in found}
    cells = place(STUDY, "skill 8_192")[0]
    assert at[cells, "skill"] == "struct"
    assert at[cells, "pretrain"] == "event"
    assert at[cells, "early"] == "enumMember"
    assert at[cells, "rest"] == "keyword"
    assert at[cells, "tokens"] == "type"
    assert at[place(STUDY, "from tiny")[0], "tiny"] == "class"
    assert at[place(STUDY, "batch")[0], "batch"] == "property"
    assert at[place(STUDY, "warmup")[0], "warmup"] == "parameter"
    assert at[place(STUDY, "warmup")[0], "cosine"] == "function"
    assert at[place(STUDY, "select early")[0], "early"] == "enumMember"
    assert at[place(STUDY, "# What")[0], "# What does an early share do?"] == "comment"


def test_colours_of_some_lines_are_those_of_the_file(study: Editor) -> None:
    first, last = place(STUDY, "allocate")[0], place(STUDY, "stage pretrain")[0]
    where = {"start": {"line": first, "character": 0}, "end": {"line": last, "character": 0}}
    some = coloured(study, STUDY, "range", range=where)
    assert some == [each for each in coloured(study, STUDY) if first <= each[0] <= last]


def test_hints_tell_the_tokens_and_steps_that_come_out(study: Editor) -> None:
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
    found = study.ask("textDocument/inlayHint", document(study) | {"range": whole})
    labels = {(each["position"]["line"], each["label"]) for each in found}
    assert (place(STUDY, "stage pretrain")[0], "16.384K tokens = 64 steps x 256") in labels
    assert (place(STUDY, "stage posttrain")[0], "4.096K..8.192K tokens = 16..32 steps x 256") in labels
    assert (place(STUDY, "skill 8_192")[0], "= 0..4.096K") in labels
    line = place(STUDY, "stage pretrain")[0]
    some = {"start": {"line": line, "character": 0}, "end": {"line": line + 1, "character": 0}}
    assert len(study.ask("textDocument/inlayHint", document(study) | {"range": some})) == 1


def test_formatting_is_the_canonical_form_in_as_few_edits_as_lines_differ(study: Editor) -> None:
    messy = STUDY.replace("    batch     = 8", "    batch = 8").replace("seeds 0..1", "seeds   0..1")
    study.change("study.spec", 2, {"text": messy})
    options = {"options": {"tabSize": 8, "insertSpaces": False}}
    edits = study.ask("textDocument/formatting", document(study) | options)
    wanted = format_text(messy)
    assert len(edits) <= 4
    for version, each in enumerate(sorted(edits, key=lambda e: -e["range"]["start"]["line"]), 3):
        study.change("study.spec", version, {"range": each["range"], "text": each["newText"]})
    last = 2 + len(edits)
    assert study.checked("study.spec", last) == []
    assert study.ask("textDocument/formatting", document(study) | options) == []
    assert wanted == format_text(wanted)


def test_a_text_that_is_no_recipe_is_not_formatted(study: Editor) -> None:
    study.change("study.spec", 2, {"text": "experiment e {\n  stage\n"})
    options = {"options": {"tabSize": 2, "insertSpaces": True}}
    assert study.ask("textDocument/formatting", document(study) | options) is None


# ---- quick fixes


def actions(editor: Editor, line: int) -> list[dict[str, Any]]:
    where = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 200}}
    context = {"context": {"diagnostics": []}, "range": where}
    return list(editor.ask("textDocument/codeAction", document(editor) | context))


def test_help_becomes_a_quick_fix_that_removes_the_mistake(study: Editor) -> None:
    line, column = place(STUDY, "optimizer")
    study.change("study.spec", 2, edit((line, column), (line, column + 9), "optimiser"))
    study.checked("study.spec", 2)
    (found,) = actions(study, line)
    assert found["title"] == "Replace `optimiser` with `optimizer`"
    assert found["kind"] == "quickfix"
    assert found["isPreferred"]
    assert found["diagnostics"][0]["code"] == "E0101"
    (change,) = found["edit"]["changes"][study.uri("study.spec")]
    study.change("study.spec", 3, {"range": change["range"], "text": change["newText"]})
    assert study.checked("study.spec", 3) == []
    assert actions(study, line) == []


def test_help_that_asks_for_thought_is_no_quick_fix(study: Editor) -> None:
    text = STUDY.replace("posttrain: rest", "posttrain: 10%")
    study.change("study.spec", 2, {"text": text})
    assert [each["code"] for each in study.checked("study.spec", 2)] == ["E0401"]
    assert actions(study, place(text, "posttrain: 10%")[0]) == []
