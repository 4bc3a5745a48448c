"""Run outputs that may wait in threads, so that a slow, blocking or failing output does not hold up the load.

A job waits in a bounded queue until the thread takes it; a job that finds the queue full is dropped. The end of the run
reports what an output missed, and why.

A thread is enough for an output that waits, because waiting releases the interpreter. An output that computes for long
would take processor time from the load of a run in one process, and needs a process of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue

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
        self.offered = 0  # jobs that were queued or dropped, without those that must not be dropped
        self.failure: Exception | None = None  # what a job raised, which ended the thread
        self._done = 0
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()  # its put() never blocks, even in a signal handler
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Return whether the thread is running."""
        return self._thread.is_alive()

    def offer(self, job: Job) -> None:
        """Queue a job, or drop it where the queue is full or an earlier job failed. Never block."""
        self.offered += 1
        if self.failure is None and self._jobs.qsize() < self._most:
            self._jobs.put(partial(self._count, job))

    def require(self, job: Job) -> None:
        """Queue a job that must not be dropped and is not counted: the first, the last, a message. Never block."""
        self._jobs.put(job)

    def end(self, patience_s: float) -> list[str]:
        """Wait for the queued jobs, at most ``patience_s`` seconds; return what was missed, in a sentence."""
        self.wait(patience_s)
        missed = f"missed {self.offered - self._done} of {self.offered} {self._unit}"
        if self.failure is not None:
            why = f"{type(self.failure).__name__}: {self.failure}"
            return [f"{self.name} failed and {missed}: {why}. The results of the run are complete without it."]
        if self.is_alive:
            return [f"{self.name} had not finished {patience_s:g} s after the load, was given up, and {missed}."]
        if self._done < self.offered:
            return [f"{self.name} {missed}: these came faster than it took them."]
        return []

    def wait(self, patience_s: float) -> None:
        """Let the thread end after the queued jobs, and wait for that, at most ``patience_s`` seconds."""
        self._jobs.put(None)
        self._thread.join(patience_s)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as failure:
                self.failure = failure
                return

    def _count(self, job: Job) -> None:
        job()
        self._done += 1
