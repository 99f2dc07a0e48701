"""A headless Chromium, spoken to over its DevTools protocol; it has its own empty profile and asks the network nothing.

Only what the tests of pages need: open a file, run a script, press keys, take a picture, and hear every request,
every message of the console and every error.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)
ANSWER_S = 60


def executable() -> str | None:
    """Find the browser."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def started(profile: Path) -> Iterator[Chromium]:
    """Start a browser with one page, and end it."""
    program = executable()
    assert program is not None
    command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            with connect(_address(process), max_size=None, proxy=None) as socket:
                yield Chromium(socket)
        finally:
            process.terminate()
            process.wait(ANSWER_S)


def _address(process: subprocess.Popen[str]) -> str:
    """Wait for the address at which a browser listens."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"DevTools listening on (ws://127\.0\.0\.1\S+)", line):
            # Whatever else it says must be read, or it waits for a reader.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return found.group(1)
    raise AssertionError("Chromium ended before it listened")


class Chromium:
    """A page of a browser, over the socket to it. ``requests`` and ``errors`` are those of the page that is open."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._count = 0
        self._session: str | None = None
        self.requests: list[str] = []
        self.errors: list[str] = []
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the protocol and give its result; what is told meanwhile is kept."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(ANSWER_S))
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                found: dict[str, Any] = answer["result"]
                return found
            self._hear(answer)

    def open(self, url: str, width: int = 1280, height: int = 800, *, dark: bool = False) -> None:
        """Open a page of ours at a size and wait until it is drawn."""
        self.requests.clear()
        self.errors.clear()
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self("Emulation.setEmulatedMedia", features=[scheme])
        self("Page.navigate", url="about:blank")
        self("Page.navigate", url=url)
        ready = self.run(
            """new Promise((done) => {
                let looks = 0;
                const look = () => {
                    if (document.documentElement?.dataset.ready) done(true);
                    else if (++looks > 1000) done(false);
                    else setTimeout(look, 10);
                };
                look();
            })"""
        )
        assert ready, self.errors

    def run(self, script: str) -> Any:  # noqa: ANN401 (whatever a script gives)
        """Run a script in the page and give its value."""
        found = self("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str, *, text: str = "", shift: bool = False) -> None:
        """Press a key; ``text`` is what it types."""
        codes = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39}
        common = {"key": key, "windowsVirtualKeyCode": codes.get(key, 0), "modifiers": 8 if shift else 0}
        typed = "\r" if key == "Enter" else text
        self("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": typed} if typed else {}))
        self("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """Type a text, key by key."""
        for char in text:
            self.press(char, text=char)

    def picture(self, path: Path) -> None:
        """Take a picture of what is in sight."""
        path.write_bytes(base64.b64decode(self("Page.captureScreenshot", format="png")["data"]))

    def _hear(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if told["type"] in {"error", "warning", "assert"}:
                self.errors.append(json.dumps(told["args"]))
            case "Log.entryAdded" if told["entry"]["level"] in {"error", "warning"}:
                self.errors.append(json.dumps(told["entry"]))
