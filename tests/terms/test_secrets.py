"""What counts as a secret by its name, and which part of a value it is."""

from __future__ import annotations

import pytest

from loadws.terms.secrets import (
    SECRET_HEADERS,
    address_secrets,
    header_secrets,
    is_secret_header,
    is_secret_parameter,
    joined,
    scalars,
    shown_address,
)


@pytest.mark.parametrize("name", sorted(SECRET_HEADERS))
def test_the_list_of_headers_is_in_lower_case_and_compared_without_case(name: str) -> None:
    assert name == name.lower()
    assert is_secret_header(name.upper())


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        # by a word of theirs
        ("X-Acme-Token", True),
        ("X-Client-Secret", True),
        ("x-acme-api-key", True),
        ("XApiKey", True),
        # none of these is one, though some have a key in them
        ("Sec-WebSocket-Key", False),
        ("Sec-WebSocket-Accept", False),
        ("Idempotency-Key", False),
        ("WWW-Authenticate", False),
        ("Authority", False),
        ("X-Tokenizer", False),
        ("Content-Type", False),
        ("", False),
    ],
)
def test_headers(name: str, is_secret: bool) -> None:
    assert is_secret_header(name) == is_secret


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("token", True), ("access_token", True), ("accessToken", True), ("id-token", True), ("api_key", True),
        ("apiKey", True), ("APIKEY", True), ("key", True), ("sig", True), ("X-Amz-Signature", True), ("password", True),
        ("X-Amz-Credential", True), ("client_secret", True), ("ticket", True), ("sid", True),
        ("room", False), ("page", False), ("keyword", False), ("sort_key", False), ("monkey", False), ("since", False),
    ],
)  # fmt: skip
def test_parameters(name: str, is_secret: bool) -> None:
    assert is_secret_parameter(name) == is_secret


@pytest.mark.parametrize(
    ("header", "secrets"),
    [
        (("Authorization", "Bearer abc"), ["Bearer abc", "abc"]),
        (("authorization", "Basic YW5uYTpzZWNyZXQ="), ["Basic YW5uYTpzZWNyZXQ=", "YW5uYTpzZWNyZXQ=", "secret"]),
        (("Authorization", "Basic !"), ["Basic !", "!"]),
        (("X-Api-Key", "abc"), ["abc"]),
        (("Cookie", 'a=1; b="two"; flag'), ['a=1; b="two"; flag', "1", "two"]),
        (("Set-Cookie", "sid=abc; Path=/; Secure"), ["sid=abc; Path=/; Secure", "abc"]),
        (("Server", "abc"), []),
    ],
)
def test_what_is_secret_in_a_header(header: tuple[str, str], secrets: list[str]) -> None:
    assert list(header_secrets([header])) == secrets
    assert list(header_secrets(dict([header]))) == secrets


@pytest.mark.parametrize(
    ("address", "secrets", "shown"),
    [
        ("wss://h/x?a=1", [], "wss://h/x?a=1"),
        ("wss://anna:p%40ss@h/x", ["p%40ss", "p@ss"], "wss://(masked)@h/x"),
        ("wss://anna@h/x", [], "wss://(masked)@h/x"),
        ("wss://h/?room=1&token=a%2Fb#x", ["a%2Fb", "a/b"], "wss://h/?room=1&token=(masked)#x"),
        ("/x?api_key=abc", ["abc"], "/x?api_key=(masked)"),
        # a reference tells nothing
        ("wss://h/?token=${TOKEN}", ["${TOKEN}"], "wss://h/?token=${TOKEN}"),
        ("/x?token={{ token }}&page=2", ["{{ token }}"], "/x?token={{ token }}&page=2"),
        # of several addresses in a text, each
        ("ws://a:b@h and wss://c:d@h", [], "ws://(masked)@h and wss://(masked)@h"),
        ("not://[an address", [], "not://[an address"),
    ],
)
def test_addresses(address: str, secrets: list[str], shown: str) -> None:
    assert shown_address(address) == shown
    if " and " not in address:
        assert list(dict.fromkeys(address_secrets(address))) == secrets


def test_scalars_are_the_texts_and_numbers_of_a_value() -> None:
    value = {"a": "x", "b": [1, {"c": 2.5, "d": None}], "e": True, "f": ("y", b"z\xff")}
    assert list(scalars(value)) == ["x", "1", "2.5", "y", "z\ufffd"]


def test_spans_that_touch_become_one() -> None:
    assert joined([(5, 6), (0, 2), (2, 3), (1, 2), (4, 4)]) == [(0, 3), (5, 6)]
