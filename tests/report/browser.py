"""A headless Chromium over the DevTools protocol, spoken through two pipes: no port, no polling, no WebSocket.

Messages are JSON with a NUL between them (``--remote-debugging-pipe``). Everything is synchronous: a call reads until its
own answer comes and keeps the events that came before it.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --disable-dev-shm-usage --remote-debugging-pipe"
).split()
_PATIENCE_S = 60


class Browser:
    """One browser, one page after another."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._write = os.fdopen(to_browser, "wb", buffering=0)
        self._read = os.fdopen(from_browser, "rb", buffering=0)
        self._rest = b""
        self._count = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self._write.write(json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._count:
            self.events.append(answer)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def wait_for(self, method: str, session: str) -> dict[str, Any]:
        """The next event of that name; those that came before it are looked at first."""
        for event in self.events:
            if event.get("method") == method and event.get("sessionId") == session:
                return event
        while True:
            event = self._next()
            self.events.append(event)
            if event.get("method") == method and event.get("sessionId") == session:
                return event

    def close(self) -> None:
        self._write.close()
        self._read.close()

    @contextmanager
    def page(self, url: str, *, scripts: bool = True, dark: bool = False, width: int = 1000) -> Iterator[Page]:
        """The page at ``url``, loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.events.clear()
        page = Page(self, session)
        for domain in ("Page", "Network", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        page.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        page.call("Emulation.setEmulatedMedia", features=scheme)
        page.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        page.call("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired", session)
        try:
            yield page
        finally:
            self.call("Target.closeTarget", targetId=target)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self._read], [], [], _PATIENCE_S)[0]:
                raise AssertionError(f"the browser said nothing for {_PATIENCE_S} s")
            more = self._read.read(1 << 20)
            if not more:
                raise AssertionError("the browser ended")
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        parsed: dict[str, Any] = json.loads(message)
        return parsed


class Page:
    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **params)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def count(self, selector: str) -> int:
        """How many elements there are, counted by the browser: it works where scripts are off."""
        root = self.call("DOM.getDocument", depth=0)["root"]["nodeId"]
        return len(self.call("DOM.querySelectorAll", nodeId=root, selector=selector)["nodeIds"])

    def fetched(self) -> list[str]:
        """Every address that the page asked for but its own."""
        asked = [event["params"]["request"]["url"] for event in self._mine("Network.requestWillBeSent")]
        return [url for url in asked[1:] if not url.startswith(("data:", "blob:"))]

    def complaints(self) -> list[str]:
        """What the page's console and the browser's log say is wrong."""
        logged = [event["params"]["entry"]["text"] for event in self._mine("Log.entryAdded")]
        thrown = [str(event["params"]["exceptionDetails"]) for event in self._mine("Runtime.exceptionThrown")]
        said = [
            str(e["params"]["args"]) for e in self._mine("Runtime.consoleAPICalled") if e["params"]["type"] == "error"
        ]
        return [*logged, *thrown, *said]

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Write a picture of what the window shows, or of the whole page."""
        clip: dict[str, Any] = {}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=whole, **clip)
        path.write_bytes(base64.b64decode(picture["data"]))

    def print(self, path: Path) -> None:
        """Write the page as a PDF, as a printer would get it."""
        printed = self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        path.write_bytes(base64.b64decode(printed["data"]))

    def _mine(self, method: str) -> list[dict[str, Any]]:
        return [e for e in self._browser.events if e.get("method") == method and e.get("sessionId") == self._session]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with a new profile; no name resolves in it but this machine's own."""
    assert CHROMIUM is not None
    (their_in, our_out), (our_in, their_out) = os.pipe(), os.pipe()
    resolver = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
    process = _spawn([CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", resolver], their_in, their_out)
    opened = Browser(our_out, our_in)
    try:
        yield opened
        opened.call("Browser.close")
    except BaseException:
        os.kill(process, signal.SIGKILL)
        raise
    finally:
        opened.close()
        os.waitpid(process, 0)


def _spawn(command: list[str], commands: int, answers: int) -> int:
    """A process that reads ``commands`` as its descriptor 3 and writes ``answers`` as its 4; both are closed here."""
    high_commands, high_answers = (
        fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 20) for descriptor in (commands, answers)
    )
    actions: list[Any] = [
        (os.POSIX_SPAWN_DUP2, high_commands, 3),
        (os.POSIX_SPAWN_DUP2, high_answers, 4),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    process = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    for descriptor in (commands, answers, high_commands, high_answers):
        os.close(descriptor)
    return process
