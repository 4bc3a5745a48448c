"""Work that must not hold up the load, done in slices between which the loop has its turn.

A slice is short beside the loop's turn, not in itself: where thousands of tasks are ready, a turn takes tens of
milliseconds, and work in slices of a fifth of a millisecond between two of them would never be done.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TypeVar

import trio

Result = TypeVar("Result")

LEAST_SLICE_NS = 200_000
#: How much of the loop's time such work may take.
SHARE = 10


async def in_slices(work: Generator[None, None, Result]) -> Result:
    """Drives a generator that yields wherever it can be interrupted; what it returns."""
    slice_ns = LEAST_SLICE_NS
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
        slice_ns = max(LEAST_SLICE_NS, (time.perf_counter_ns() - stopped_ns) // SHARE)
