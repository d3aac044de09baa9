"""
A real Chromium, driven through its own debugging protocol: open, look, click, type.

Clicks and keys are input events of the browser, so a covered or disabled button is not pressed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

PROGRAM = shutil.which("chromium") or ""
PATIENCE_S = 30.0
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


class Tab:
    """One page; ``complaints`` are its errors, refused styles and scripts included."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    def open(self, address: str, width: int, height: int) -> None:
        """Load an address on a screen of that size; a narrow one is a phone."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
        self._ask("Emulation.setDeviceMetricsOverride", **screen)
        self._ask("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until a condition holds in the page."""
        until = monotonic() + PATIENCE_S
        while not self.evaluate(f"Boolean({condition})"):
            assert monotonic() < until, f"still not: {condition}; the page says {self.text('body')[:600]}"
            sleep(0.05)

    def text(self, selector: str) -> str:
        """What can be read in the first element of a selector."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def click(self, selector: str) -> None:
        """Click the middle of an element, which has to be what lies there."""
        where = self.evaluate(
            f"""(() => {{
              const found = document.querySelector({json.dumps(selector)});
              found.scrollIntoView({{block: 'center'}});
              const box = found.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
              return found.contains(document.elementFromPoint(x, y)) ? [x, y] : null;
            }})()"""
        )
        assert where is not None, f"{selector} is covered"
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1)

    def picture(self, file: Path, most_px: int = 1_500) -> None:
        """Save what the whole page looks like, as PNG."""
        size = self._ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], most_px), "scale": 1}
        shot = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        file.write_bytes(b64decode(shot["data"]))

    def type(self, text: str) -> None:
        """Write where the focus is."""
        self._ask("Input.insertText", text=text)

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if told.get("id") == self._number:
                assert "error" not in told, told["error"]
                found: dict[str, Any] = told["result"]
                return found
            self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        if told.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(told["params"]["exceptionDetails"]))
        elif told.get("method") == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
            self.complaints.append(str(told["params"]["entry"]["text"]))


@contextmanager
def chromium(folder: Path) -> Iterator[Tab]:
    """A fresh browser with one tab; its profile lives in ``folder``."""
    command = [PROGRAM, *_OPTIONS, f"--user-data-dir={folder}", "about:blank"]
    with (folder.parent / "chromium.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with connect(_address_of_tab(folder, process), max_size=None) as socket:
            yield Tab(socket)
    finally:
        process.terminate()
        process.wait(10)


def _address_of_tab(folder: Path, process: subprocess.Popen[bytes]) -> str:
    until = monotonic() + PATIENCE_S
    while not (folder / "DevToolsActivePort").exists():
        assert process.poll() is None, "chromium ended at once"
        assert monotonic() < until, "chromium opens no debugging port"
        sleep(0.05)
    port = (folder / "DevToolsActivePort").read_text().splitlines()[0]
    with httpx.Client(trust_env=False, timeout=PATIENCE_S) as http:
        tabs = http.get(f"http://127.0.0.1:{port}/json/list").json()
    return str(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
