"""A server that says more than anybody can listen to: the loop keeps its turn, and what has no end is ended."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import ClassVar

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from loadws.terms.transports import NAMES
from loadws.transport.base import Connection, ConnectRequest, Payload
from loadws.transport.native.connection import FRAMES_AT_ONCE
from loadws.transport.trio_websocket.instrumented import FrameWalk
from tests.kit import faults
from tests.kit.conformance import Recorder
from tests.kit.raw import CLOSE, CONTINUATION, TEXT, RawConnection, close_frame, frame, serve
from tests.transport.talk import Notes, against, connected, opened

each_transport = pytest.mark.parametrize("name", NAMES)
MOST = 3_000


@pytest.fixture
def most_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound that a test reaches in a moment."""
    monkeypatch.setattr("loadws.transport.codec.violation.FEW_FRAMES", MOST)


@each_transport
@pytest.mark.parametrize("payload", [b"", b"x"])
@pytest.mark.parametrize("with_the_101", [False, True])
@pytest.mark.usefixtures("most_frames")
def test_a_message_without_end_is_ended(name: str, payload: bytes, with_the_101: bool) -> None:
    @against(name, faults.fragments_without_end(payload, with_the_101))
    async def _(connection: Connection, heard: Recorder) -> None:
        await heard.until(lambda: heard.calls[-1][0] == "end")
        assert heard.messages == ["before"]
        assert (heard.end.by, heard.end.kind) == ("lost", "protocol.fragments")
        frames = MOST + 1 if not payload else next(n for n in range(MOST, 2 * MOST) if n > MOST + n // 8)
        assert heard.end.reason == f"{frames * len(payload):,} bytes of a message in {frames:,} frames"


@each_transport
@pytest.mark.usefixtures("most_frames")
def test_it_is_told_by_a_close_frame(name: str) -> None:
    notes = Notes()

    async def handle(connection: RawConnection) -> None:
        await connection.accept()
        await connection.send(frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * MOST)
        notes.note(await connection.read_frame())

    async def main() -> None:
        async with serve(handle) as address, opened(name) as connector:
            await connected(connector, f"ws://{address}")
            ((opcode, payload),) = await notes.come(1)
            assert (opcode, int.from_bytes(payload[:2])) == (CLOSE, 1008)

    trio.run(main)


@each_transport
@pytest.mark.usefixtures("most_frames")
def test_a_message_may_have_that_many_frames(name: str) -> None:
    parts = (
        frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b", fin=False) * (MOST - 2) + frame(CONTINUATION, b"c")
    )  # and a few more for its bytes

    @against(name, faults.says(parts, parts))
    async def _(connection: Connection, heard: Recorder) -> None:
        await heard.messages_come(2)
        assert heard.messages == ["a" + "b" * (MOST - 2) + "c"] * 2


@pytest.mark.slow
@each_transport
@pytest.mark.parametrize("with_the_101", [False, True])
def test_others_have_their_turn_within_one_read_of_many_messages(name: str, with_the_101: bool) -> None:
    """Counted in turns of the loop, not in time."""
    count = 4_500
    said = b"".join(frame(TEXT, b"%d" % number) for number in range(count))

    turns = 0

    class Noting(Recorder):
        turns_at: ClassVar[list[int]] = []

        def on_message(self, payload: Payload, received_ns: int) -> None:
            self.turns_at.append(turns)
            super().on_message(payload, received_ns)

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async def main() -> None:
        listener = Noting()
        async with (
            faults.says(said, with_the_101=with_the_101) as url,
            opened(name) as connector,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(take_turns)
            await connector.connect(ConnectRequest(url), listener)
            while len(listener.turns_at) < count:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        assert listener.messages == [f"{number}" for number in range(count)]
        most = max(Counter(listener.turns_at).values())
        assert most <= 2 * FRAMES_AT_ONCE  # its read, and what waited, may fall into one turn

    trio.run(main)


@pytest.mark.slow
@each_transport
def test_what_was_read_before_the_end_is_handed_over_before_it(name: str) -> None:
    count = 3_000
    said = b"".join(frame(TEXT, b"%d" % number) for number in range(count))

    async def leave(connection: RawConnection) -> None:
        connection.cut()

    for last, by in ((b"", "lost"), (close_frame(1001), "peer")):

        @against(name, faults.says(said + last, then=leave))
        async def _(connection: Connection, heard: Recorder, by: str = by) -> None:
            await heard.until(lambda: heard.calls[-1][0] == "end")
            assert len(heard.messages) == count
            assert heard.end.by == by


@pytest.mark.slow
@each_transport
def test_a_connection_may_be_closed_dropped_or_slowed_down_in_the_middle(name: str) -> None:
    said = b"".join(frame(TEXT, b"%d" % number) for number in range(6_000))

    @against(name, faults.says(said + close_frame(1000)))
    async def _(connection: Connection, heard: Recorder) -> None:
        await heard.messages_come(1)
        connection.limit_reading(0)
        connection.limit_reading(None)
        connection.limit_reading(1_000_000)
        await heard.messages_come(2_000)
        await connection.close()
        assert heard.messages == [f"{number}" for number in range(len(heard.messages))]

    @against(name, faults.says(said))
    async def _(connection: Connection, heard: Recorder) -> None:
        await heard.messages_come(1)
        connection.drop()
        count = len(heard.messages)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert len(heard.messages) == count


# -- where frames begin -----------------------------------------------------------------------------------------------

FRAMES = st.lists(
    st.builds(frame, st.sampled_from([0, 1, 2, 8, 9, 10]), st.sampled_from([0, 1, 125, 126, 300, 70_000]).map(bytes)),
    max_size=6,
)  # fmt: skip


@pytest.mark.slow
@given(FRAMES, st.lists(st.integers(0, 80_000), max_size=5), st.integers(1, 4))
def test_a_walk_cuts_after_so_many_headers_however_the_reads_split_them(
    frames: list[bytes], cuts: list[int], most: int
) -> None:
    wire = b"".join(frames)
    at = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    walk, parts = FrameWalk(), []
    for start, stop in pairwise(at):
        read = wire[start:stop]
        while read:
            cut = walk.cut(read, most)
            assert cut > 0
            parts.append(read[:cut])
            read = read[cut:]
    assert b"".join(parts) == wire
    begins = [sum(map(len, frames[:number])) for number in range(len(frames))]
    at_byte = 0
    for part in parts:
        assert sum(at_byte <= begin < at_byte + len(part) for begin in begins) <= most + 1
        at_byte += len(part)
    if len(cuts) == 0:
        assert len(parts) <= max(1, len(frames)) // most + 1


@given(st.binary(), st.integers(1, 4))
def test_a_walk_goes_on_through_any_bytes(data: bytes, most: int) -> None:
    walk = FrameWalk()
    while data:
        cut = walk.cut(data, most)
        assert 0 < cut <= len(data)
        data = data[cut:]
