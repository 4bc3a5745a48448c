"""A core for the target alone, where this machine has enough cores."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def apart(target: int, processes: int = 1) -> Iterator[None]:
    """Give the process ``target`` the last core, and this program's processes the others, where there are enough.

    Otherwise the kernel lets the target that a message wakes use its sender's core, and the next message is sent late.
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
