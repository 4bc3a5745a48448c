"""Run work in slices, between which the event loop has its turn, so that the work does not hold up the load.

A slice is a share of the loop's turn, not a fixed time: where thousands of tasks are ready, a turn lasts tens of
milliseconds, and work done in slices of a fifth of a millisecond would never end.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TypeVar

import trio

Result = TypeVar("Result")

LEAST_SLICE_NS = 200_000
#: The share of the loop's time that such work may use.
SHARE = 10


async def in_slices(work: Generator[None, None, Result], least_ns: int = LEAST_SLICE_NS) -> Result:
    """Run a generator that yields wherever it can be interrupted, and return its result.

    ``least_ns``: the shortest slice. A process that makes no load need not turn its loop five thousand times per second.
    """
    slice_ns = least_ns
    while True:
        began_ns = time.perf_counter_ns()
        try:
            while time.perf_counter_ns() - began_ns < slice_ns:
                next(work)
        except StopIteration as done:
            result: Result = done.value
            return result
        stopped_ns = time.perf_counter_ns()
        await trio.lowlevel.checkpoint()
        slice_ns = max(least_ns, (time.perf_counter_ns() - stopped_ns) // SHARE)
