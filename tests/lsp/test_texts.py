"""Texts and positions: UTF-16, line ends, incremental changes, and texts that are no recipes."""

from __future__ import annotations

import random

import pytest
from lsprotocol import types

from editor import Editor, edit, editing
from recipes import MODELS, STUDY, place
from requests_at import ask_all
from specc.lsp.positions import Text


def test_positions_count_units_of_utf_16(editor: Editor) -> None:
    editor.open("a.spec", 'let a = "😀é" + nothing\n')
    (found,) = editor.checked("a.spec")
    assert found["range"]["start"] == {"line": 0, "character": 16}
    assert found["range"]["end"] == {"line": 0, "character": 23}


def test_a_client_may_ask_for_other_units(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("units").resolve()
    with editing(folder, capabilities={"general": {"positionEncodings": ["utf-8", "utf-16"]}}) as editor:
        assert editor.server["capabilities"]["positionEncoding"] == "utf-8"
        editor.open("a.spec", 'let a = "😀é" + nothing\n')
        (found,) = editor.checked("a.spec")
        assert found["range"]["start"]["character"] == 19


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_places_are_right_whatever_ends_a_line(editor: Editor, end: str) -> None:
    text = STUDY.replace("optimizer = hot", "optimizer = hott")
    editor.open("models.spec", MODELS.replace("\n", end))
    editor.open("study.spec", text.replace("\n", end))
    (found,) = editor.checked("study.spec")
    line, column = place(text, "hott")
    assert found["range"]["start"] == {"line": line, "character": column}
    editor.change("study.spec", 2, edit((line, column), (line, column + 4), "hot"))
    assert editor.checked("study.spec", 2) == []


def test_several_changes_at_once_count_one_after_the_other(editor: Editor) -> None:
    editor.open("a.spec", "let a = 1\n")
    editor.change("a.spec", 2, edit((1, 0), (1, 0), "let b = a\n"), edit((1, 8), (1, 9), "c"))
    (found,) = editor.checked("a.spec", 2)
    assert found["message"].startswith("`c` is not declared")
    editor.change("a.spec", 3, {"text": "let a = 1\n"})
    assert editor.checked("a.spec", 3) == []


def applied(raw: str, first: tuple[int, int], last: tuple[int, int], new: str) -> str:
    """A change, made by hand on lines of UTF-16."""
    lines = raw.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def offset(line: int, character: int) -> int:
        text = lines[line]
        units = text.encode("utf-16-le")[: 2 * character]
        return sum(len(each) + 1 for each in lines[:line]) + len(units.decode("utf-16-le", "ignore"))

    text = "\n".join(lines)
    return text[: offset(*first)] + new.replace("\r\n", "\n") + text[offset(*last) :]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_any_sequence_of_changes_gives_the_text_that_the_editor_has(end: str) -> None:
    draw = random.Random(7)
    text = Text(end.join(["sweep é in [1]", "", "😀 x", 'corpus a = "ü😀"', "last"]))
    for _ in range(400):
        lines = text.text.split("\n")
        line = draw.randrange(len(lines))
        units = len(lines[line].encode("utf-16-le")) // 2
        first, last = sorted((draw.randrange(units + 1), draw.randrange(units + 1)))
        # An editor doesn't cut characters in half.
        whole = {len(lines[line][:n].encode("utf-16-le")) // 2 for n in range(len(lines[line]) + 1)}
        first, last = (min(whole, key=lambda n, at=at: abs(n - at)) for at in (first, last))  # type: ignore[misc]
        new = draw.choice(["", "a", "é😀", end, f"x{end}y", "0"])
        wanted = applied(text.raw, (line, first), (line, last), new)
        places = types.Range(types.Position(line, first), types.Position(line, last))
        text = text.changed([types.TextDocumentContentChangePartial(text=new, range=places)])
        assert text.text == wanted
        for place_ in (0, len(text.text) // 2, len(text.text)):
            assert text.offset(text.position(place_)) == place_


def test_positions_beyond_the_text_are_its_end() -> None:
    text = Text("ab\ncd")
    assert text.offset(types.Position(0, 99)) == 2
    assert text.offset(types.Position(9, 0)) == 5


def test_half_a_character_is_no_reason_to_fail(editor: Editor) -> None:
    editor.open("a.spec", 'let a = "\ud83d"\n')
    assert editor.checked("a.spec") == []


def test_a_mark_of_the_byte_order_moves_nothing(editor: Editor) -> None:
    editor.open("a.spec", "\ufefflet a = nothing\n")
    (found,) = editor.checked("a.spec")
    assert found["range"]["start"] == {"line": 0, "character": 9}


ODD = [
    "",
    "{",
    "}",
    "((((((((((",
    '"',
    "```sql",
    "experiment",
    "experiment e {",
    "experiment e { stage",
    "experiment e {\n  allocate {\n    web {",
    "experiment e extends e { }",
    "use",
    'use "',
    'use "a.spec" { a',
    'use "a.spec" { a }',
    "sweep (a, b",
    "let a = a",
    "a.b.c(",
    "\0\x01\x02",
    "stage s from s@ { }\n" * 30,
    "experiment e {\n sweep a in [",
    "\u2028\u2029\x0b\x0c\x85",
    "(" * 200 + ")" * 200,
]


def test_no_text_and_no_place_in_it_make_the_server_fail(editor: Editor) -> None:
    for version, text in enumerate(ODD, 1):
        if version == 1:
            editor.open("a.spec", text)
        else:
            editor.change("a.spec", version, {"text": text})
        last = text.split("\n")[-1]
        ask_all(editor, "a.spec", text.count("\n"), len(last))
        ask_all(editor, "a.spec", 0, 1)
        editor.checked("a.spec", version)


def test_a_recipe_that_is_being_written_never_makes_the_server_fail(editor: Editor) -> None:
    """Every prefix that ends a line or a word here and there, as it is typed."""
    editor.open("models.spec", MODELS)
    editor.open("study.spec", "")
    stops = sorted({*range(0, len(STUDY), 97), *(n + 1 for n, c in enumerate(STUDY) if c == "\n")})
    for version, stop in enumerate(stops[::2], 2):
        text = STUDY[:stop]
        editor.change("study.spec", version, {"text": text})
        if version % 4 == 0:
            ask_all(editor, "study.spec", text.count("\n"), len(text.rpartition("\n")[2]))
    assert editor.ask("textDocument/hover", editor.at("study.spec", 0, 1)) is not None
