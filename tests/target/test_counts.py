"""What the target counts."""

from __future__ import annotations

import pytest

from loadws.target.counts import Counts, add, size


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("", 0),
        ("hello", 5),
        ("grün", 5),  # two bytes for ü
        (b"\xff\x00", 2),
    ],
)
def test_size_is_in_bytes(payload: str | bytes, expected: int) -> None:
    assert size(payload) == expected


def test_messages_and_their_bytes_are_counted_each_way() -> None:
    counts = Counts()
    counts.received("grün")
    counts.received(b"ab")
    counts.sent("c")
    assert counts == Counts(messages_received=2, bytes_received=7, messages_sent=1, bytes_sent=1)


def test_kinds_are_counted_by_their_text() -> None:
    codes: dict[str, int] = {}
    for code in (1000, 1001, 1000):
        add(codes, code)
    assert codes == {"1000": 2, "1001": 1}


def test_two_counts_share_no_table() -> None:
    add(Counts().refused, 503)
    assert Counts().refused == {}
