"""Run outputs that may wait in threads, so that a slow, blocking or failing output does not hold up the load.

Frames come once per second and process. Each waits in a bounded queue until the output's thread takes it; a frame that
finds the queue full is dropped. The end of the run reports what an output missed, and why.

A thread is enough for an output that waits, because waiting releases the interpreter. An output that computes for long
would take processor time from the load of a run in one process, and needs a process of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from functools import partial
from queue import SimpleQueue

from loadws.metrics.frame import Frame
from loadws.metrics.output import Output
from loadws.metrics.runinfo import EarlyEnd, RunInfo
from loadws.metrics.summary import Summary

#: How many frames may wait for an output: a minute of one process.
MOST_FRAMES = 60
#: How long an output may go on after the load, in seconds.
PATIENCE_S = 5.0

Job = Callable[[], object]


class Worker:
    """A thread that runs jobs in order, behind a bounded queue.

    ``name`` and ``unit`` are for messages: "the live view", "updates". The thread dies with the process: a job that never
    returns does not keep the process from ending.
    """

    def __init__(self, name: str, unit: str, most: int) -> None:
        self.name = name
        self._unit = unit
        self._most = most
        self._offered = 0
        self._done = 0
        self._failure: Exception | None = None
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()  # its put() never blocks, even in a signal handler
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Return whether the thread still runs."""
        return self._thread.is_alive()

    def offer(self, job: Job) -> None:
        """Queue a job, or drop it where the queue is full or an earlier job failed. Never block."""
        self._offered += 1
        if self._failure is None and self._jobs.qsize() < self._most:
            self._jobs.put(partial(self._count, job))

    def require(self, job: Job) -> None:
        """Queue a job that must not be dropped and is not counted: the first, the last, a message. Never block."""
        self._jobs.put(job)

    def end(self, patience_s: float) -> list[str]:
        """Wait for the queued jobs, at most ``patience_s`` seconds; return what was missed, in a sentence."""
        self._jobs.put(None)
        self._thread.join(patience_s)
        missed = f"missed {self._offered - self._done} of {self._offered} {self._unit}"
        if self._failure is not None:
            why = f"{type(self._failure).__name__}: {self._failure}"
            return [f"{self.name} failed and {missed}: {why}. The results of the run are complete without it."]
        if self.is_alive:
            return [f"{self.name} had not finished {patience_s:g} s after the load, was given up, and {missed}."]
        if self._done < self._offered:
            return [f"{self.name} {missed}: these came faster than it took them."]
        return []

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as failure:
                self._failure = failure
                return

    def _count(self, job: Job) -> None:
        job()
        self._done += 1


class QueuedOutput:
    """An output that runs in a thread of its own. It cannot end the run: what its ``adding`` returns is ignored."""

    def __init__(self, name: str, output: Output, most: int = MOST_FRAMES, patience_s: float = PATIENCE_S) -> None:
        self._output = output
        self._patience_s = patience_s
        self._worker = Worker(name, "frames", most)
        self._problems: list[str] = []

    def begin(self, info: RunInfo) -> None:
        """Start the thread, which begins the output."""
        self._worker.start()
        self._worker.require(partial(self._output.begin, info))

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        """Queue the frame, or drop it."""
        self._worker.offer(partial(_add, self._output, frame))
        yield
        return None

    def finish(self, summary: Summary) -> list[str]:
        """Finish the output; return its problems, or that it failed, missed frames or did not finish."""
        self._worker.require(lambda: self._problems.extend(self._output.finish(summary)))
        missed = self._worker.end(self._patience_s)
        return [*self._problems, *missed]


def _add(output: Output, frame: Frame) -> None:
    for _ in output.adding(frame):
        pass
