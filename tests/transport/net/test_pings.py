"""Pings in flight, and the keepalive."""

from __future__ import annotations

from collections.abc import Callable

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


class _Owner:
    """A connection that notes when its pings were written, and when one counted as lost."""

    def __init__(self, can_write: bool = True) -> None:
        self.can_write = can_write
        self.written: list[float] = []
        self.lost: list[float] = []
        self.pings: Pings
        self.on_write: Callable[[bytes], None] = lambda payload: None

    def write_ping(self, payload: bytes) -> None:
        if not self.can_write:
            raise NotOpen(kind="backlog")
        self.written.append(trio.current_time())
        self.on_write(payload)

    def ping_timed_out(self) -> None:
        self.lost.append(trio.current_time())
        self.pings.stop()


class _Silent:
    """A connection whose pings go nowhere."""

    def write_ping(self, payload: bytes) -> None:
        pass

    def ping_timed_out(self) -> None:
        raise AssertionError("no keepalive was asked for")


def test_a_pong_answers_its_ping_and_all_earlier_ones() -> None:
    clock = _Clock()
    pings = Pings(clock, _Silent())  # type: ignore[arg-type]
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
    pings = Pings(_Clock(), _Silent())  # type: ignore[arg-type]
    for number in range(MOST_IN_FLIGHT + 2):
        pings.send(b"%d" % number)
    assert pings.answered(b"1") == 0
    assert pings.answered(b"2") == 5


def _keepalive(
    answered_after: float | None, can_write: bool = True, seconds: float = 30, timeout: float = 4
) -> tuple[list[float], list[float]]:
    """Ping every 10 s; return when pings were written, and when the peer counted as lost.

    Each ping is answered after ``answered_after`` seconds; None: never.
    """
    owner = _Owner(can_write)

    async def main() -> None:
        async with open_timers() as timers:
            owner.pings = pings = Pings(timers, owner)
            if answered_after is not None:
                wait_ns = int(answered_after * S)

                def answer_later(payload: bytes) -> None:
                    timers.call_at(timers.now_ns() + wait_ns, lambda: _checked(pings.answered(payload)))

                owner.on_write = answer_later
            pings.keep_alive(10 * S, int(timeout * S))
            await trio.sleep(seconds)
            pings.stop()
            await trio.sleep(seconds)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return owner.written, owner.lost


def _checked(sent_ns: int) -> None:
    assert sent_ns % (10 * S) == 0


def test_an_answered_keepalive_goes_on() -> None:
    assert _keepalive(3, seconds=35) == ([10, 20, 30], [])


def test_an_unanswered_keepalive_is_a_loss_once() -> None:
    assert _keepalive(None) == ([10], [14])


def test_a_keepalive_that_cannot_be_queued_counts_as_unanswered() -> None:
    assert _keepalive(3, can_write=False) == ([], [14])


def test_a_timeout_longer_than_the_interval_has_several_pings_in_flight() -> None:
    assert _keepalive(None, seconds=60, timeout=25) == ([10, 20, 30], [35])
    assert _keepalive(24, seconds=45, timeout=25) == ([10, 20, 30, 40], [])


def test_a_late_pong_is_a_loss() -> None:
    assert _keepalive(6, seconds=35) == ([10], [14])


def test_a_connection_that_ends_while_it_writes_a_ping_sends_no_more() -> None:
    owner = _Owner()
    owner.on_write = lambda payload: owner.pings.stop()

    async def main() -> None:
        async with open_timers() as timers:
            owner.pings = Pings(timers, owner)
            owner.pings.keep_alive(10 * S, 4 * S)
            await trio.sleep(60)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert (owner.written, owner.lost) == ([10], [])
