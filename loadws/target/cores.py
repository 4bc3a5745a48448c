"""A core for the target alone, where this machine has one to spare."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def apart(target: int, processes: int = 1) -> Iterator[None]:
    """The process ``target`` has the last core to itself, and we, so many processes, the others, where there are enough.

    Else the kernel lets the target that a message wakes take its sender's core, who then sends the next one late.
    """
    cores = os.sched_getaffinity(0) if sys.platform == "linux" else set[int]()
    if len(cores) <= processes:
        yield
        return
    last = max(cores)
    os.sched_setaffinity(target, {last})
    os.sched_setaffinity(0, cores - {last})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
