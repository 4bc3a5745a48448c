"""The kernel's receive stamps: how they are read, how they become moments of the run, and when they are not believed."""

from __future__ import annotations

import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from loadws.terms.units import NS_PER_S
from loadws.transport.base import ConnectRequest, Outgoing
from loadws.transport.clock.timers import open_timers
from loadws.transport.net import stamps
from loadws.transport.net.stamps import (
    HOLD_NS,
    SLACK_NS,
    SO_TIMESTAMPING,
    Ancillary,
    KernelClock,
    ReadLags,
    stamp_in,
    why_no_kernel_stamps,
)
from loadws.transport.registry import transport
from tests.kit import faults
from tests.kit.conformance import Recorder

EPOCH_NS = 1_700_000_000 * NS_PER_S

others = st.tuples(st.integers(0, 300), st.integers(0, 300), st.binary(max_size=80)).filter(
    lambda row: row[:2] != (socket.SOL_SOCKET, SO_TIMESTAMPING)
)


def ancillary_of(seconds: int, ns: int) -> tuple[int, int, bytes]:
    return socket.SOL_SOCKET, SO_TIMESTAMPING, struct.pack("@6l", seconds, ns, 0, 0, 0, 0)


@pytest.mark.slow
@given(
    st.lists(others, max_size=3),
    st.integers(0, 2**31 - 1),
    st.integers(0, NS_PER_S - 1),
    st.lists(others, max_size=3),
)
def test_the_stamp_is_found_among_other_ancillary_data(
    before: Ancillary, seconds: int, ns: int, after: Ancillary
) -> None:
    assert stamp_in([*before, ancillary_of(seconds, ns), *after]) == seconds * NS_PER_S + ns


@pytest.mark.slow
@given(st.lists(others))
def test_other_ancillary_data_is_no_stamp(rows: Ancillary) -> None:
    assert stamp_in(rows) == 0


@given(st.integers(0, struct.calcsize("@6l") - 1))
def test_what_is_cut_short_is_no_stamp(size: int) -> None:
    level, kind, data = ancillary_of(1, 1)
    assert stamp_in([(level, kind, data[:size])]) == 0


class TwoClocks:
    """A monotonic clock on which every look takes a moment, and CLOCK_REALTIME, which somebody may set."""

    def __init__(self) -> None:
        self.now = 5 * NS_PER_S
        self.offset = EPOCH_NS
        self.look_ns = 40

    def now_ns(self) -> int:
        self.now += self.look_ns
        return self.now

    def realtime_ns(self) -> int:
        self.now += self.look_ns
        return self.now + self.offset

    def clock(self) -> KernelClock:
        return KernelClock(self.now_ns, self.realtime_ns)

    def pass_ns(self, ns: int) -> int:
        """When that is over."""
        self.now += ns
        return self.now


def test_a_stamp_becomes_the_moment_at_which_it_was_taken_and_never_an_earlier_one() -> None:
    two = TwoClocks()
    clock = two.clock()
    arrived = two.pass_ns(NS_PER_S)
    read = two.pass_ns(50_000_000)
    clock.look()

    assert 0 <= clock.received(arrived + two.offset, read) - arrived <= 2 * two.look_ns


@pytest.mark.slow
@given(st.lists(st.integers(1, 100_000), max_size=30), st.integers(0, NS_PER_S))
def test_whatever_a_look_takes_nothing_seems_to_come_before_it_came(looks: list[int], lag: int) -> None:
    """Else an answer could come before its request."""
    two = TwoClocks()
    clock = two.clock()
    for two.look_ns in looks:
        clock.look()
    arrived = two.pass_ns(1)
    read = two.pass_ns(lag)

    assert arrived <= clock.received(arrived + two.offset, read) <= read


@pytest.mark.parametrize(
    ("stamp_ns", "why"),
    [
        (0, "no stamp at all"),
        (EPOCH_NS + 1, "long before the clock was looked at first"),
        (EPOCH_NS + 9 * NS_PER_S, "later than it was read"),
    ],
)
def test_what_cannot_be_believed_gives_way_to_the_moment_of_the_read(stamp_ns: int, why: str) -> None:
    two = TwoClocks()
    clock = two.clock()

    assert clock.received(stamp_ns, 6 * NS_PER_S) == 6 * NS_PER_S, why


