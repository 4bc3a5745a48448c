"""The seam between a run and everything that consumes its frames: the run folder, the live view, the rules that end it.

The run command holds a tuple of outputs and calls them in the event loop, in order. An output that does bounded work on this
machine may implement ``Output`` directly. One that may wait for something else (a terminal, a collector, a database) must
give that work to a ``metrics.queued.Worker``, a thread behind a bounded queue that says what it dropped.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import EarlyEnd, RunInfo
from loadws.metrics.summary import Summary


class Output(Protocol):
    """A consumer of a run's frames. The frames are shared by all outputs and must not be changed."""

    def begin(self, info: RunInfo) -> None:
        """Prepare, before the load. Raise ``LoadwsError`` where the run must not begin without this output."""

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        """Process one second of one process; return why the run must end now, or None.

        Work in slices of about 0.1 ms, with a ``yield`` after each, because the load runs in the same event loop.
        """

    def finish(self, summary: Summary) -> list[str]:
        """End, after the load. Return what went wrong, in sentences; do not raise ``OSError``."""
