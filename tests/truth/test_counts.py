"""The cases of ``python -m tests.truth`` in short, with the claims that no noise can break: counts, order and the
ledger.
"""

from __future__ import annotations

import pytest

from loadws.terms.units import NS_PER_MS
from tests.truth.latency import PACED, TOLD_APART
from tests.truth.running import Measured, Stamps, measure
from tests.truth.target import Behaviour

each_stamps = pytest.mark.parametrize("stamps", ["user", "kernel"])


def counts(made: Measured) -> tuple[int, int, list[str]]:
    messages = made.summary.ledger.messages
    return (
        messages.sent - made.account.received,
        messages.received - made.account.answered,
        made.summary.ledger.imbalances(),
    )


@pytest.mark.slow
@each_stamps
@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(delay_ns=10 * NS_PER_MS),
        Behaviour(delay_ns=5 * NS_PER_MS, jitter_ns=20 * NS_PER_MS),
        Behaviour(stall_after_ns=200 * NS_PER_MS, stall_ns=200 * NS_PER_MS),
    ],
    ids=["delay", "jitter", "stall"],
)
def test_a_late_answer_is_an_answer(stamps: Stamps, behaviour: Behaviour) -> None:
    made = measure(PACED % "600ms", behaviour, stamps)

    assert counts(made) == (0, 0, [])
    assert made.entry("response_time").count == made.account.answered > 0
    assert made.entry("service_time").min >= behaviour.delay_ns  # type: ignore[operator]
    assert made.entry("service_time").out_of_range == 0


@pytest.mark.slow
@each_stamps
def test_an_answer_out_of_order_is_its_own_request_s(stamps: Stamps) -> None:
    made = measure(TOLD_APART % "600ms", Behaviour(swaps=True), stamps)

    assert counts(made) == (0, 0, [])
    assert made.entry("response_time").count == made.account.answered > 0
    assert made.summary.ledger.messages.unclaimed == 0


@pytest.mark.slow
@each_stamps
def test_what_is_never_answered_is_missing(stamps: Stamps) -> None:
    made = measure(TOLD_APART.replace("2s", "1s") % "600ms", Behaviour(drop_every=10), stamps)

    assert counts(made) == (0, 0, [])
    assert made.entry("response_time").missing == made.summary.ledger.messages.timed_out == made.account.dropped > 0
    assert made.summary.ledger.messages.late == 0
