"""How fast a slow connection is read, and that who reads slowly slows its peer down."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.transport.base import ConnectRequest, Transport
from loadws.transport.clock.timers import open_timers
from loadws.transport.native.reactor import TaskReactor
from loadws.transport.native.transport import NativeTransport
from loadws.transport.net.read_rate import Pace
from loadws.transport.registry import transport
from tests.kit import faults
from tests.kit.conformance import Recorder
from tests.kit.plain import S
from tests.kit.raw import BINARY, RawConnection, close_frame, frame
from tests.transport.talk import Notes

each_way_to_read = pytest.mark.parametrize(
    "make",
    [partial(transport, "native"), partial(NativeTransport, TaskReactor), partial(transport, "trio-websocket")],
    ids=["epoll", "tasks", "trio-websocket"],
)


@pytest.mark.slow
@given(
    rate=st.floats(1, 1e9),
    # how long the reader is away, and what share of a whole read comes
    reads=st.lists(st.tuples(st.integers(0, S), st.floats(0, 1)), min_size=1, max_size=50),
)
def test_a_pace_is_never_ahead_by_more_than_two_reads(rate: float, reads: list[tuple[int, float]]) -> None:
    pace, now_ns, began_ns, taken = Pace(rate), 5 * S, 5 * S, 0
    for away_ns, share in reads:
        free_ns = pace.free_ns
        assert free_ns is not None
        now_ns = max(now_ns + away_ns, free_ns)
        count = round(pace.most * share)
        pace.took(count, now_ns)
        taken += count
        assert taken <= 2 * pace.most + rate * (now_ns - began_ns) / S + len(reads)  # a nanosecond's rounding a read


@given(rate=st.floats(10, 1e9))
def test_a_pace_that_is_kept_up_with_is_met(rate: float) -> None:
    pace, now_ns = Pace(rate), 5 * S
    for _ in range(100):
        now_ns = max(now_ns, pace.free_ns or 0)
        pace.took(pace.most, now_ns)
    assert (now_ns - 5 * S) / S == pytest.approx(98 * pace.most / rate, rel=0.01)


def test_who_reads_nothing_is_never_free() -> None:
    pace = Pace(0)
    pace.took(1, 1)
    assert (pace.free_ns, pace.most) == (None, 1)


def floods(seen: Notes, most: int) -> faults.Fault:
    """Writes ``most`` bytes in frames of 64 KiB, and notes each that the kernel took; then waits for the close."""

    async def flood(connection: RawConnection) -> None:
        for number in range(most >> 16):
            await connection.send(frame(BINARY, number.to_bytes(1 << 16)))
            seen.note(number)
        await connection.read_until_close()
        await connection.send(close_frame(1000))
        await connection.read_to_the_end()

    return faults.says(then=flood)


@each_way_to_read
def test_who_stalls_holds_its_peer_up_and_then_gets_everything(make: Callable[[], Transport]) -> None:
    async def main() -> None:
        seen, heard = Notes(), Recorder()
        async with floods(seen, faults.A_FLOOD) as url, open_timers() as timers, make().open(timers) as connector:
            heard.on_open = lambda connection: connection.limit_reading(0)  # type: ignore[method-assign]
            with trio.fail_after(20):
                connection = await connector.connect(ConnectRequest(url), heard)
                await trio.testing.wait_all_tasks_blocked(0.05)
                # The kernels' buffers took their share; the peer is stuck with the rest, and nothing is kept here.
                assert len(seen.rows) < faults.A_FLOOD >> 16
                assert len(heard.messages) <= 1  # what came with the 101
                connection.limit_reading(None)
                await heard.messages_come(faults.A_FLOOD >> 16)
                await connection.close()
        assert heard.messages == [number.to_bytes(1 << 16) for number in range(faults.A_FLOOD >> 16)]

    trio.run(main)


@pytest.mark.slow
@each_way_to_read
@settings(max_examples=15, deadline=None)
@given(rates=st.lists(st.sampled_from([None, 0, 1, 1e3, 1e6, 1e9]), max_size=40))
def test_whatever_the_pace_nothing_is_lost(make: Callable[[], Transport], rates: list[float | None]) -> None:
    async def main() -> None:
        seen, heard = Notes(), Recorder()
        async with floods(seen, 4 << 20) as url, open_timers() as timers, make().open(timers) as connector:
            with trio.fail_after(20):
                connection = await connector.connect(ConnectRequest(url), heard)
                for rate in rates:
                    connection.limit_reading(rate)
                    await trio.lowlevel.checkpoint()
                connection.limit_reading(None)
                await heard.messages_come(64)
                await connection.close()
        assert heard.messages == [number.to_bytes(1 << 16) for number in range(64)]
        assert (heard.end.by, heard.end.code) == ("us", 1000)

    trio.run(main)


def resets_when_told(go: trio.Event) -> faults.Fault:
    async def reset(connection: RawConnection) -> None:
        await go.wait()
        connection.reset()

    return faults.says(then=reset)


def test_a_reset_is_noticed_by_who_does_not_read() -> None:
    """And is no event that comes again and again: the loop would turn for nothing."""

    async def main() -> None:
        go, heard = trio.Event(), Recorder()
        async with resets_when_told(go) as url, open_timers() as timers, transport("native").open(timers) as connector:
            with trio.fail_after(20):
                connection = await connector.connect(ConnectRequest(url), heard)
                connection.limit_reading(0)
                go.set()
                end = await heard.has_ended()
        assert (end.by, end.kind) == ("lost", "reset")

    trio.run(main)
