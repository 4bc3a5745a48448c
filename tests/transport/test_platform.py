"""What a platform gives, in words."""

from __future__ import annotations

import subprocess
import sys

import pytest

from loadws.fleet.machine.preflight import means_of
from loadws.transport.platform import Means, keep_freed_memory


def test_a_summary_can_say_what_the_platform_gave() -> None:
    assert str(Means(epoll=True, late_ports=True)) == (
        "one epoll set, deadlines by a timerfd, as many connections as ports to each destination"
    )
    assert str(Means(epoll=False, late_ports=False)) == (
        "a task for each socket, deadlines by trio's clock, as many connections as ports to all destinations together"
    )
    assert means_of("native") and not means_of("trio-websocket")


#: Fault in the pages of 100 large messages, one after another, and print how many pages that took.
COUNT_FAULTS = """
import resource, sys
from loadws.transport.platform import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    first, second = bytes(range(256)) * 4096, b"x" * 1_048_576
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
def test_the_memory_of_large_messages_is_faulted_in_once() -> None:
    if not keep_freed_memory():
        pytest.skip("the system's allocator is not glibc's")
    faults = {
        how: int(subprocess.run([sys.executable, "-c", COUNT_FAULTS, how], capture_output=True, check=True).stdout)
        for how in ("given back", "kept")
    }
    assert faults["kept"] < faults["given back"] / 5, faults
