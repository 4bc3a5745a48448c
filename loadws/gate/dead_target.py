"""End a load on whose target nothing ever opens, after seconds instead of its whole plan.

A mistyped address, a refused port, a 403 or an untrusted certificate would otherwise cost the whole time of a soak. The
load is stopped after 3 s in which at least max(10, 2 per started user) attempts ended and none opened, or after the
first ``open_timeout`` where no attempt ended at all before it. A refusal that the scenario expects counts as opened.
"""

from __future__ import annotations

from collections.abc import Generator

from loadws.metrics.frame import Frame
from loadws.metrics.ledger import Ledger
from loadws.metrics.runinfo import EarlyEnd, RunInfo
from loadws.metrics.summary import Summary
from loadws.terms.units import format_count

LEAST_S = 3.0
FEWEST_ATTEMPTS, ATTEMPTS_OF_A_USER = 10, 2


class DeadTarget:
    """The output that ends a run on whose target nothing ever opens. It keeps the newest counts of all processes."""

    def __init__(self) -> None:
        self._open_timeout_s = 0.0
        self._newest: dict[int, Ledger] = {}
        self._now_s = 0.0
        self._is_alive = False
        self._first_end_s: float | None = None  # when the first attempt had ended

    def begin(self, info: RunInfo) -> None:
        """Read the scenario's ``open_timeout``."""
        self._open_timeout_s = info.open_timeout_s

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        """Count the connections of one process; return why the load is useless, once that is certain."""
        self._note(frame)
        yield
        why = self._why_stop()
        return None if why is None else EarlyEnd(gave_up=why)

    def finish(self, _: Summary) -> list[str]:
        """Return nothing: the ending of the run says why it was given up."""
        return []

    def _note(self, frame: Frame) -> None:
        """Keep the counts of one process."""
        self._newest[frame.process] = frame.ledger
        self._now_s = max(self._now_s, frame.start_s + frame.duration_s)
        connections = frame.ledger.connections
        self._is_alive |= bool(connections.opened or connections.as_expected)
        if self._first_end_s is None and connections.refused + connections.failed:
            self._first_end_s = self._now_s

    def _why_stop(self) -> str | None:
        """Return in a sentence why the load is useless; None where it may still succeed."""
        if self._is_alive or self._now_s < LEAST_S:
            return None
        ended, users, attempted = self._counts()
        if not attempted:
            return None
        enough = ended >= max(FEWEST_ATTEMPTS, ATTEMPTS_OF_A_USER * users)
        timed_out = self._now_s > self._open_timeout_s and (self._first_end_s or self._now_s) >= self._open_timeout_s
        if not enough and not timed_out:
            return None
        return (
            f"of {format_count(attempted)} attempts to connect none succeeded (--keep-trying goes on, for a server that "
            "starts later)."
        )

    def _counts(self) -> tuple[int, int, int]:
        """Return (attempts that ended, users started, attempts) of all processes."""
        ended = users = attempted = 0
        for ledger in self._newest.values():
            connections = ledger.connections
            ended += connections.refused + connections.failed
            attempted += connections.attempted
            users += ledger.users.planned + ledger.arrivals.planned - ledger.arrivals.dropped
        return ended, users, attempted
