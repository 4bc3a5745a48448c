from __future__ import annotations

import unicodedata
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.report.plain import SIGNS, asks_for_ascii, in_ascii, plain, plain_lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello, wörld ✔", "hello, wörld ✔"),  # what can be seen stays
        ("a\nb\tc\r", r"a\nb\tc\r"),  # one line only
        ("\x1b[2J\x07", r"\x1b[2J\x07"),  # a terminal's escapes
        ("\x9b31m\x7f", r"\x9b31m\x7f"),  # and those of one byte
        ("\u202egnp.exe", r"\u202egnp.exe"),  # right to left
        ("\u2028", r"\u2028"),  # a line end of JavaScript's
        ("nul\x00\ud800\uffff", r"nul\x00\ud800\uffff"),  # no XML has these
        ("👩\u200d🚀", "👩\u200d🚀"),  # a joiner is part of what is seen
    ],
)
def test_what_cannot_be_seen_is_shown_as_an_escape(text: str, expected: str) -> None:
    assert expected == plain(text)


def test_a_long_text_is_cut_with_a_sign() -> None:
    assert plain("x" * 11, 10) == "x" * 9 + "…"
    assert plain("x" * 10, 10) == "x" * 10


def test_a_text_of_lines_keeps_them() -> None:
    assert plain_lines("a:\r\n\t- b\n\x1b") == "a:\n\t- b\n\\x1b"


@given(st.text())
def test_any_text_is_harmless_to_a_terminal_and_to_xml(text: str) -> None:
    shown = plain(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in shown)
    element = ElementTree.Element("a", b=shown)
    element.text = shown
    parsed = ElementTree.fromstring(ElementTree.tostring(element))
    assert (shown, shown or None) == (parsed.get("b"), parsed.text)


def test_our_signs_have_stand_ins_where_a_terminal_knows_only_ascii() -> None:
    assert in_ascii("✔ 850 µs — p99, ö") == "+ 850 us - p99, \\xf6"


def test_a_stream_without_our_signs_has_their_stand_ins() -> None:
    assert "✔ 850 µs, ö".encode("ascii", SIGNS) == b"+ 850 us, \\xf6"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", SIGNS)


@pytest.mark.parametrize(
    ("env", "is_utf8_mode", "asked"),
    [
        ({"LC_ALL": "C"}, True, True),
        ({"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, True, True),
        ({"LANG": "C"}, True, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True, True),  # so Python sets it for its children
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False, False),  # so a person does
        ({}, True, False),  # none was set: most containers
        ({"LANG": "C.UTF-8"}, False, False),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "C"}, False, False),
        ({"LC_ALL": "C", "PYTHONUTF8": "1"}, True, False),
        ({"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"}, True, False),
        ({"NO_COLOR": "1"}, False, False),
    ],
)
def test_a_locale_asks_for_ascii_where_a_person_has_set_it(
    env: dict[str, str], is_utf8_mode: bool, asked: bool
) -> None:
    assert asks_for_ascii(env, is_utf8_mode) == asked
