"""Conversions of the template language, held to the standard library and to the vectors of their standards."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.scenario.template.expression import TemplateError
from loadws.scenario.template.scope import Scope
from loadws.scenario.template.template import EvaluationError, compile_template


def value(text: str, **variables: Any) -> Any:
    return compile_template("{{ " + text + " }}")(Scope(variables, clock=lambda: 1_767_254_400_123))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("iso_time(0)", "1970-01-01T00:00:00.000Z"),
        ("iso_time(now_ms())", "2026-01-01T08:00:00.123Z"),
        ("iso_time(-1)", "1969-12-31T23:59:59.999Z"),
        ("parse_time('2026-01-01T08:00:00.123Z')", 1_767_254_400_123),
        ("parse_time('2026-01-01T09:00:00+01:00')", 1_767_254_400_000),
        ("parse_time('2026-01-01')", 1_767_225_600_000),  # without a zone it is UTC
        ("pad(7, 3)", "007"),
        ("pad(-7, 4)", "-007"),
        ("pad('abcd', 2)", "abcd"),
        # FIPS 180-4 and RFC 4231, test case 2
        ("hash('sha256', 'abc') | hex", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("hash('md5', '') | hex", "d41d8cd98f00b204e9800998ecf8427e"),
        ("hmac('sha256', 'Jefe', 'what do ya want for nothing?') | hex",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ("hash('sha1', 'abc') | base64", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="),
        ("'a b/é' | urlencode", "a%20b%2F%C3%A9"),
        ("'a%20b%2F%C3%A9' | urldecode", "a b/é"),
        ("'{\"a\": [1]}' | fromjson", {"a": [1]}),
        ("('eyJhIjoxfQ' | frombase64 | fromjson).a", 1),  # the middle of a JWT: base64url without padding
        ("'c3VwPw==' | frombase64 | utf8", "sup?"),
        ("'ff00' | fromhex", b"\xff\x00"),
        ("body | fromjson", {"n": 9_007_199_254_740_993}),  # whole numbers stay exact
    ],
)  # fmt: skip
def test_conversions(text: str, expected: Any) -> None:
    assert value(text, body=b'{"n": 9007199254740993}') == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("iso_time(x)", "iso_time takes milliseconds since 1970, and this is string"),
        ("iso_time(1e18)", "iso_time takes milliseconds of the years 1 to 9999"),
        ("parse_time(x)", "this is no ISO 8601 time, as 2026-01-31T08:00:00Z"),
        ("parse_time(5)", "parse_time takes text, and this is integer"),
        ("pad(1, -1)", "pad's width is a whole number from 0 on"),
        ("pad(1, 10 ** 9)", "the result would have 1,000,000,000 characters or items; 16,777,216 are allowed"),
        ("hash('crc32', x)", "hashes are md5, sha1, sha256, sha384, sha512"),
        ("hmac('none', x, x)", "hashes are md5, sha1, sha256, sha384, sha512"),
        ("x | fromjson", "this is not JSON: a value is expected at byte 0 of 'a'"),
        ("5 | fromjson", "fromjson takes text, and this is integer"),
        ("'a' | frombase64", "this is not base64"),
        ("'a!b=' | frombase64", "this is not base64"),
        ("x | fromhex", "this is not hexadecimal"),
        ("'ff' | fromhex | utf8", "these bytes are not UTF-8"),
        ("'%ff' | urldecode", "these bytes are not UTF-8"),
    ],
)
def test_what_cannot_be_converted_says_why(text: str, message: str) -> None:
    with pytest.raises((EvaluationError, TemplateError)) as caught:
        value(text, x="a")
    assert str(caught.value).partition(" at byte")[0] == message.partition(" at byte")[0]


@pytest.mark.parametrize(
    "text", ["1 / 0", "'x' | int", "hash('crc32', 'a')", "'nope' | fromjson", "parse_time('noon')"]
)
def test_a_constant_that_can_only_fail_fails_when_it_is_compiled(text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template("so {{ " + text + " }}")
    assert caught.value.offset == 3


@pytest.mark.parametrize(
    "text",
    [
        "n / 0",  # depends on a variable
        "random_int(2, 1)",  # on the user's random values
        "user.index / 0",
        "iteration / 0",
        "1 if true else 1 / 0",  # is never reached
        "(n / 0) | default(5)",
    ],
)
def test_what_may_yet_do_well_is_left_to_the_run(text: str) -> None:
    compile_template("{{ " + text + " }}")


def test_names_of_conversions_are_no_words_of_the_language() -> None:
    """Scenarios that call a variable ``hash`` stay valid."""
    assert value("hash", hash="mine") == "mine"
    assert value("hash('md5', hash) | length", hash="mine") == 16


@given(st.binary())
def test_base64_and_hex_are_read_as_they_are_written(content: bytes) -> None:
    assert value("x | base64 | frombase64", x=content) == content
    assert value("x | hex | fromhex", x=content) == content
    assert value("x | frombase64", x=base64.urlsafe_b64encode(content).decode().rstrip("=")) == content


@pytest.mark.slow
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_is_read_as_it_is_written(text: str) -> None:
    assert value("x | urlencode | urldecode", x=text) == text
    assert unquote(value("x | urlencode", x=text)) == text
    assert value("x | tojson | fromjson", x=text) == text == json.loads(value("x | tojson", x=text))


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_times_are_read_as_they_are_written(milliseconds: int) -> None:
    written = value("iso_time(x)", x=milliseconds)
    assert value("parse_time(x)", x=written) == milliseconds
    whole = milliseconds // 1000
    assert datetime.fromisoformat(written).replace(microsecond=0) == datetime(1970, 1, 1, tzinfo=UTC).fromisoformat(
        written[:19] + "+00:00"
    )
    assert written.endswith(f".{milliseconds - whole * 1000:03}Z")
