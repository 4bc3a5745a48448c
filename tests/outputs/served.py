"""Seconds for tests of receivers, and servers of others that receive them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from loadws.metrics.frame import Frame, Gauges
from loadws.outputs.exporter import Exporter
from loadws.outputs.second import Seconds
from tests.kit.tools import missing
from tests.metrics.made_up import counted, frame, info, times

Found = TypeVar("Found")
#: How long a server of others may need to start and to show what it was sent.
LONG_S = 60.0
_EVERY_S = 0.1
BEGAN_NS = 1_785_499_200_000_000_000  # 2026-07-31T12:00:00Z


def told(index: int, **changed: Any) -> Frame:
    """A second with 40 answers after 1 to 40 ms and 4 that did not come, 9 tries of which 2 failed, and 3 users."""
    return frame(
        index,
        gauges=Gauges(2, 3),
        counters=(
            counted("error_rate", 9, failed=2, kind="timeout", step='a "b", c\\=\n'),
            counted("bytes_sent", 70),
            counted("greeted", 1),
        ),
        histograms=(times("response_time", [float(n) for n in range(1, 41)], step="join", missing=4),),
        **changed,
    )


def send(exporter: Exporter, *frames: Frame, began_ns: int = BEGAN_NS) -> None:
    """Send frames through an exporter, in this thread, and leave it open."""
    exporter.begin(info())
    seconds = Seconds(info())
    for each in frames:
        for second in seconds.add(each, began_ns):
            exporter.take(second)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def program(name: str, package: str) -> str:
    """Return a program of others; skip the test where it is missing."""
    return shutil.which(name) or missing(f"{name} is not installed (Debian: {package})")


@contextmanager
def running(command: Sequence[str | Path], log: Path) -> Iterator[None]:
    """Run a server of others for a while."""
    with log.open("wb") as out, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.kill()


def eventually(ask: Callable[[], Found | None], log: Path) -> Found:
    """Ask until there is an answer. Raises ``AssertionError`` with the server's log where there is none in a minute."""
    for _ in range(round(LONG_S / _EVERY_S)):
        try:
            if (found := ask()) is not None:
                return found
        except OSError:
            pass
        threading.Event().wait(_EVERY_S)
    raise AssertionError(log.read_text(errors="replace")[-2000:])


def fetched(url: str, **headers: str) -> tuple[str, bytes]:
    """Return the content type and the body of what an HTTP server has."""
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    with urllib.request.urlopen(request, timeout=LONG_S) as answer:
        return answer.headers["Content-Type"], answer.read()
