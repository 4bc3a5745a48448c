"""The hand-written server's end, against the frame codec of wsproto."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode

from tests.kit.raw import BINARY, CLOSE, PING, TEXT, RawConnection, close_frame, frame, response

#: Each way of writing a length, at its borders.
SIZES = (0, 1, 125, 126, 65_535, 65_536)


@pytest.mark.parametrize("size", SIZES)
def test_a_client_reads_what_is_written(size: int) -> None:
    client = FrameProtocol(client=True, extensions=[])
    client.receive_bytes(frame(BINARY, b"x" * size))
    parts = list(client.received_frames())
    assert [part.payload for part in parts] == [b"x" * size]
    assert parts[-1].message_finished


def test_bits() -> None:
    assert frame(TEXT, b"hi") == b"\x81\x02hi"
    assert frame(TEXT, b"hi", fin=False) == b"\x01\x02hi"
    assert frame(TEXT, b"hi", reserved=4) == b"\xc1\x02hi"
    assert close_frame(None) == b"\x88\x00"
    assert close_frame(1001, "bye") == b"\x88\x05\x03\xe9bye"
    assert response("404 Not Found", (("A", "b"),), b"c") == b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\nc"


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING, CLOSE]), st.binary(max_size=125)), max_size=5),
    st.integers(1, 50),
)
def test_what_a_client_writes_is_read_in_any_pieces(frames: list[tuple[int, bytes]], piece: int) -> None:
    client = FrameProtocol(client=True, extensions=[])
    data = b"".join(bytes(client._serialize_frame(Opcode(opcode), payload)) for opcode, payload in frames)

    async def main() -> list[tuple[int, bytes]]:
        ours, theirs = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_in_pieces, theirs, data, piece)
            connection = RawConnection(ours, None)  # type: ignore[arg-type]
            read = [await connection.read_frame() for _ in frames]
            with pytest.raises(EOFError):
                await connection.read_frame()
        return read

    assert trio.run(main) == frames


async def _in_pieces(stream: trio.abc.Stream, data: bytes, piece: int) -> None:
    for at in range(0, len(data), piece):
        await stream.send_all(data[at : at + piece])
    await stream.aclose()


def test_a_large_frame_of_a_client() -> None:
    client = FrameProtocol(client=True, extensions=[])
    payload = bytes(range(256)) * 300

    async def main() -> tuple[int, bytes]:
        ours, theirs = trio.testing.memory_stream_pair()
        await theirs.send_all(bytes(client.send_data(payload)))
        return await RawConnection(ours, None).read_frame()  # type: ignore[arg-type]

    assert trio.run(main) == (BINARY, payload)
