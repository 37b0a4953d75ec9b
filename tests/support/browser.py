"""A page in headless Chromium, spoken to over pipes in the DevTools protocol."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

ARGUMENTS = "--headless --no-sandbox --disable-gpu --no-first-run --remote-debugging-pipe"


class Page:
    """An open page.

    Parameters
    ----------
    requests, answers : binary file
        To the browser and from it; every message ends with a zero byte.
    """

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        self._requests, self._answers, self._count = requests, answers, 0
        self._session: str | None = None

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of a method of the protocol."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        session = {} if self._session is None else {"sessionId": self._session}
        self._requests.write(json.dumps(message | session).encode() + b"\0")
        self._requests.flush()
        while True:
            answer = json.loads(self._message())
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def _message(self) -> bytes:
        found = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser has ended"
            found += byte
        return bytes(found)

    def open(self, path: Path) -> None:
        """Open a file and wait until it is there."""
        target = self.ask("Target.createTarget", url=path.as_uri())["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        # asked at once: the empty page before it is complete, too
        while self.run("document.readyState + ' ' + location.href") != f"complete {path.as_uri()}":
            pass

    def run(self, script: str) -> Any:
        """Return the value of a script."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def accessible(self) -> list[tuple[str, str]]:
        """Return role and name of everything that a screen reader meets."""
        nodes = self.ask("Accessibility.getFullAXTree")["nodes"]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]


@contextmanager
def opened(path: Path) -> Iterator[Page]:
    """Open a page; the test skips where there is no browser."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("needs chromium")
    (to_read, to_write), (from_read, from_write) = os.pipe(), os.pipe()
    command = f'exec "$0" {ARGUMENTS} --user-data-dir="$1" 3<&{to_read} 4>&{from_write}'
    process = subprocess.Popen(
        ["bash", "-c", command, browser, str(path.parent / "profile")],
        pass_fds=(to_read, from_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_write)
    with os.fdopen(to_write, "wb") as requests, os.fdopen(from_read, "rb") as answers:
        page = Page(requests, answers)
        try:
            page.open(path)
            yield page
            page._session = None
            page.ask("Browser.close")
        finally:
            process.terminate()
            process.wait(timeout=60)
