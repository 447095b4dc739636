"""How the server starts, waits, and ends."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from editor import ROOT, Editor, editing
from recipes import MODELS


def test_without_the_extra_the_command_says_how_to_install_it(tmp_path: Path) -> None:
    code = textwrap.dedent(
        f"""
        import sys
        sys.path[:0] = {[str(ROOT), str(ROOT / "runtime")]!r}
        sys.modules["pygls"] = None
        sys.argv = ["specc", "lsp"]
        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in ("pygls", "lsprotocol"):
                    raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        del sys.modules["pygls"]
        sys.meta_path.insert(0, Missing())
        from specc.cli.main import main
        main()
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 2
    assert "pip install 'specc[lsp]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_client_that_goes_away_ends_the_server(tmp_path: Path) -> None:
    editor = Editor(tmp_path.resolve())
    assert editor.process.stdin is not None
    editor.process.stdin.close()
    assert editor.process.wait(timeout=30) == 1
    for stream in (editor.process.stdout, editor.process.stderr):
        assert stream is not None
        stream.close()


def test_requests_about_documents_that_are_not_open_have_no_answer(editor: Editor) -> None:
    assert editor.ask("textDocument/hover", editor.at("nowhere.spec", 3, 3)) is None
    assert editor.ask("textDocument/completion", editor.at("nowhere.spec", 3, 3)) is None
    editor.change("nowhere.spec", 2, {"text": "let a = 1\n"})
    editor.shut("nowhere.spec")


def test_an_unknown_request_is_refused_and_the_session_goes_on(editor: Editor) -> None:
    assert editor.ask("textDocument/unheardOf", {})["code"] == -32601
    editor.open("a.spec", "let a = 1\n")
    assert editor.checked("a.spec") == []


def test_a_document_that_was_never_saved_is_checked(editor: Editor) -> None:
    uri = "untitled:Untitled-1"
    document = {"uri": uri, "languageId": "specc", "version": 1, "text": "let a = nothing\n"}
    editor.tell("textDocument/didOpen", {"textDocument": document})
    while uri not in editor.diagnostics:
        editor._published.get(timeout=30)
    assert [each["code"] for each in editor.diagnostics[uri]] == ["E0201"]


def test_a_corpus_that_takes_long_to_count_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Requests are answered while it is counted; its diagnostics come then, or at once if that is fast."""
    folder = tmp_path.resolve()
    (folder / "data").mkdir()
    line = "some words to be counted, again and again\n" * 2000
    for number in range(600):
        (folder / f"data/{number}.txt").write_text(f"{number}\n{line}")
    text = MODELS + textwrap.dedent(
        """
        experiment e {
          corpus web = text("data/*.txt", held_out = 5%)
          allocate { web 999B tokens { pretrain: 100% } }
          stage pretrain from tiny {
            optimizer = warm
            batch     = 8 sequences
            schedule  = constant(peak = 1e-3)
          }
        }
        """
    )
    with editing(folder) as editor:
        editor.open("a.spec", text)
        assert [each["code"] for each in editor.checked("a.spec")] in ([], ["E0406"])
        assert editor.ask("textDocument/hover", editor.at("a.spec", 0, 5)) is not None
        assert [each["code"] for each in editor.until("a.spec", ["E0406"])] == ["E0406"]


def test_nothing_is_printed_beside_the_protocol(tmp_path: Path) -> None:
    with editing(tmp_path.resolve(), options=("--log-level", "debug", "--stdio")) as editor:
        editor.open("a.spec", "let a = 1\n")
        assert editor.checked("a.spec") == []
