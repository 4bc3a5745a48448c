"""The identity of this machine, as far as a comparison of two runs needs it."""

from __future__ import annotations

import os

from loadws.fleet.machine.calibration import cpu_name

_GIB = 2**30


def machine_name() -> str:
    """Return processor, cores and memory: ``AMD EPYC 7B13, 2 cores, 8 GiB``.

    Runs are comparable only where this text is the same. Memory is rounded, because two machines of one kind differ by
    some megabytes.
    """
    cores = os.cpu_count() or 1
    parts = [cpu_name(), f"{cores} core{'' if cores == 1 else 's'}", *_memory()]
    return ", ".join(parts)


def _memory() -> list[str]:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return []
    return [f"{max(1, round(total / _GIB))} GiB"] if total > 0 else []
