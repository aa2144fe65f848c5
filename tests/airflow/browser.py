"""A headless Chromium, driven over its DevTools protocol: what Airflow's pages show, and pictures of it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    """One page of the browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0

    def command(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._connection.recv(timeout=60))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        told = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def open(self, address: str) -> None:
        self.command("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def until(self, expression: str, seconds: float = 60) -> None:
        """Wait for an expression to be true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.evaluate(f"(() => {{ try {{ return Boolean({expression}) }} catch {{ return false }} }})()"):
                return
            time.sleep(0.25)
        shown = self.evaluate("document.body.innerText")
        raise AssertionError(f"waited {seconds:.0f} s for {expression} in\n{shown}")

    def text(self) -> str:
        return str(self.evaluate("document.body.innerText"))

    def click(self, selector: str) -> None:
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def picture(self, path: Path, width: int, height: int) -> Path:
        """A PNG of what the page shows."""
        self.size(width, height)
        time.sleep(1.5)  # drawings move to their place
        shot = self.command("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def size(self, width: int, height: int) -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A page of a fresh browser that keeps its files in ``folder``."""
    assert CHROMIUM
    process = subprocess.Popen(
        [
            CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-proxy-server", "--hide-scrollbars",
            "--disable-background-networking", "--no-first-run", "--remote-debugging-port=0", f"--user-data-dir={folder}",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        told = folder / "DevToolsActivePort"
        end = time.monotonic() + 60
        while not (told.exists() and told.read_text().count("\n")):
            assert process.poll() is None and time.monotonic() < end, "Chromium did not start"
            time.sleep(0.1)
        port = told.read_text().partition("\n")[0]
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT")
        with urllib.request.urlopen(asked, timeout=30) as answer:
            address = json.load(answer)["webSocketDebuggerUrl"]
        with connect(address, max_size=None, proxy=None) as connection:
            page = Page(connection)
            page.command("Page.enable")
            yield page
    finally:
        process.terminate()
        process.wait(30)
