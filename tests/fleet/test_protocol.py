"""Messages over a pipe come out as they went in, however the bytes are cut."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MemorySendStream

from loadws.fleet.protocol import (
    Begin,
    Broken,
    Down,
    Ended,
    EndPhase,
    FlowsDone,
    Measured,
    Order,
    Ready,
    Receiver,
    Sender,
    Stop,
    Up,
)
from loadws.fleet.shard import ShardOrder
from loadws.metrics.runinfo import Ending, LostProcess
from loadws.scenario.build import Overrides
from tests.metrics.frames import frames

moments = st.integers(0, 2**62)
ups = st.one_of(
    st.just(Ready()),
    st.builds(Measured, frames),
    st.builds(FlowsDone, st.integers(0, 99)),
    st.just(Ended(Ending(1.5, "Ctrl-C", phases=(("up", 0.0, 1.5),), lost=(LostProcess(1, "was ended by SIGKILL"),)))),
    st.builds(Broken, st.text(), st.text()),
)
downs = st.one_of(
    st.builds(Begin, moments),
    st.builds(EndPhase, st.integers(0, 99), moments),
    st.builds(Stop, st.text()),
    st.just(
        Order(
            ShardOrder(
                "a.yaml",
                "target: ü",
                Overrides("ws://x", {"a": "1"}, scale=0.5),
                {"HOME": "/"},
                2**63 - 1,
                "native",
                1,
                3,
            )
        )
    ),
)


def over_a_pipe(messages: list[Any], kind: Any, chunk_bytes: int, cut_bytes: int = 0) -> list[Any]:
    """What is received of messages that arrive in chunks, without the last bytes of all."""

    async def main() -> list[Any]:
        sent = MemorySendStream()
        sender = Sender(sent)
        for message in messages:
            await sender.send(message)
        content = bytes(sent.get_data_nowait()) if messages else b""
        content = content[: len(content) - cut_bytes]
        receiver: Receiver[Any] = Receiver(_Chunks(content, chunk_bytes), kind)
        heard = []
        while (message := await receiver.receive()) is not None:
            heard.append(message)
        return heard

    return trio.run(main)


class _Chunks(trio.abc.ReceiveStream):
    def __init__(self, content: bytes, chunk_bytes: int) -> None:
        self._content, self._chunk_bytes = content, chunk_bytes

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        chunk, self._content = self._content[: self._chunk_bytes], self._content[self._chunk_bytes :]
        return chunk

    async def aclose(self) -> None: ...


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(st.lists(ups, max_size=4), st.integers(1, 10_000))
def test_what_goes_up_comes_out_the_same(messages: list[Up], chunk_bytes: int) -> None:
    assert over_a_pipe(messages, Up, chunk_bytes) == messages


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(st.lists(downs, max_size=4), st.integers(1, 10_000))
def test_what_goes_down_comes_out_the_same(messages: list[Down], chunk_bytes: int) -> None:
    assert over_a_pipe(messages, Down, chunk_bytes) == messages


@given(st.integers(1, 10))
def test_a_message_that_is_cut_off_is_left_out(cut_bytes: int) -> None:
    assert over_a_pipe([Begin(1), Stop("an end")], Down, 7, cut_bytes) == [Begin(1)]
