"""A stand-in for the hub on this machine that serves a data set, as far as `datasets` streams it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class FakeDataHub:
    """One data set, a folder of files at one commit.

    Attributes:
        requests: paths that were asked for, in order.
    """

    name: str
    folder: Path
    url: str = ""
    requests: list[str] = field(default_factory=list)

    @property
    def files(self) -> dict[str, bytes]:
        found = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in found}

    @property
    def folders(self) -> list[str]:
        return sorted({name.rpartition("/")[0] for name in self.files} - {""})

    @property
    def commit(self) -> str:
        """The commit of the main branch: 40 hex digits by the files."""
        return hashlib.sha1(repr(sorted(self.files.items())).encode()).hexdigest()

    def answer(self, path: str, asked: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content of a request; `asked` is its range."""
        self.requests.append(path)
        root = f"/api/datasets/{self.name}"
        if path.startswith(f"/datasets/{self.name}/resolve/"):
            return self._file(path.split("/resolve/")[1].split("/", 1)[1], asked)
        if path != root and not path.startswith(root + "/"):
            return 401, {"X-Error-Code": "RepoNotFound"}, b"{}"
        action, _, revision = path.removeprefix(root).strip("/").partition("/")
        if action in ("revision", "tree", "paths-info") and revision.split("/")[0] not in (
            "main",
            self.commit,
        ):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        content: Any = {
            "id": self.name,
            "sha": self.commit,
            "siblings": [{"rfilename": name} for name in self.files],
            "tags": [],
        }
        if action == "tree":
            content = self._entries({*self.files, *self.folders})
        elif action == "paths-info":
            content = self._entries(set(json.loads(body)["paths"]))
        return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()

    def _entries(self, wanted: set[str]) -> list[dict[str, Any]]:
        folders = [
            {"type": "directory", "path": name, "oid": hashlib.sha1(name.encode()).hexdigest()}
            for name in self.folders
            if name in wanted
        ]
        return folders + [
            {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
            for name, data in self.files.items()
            if name in wanted
        ]

    def _file(self, name: str, asked: str) -> tuple[int, dict[str, str], bytes]:
        if name not in self.files:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": self.commit}, b""
        data = self.files[name]
        headers = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": self.commit}
        if not asked:
            return 200, headers, data
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last) + 1 if last else len(data), len(data))
        return 206, headers | {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"}, data[start:stop]


@contextmanager
def fake_data_hub(name: str, folder: Path) -> Iterator[FakeDataHub]:
    """Serve a folder on the loopback while the block lasts."""
    hub = FakeDataHub(name, folder)

    class Handler(BaseHTTPRequestHandler):
        def _send(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = self.headers.get("Range") or ""
            status, headers, data = hub.answer(self.path.partition("?")[0], asked, body)
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_HEAD = do_POST = _send

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
