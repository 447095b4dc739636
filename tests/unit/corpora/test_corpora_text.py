"""Text files and documentation strings."""

from __future__ import annotations

import ast
import inspect
import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from specc.corpora.docstrings import dedent, docstrings
from specc.corpora.readers import read_documents
from specc.errors import DataError
from specc.steps import Component


def texts(reader: str, *files: Path, args: Mapping[str, Any] | None = None) -> list[str]:
    return [d.text for d in read_documents(Component(name=reader, args=dict(args or {})), files)]


def write(folder: Path, **contents: bytes) -> list[Path]:
    paths = []
    for name, content in contents.items():
        paths.append(folder / name)
        paths[-1].write_bytes(content)
    return paths


def test_a_file_is_a_document_as_it_stands(tmp_path: Path) -> None:
    (path,) = write(tmp_path, a="one\r\ntwo\u2028é\n".encode())
    assert texts("text", path) == ["one\r\ntwo\u2028é\n"]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (path,) = write(tmp_path, a=b"\xef\xbb\xbfone")
    assert texts("text", path) == ["one"]


def test_order_depends_on_content_and_not_on_names(tmp_path: Path) -> None:
    first = write(tmp_path, a=b"one", b=b"two", c=b"three")
    (tmp_path / "moved").mkdir()
    second = write(tmp_path / "moved", x=b"three", y=b"one", z=b"two")
    assert texts("text", *first) == texts("text", *second) == texts("text", *reversed(second))


def test_limits_are_bytes_and_inclusive(tmp_path: Path) -> None:
    files = write(tmp_path, a="éé".encode(), b=b"abcde", c=b"abcdef", d=b"abc")
    assert sorted(texts("text", *files, args={"min_bytes": 4, "max_bytes": 5})) == ["abcde", "éé"]


def test_empty_files_are_skipped(tmp_path: Path) -> None:
    assert texts("text", *write(tmp_path, a=b"", b=b"\xef\xbb\xbf", c=b"x")) == ["x"]


def test_a_corpus_of_empty_files_holds_no_documents(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 files hold no documents"):
        texts("text", *write(tmp_path, a=b"", b=b""))
    with pytest.raises(DataError, match=r"c holds no documents"):
        texts("text", *write(tmp_path, c=b"short"), args={"min_bytes": 6})


@pytest.mark.parametrize("reader", ["text", "docstrings"])
def test_other_encodings_are_told_by_byte(tmp_path: Path, reader: str) -> None:
    (path,) = write(tmp_path, latin=b"\xef\xbb\xbfcaf\xe9 au lait")
    with pytest.raises(DataError, match="latin is not UTF-8: byte 6 is 0xe9") as caught:
        texts(reader, path)
    assert "iconv" in str(caught.value.help)


def test_binary_files_are_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="image is binary: byte 4 is zero"):
        texts("text", *write(tmp_path, image=b"\x89PNG\x00"))


def test_a_file_that_went_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone can't be read: no such file"):
        texts("text", tmp_path / "gone")


SOURCE = '''\
r"""Module's \\d docstring."""
x = """
"""
y = 'a """ b'  # it's """ here

def f(a="""no"""):
    """One.

      Indented.
    Three.   \\
    Joined.
    """
    g("""no""")
    return """no""" + """
    """

class C:
    \'\'\'Single "quotes" and an escaped \\\'\'\' inside.\'\'\'  # comment

    def m(self):
        U"""A "quoted" word.\\n"""; pass
        f"""{no}"""
        b"""no"""
        """no""" + x
        """last"""'''


def test_docstrings_are_the_strings_that_stand_alone() -> None:
    assert list(docstrings(SOURCE)) == [
        r"Module's \d docstring.",
        "One.\n\n  Indented.\nThree.       Joined.",
        r"""Single "quotes" and an escaped \''' inside.""",
        r'A "quoted" word.\n',
        "last",
    ]


def test_line_ends_of_docstrings_are_unified(tmp_path: Path) -> None:
    (path,) = write(tmp_path, a=SOURCE.replace("\n", "\r\n").encode())
    assert texts("docstrings", path, args={"min_bytes": 1}) == list(docstrings(SOURCE))


def test_short_docstrings_are_left_out(tmp_path: Path) -> None:
    (path,) = write(tmp_path, a=SOURCE.encode())
    assert texts("docstrings", path, args={"min_bytes": 22}) == list(docstrings(SOURCE))[:3]


@pytest.mark.parametrize("module", [ast, shutil, textwrap])
def test_docstrings_of_the_library_are_those_that_python_finds(module: Any) -> None:
    source = Path(module.__file__).read_text()
    expected = sorted(
        "\n".join(line.rstrip(" ") for line in inspect.cleandoc(node.value.value).split("\n")).strip("\n")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and '"""' in str(ast.get_source_segment(source, node.value))
        and "\\" not in str(ast.get_source_segment(source, node.value))
    )
    found = sorted(text for text in docstrings(source) if "\\" not in text)
    assert found == expected


def test_dedent_removes_what_lines_after_the_first_share() -> None:
    assert dedent("  a\n\t b\n\n            c  \n   ") == "a\nb\n\n   c"
    assert dedent("\n\n   only\n") == "only"
    assert dedent("   ") == ""
