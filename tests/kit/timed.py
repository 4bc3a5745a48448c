"""A pytest plugin that notes how long each test took: ``pytest -p tests.kit.timed`` with a folder in ``LOADWS_TEST_TIMES``.

A test's time is the greater of two: its processor time with that of the processes that it started and awaited; and its time
by the clock without the time that its thread was ready and had no core. So a busy machine changes little.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

VARIABLE = "LOADWS_TEST_TIMES"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Append a line to this process's file: the test's name, and its seconds."""
    before = _now()
    try:
        return (yield)
    finally:
        elapsed, processor = (after - first for after, first in zip(_now(), before, strict=True))
        with (Path(os.environ[VARIABLE]) / f"{os.getpid()}.ndjson").open("a") as lines:
            lines.write(json.dumps([item.nodeid, max(elapsed, processor)]) + "\n")


def _now() -> tuple[float, float]:
    used = os.times()
    return (
        time.perf_counter() - _waited_for_a_core(),
        used.user + used.system + used.children_user + used.children_system,
    )


def _waited_for_a_core() -> float:
    """Return how many seconds this process's first thread was ready but had no core; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0
