"""An editor for tests: a client of `specc lsp` over stdin and stdout, in a few lines of its own."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds for an answer; machines that run tests are busy."""


class Editor:
    """A session. Positions are (line, character in UTF-16 units), both from 0."""

    def __init__(
        self,
        folder: Path,
        *,
        capabilities: dict[str, Any] | None = None,
        options: tuple[str, ...] = (),
        packages: tuple[Path, ...] = (),
    ):
        places = os.pathsep.join(map(str, (*packages, ROOT, ROOT / "runtime")))
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "specc", "lsp", *options],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": places},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.errors: list[str] = []
        self.log: list[str] = []
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        self.versions: dict[str, int | None] = {}
        self._published: queue.Queue[str] = queue.Queue()
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._number = 0
        self._open: set[str] = set()
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._listen, daemon=True).start()
        self.server = self.ask(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": folder.as_uri(),
                "workspaceFolders": [{"uri": folder.as_uri(), "name": "here"}],
                "capabilities": capabilities
                if capabilities is not None
                else {"textDocument": {"completion": {"completionItem": {"snippetSupport": True}}}},
            },
        )
        self.tell("initialized", {})

    # ---- the protocol

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while True:
            length = 0
            while line := stream.readline().strip():
                name, _, value = line.partition(b": ")
                if name.lower() == b"content-length":
                    length = int(value)
            if not length:
                for waiting in [*self._answers.values()]:
                    waiting.put({"error": {"code": 0, "message": "".join(["the server ended", *self.log])}})
                return
            self._receive(json.loads(stream.read(length)))

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.decode(errors="replace"))

    def _receive(self, message: dict[str, Any]) -> None:
        if "id" in message and "method" not in message:
            self._answers[message["id"]].put(message)
        elif message.get("method") == "textDocument/publishDiagnostics":
            params = message["params"]
            self.diagnostics[params["uri"]] = params["diagnostics"]
            self.versions[params["uri"]] = params.get("version")
            self._published.put(params["uri"])
        elif message.get("method") == "window/showMessage":
            self.errors.append(message["params"]["message"])

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def begin(self, method: str, params: Any) -> int:
        """Send a request, and go on."""
        self._number += 1
        self._answers[self._number] = queue.Queue()
        self._send({"id": self._number, "method": method, "params": params})
        return self._number

    def end(self, number: int) -> Any:
        """The answer of a request; a refusal is a dictionary with `code` and `message`."""
        answer = self._answers[number].get(timeout=PATIENCE)
        del self._answers[number]
        return answer["error"] if "error" in answer else answer["result"]

    def ask(self, method: str, params: Any) -> Any:
        return self.end(self.begin(method, params))

    def close(self) -> int:
        """Say goodbye; the exit code of the server."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        code = self.process.wait(timeout=PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code

    def enter(self, folder: Path) -> None:
        """Work in another folder; it becomes the only one of the workspace."""
        left, entered = ({"uri": each.as_uri(), "name": each.name} for each in (self.folder, folder))
        self.folder = folder
        event = {"added": [entered], "removed": [left]}
        self.tell("workspace/didChangeWorkspaceFolders", {"event": event})

    # ---- documents

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str, version: int = 1) -> None:
        document = {"uri": self.uri(name), "languageId": "specc", "version": version, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        self._open.add(name)

    def change(self, name: str, version: int, *changes: dict[str, Any]) -> None:
        document = {"uri": self.uri(name), "version": version}
        self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [*changes]})

    def shut(self, name: str) -> None:
        self.tell("textDocument/didClose", {"textDocument": {"uri": self.uri(name)}})
        self._open.discard(name)

    def shut_all(self) -> None:
        for name in [*self._open]:
            self.shut(name)

    def check(self) -> None:
        """That the server had no error of its own."""
        assert not [line for line in self.log if "internal error" in line or "Traceback" in line], self.log
        assert not self.errors

    def at(self, name: str, line: int, character: int) -> dict[str, Any]:
        return {
            "textDocument": {"uri": self.uri(name)},
            "position": {"line": line, "character": character},
        }

    def checked(self, name: str, version: int = 1) -> list[dict[str, Any]]:
        """The diagnostics of a version of a document, once they have come."""
        uri, until = self.uri(name), time.monotonic() + PATIENCE
        while self.versions.get(uri) != version:
            self._published.get(timeout=max(0.01, until - time.monotonic()))
        return self.diagnostics[uri]

    def until(self, name: str, codes: list[str]) -> list[dict[str, Any]]:
        """The diagnostics of a document, once they have these codes."""
        uri, until = self.uri(name), time.monotonic() + PATIENCE
        while [d["code"] for d in self.diagnostics.get(uri, [{"code": "not yet"}])] != codes:
            self._published.get(timeout=max(0.01, until - time.monotonic()))
        return self.diagnostics[uri]

    def settled(self, name: str, codes: list[str]) -> list[str]:
        """The sorted codes of a document that was opened, once they are these; the last ones, if never.

        A server tells at once what needs no counting of a corpus, and the rest when it has counted.
        """
        self.checked(name)
        uri, until = self.uri(name), time.monotonic() + PATIENCE
        while (found := sorted(each["code"] for each in self.diagnostics[uri])) != sorted(codes):
            if time.monotonic() > until:
                break
            with contextlib.suppress(queue.Empty):
                self._published.get(timeout=max(0.01, until - time.monotonic()))
        return found

    def counted(self, name: str) -> None:
        """Wait until the corpora of a document have been counted: a stage then tells its steps."""
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": 9999, "character": 0}}
        request = {"textDocument": {"uri": self.uri(name)}, "range": whole}
        until = time.monotonic() + PATIENCE
        while not any(" steps x " in each["label"] for each in self.ask("textDocument/inlayHint", request)):
            assert time.monotonic() < until, "the corpora were never counted"
            time.sleep(0.05)


@contextmanager
def editing(folder: Path, **options: Any) -> Iterator[Editor]:
    """A session that ends well: the server says goodbye, and had no internal error."""
    editor = Editor(folder, **options)
    try:
        yield editor
    except BaseException:
        editor.process.kill()
        raise
    assert editor.close() == 0
    editor.check()


def edit(first: tuple[int, int], last: tuple[int, int], text: str) -> dict[str, Any]:
    """A change of the text between two positions."""
    start, end = ({"line": line, "character": character} for line, character in (first, last))
    return {"range": {"start": start, "end": end}, "text": text}


def marked(text: str) -> tuple[str, tuple[int, int]]:
    """A text without its mark `|`, and the position where it was."""
    before, _, after = text.partition("|")
    line = before.count("\n")
    last = before.rpartition("\n")[2]
    return before + after, (line, len(last.encode("utf-16-le")) // 2)
