"""A stand-in for the hub on this machine: it serves the folders of models as the hub does."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class FakeHub:
    """Models by name, each a folder at one commit.

    Attributes:
        asked: paths that were asked for, in order.
    """

    folders: dict[str, Path] = field(default_factory=dict)
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def commit(self, name: str) -> str:
        """The commit that a model's main branch stands for: 40 hex digits by its files."""
        files = sorted((path.name, path.read_bytes()) for path in self.folders[name].iterdir())
        return hashlib.sha1(repr(files).encode()).hexdigest()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content of what is asked for."""
        self.asked.append(path)
        parts = path.strip("/").split("/")
        api = parts[:2] == ["api", "models"]
        name = "/".join(parts[2:4] if api else parts[:2])
        if name not in self.folders:
            return 401, {"X-Error-Code": "RepoNotFound"}, b"{}"
        commit = self.commit(name)
        revision = parts[5] if api and len(parts) > 5 else parts[3] if len(parts) > 4 else "main"
        if revision not in ("main", commit):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        if api:
            files = [{"rfilename": path.name} for path in sorted(self.folders[name].iterdir())]
            content = {"id": name, "modelId": name, "sha": commit, "siblings": files, "tags": []}
            return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()
        file = self.folders[name] / parts[4]
        if not file.is_file():
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, b""
        data = file.read_bytes()
        return 200, {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}, data


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Serve on the loopback while the block lasts."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def _send(self, body: bool) -> None:
            status, headers, data = hub.answer(self.path.partition("?")[0])
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def do_GET(self) -> None:
            self._send(body=True)

        def do_HEAD(self) -> None:
            self._send(body=False)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