@given(
    st.integers(-3 * 3600 * NS_PER_S, 3 * 3600 * NS_PER_S).filter(lambda step: abs(step) > SLACK_NS + 1_000),
    st.integers(0, HOLD_NS // 2),
    st.integers(0, NS_PER_S // 10),
)
def test_after_a_step_of_the_clock_reads_are_stamped_by_us_until_it_has_been_steady(
    step: int, before: int, lag: int
) -> None:
    """A stamp from before the step and one from after it, both read after it."""
    two = TwoClocks()
    clock = two.clock()
    two.pass_ns(NS_PER_S)
    old_stamp = two.now + two.offset
    two.pass_ns(before)
    two.offset += step
    new_stamp = two.pass_ns(1) + two.offset
    read = two.pass_ns(lag)
    clock.look()
    assert clock.received(old_stamp, read) == read
    assert clock.received(new_stamp, read) == read

    arrived = two.pass_ns(HOLD_NS + 1_000)
    read = two.pass_ns(lag)
    clock.look()
    assert arrived <= clock.received(arrived + two.offset, read) <= min(read, arrived + 200)


def test_a_small_difference_is_no_step() -> None:
    two = TwoClocks()
    clock = two.clock()
    two.offset += SLACK_NS // 2
    clock.look()
    arrived = two.pass_ns(1_000)

    assert clock.received(arrived + two.offset, two.pass_ns(NS_PER_S)) < two.now


def test_read_lags_are_fetched_once() -> None:
    lags = ReadLags()
    lags.put((1, 10))
    lags.put((2, 20))

    assert lags.take() == [1, 10, 2, 20]
    lags.put((3, 30))
    assert (lags.take(), lags.take()) == ([3, 30], [])


# -- with the kernel --------------------------------------------------------------------------------------------------

with_kernel_stamps = pytest.mark.skipif(why_no_kernel_stamps() is not None, reason=str(why_no_kernel_stamps()))


def test_only_linux_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert why_no_kernel_stamps() == "only Linux has them"


def test_a_system_that_refuses_them_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_socket: socket.socket) -> None:
        raise OSError(92, "Protocol not available")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(stamps, "ask_for_stamps", refuse)
    assert why_no_kernel_stamps() == "the system refuses them: Protocol not available"


@with_kernel_stamps
@pytest.mark.parametrize("tls", [False, True])
def test_an_answer_is_received_between_its_request_and_its_read(tls: bool, tmp_path: Path) -> None:
    """One at a time, until one has a stamp: the kernel begins to stamp some time after it was asked to."""
    lags = ReadLags()
    rows: list[int] = []

    async def main() -> None:
        async with (
            server(tls, tmp_path) as request,
            open_timers() as timers,
            transport("native", lags).open(timers) as connector,
        ):
            listener = Recorder()
            connection = await connector.connect(request, listener)
            lags.take()  # that of the 101
            outs: list[Outgoing] = []
            with trio.fail_after(30):
                while len(outs) < 20 or not rows:
                    outs.append(Outgoing())
                    await connection.send(str(len(outs)), outs[-1])
                    await listener.messages_come(len(outs))
                    rows.extend(lags.take())
            assert all(out.sent_ns <= at_ns for out, at_ns in zip(outs, listener.received_ns, strict=True))
        assert set(rows[::2]) <= set(listener.received_ns)
        assert min(rows[1::2]) > 0

    trio.run(main)


@asynccontextmanager
async def server(tls: bool, folder: Path) -> AsyncIterator[ConnectRequest]:
    if not tls:
        async with faults.echo() as url:
            yield ConnectRequest(url)
        return
    async with faults.echo_tls(folder) as (url, ca):
        yield ConnectRequest(url, tls=ssl.create_default_context(cafile=ca))
