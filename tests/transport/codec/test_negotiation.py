"""permessage-deflate is agreed on to the letter: what is offered, what an answer means, which answers are none."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.extensions import PerMessageDeflate

from loadws.transport.base import Compression
from loadws.transport.codec.negotiation import Agreement, agreement, offer

KEPT, FORGOTTEN = Compression(), Compression(context_takeover=False)
_FORGETS_ALL = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def test_offers() -> None:
    assert offer(KEPT) == "permessage-deflate; client_max_window_bits"
    assert offer(FORGOTTEN) == (
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover; client_max_window_bits"
    )


@pytest.mark.parametrize(
    ("answer", "offered", "meant"),
    [
        ("permessage-deflate", Compression(level=9), Agreement(level=9)),
        # what the server does not say stays as large as it can be
        ("permessage-deflate; server_max_window_bits=8", KEPT, Agreement(their_window_bits=8)),
        ('permessage-deflate;client_max_window_bits = "10"', KEPT, Agreement(our_window_bits=10)),
        # a server may forget, or want us to forget, unasked
        ("permessage-deflate; server_no_context_takeover", KEPT, Agreement(their_context_takeover=False)),
        ("permessage-deflate; client_no_context_takeover", KEPT, Agreement(our_context_takeover=False)),
        (_FORGETS_ALL, FORGOTTEN, Agreement(our_context_takeover=False, their_context_takeover=False)),
        # we said that we forget, so we do, and the server need not say so again
        (
            "permessage-deflate; server_no_context_takeover",
            FORGOTTEN,
            Agreement(our_context_takeover=False, their_context_takeover=False),
        ),
    ],
)
def test_what_an_answer_means(answer: str, offered: Compression, meant: Agreement) -> None:
    assert agreement(answer, offered) == meant


@pytest.mark.parametrize(
    ("answer", "offered", "message"),
    [
        ("permessage-deflate", None, "the server uses 'permessage-deflate', which was not offered"),
        (
            "x-webkit-deflate-frame",
            KEPT,
            "the server uses 'x-webkit-deflate-frame', and permessage-deflate was offered",
        ),
        (
            "permessage-deflate, foo",
            KEPT,
            "the server uses 'permessage-deflate, foo', and permessage-deflate was offered",
        ),
        (
            "permessage-deflate",
            FORGOTTEN,
            "the server's permessage-deflate lacks server_no_context_takeover, which was asked for",
        ),
        ("permessage-deflate; foo", KEPT, "the server's permessage-deflate has a parameter 'foo'"),
        ("permessage-deflate;", KEPT, "the server's permessage-deflate has a parameter ''"),
        (
            "permessage-deflate; server_max_window_bits",
            KEPT,
            "the server's permessage-deflate has a parameter 'server_max_window_bits'",
        ),
        (
            "permessage-deflate; server_max_window_bits=7",
            KEPT,
            "the server's permessage-deflate has a parameter 'server_max_window_bits=7'",
        ),
        (
            "permessage-deflate; client_max_window_bits=010",
            KEPT,
            "the server's permessage-deflate has a parameter 'client_max_window_bits=010'",
        ),
        (
            "permessage-deflate; server_no_context_takeover=",
            KEPT,
            "the server's permessage-deflate has a parameter 'server_no_context_takeover='",
        ),
        (
            "permessage-deflate; server_no_context_takeover=1",
            KEPT,
            "the server's permessage-deflate has a parameter 'server_no_context_takeover=1'",
        ),
        (
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
            KEPT,
            "the server's permessage-deflate has server_max_window_bits twice",
        ),
    ],
)
def test_answers_that_are_none(answer: str, offered: Compression | None, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        agreement(answer, offered)
    assert str(caught.value) == message


@given(st.booleans(), st.booleans(), st.booleans(), st.integers(9, 15))
def test_wsproto_as_the_server_agrees(kept: bool, theirs_forgets: bool, ours_forgets: bool, bits: int) -> None:
    wanted = KEPT if kept else FORGOTTEN
    server = PerMessageDeflate(
        client_no_context_takeover=ours_forgets, client_max_window_bits=bits, server_no_context_takeover=theirs_forgets
    )
    said = server.accept(offer(wanted))
    assert isinstance(said, str)
    assert agreement(f"permessage-deflate; {said}", wanted) == Agreement(
        our_window_bits=server.client_max_window_bits,
        our_context_takeover=not server.client_no_context_takeover,
        their_context_takeover=not server.server_no_context_takeover,
    )


@given(st.text())
def test_only_a_value_error_escapes(text: str) -> None:
    for answer in (text, f"permessage-deflate; {text}"):
        with suppress(ValueError):
            agreement(answer, KEPT)
