"""Who runs where."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from loadws.target.cores import apart

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="this system does not tell cores apart")


@pytest.mark.parametrize("processes", [1, 10_000])
def test_the_target_has_a_core_of_its_own_where_one_is_left(processes: int) -> None:
    before = os.sched_getaffinity(0)
    target = {max(before)} if processes < len(before) else before
    ours = before - target or before
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        with apart(process.pid, processes):
            assert os.sched_getaffinity(process.pid) == target
            assert os.sched_getaffinity(0) == ours
        assert os.sched_getaffinity(0) == before
        process.kill()
