"""The target's small notations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.target.options import (
    Address,
    Closing,
    Refusal,
    Stall,
    Storm,
    TargetOptions,
    parse_closing,
    parse_listen,
    parse_refusal,
    parse_share,
    parse_stall,
    parse_storm,
)
from loadws.terms.errors import LoadwsError, UsageError
from loadws.terms.units import NS_PER_MS, NS_PER_S


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (parse_listen, "127.0.0.1:8765", Address("127.0.0.1", 8765)),
        (parse_listen, "localhost:0", Address("localhost", 0)),  # a free port
        (parse_listen, "[::1]:80", Address("::1", 80)),  # IPv6 stands in brackets
        (parse_stall, "2s@10s", Stall(2 * NS_PER_S, 10 * NS_PER_S)),
        (parse_stall, "5ms @ 1m", Stall(5 * NS_PER_MS, 60 * NS_PER_S)),  # space does no harm
        (parse_refusal, "503:0.1", Refusal(503, 0.1)),
        (parse_refusal, "401:100%", Refusal(401, 1.0)),
        (parse_closing, "100", Closing(100, 1000)),
        (parse_closing, "1:4001", Closing(1, 4001)),  # a code of the application's own
        (parse_storm, "5s", Storm(5 * NS_PER_S, 1012)),  # service restart
        (parse_storm, "500ms:1001", Storm(500 * NS_PER_MS, 1001)),
        (parse_share, "0", 0.0),
        (parse_share, "1%", 0.01),
    ],
)
def test_notation(parse: Any, text: str, expected: object) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_listen, "8765", "'8765' is not an address to listen on"),
        (parse_listen, "::1:80", "'::1:80' is not an address to listen on"),  # no brackets: which colon?
        (parse_listen, "host:65536", "'host:65536' is not an address to listen on"),
        (parse_listen, "host:٣", "'host:٣' is not an address to listen on"),  # a digit, but not one of ours
        (parse_stall, "2s", "'2s' is not a stall"),
        (parse_stall, "10s@2s", "the stall '10s@2s' must end before the next begins"),
        (parse_stall, "2@10s", "'2' is not a duration"),
        (parse_refusal, "503", "'503' is not a refusal"),
        (parse_refusal, "101:1", "'101:1' is not a refusal"),  # that would be an acceptance
        (parse_refusal, "503:2", "'2' is not a share"),
        (parse_storm, "5s:1006", "'5s:1006' does not say when to close all"),  # 1006 never travels
        (parse_storm, "1012", "'1012' is not a duration"),
        (parse_closing, "0", "'0' does not say when to close"),
        (parse_closing, "5:1006", "'5:1006' does not say when to close"),  # 1006 never travels
        (parse_share, "nan", "'nan' is not a share"),
        (parse_share, "-0.1", "'-0.1' is not a share"),
    ],
)
def test_what_is_no_notation_is_named(parse: Any, text: str, message: str) -> None:
    with pytest.raises(LoadwsError) as raised:
        parse(text)
    assert str(raised.value) == message


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for parse in (parse_listen, parse_stall, parse_refusal, parse_closing, parse_share):
        try:
            parse(text)
        except LoadwsError as refused:
            assert str(refused)


@pytest.mark.slow
@given(st.sampled_from(["::1", "127.0.0.1", "example.test"]), st.integers(0, 65535))
def test_an_address_is_read_as_it_is_written(host: str, port: int) -> None:
    assert parse_listen(str(Address(host, port))) == Address(host, port)


def test_an_answer_cannot_leave_before_its_message_came() -> None:
    with pytest.raises(UsageError, match="the jitter is larger than the delay"):
        TargetOptions(delay_ns=1, jitter_ns=2)
