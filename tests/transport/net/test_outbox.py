"""What waits to be written."""

from __future__ import annotations

import pytest

from loadws.transport.base import NotOpen, Outgoing
from loadws.transport.net.outbox import (
    MOST_BYTES,
    MOST_MESSAGES,
    MOST_PONGS,
    Outbox,
    WaitingMessage,
    WaitingPing,
    WaitingPong,
)


def message(payload: str, size: int = 1) -> WaitingMessage:
    return WaitingMessage(payload, Outgoing(), size)


def test_messages_keep_their_order_and_pongs_go_first() -> None:
    outbox = Outbox()
    first, second = message("first"), WaitingPing(b"second")
    outbox.put(first)
    outbox.put_pong(b"old")
    outbox.put(second)
    outbox.put_pong(b"new")
    assert [outbox.take() for _ in range(4)] == [WaitingPong(b"old"), WaitingPong(b"new"), first, second]
    assert not outbox


def test_of_too_many_pongs_the_newest_are_kept() -> None:
    outbox = Outbox()
    for number in range(MOST_PONGS + 2):
        outbox.put_pong(b"%d" % number)
    assert outbox.take() == WaitingPong(b"2")
    for _ in range(MOST_PONGS - 1):
        newest = outbox.take()
    assert newest == WaitingPong(b"%d" % (MOST_PONGS + 1))
    assert not outbox


@pytest.mark.parametrize(
    ("count", "size"),
    [
        (MOST_MESSAGES, 1),  # too many
        (2, MOST_BYTES // 2),  # too much
    ],
)
def test_it_is_bounded_until_something_is_taken(count: int, size: int) -> None:
    outbox = Outbox()
    for _ in range(count):
        outbox.put(message("x", size))
    with pytest.raises(NotOpen) as refused:
        outbox.put(message("x", size))
    assert refused.value.kind == "backlog"
    outbox.take()
    outbox.put(message("x", size))


def test_clear() -> None:
    outbox = Outbox()
    outbox.put(message("x", MOST_BYTES))
    outbox.put_pong(b"x")
    outbox.clear()
    assert not outbox
    outbox.put(message("x", MOST_BYTES))
