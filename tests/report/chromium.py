"""Headless Chromium driven through the DevTools protocol over a pair of pipes: no driver, no port.

    with Browser(find_chromium()) as browser:
        page = browser.open(path, width=1280, height=900)
        page.click("a.brand")
        assert page.js("document.title") == "..."
        assert page.trouble == [] and page.requests == []

Every message is JSON ended by a zero byte; commands go to file descriptor 3 of the browser, answers and
events come from 4 (``--remote-debugging-pipe``).
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-extensions", "--mute-audio"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--autoplay-policy=no-user-gesture-required"),
    *("--remote-debugging-pipe", "about:blank"),
)
_PATIENCE_S = 40.0
_MOVE_PIPES = (
    "import os, sys; commands, answers, *run = sys.argv[1:];"
    "os.dup2(int(commands), 3); os.dup2(int(answers), 4); os.execv(run[0], run)"
)
"""A process that puts the pipes where the browser looks for them, and becomes the browser."""


def find_chromium() -> str | None:
    """Path of an installed browser: ``$CHROMIUM``, or the first known name on the path; None without one."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


class Browser:
    """A running browser; a context manager that ends it."""

    def __init__(self, executable: str) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="narratrace-browser-")
        read_commands, self._commands = os.pipe()
        self._answers, write_answers = os.pipe()
        # High numbers, so that moving one to its place does not close the other.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (read_commands, write_answers)]
        command = [executable, f"--user-data-dir={self._profile.name}", *_FLAGS]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MOVE_PIPES, *map(str, ends), *command],
            pass_fds=ends,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (read_commands, write_answers, *ends):
            os.close(end)
        self._unread = b""
        self._last = 0
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._commands)  # the browser ends when its pipe does
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._answers)
        self._profile.cleanup()

    def open(self, path: Path, *, width: int, height: int, dark: bool = False, touch: bool = False) -> Page:
        """A page of its own that shows a file."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, target)
        self._pages[session] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.size(width, height, touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", features=[scheme])
        page.call("Page.navigate", url=path.resolve().as_uri())
        page.until("document.readyState === 'complete'")
        return page

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events that come in between go to their pages."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + _PATIENCE_S
        while True:
            answer = self._receive(until)
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])
            if page := self._pages.get(answer.get("sessionId", "")):
                page.event(answer["method"], answer["params"])

    def _receive(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser does not answer")
            block = os.read(self._answers, 1 << 20)
            if not block:
                raise RuntimeError("the browser has ended")
            self._unread += block
        message, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(message))


class Page:
    """One tab.

    Attributes:
        trouble: Errors and warnings of the console, exceptions nobody caught, and broken policies.
        requests: Addresses asked for beside the file itself, data and blobs.
    """

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target
        self.trouble: list[str] = []
        self.requests: list[str] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command to this tab."""
        return self._browser.call(method, self._session, **parameters)

    def event(self, method: str, told: dict[str, Any]) -> None:
        """Note what must not happen."""
        if method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.trouble.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.trouble.append(told["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.trouble.append(str([argument.get("value") for argument in told["args"]]))
        elif method == "Network.requestWillBeSent":
            address = told["request"]["url"]
            if not address.startswith(("file:", "data:", "blob:")):
                self.requests.append(address)

    def close(self) -> None:
        """Close the tab; what it noted stays."""
        self._browser.call("Target.closeTarget", targetId=self._target)

    def js(self, expression: str) -> Any:
        """The value of an expression, promises awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", expression))
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        self._until(lambda: bool(self.js(condition)), condition)

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + _PATIENCE_S
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError(f"never true: {what}")
            time.sleep(0.05)

    def size(self, width: int, height: int, touch: bool = False) -> None:
        """Set the window's inner size in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=touch,
        )

    def place(self, selector: str, x: float = 0.5, y: float = 0.5) -> tuple[float, float]:
        """Where an element is in the window, scrolled into sight; (x, y) as shares of its size."""
        left, top, width, height = self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const r = e.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()"
        )
        return left + x * width, top + y * height

    def hover(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        """Move the mouse over an element."""
        left, top = self.place(selector, x, y)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=left, y=top)

    def click(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        """Click on an element."""
        left, top = self.place(selector, x, y)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=left, y=top, button="left", clickCount=1)

    def key(self, name: str, code: int = 0, text: str = "") -> None:
        """Press a key, for instance ``key("ArrowRight", 39)``."""
        common = {"key": name, "code": name, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def screenshot(self, path: Path, *, whole: bool = False) -> bytes:
        """The window (or the whole page) as a PNG, written to ``path`` as well."""
        extra: dict[str, Any] = {}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
            extra = {"captureBeyondViewport": True, "clip": clip}
        png = base64.b64decode(self.call("Page.captureScreenshot", format="png", **extra)["data"])
        path.write_bytes(png)
        return png
