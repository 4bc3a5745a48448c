"""What could not be written yet."""

from __future__ import annotations

import pytest
import trio

from loadws.transport.base import NotOpen
from loadws.transport.codec.frames import PING, PONG, TEXT
from loadws.transport.net.backlog import Backlog, Write
from loadws.transport.net.outbox import MOST_BYTES, MOST_MESSAGES, MOST_PONGS


def test_pongs_go_first_and_the_rest_in_order() -> None:
    backlog = Backlog()
    writes = [Write(TEXT, b"first"), Write(PONG, b"pong"), Write(PING, b"last")]
    backlog.put(writes[0])
    backlog.put_pong(writes[1])
    backlog.put(writes[2])
    assert [backlog.take() for _ in range(4)] == [writes[1], writes[0], writes[2], None]
    assert backlog.current is None


def test_of_too_many_pongs_the_newest_stay() -> None:
    backlog = Backlog()
    for number in range(MOST_PONGS + 1):
        backlog.put_pong(Write(PONG, b"%d" % number))
    first = backlog.take()
    assert first is not None
    assert first.payload == b"1"


@pytest.mark.parametrize(
    ("count", "size"),
    [
        (MOST_MESSAGES, 1),  # too many
        (2, MOST_BYTES // 2),  # too much
    ],
)
def test_it_is_bounded_for_those_who_do_not_wait(count: int, size: int) -> None:
    backlog = Backlog()
    for _ in range(count):
        backlog.put(Write(TEXT, b"x" * size))
    with pytest.raises(NotOpen) as full:
        backlog.put(Write(TEXT, b"x"))
    assert full.value.kind == "backlog"
    backlog.put(Write(TEXT, b"x"), bounded=False)
    backlog.take()
    backlog.take()
    backlog.put(Write(TEXT, b"x"))


def test_what_waits_can_be_withdrawn_and_what_was_begun_cannot() -> None:
    backlog = Backlog()
    begun, waiting = Write(TEXT, b"begun"), Write(TEXT, b"x" * MOST_BYTES)
    backlog.put(begun)
    backlog.take()
    backlog.put(waiting)
    assert [backlog.withdraw(begun), backlog.withdraw(waiting), backlog.withdraw(waiting)] == [False, True, False]
    backlog.put(waiting)  # its bytes are free again


def test_who_waits_for_what_is_cleared_wakes() -> None:
    backlog = Backlog()
    done = trio.Event()
    backlog.put(Write(TEXT, b"x", done=done))
    backlog.put_pong(Write(PONG, b""))
    backlog.clear()
    assert done.is_set()
    assert backlog.take() is None
