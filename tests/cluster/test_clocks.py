"""What is known of a share's clock, held to a clock whose true offset is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.cluster.clocks import STRETCH_NS, Clock
from loadws.metrics.runinfo import MachineInfo
from tests.kit.plain import MS
from tests.report import example

#: Of each pulse: how long it took to the share, and back, in ns.
ways = st.lists(st.tuples(st.integers(0, 300 * MS), st.integers(0, 300 * MS)), min_size=1, max_size=30)


@pytest.mark.slow
@given(st.integers(-10_000 * MS, 10_000 * MS), st.integers(-200, 200), ways)
def test_the_true_offset_lies_within_the_bounds(offset_ns: int, drift_ppm: int, pulses: list[tuple[int, int]]) -> None:
    """A share whose clock is ahead and drifts; pulses a second apart, with ways that are never equal."""
    clock, used_ns, worst_ns = Clock(), None, 0
    for number, (there_ns, back_ns) in enumerate(pulses):
        sent_ns = 50 * STRETCH_NS + number * 1000 * MS
        true_ns = offset_ns + (sent_ns + there_ns) * drift_ppm // 1_000_000
        clock.add(sent_ns, sent_ns + there_ns + true_ns, sent_ns + there_ns + back_ns)
        if used_ns is None:
            used_ns = clock.offset_ns  # a start is named
        worst_ns = abs(true_ns - used_ns)
        error_ns = clock.error_ns(used_ns)
        assert error_ns is not None
        # Within a stretch of ten seconds a clock of 200 ppm drifts by 2 ms, which no pulse of the stretch need show.
        assert worst_ns <= error_ns + 2 * MS + 1


def test_nothing_is_known_without_a_pulse() -> None:
    assert (Clock().error_ns(0), Clock().sentence()) == (None, "")


def test_the_bound_of_a_run_is_that_of_its_two_worst_clocks() -> None:
    def bound(*errors: int | None) -> int | None:
        machines = tuple(MachineInfo(index, "", clock_error_ns=error) for index, error in enumerate(errors))
        return example.with_machines(machines).clock_bound_ns

    assert bound(5, 7, 1) == 12
    assert bound(5, None) is None
    assert bound(5) is None
