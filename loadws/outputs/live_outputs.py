"""The live outputs as their run sees them: a process that holds them, behind a bounded queue.

The event loop of a run only queues a frame. A thread encodes it and writes it to a pipe, and may wait there for the
other process. If that process fails, the run goes on without it and reports that.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue

import msgspec

from loadws.metrics.frame import Frame
from loadws.metrics.queued import Worker
from loadws.metrics.runinfo import EarlyEnd, RunInfo
from loadws.metrics.summary import Summary
from loadws.outputs.destinations import Destination, to_stdout
from loadws.outputs.exporter import PATIENCE_S
from loadws.outputs.pipe import Begin, Done, End, NotReady, Open, Ready, Seen, Up, of_line, send
from loadws.terms.errors import OutputError, UsageError

COMMAND = (sys.executable, "-m", "loadws.outputs.process")
#: How long the process may need to open its outputs, and beyond their patience to end, in seconds.
OPEN_WITHIN_S, END_WITHIN_S = 20.0, 2.0
#: How many frames of each process of the load may wait.
MOST_FRAMES = 60
_NAME = "The process of the live outputs"
_LONGEST_SAID = 300


class LiveOutputs:
    """An output that is a process with the outputs of ``--output``. Use as ``with live.opened():`` around the run.

    ``clock`` returns nanoseconds since 1970. ``end`` comes before the run is summed up, so that the summary can say what was
    lost; ``finish`` has nothing left to do.
    """

    def __init__(
        self,
        destinations: tuple[Destination, ...],
        hide: Callable[[str], str] = str,
        command: Sequence[str] = COMMAND,
        patience_s: float = PATIENCE_S + END_WITHIN_S,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._destinations = destinations
        self._hide = hide
        self._command = command
        self._patience_s = patience_s
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._heard: SimpleQueue[Up | None] = SimpleQueue()  # None: it will say no more
        self._last_words = ""
        self._worker: Worker | None = None
        self._began_ns: int | None = None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Start the process and open its outputs. Raises ``UsageError`` where one cannot be opened."""
        if not self._destinations:
            yield
            return
        try:
            self._start()
            yield
        finally:
            self._stop()

    def begin(self, info: RunInfo) -> None:
        """Start the thread that sends."""
        if self._process is not None:
            self._worker = Worker(_NAME, "frames", MOST_FRAMES * max(1, info.processes))
            self._worker.start()
            self._worker.require(partial(self._send, Begin(msgspec.structs.replace(info, command=()))))

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        """Queue the frame, or drop it."""
        if self._worker is not None:
            if self._began_ns is None:
                self._began_ns = self._clock() - round((frame.start_s + frame.duration_s) * 1e9)
            self._worker.offer(partial(self._send_frame, frame, self._began_ns))
        yield
        return None

    def end(self) -> list[str]:
        """Send all that waits, in a bounded time; return in sentences what was lost. A second call returns nothing."""
        if self._worker is None:
            return []
        worker, self._worker = self._worker, None
        until = time.monotonic() + self._patience_s
        worker.require(partial(self._send, End()))
        missed = worker.end(self._patience_s)
        answer = self._hear(max(0.0, until - time.monotonic()))
        problems = answer.problems if isinstance(answer, Done) else (self._unanswered(answer is None),)
        return [self._hide(problem) for problem in (*problems, *(missed if isinstance(answer, Done) else ()))]

    def finish(self, summary: Summary) -> list[str]:
        """Return nothing: ``end`` has said all."""
        return []

    # -- the process --------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=None if to_stdout(self._destinations) else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C in a terminal is for the run, which then ends its outputs
            )
        except OSError as error:
            raise OutputError(
                f"{_NAME} could not be started: {error.strerror or error}",
                "raise the limit of processes or memory (ulimit -a), or leave out --output",
            ) from error
        threading.Thread(target=self._listen, args=(self._process,), name=_NAME, daemon=True).start()
        with suppress(OSError):
            self._send(Open(self._destinations))
        answer = self._hear(OPEN_WITHIN_S)
        if isinstance(answer, NotReady):
            raise UsageError(self._hide(answer.message), self._hide(answer.advice))
        if not isinstance(answer, Ready):
            raise OutputError(self._unanswered(answer is None), "leave out --output, or report this as a defect")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()  # after `end` it has nothing left to do
        process.wait()
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                message = of_line(line)
                if message is not None:
                    self._heard.put(message)
                elif line.strip():
                    self._last_words = line.decode("utf-8", "replace").strip()[:_LONGEST_SAID]
        self._heard.put(None)

    def _hear(self, within_s: float) -> Up | TimeoutError | None:
        try:
            return self._heard.get(timeout=within_s)
        except Empty:
            return TimeoutError()

    def _unanswered(self, has_ended: bool) -> str:
        why = "ended too early" if has_ended else "did not answer in time and was given up"
        said = f", after it said: {self._last_words}" if self._last_words else ""
        return f"{_NAME} {why}{said}. The results of the run are complete without it."

    def _send_frame(self, frame: Frame, unix_ns: int) -> None:
        """Send a frame without what only files keep: samples of errors, which may hold secrets, and lines of the log."""
        self._send(Seen(msgspec.structs.replace(frame, errors=(), logs=()), unix_ns))

    def _send(self, message: Open | Begin | Seen | End) -> None:
        process = self._process
        if process is not None:
            assert process.stdin is not None
            send(process.stdin, message)  # type: ignore[arg-type]
