"""Processes that others have started: which they are, and when they end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio


def children_of(parent: int) -> list[int]:
    """Return the processes that another one has started; skips the test where the system does not say (not Linux)."""
    tasks = Path(f"/proc/{parent}/task")
    if not tasks.exists():
        pytest.skip("this system does not say which processes another has started")
    return [int(word) for task in tasks.iterdir() for word in (task / "children").read_text().split()]


def family_of(pid: int) -> list[int]:
    """Return a process and all that it has started, and these."""
    return [pid, *(each for child in children_of(pid) for each in family_of(child))]


async def ended(pid: int) -> None:
    """Wait until a process has ended, whichever its parent is."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await trio.lowlevel.wait_readable(descriptor)
    finally:
        os.close(descriptor)
