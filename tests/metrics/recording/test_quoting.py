"""Whatever a server says, what is kept is short, printable, and no secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.metrics.recording.quoting import LONGEST, MOST_HEADERS, harmless, one_line, one_line_of


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Grüße, 世界 🙂", "Grüße, 世界 🙂"),  # what prints stays
        ("a\r\nb\tc\u2028d", "a  b c d"),  # one line
        ("\x1b[31mred\x00", "\ufffd[31mred\ufffd"),  # nothing that steers a terminal
        ("abc\u202edef", "abc\ufffddef"),  # nor turns text around
        ("\ud800", "\ufffd"),  # nor cannot be written as UTF-8
        ("x" * 3_000, "x" * 2_048),
        ("é" * 2_000, "é" * 1_024),  # 2 KiB are counted in bytes
        ("x" + "é" * 2_000, "x" + "é" * 1_023),  # and no character is cut in two
    ],
)
def test_text_is_one_printable_line(said: str, kept: str) -> None:
    assert kept == one_line(said)


@given(st.binary(max_size=3_000))
def test_any_bytes_become_one_short_printable_line(body: bytes) -> None:
    kept = one_line_of(body)
    assert kept.isprintable()
    assert len(kept.encode()) <= LONGEST


def test_bytes_are_taken_for_utf_8() -> None:
    assert one_line_of("née ".encode() + b"\xff") == "née \ufffd"


def test_headers_lose_their_secrets_and_their_controls() -> None:
    pairs = [("Set-Cookie", "sid=1"), ("AUTHORIZATION", "Bearer x"), ("Server", "a\x1bb"), ("X", "1"), ("X", "2")]
    kept = {"Set-Cookie": "***", "AUTHORIZATION": "***", "Server": "a\ufffdb", "X": "2"}
    assert kept == harmless(pairs)
    assert kept == harmless(dict(pairs))


def test_no_more_than_a_hundred_headers_are_kept() -> None:
    assert len(harmless((f"X-{n}", "") for n in range(5_000))) == MOST_HEADERS
