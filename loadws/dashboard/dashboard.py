"""The dashboard as its run sees it: an output behind a bounded queue, and a process that may do as it likes.

The event loop only queues a frame; a thread encodes it and writes it to a pipe. A browser that hangs is the process's
concern, and a process that hangs is dropped: the run goes on without it and says so.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import BinaryIO, cast

import msgspec

from loadws.dashboard.at import At
from loadws.dashboard.messages import (
    Begin,
    Down,
    Failed,
    Finished,
    NotReady,
    Open,
    Over,
    Ready,
    Seen,
    Up,
    decode_up,
    receive,
    send,
)
from loadws.metrics.frame import Frame
from loadws.metrics.queued import Worker
from loadws.metrics.runinfo import EarlyEnd, RunInfo
from loadws.metrics.summary import Summary
from loadws.terms.errors import OutputError, UsageError
from loadws.web.visitors import is_loopback

COMMAND = (sys.executable, "-m", "loadws.dashboard.process")
#: How many seconds the process has to open its port, and to hand the report to its browsers.
OPEN_WITHIN_S, REPORT_WITHIN_S, PATIENCE_S = 20.0, 8.0, 2.0
MOST_FRAMES = 60
_NAME = "The dashboard"


class Dashboard:
    """An output that shows the run in browsers. ``at`` None: there is none. ``tell`` prints a line.

    Use as ``with dashboard.opened():`` around the run and its report.
    """

    def __init__(self, at: At | None, tell: Callable[[str], None], command: tuple[str, ...] = COMMAND) -> None:
        self._at = at
        self._tell = tell
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._heard: SimpleQueue[Up | None] = SimpleQueue()  # None: it will say no more
        self._worker: Worker | None = None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Start the process and have it listen.

        Raises:
            UsageError: The port cannot be listened on.
            OutputError: The process cannot be started.
        """
        if self._at is None:
            yield
            return
        try:
            self._start(self._at)
            yield
        finally:
            self._stop()

    def begin(self, info: RunInfo) -> None:
        """Start the thread that sends."""
        if self._process is not None:
            self._worker = Worker(_NAME, "updates", MOST_FRAMES * max(1, info.processes))
            self._worker.start()
            self._worker.require(partial(self._send, Begin(msgspec.structs.replace(info, command=()))))

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        """Queue the frame, or drop it."""
        if self._worker is not None:
            self._worker.offer(partial(self._send, Seen(msgspec.structs.replace(frame, logs=()))))
        yield
        return None

    def finish(self, summary: Summary) -> list[str]:
        """Tell how the run ended; return in a sentence what the process missed."""
        if self._worker is None:
            return []
        worker, self._worker = self._worker, None
        verdict = summary.verdict
        failed = next((check.sentence for check in verdict.checks if not check.holds), "")
        over = Over(verdict.outcome, failed or next(iter(verdict.reasons), ""))
        worker.require(partial(self._send, over))
        missed = worker.end(PATIENCE_S)
        if worker.failure is not None and isinstance(last := self._hear(PATIENCE_S), Failed):
            missed.append(f"Its process ended: {last.why}. This is a defect of loadws; please report it.")
        return missed

    def show(self, report: Path) -> None:
        """Send the browsers that look on to the report, and wait until they have it, in a bounded time."""
        if self._process is None or self._process.poll() is not None or not report.is_file():
            return
        sending = Worker(_NAME, "updates", 1)
        sending.start()
        sending.require(partial(self._send, Finished(str(report.resolve()))))
        self._hear(REPORT_WITHIN_S)

    # -- the process --------------------------------------------------------------------------------------------------

    def _start(self, at: At) -> None:
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in a terminal is for the run
            )  # fmt: skip
        except OSError as error:
            raise OutputError(
                f"{_NAME} could not be started: {error.strerror or error}",
                "raise the limit of processes or memory (ulimit -a), or leave out --dashboard",
            ) from error
        threading.Thread(target=self._listen, args=(self._process,), name=_NAME, daemon=True).start()
        with suppress(OSError):
            self._send(Open(at.host, at.port))
        answer = self._hear(OPEN_WITHIN_S)
        if isinstance(answer, NotReady):
            raise UsageError(answer.message, answer.advice)
        if not isinstance(answer, Ready):
            raise OutputError(f"{_NAME} did not start in time", "leave out --dashboard, or report this as a defect")
        if not is_loopback(at.host):
            self._tell(
                f"warning: {at.host} is not loopback: all who reach this machine can watch the run, and nothing asks for a "
                "password"
            )
        self._tell(f"Dashboard  {at.address(answer.port)}")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()  # after `show` it has nothing left to do
        process.wait()
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            while (content := receive(cast(BinaryIO, stream))) is not None:
                self._heard.put(decode_up(content))
        self._heard.put(None)

    def _hear(self, within_s: float) -> Up | None:
        try:
            return self._heard.get(timeout=within_s)
        except Empty:
            return None

    def _send(self, message: Down) -> None:
        process = self._process
        if process is not None:
            assert process.stdin is not None
            send(cast(BinaryIO, process.stdin), message)
