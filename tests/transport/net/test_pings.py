"""Pings in flight, and the keepalive."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from loadws.transport.base import NotOpen
from loadws.transport.clock.timers import open_timers
from loadws.transport.net.pings import MOST_IN_FLIGHT, Pings
from tests.kit.plain import S


class _Clock:
    """Timers that stand still and only collect."""

    def __init__(self) -> None:
        self.ns = 5

    def now_ns(self) -> int:
        return self.ns


def test_a_pong_answers_its_ping_and_all_earlier_ones() -> None:
    clock = _Clock()
    pings = Pings(clock, lambda payload: None)  # type: ignore[arg-type]
    assert pings.send(b"a") == 5
    clock.ns = 6
    pings.send(b"b")
    clock.ns = 7
    pings.send(b"c")
    pings.stamp(b"b", 66)
    assert pings.answered(b"b") == 66
    assert pings.answered(b"a") == 0
    assert pings.answered(b"c") == 7
    assert pings.answered(b"never sent") == 0


def test_pings_in_flight_are_bounded() -> None:
    pings = Pings(_Clock(), lambda payload: None)  # type: ignore[arg-type]
    for number in range(MOST_IN_FLIGHT + 2):
        pings.send(b"%d" % number)
    assert pings.answered(b"1") == 0
    assert pings.answered(b"2") == 5


def _keepalive(answers: bool, can_write: bool = True, seconds: float = 30) -> tuple[list[float], list[float]]:
    """Pings every 10 s with a timeout of 4 s; returns when pings were written, and when the peer counted as lost."""
    written: list[float] = []
    lost: list[float] = []

    async def main() -> None:
        async with open_timers() as timers:

            def write(payload: bytes) -> None:
                if not can_write:
                    raise NotOpen(kind="backlog")
                written.append(trio.current_time())
                if answers:
                    timers.call_at(timers.now_ns() + 3 * S, lambda: _checked(pings.answered(payload)))

            def over() -> None:
                lost.append(trio.current_time())
                pings.stop()

            pings = Pings(timers, write)
            pings.keep_alive(10 * S, 4 * S, over)
            await trio.sleep(seconds)
            pings.stop()
            await trio.sleep(seconds)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return written, lost


def _checked(sent_ns: int) -> None:
    assert sent_ns % (10 * S) == 0


def test_an_answered_keepalive_goes_on() -> None:
    assert _keepalive(answers=True, seconds=35) == ([10, 20, 30], [])


def test_an_unanswered_keepalive_is_a_loss_once() -> None:
    assert _keepalive(answers=False) == ([10], [14])


def test_a_keepalive_that_cannot_be_queued_counts_as_unanswered() -> None:
    assert _keepalive(answers=True, can_write=False) == ([], [14])
