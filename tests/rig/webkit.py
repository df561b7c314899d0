"""A real WebKit, the engine of Safari, spoken to by the W3C WebDriver protocol: Debian's webkit2gtk-driver on a screen
of its own (xvfb). Used by browser tests; `why_not()` says what this machine lacks.

Its browser is told to keep third-party cookies out and to prevent tracking, as Safari does by itself.
"""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from demo.process import free_port

MINI_BROWSERS = sorted(Path("/usr/lib").glob("*/webkit2gtk-4*/MiniBrowser"))
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the name of a reference, from the standard
PATIENCE_SECONDS = 40


def why_not() -> str:
    """What is missing here; empty when WebKit can be driven."""
    if not MINI_BROWSERS or shutil.which("WebKitWebDriver") is None:
        return "needs Debian's webkit2gtk-driver"
    return "" if shutil.which("Xvfb") is not None else "needs a screen: Debian's xvfb"


class WebKit:
    """One browser with nothing in it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        read, write = os.pipe()
        self.screen = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "900x1100x24", "-nolisten", "tcp"],
            pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(write)
        with os.fdopen(read) as said:
            number = said.readline().strip()
        environment = {
            **os.environ, "DISPLAY": f":{number}", "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder),
            "LIBGL_ALWAYS_SOFTWARE": "1", "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
        }  # fmt: skip
        self.driver = subprocess.Popen(
            ["WebKitWebDriver", f"--port={self.port}"], env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.until(self._is_up, "the driver does not answer")
        options = {"binary": str(MINI_BROWSERS[-1]), "args": ["--automation", "--cookies-policy=no-third-party",
                                                                "--enable-itp=true"]}  # fmt: skip
        made = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}})
        self.session = f"/session/{made['sessionId']}"

    def stop(self) -> None:
        try:
            self._call("DELETE", self.session)
        finally:
            for process in (self.driver, self.screen):
                process.terminate()
                process.wait(10)

    def open(self, url: str) -> None:
        self._call("POST", f"{self.session}/url", {"url": url})

    def run(self, script: str, *values: Any) -> Any:
        """What a function body returns on the page."""
        return self._call("POST", f"{self.session}/execute/sync", {"script": script, "args": list(values)})

    def cookies(self) -> list[dict[str, Any]]:
        return list(self._call("GET", f"{self.session}/cookie"))

    def text(self, css: str) -> str:
        """What is read there; empty when there is nothing yet."""
        return str(self.run("return (document.querySelector(arguments[0]) || {}).textContent || ''", css)).strip()

    def sees(self, css: str, words: str) -> None:
        """Waits until the words stand there."""
        self.until(lambda: words in self.text(css), f"{css} never says {words!r}: {self.text(css)!r}")

    def type(self, css: str, words: str) -> None:
        self._call("POST", f"{self.session}/element/{self._find(css)}/value", {"text": words})

    def type_by_hand(self, css: str, words: str) -> None:
        """A press of the mouse in the middle of a thing, then key by key: as into a frame of somebody else."""
        self.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", css)
        middle = {"type": "pointerMove", "origin": {ELEMENT: self._find(css)}, "x": 0, "y": 0}
        press = [middle, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._act({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": press})
        keys = [{"type": kind, "value": each} for each in words for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keys", "actions": keys})

    def click(self, css: str) -> None:
        self._call("POST", f"{self.session}/element/{self._find(css)}/click", {})

    def until(self, is_so: Callable[[], bool], complaint: str) -> None:
        """Waits for another process: no clock of ours."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            if time.monotonic() > end:
                raise AssertionError(complaint)
            time.sleep(0.05)

    def _find(self, css: str) -> str:
        found: list[str] = []

        def look() -> bool:
            try:
                answer = self._call("POST", f"{self.session}/element", {"using": "css selector", "value": css})
            except LookupError:
                return False
            found.append(str(answer[ELEMENT]))
            return True

        self.until(look, f"no {css}")
        return found[-1]

    def _act(self, actions: dict[str, Any]) -> None:
        self._call("POST", f"{self.session}/actions", {"actions": [actions]})

    def _is_up(self) -> bool:
        try:
            return bool(self._call("GET", "/status")["ready"])
        except OSError:
            return False

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            told = json.load(error)["value"]
            if told["error"] == "no such element":
                raise LookupError(path) from error
            raise AssertionError(f"{method} {path}: {told}") from error
