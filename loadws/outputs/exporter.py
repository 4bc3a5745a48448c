"""What takes a run's seconds to another place, and the thread in which it may wait for that place.

A place that does not answer, refuses or has gone costs its exporter the second that it tried to send. The next second is
tried anew, so a receiver that was restarted is used again. Losses are reported at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Protocol

from loadws.metrics.queued import Worker
from loadws.metrics.runinfo import RunInfo
from loadws.outputs.reasons import said
from loadws.outputs.second import Second

#: How many seconds may wait for one output, and how long it may go on after the load, in seconds.
MOST_SECONDS, PATIENCE_S = 60, 3.0
#: How long one exchange with a receiver may wait for it, in seconds.
DEADLINE_S = 2.0


class Refused(Exception):
    """A receiver answered that it does not take what it was sent."""


class Exporter(Protocol):
    """One output. It is opened by its constructor, which raises ``UsageError`` where the run must not begin without it."""

    name: str  # the beginning of a sentence: "The output csv=live.csv"

    def begin(self, info: RunInfo) -> None:
        """Prepare, before the first second."""

    def take(self, second: Second) -> None:
        """Send a second. Raise ``OSError`` or ``Refused`` where that failed."""

    def close(self) -> None:
        """End. Raise ``OSError`` or ``Refused`` where something could not be sent any more."""


class Line:
    """The thread of one exporter, behind a queue of at most ``most`` seconds."""

    def __init__(self, exporter: Exporter, most: int = MOST_SECONDS, patience_s: float = PATIENCE_S) -> None:
        self._exporter = exporter
        self._patience_s = patience_s
        self._worker = Worker(exporter.name, "seconds", most)
        self._tried = self._sent = 0
        self._why = ""

    def begin(self, info: RunInfo) -> None:
        """Start the thread."""
        self._worker.start()
        self._worker.require(partial(self._exporter.begin, info))

    def offer(self, second: Second) -> None:
        """Queue a second, or drop it. Never block."""
        self._worker.offer(partial(self._take, second))

    def ask_to_end(self) -> None:
        """Queue the end, so that several lines come to theirs at the same time."""
        self._worker.require(self._close)

    def end(self) -> list[str]:
        """Wait for the end, for a bounded time; return in one sentence what was lost, and why."""
        self._worker.wait(self._patience_s)
        offered, is_late = self._worker.offered, self._worker.is_alive
        lost, name = offered - self._sent, self._exporter.name
        if lost:
            why = "; ".join(self._reasons(is_late))
            return [f"{name} lost {lost} of {offered} seconds: {why}. The results of the run are complete without it."]
        if is_late:
            return [f"{name} took every second, had not ended {self._patience_s:g} s after the load, and was given up."]
        return [f"{name} failed at its end: {'; '.join(self._reasons(is_late))}."] if self._why else []

    def _reasons(self, is_late: bool) -> Iterator[str]:
        """Yield why seconds were lost: the last failure, then why others were not even tried."""
        if self._why:
            yield self._why
        if is_late:
            yield f"it had not finished {self._patience_s:g} s after the load and was given up"
        elif (failure := self._worker.failure) is not None:
            yield f"a defect of loadws ({type(failure).__name__}: {failure})"
        elif self._tried < self._worker.offered:
            yield "they came faster than it took them"

    def _take(self, second: Second) -> None:
        self._tried += 1
        try:
            self._exporter.take(second)
        except (OSError, Refused) as failure:
            self._why = said(failure, DEADLINE_S)
        else:
            self._sent += 1

    def _close(self) -> None:
        try:
            self._exporter.close()
        except (OSError, Refused) as failure:
            self._why = self._why or said(failure, DEADLINE_S)
