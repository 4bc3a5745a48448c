"""Shares of a load that were not made at the same time."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.gate.together import missing_share
from loadws.gate.verdict import judged
from loadws.metrics.runinfo import Ending, MachineInfo, PhaseInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Verdict
from tests.gate.test_verdict import GOOD, SLOW
from tests.metrics.made_up import frame, info

TICKS_PER_S = 10
NOON, LATER = "2026-07-31T12:00:00.000000Z", "2026-07-31T12:00:05.000000Z"
BARELY, HARDLY = "2026-07-31T12:00:00.019000Z", "2026-07-31T12:00:00.021000Z"


def verdict_of(*began_at: str | None, **of_phase: object) -> Verdict:
    """Return the verdict on a load of one second whose machines began at these times."""
    machines = tuple(MachineInfo(index, "", (index,), began_at=each) for index, each in enumerate(began_at))
    phase = msgspec.structs.replace(PhaseInfo("steady", False, 1.0), **of_phase)
    known = info("response_time.max < 1s", machines=machines, processes=len(machines))
    known = msgspec.structs.replace(known, phases=(phase,))
    made = Summariser(known)
    for index in range(len(machines)):
        made.add(frame(0, process=index, ledger=GOOD, histograms=(SLOW,), last=True))
    ending = Ending(1.0, phases=(("steady", 0.0, 1.0),))
    return judged(made.summary(ending), known, ending).verdict


def test_two_shares_that_never_met_are_half_of_the_load() -> None:
    verdict = verdict_of(NOON, LATER)
    assert (verdict.outcome, verdict.exit_code) == ("inconclusive", 3)
    assert verdict.reasons == (
        "The load was not applied: The shares began up to 5 s apart (by their machines' clocks), so that 50% of the load "
        "of phase 'steady' was missing on average (max_dropped is 1%): give all shares the same --start-at.",
    )


@pytest.mark.parametrize(
    ("began_at", "of_phase", "code"),
    [
        ((NOON, NOON), {}, 0),
        ((NOON, BARELY), {}, 0),  # 0.95 %
        ((NOON, HARDLY), {}, 3),  # 1.05 %
        ((NOON, LATER), {"max_dropped": 0.5}, 0),  # it is the scenario that says how much may be missing
        ((NOON, NOON, LATER), {}, 3),
        ((NOON, None), {}, 0),  # of a cluster, which starts its shares itself
        ((NOON,), {}, 0),
    ],
)
def test_the_verdict_is_about_how_much_was_missing(
    began_at: tuple[str | None, ...], of_phase: dict[str, object], code: int
) -> None:
    assert verdict_of(*began_at, **of_phase).exit_code == code


def test_a_warm_up_is_not_judged() -> None:
    assert "apart" not in " ".join(verdict_of(NOON, LATER, warmup=True).reasons)


def counted_share(starts: list[tuple[int, int]], length_s: int) -> float:
    """Return the missing share by looking at every tenth of a second."""
    whole = sum(weight for _, weight in starts)
    made = missed = 0.0
    for tick in range((60 + length_s) * TICKS_PER_S):
        now = sum(weight for start, weight in starts if start * TICKS_PER_S <= tick < (start + length_s) * TICKS_PER_S)
        made += now
        missed += now * (1 - now / whole)
    return missed / made


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 5)), min_size=1, max_size=5), st.integers(1, 30))
def test_the_missing_share_is_what_counting_finds(starts: list[tuple[int, int]], length_s: int) -> None:
    found = missing_share([(float(start), weight) for start, weight in starts], length_s)
    assert found == pytest.approx(counted_share(starts, length_s))
