"""A headless Chromium for tests, driven over its DevTools pipe: nothing to install, no port opened.

https://chromedevtools.github.io/devtools-protocol/ (`--remote-debugging-pipe`: messages are JSON that
ends in a zero byte, read from descriptor 3 and written to descriptor 4).
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
"""Path of the browser; None if there is none."""

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Page:
    """A tab: what happened in it is in `errors` (console and exceptions) and `requests` (addresses)."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        self.errors: list[str] = []
        self.requests: list[str] = []

    def call(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol and return its result.

        Raises:
            AssertionError: if the browser refuses it.
        """
        return self._browser.call(method, params, self._session)

    def open(self, url: str, seconds: float = 30.0) -> None:
        """Go to an address and wait until it is loaded."""
        self._browser.loaded.discard(self._session)
        self.call("Page.navigate", url=url)
        self._browser.pump(lambda: self._session in self._browser.loaded, seconds)

    def run(self, script: str) -> Any:
        """The value of an expression of JavaScript, awaited if it is a promise.

        Raises:
            AssertionError: if it throws.
        """
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {json.dumps(answer['exceptionDetails'])[:600]}")
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = 10.0) -> Any:
        """Wait until an expression is true, and return its value."""
        end = time.monotonic() + seconds
        while not (value := self.run(script)):
            assert time.monotonic() < end, f"not true in {seconds} s: {script}"
            time.sleep(0.05)
        return value

    def key(self, name: str) -> None:
        """Press a key by its name: `Tab`, `Enter`, `Escape`, `ArrowRight`, or a letter."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39}
        code = codes.get(name, 40 if name == "ArrowDown" else ord(name[0].upper()))
        text = {"Enter": "\r"}.get(name, name if len(name) == 1 else "")
        fields: dict[str, Any] = {"key": name, "code": name, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", **fields, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **fields)

    def point(self, x: float, y: float) -> None:
        """Move the mouse to a point of the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def size(self, width: int, height: int) -> None:
        """Size of the window in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def media(self, kind: str = "", **features: str) -> None:
        """Emulate a medium (`print`) and features, for instance `prefers_color_scheme="dark"`."""
        listed = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", media=kind, features=listed)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as PNG."""
        clip: dict[str, Any] = {}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"captureBeyondViewport": True, "clip": {**size, "scale": 1}}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png", **clip)["data"]))


class Browser:
    """A running Chromium."""

    def __init__(self, to: int, source: int) -> None:
        self._to = to
        self._source = source
        self._buffer = b""
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._pages: dict[str, Page] = {}
        self.loaded: set[str] = set()

    def page(self) -> Page:
        """A new tab."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.requests.clear()
        return page

    def call(self, method: str, params: dict[str, Any], session: str = "") -> Any:
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        self.pump(lambda: number in self._answers)
        answer = self._answers.pop(number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def pump(self, ready: Any, seconds: float = 60.0) -> None:
        """Read messages until something is so."""
        end = time.monotonic() + seconds
        while not ready():
            readable, _, _ = select.select([self._source], [], [], max(0.0, end - time.monotonic()))
            assert readable, f"the browser says nothing for {seconds} s"
            piece = os.read(self._source, 1 << 20)
            assert piece, "the browser has ended"
            *messages, self._buffer = (self._buffer + piece).split(b"\0")
            for text in messages:
                self._take(json.loads(text))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
            return
        session, params = message.get("sessionId", ""), message.get("params", {})
        page = self._pages.get(session)
        if message["method"] == "Page.loadEventFired":
            self.loaded.add(session)
        if page is None:
            return
        match message["method"]:
            case "Runtime.exceptionThrown":
                page.errors.append(json.dumps(params["exceptionDetails"])[:600])
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                page.errors.append(json.dumps(params["args"])[:600])
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                page.errors.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                page.requests.append(params["request"]["url"])


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Run a browser with an empty profile in a folder, and end it.

    Raises:
        FileNotFoundError: if there is no browser here.
    """
    if CHROMIUM is None:
        raise FileNotFoundError("chromium")
    profile = folder / "profile"
    profile.mkdir(parents=True)
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    # The browser wants these very numbers; bash moves them there without a fork in this process.
    move = f'exec "$0" "$@" 3<&{to_read} 4>&{from_write}'
    process = subprocess.Popen(
        ["bash", "-c", move, CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(to_read, from_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_write)
    try:
        yield Browser(to_write, from_read)
    finally:
        os.close(to_write)  # a browser whose pipe is closed ends
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(from_read)
