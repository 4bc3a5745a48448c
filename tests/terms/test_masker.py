"""No way of writing a secret hides it from the masker, and nothing else is touched."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.terms.masker import Masker
from loadws.terms.secrets import MASK, SHORTEST

#: Everything that some writer escapes: quotes, slashes, signs of addresses and of HTML, blanks, letters beyond ASCII.
AWKWARD = 'p@ss "w/ö+rd&%=\\x\n<é🙂>'
PLAIN = "hunter2-secret"


def in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def hexed(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


WAYS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": in_json,
    "json with letters as they are": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json with slashes escaped": lambda text: in_json(text).replace("/", "\\/"),
    "json safe for html": lambda text: in_json(text).replace("<", "\\u003c").replace("&", "\\u0026"),
    "json in json": lambda text: in_json(in_json(text)),
    "json in json in json": lambda text: in_json(in_json(in_json(text))),
    "python": lambda text: repr(text)[1:-1],
    "address": lambda text: quote(text, safe=""),
    "address, as a path": quote,
    "address, as encodeURIComponent has it": lambda text: quote(text, safe="!'()*~"),
    "address, every byte": hexed,
    "address, lower case": lambda text: quote(text, safe="").lower() if text.isupper() else hexed(text),
    "address in json": lambda text: in_json(quote(text)),
    "address in an address": lambda text: quote(quote(text, safe=""), safe=""),
    "json in an address": lambda text: quote(in_json(text), safe=""),
    "form": quote_plus,
    "html": html.escape,
    "html in json": lambda text: in_json(html.escape(text)),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, in pairs": lambda text: text.encode().hex(" "),
}


def base64_at(text: str, before: str, after: str, urlsafe: bool) -> str:
    content = (before + text + after).encode()
    return (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(content).decode()


@pytest.mark.parametrize("secret", [PLAIN, AWKWARD])
@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_writing_is_masked(way: str, secret: str) -> None:
    written = WAYS[way](secret)
    assert Masker([secret]).text(f"you said {written}, no?") == f"you said {MASK}, no?"


@pytest.mark.parametrize("urlsafe", [False, True])
@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("secret", [PLAIN, AWKWARD])
def test_base64_is_masked_wherever_the_secret_begins(secret: str, before: str, urlsafe: bool) -> None:
    """Nothing that is left of the text decides one of the secret's bytes."""
    for after in ("", "x", "xy"):
        written = base64_at(secret, before, after, urlsafe)
        masked = Masker([secret]).text(f"Basic {written}")
        left, mask, right = masked.removeprefix("Basic ").partition(MASK)
        assert mask
        assert len(left) * 6 <= len(before) * 8
        assert len(right.rstrip("=")) * 6 - 2 * right.count("=") <= len(after) * 8


@pytest.mark.slow
@given(
    st.text(min_size=SHORTEST, max_size=40).filter(lambda text: len(text.strip()) >= SHORTEST),
    st.lists(st.sampled_from([in_json, quote, quote_plus, html.escape]), max_size=2),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
def test_what_was_escaped_in_any_order_is_masked(secret: str, writers: list[Callable[[str], str]], around: str) -> None:
    written = secret
    try:
        for write in writers:
            written = write(written)
    except UnicodeEncodeError:  # half a character goes into no address
        return
    masked = Masker([secret]).text(f"«{written}»")
    assert masked == f"«{MASK}»"
    assert Masker([secret]).text(around) == around or secret in around or secret[:SHORTEST] in around


@pytest.mark.slow
@given(st.text(max_size=200), st.lists(st.text(min_size=1, max_size=8), max_size=5))
def test_no_secret_is_left_in_any_text(text: str, secrets: list[str]) -> None:
    masked = Masker(secrets).text(text)
    for secret in secrets:
        if len(secret) >= SHORTEST and secret.strip() and secret not in MASK * 3:
            assert secret not in masked.replace(MASK, "\0")


@pytest.mark.parametrize(
    ("secrets", "text", "masked"),
    [
        # of two that begin alike, nothing of the longer one is left
        (["hunter", "hunter2-secret"], "hunter2-secret", "***"),
        (["abcdef", "xabc"], "xabcdef", "***"),
        (["abcdef", "defghi"], "abcdefghi", "***"),
        # what was captured as hexadecimal, as bytes are shown
        (["deadbeef"], "bytes is 01 de ad be ef 02, expected", "bytes is 01 *** 02, expected"),
        # each place
        (["hunter2"], "hunter2 or hunter2", "*** or ***"),
        # fewer than four characters: only as the whole text, or as all that is quoted, and not where that is a key
        (["abc"], "abc", "***"),
        (["abc"], "the abc of it", "the abc of it"),
        (["abc"], '$.pin is "abc", expected "abd"', '$.pin is "***", expected "abd"'),
        (["abc"], '{"abc": "abc"}', '{"abc": "***"}'),
        (["abc"], r'text is "{\"pin\":\"abc\"}"', r'text is "{\"pin\":\"***\"}"'),
        # the beginning of one, where the text was cut
        (["hunter2-secret"], 'text is "hunter2-s…, expected x', 'text is "***…, expected x'),
        (["hunter2-secret"], "you said 'hunter2-se'", "you said '***'"),
        # also within an escape, or a letter of several bytes
        (["said/öh"], "say=said%2F%C3…", "say=***…"),
        (["said/öh"], "say=said%2…", "say=***…"),
        (["saidö-oh"], '"said\\u00…', '"***…'),
        (["said&oh-no"], "said&am…", "***…"),
        # a few letters alike at the end are no beginning
        (["hunter2-secret"], "you said hunter2", "you said hunter2"),
        (["abcdef"], "you said abcde", "you said ***"),
        (["hunter2-secret"], "a hunter is no secret", "a hunter is no secret"),
        (["hunter2-secret"], "hun", "hun"),
        # blanks and nothing are no secrets
        (["", "    "], "a    b", "a    b"),
        # a broken escape is a text like any other
        (["hunter2"], "100 % hunter2 \\", "100 % *** \\"),
        (["hunter2"], "\\ud800hunter2 &#0; &unknown; %zz", "\\ud800*** &#0; &unknown; %zz"),
    ],
)
def test_what_is_masked_and_what_is_not(secrets: list[str], text: str, masked: str) -> None:
    assert Masker(secrets).text(text) == masked


def test_what_is_added_is_hidden_too() -> None:
    masker = Masker(["first1"])
    both = masker.adding(["second", "abc"])
    assert both.text("first1 second") == "*** ***"
    assert masker.text("first1 second") == "*** second"
    assert masker.adding(["first1"]) is masker
    assert both and not Masker()


@pytest.mark.parametrize("text", ["\\" * 4_000, "%41" * 2_000, "&amp;" * 2_000, "%25" * 1_500 + "\\\\" * 1_000])
def test_a_text_of_nothing_but_escapes_is_read_in_bounds(text: str) -> None:
    assert Masker(["hunter2"]).text(text) == text
