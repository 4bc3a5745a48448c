from __future__ import annotations

import pytest

from loadws.report.causes import KINDS, explain, explain_close
from loadws.transport.base import FAILURE_KINDS, LOSS_KINDS


@pytest.mark.parametrize("kind", [f"{phase}.{kind}" for phase, kinds in FAILURE_KINDS.items() for kind in kinds])
def test_every_failure_to_connect_has_a_meaning(kind: str) -> None:
    assert explain(kind).meaning


@pytest.mark.parametrize("kind", LOSS_KINDS)
def test_every_loss_has_a_meaning(kind: str) -> None:
    assert explain(f"lost.{kind}").meaning


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("http.503", KINDS["http.503"].meaning),  # a kind of its own
        ("http.418", KINDS["http"].meaning),  # only its front is known
        ("lost.protocol.new", KINDS["lost"].meaning),  # the front of a front
        ("closed.1013", "the server closed the connection: try again later: overload"),  # by its close code
        ("closed.none", "the server closed the connection: a close frame without a code"),  # and without one
        ("never heard of", ""),  # nothing is made up
    ],
)
def test_a_kind_is_explained_by_itself_or_its_front(kind: str, expected: str) -> None:
    assert expected == explain(kind).meaning


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("us.1000", ("closed by us 1000", "normal closure")),  # our own
        ("peer.1011", ("closed by the server 1011", "unexpected condition inside the server")),  # a standard code
        ("peer.4001", ("closed by the server 4001", "a code of the application's own")),  # 4000 to 4999
        ("peer.3008", ("closed by the server 3008", "a code registered by a library or framework")),  # 3000 to 3999
        ("peer.none", ("closed by the server none", "a close frame without a code")),  # no code
        ("peer.2999", ("closed by the server 2999", "")),  # no one knows
        ("lost.reset", ("lost reset", "the server reset TCP")),  # no close frame at all
        ("peer.²", ("closed by the server ²", "")),  # a digit that is no number
    ],
)
def test_a_close_code_says_who_and_what(key: str, expected: tuple[str, str]) -> None:
    assert expected == explain_close(key)


def test_advice_is_sentences_and_meanings_are_not() -> None:
    for kind, cause in KINDS.items():
        assert not cause.meaning.endswith("."), kind
        assert not cause.meaning[0].isupper() or cause.meaning.startswith("TCP"), kind
        assert not cause.advice or cause.advice.endswith("."), kind
