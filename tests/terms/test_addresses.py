"""Addresses stay as they were written, and whatever a server calls one is an address or a ValueError."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.terms.addresses import (
    ascii_host,
    from_header,
    request_target,
    resolve,
    split_address,
    split_authority,
    with_path,
    with_query,
)

VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
TARGETS = st.text(alphabet=VISIBLE.replace("#", ""))


@given(TARGETS)
def test_what_can_be_sent_is_sent_as_it_was_written(written: str) -> None:
    target = "/" + written
    assert request_target(split_address(f"ws://h{target}").target) == target
    assert request_target(split_address(f"ws+unix:///run/s:{target}").target) == target


@given(st.text())
def test_what_cannot_be_sent_is_encoded_as_utf8_and_nothing_else_is(written: str) -> None:
    encoded = request_target(written)
    assert re.fullmatch("[!-~]*", encoded)
    if "%" not in written:
        sent = unquote_to_bytes(encoded)
        assert sent == written.encode("utf-8", "surrogateescape") if _has_bytes(written) else True


def _has_bytes(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


@given(st.binary().filter(lambda raw: not set(raw) & set(b"%")))
def test_bytes_of_a_header_are_the_same_bytes_again(raw: bytes) -> None:
    assert unquote_to_bytes(request_target(from_header(raw.decode("latin-1")))) == raw


@pytest.mark.parametrize(
    ("target", "pairs", "expected"),
    [
        ("/x", [], "/x"),
        ("/x?", [], "/x?"),  # an empty query is one too
        ("/x", [("a b", "ü&=+")], "/x?a+b=%C3%BC%26%3D%2B"),
        ("/x?", [("a", "1")], "/x?a=1"),
        ("/x?flag&at=10:30", [("a", "1")], "/x?flag&at=10:30&a=1"),
        ("/x?flag&", [("a", "1")], "/x?flag&a=1"),
        ("/x", [("a", "\ud83d")], "/x?a=%3F"),  # a lone surrogate, which no UTF-8 has
    ],
)
def test_only_what_is_added_is_encoded(target: str, pairs: list[tuple[str, str]], expected: str) -> None:
    assert with_query(target, pairs) == expected


def test_a_path_takes_the_place_of_path_and_query() -> None:
    address = split_address("ws://ada:pw@H:1/a?b=c")
    assert with_path(address, "/x%20y?z#w").target == "/x%20y?z%23w"
    assert (address.before, address.authority) == ("ws://ada:pw@H:1", "ada:pw@H:1")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("http://other/x/../y", "http://other/x/../y"),  # whole: as it was written
        ("//other/x", "ws://other/x"),
        ("/x/../y?a=%20", "ws://h:1/x/../y?a=%20"),
        ("?q", "ws://h:1/a/b?q"),
        ("", "ws://h:1/a/b?c=d"),
        ("x", "ws://h:1/a/x"),
        ("./x/./y", "ws://h:1/a/x/y"),
        ("../../x?..", "ws://h:1/x?.."),
        ("..", "ws://h:1/"),
        ("#f", "ws://h:1/a/b?c=d#f"),
    ],
)
def test_references(reference: str, expected: str) -> None:
    assert resolve(split_address("ws://h:1/a/b?c=d"), reference) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("CHAT.test", "chat.test"),
        ("chat.test.", "chat.test."),
        ("a_b-", "a_b-"),
        ("bücher.test", "xn--bcher-kva.test"),
        ("xn--bcher-kva.test", "xn--bcher-kva.test"),
    ],
)
def test_hosts(host: str, expected: str) -> None:
    assert ascii_host(host) == expected


@pytest.mark.parametrize(
    "host",
    ["", ".", "a..b", "...", ".a", "a" * 64, "a." * 127 + "a", "xn--", "xn--\u00fc", "a b", "a/b", "a%41", "a\\b"],
)
def test_what_no_resolver_could_be_asked_for(host: str) -> None:
    with pytest.raises(ValueError, match="host"):
        ascii_host(host)


@pytest.mark.parametrize(
    "text",
    ["", "/x", "h:1/x", "http:80", "data:,x", "mailto:a@b", "javascript:x", "ws+unix://h/s:/", "ws+unix:///run/:/"],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|scheme|socket"):
        split_address(text)


@pytest.mark.parametrize(
    "authority", ["", ":1", "h:0", "h:65536", "h:9" * 9, "h:x", "[::1", "::1", "[h]", "a@", "h:-1"]
)
def test_what_is_no_authority(authority: str) -> None:
    with pytest.raises(ValueError, match=r"host|port|IPv6"):
        split_authority(authority)


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        split_authority(split_address(text).authority)
    except ValueError as error:
        assert len(text) < 4 or text not in str(error)
