"""The catalogue of error kinds: all that any part of loadws can report is in it, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import loadws
from loadws.metrics.summarising.generator import HELD_UP
from loadws.terms.failures import KINDS, OF_HTTP_STEPS, explain, explain_close, is_known, is_of
from loadws.transport.base import FAILURE_KINDS, LOSS_KINDS
from loadws.transport.http.messages import KINDS as HTTP_KINDS

#: By the name of what is called: the place of the argument that is an error's kind.
REPORTS = {"report": 0, "fail": 1, "_fail": 2, "HttpFailed": 0, "NotOpen": 1, "NotOpened": 0, "end_kind": None,
           "UnpackError": 0, "_decompressed": 3}  # fmt: skip
#: Arguments that are made when the error happens, and what they can be.
MADE_THEN = {
    "kind",  # handed on; in connecting.py http.STATUS or handshake, in transport/http one of its KINDS
    "error.kind",  # NotOpen
    "failure.kind",  # FAILURE_KINDS
    "*failure",  # HttpFailed, or timeout
    "failed.kind",
    "f'http.{answer.status}'",
    "f'tcp.{TCP_KINDS[cause.errno]}'",
    "end_kind(self.end)",  # lost.LOSS_KINDS, closed.CODE, or what follows
    "HELD_UP",
    "f'lost.{kind}'",  # lost.LOSS_KINDS
    "failed.kind, failed.detail",
    "failed.kind('protocol.error')",  # or with a code behind it
    "failed.kind('protocol.server_error')",
    "refused.kind('protocol.refused')",
}
OF_ENDS = {"close_timeout", "cut_off", "closed.us", "closed.none"}
OF_TABLES = (
    {f"{phase}.{kind}" for phase, kinds in FAILURE_KINDS.items() for kind in kinds}
    | {f"lost.{kind}" for kind in LOSS_KINDS}
    | set(HTTP_KINDS)
    | {"protocol.error", "protocol.refused", "protocol.server_error", "lost.heartbeat_timeout", "lost.malformed"}
)


def _reported(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            at = REPORTS.get(name)
            if at is not None and len(node.args) > at:
                yield node.args[at]
            yield from (word.value for word in node.keywords if word.arg == "kind" and name in REPORTS)


def _kinds_in_source() -> tuple[set[str], set[str]]:
    """Return the kinds that the engine and the HTTP client spell out, and the expressions that make others."""
    spelled, made = {HELD_UP, "handshake", "not_open"}, set()
    root = Path(loadws.__file__).parent
    globs = ("engine/**/*.py", "scenario/unpacking/*.py", "transport/http/*.py", "transport/base.py")
    for path in (path for pattern in globs for path in root.glob(pattern)):
        for argument in _reported(ast.parse(path.read_text("utf-8"))):
            choices = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
            for choice in choices:
                if isinstance(choice, ast.Constant) and isinstance(choice.value, str):
                    spelled.add(choice.value)
                else:
                    made.add(ast.unparse(choice))
    return spelled, made


@pytest.mark.slow
def test_every_kind_that_any_part_can_report_has_an_entry() -> None:
    spelled, made = _kinds_in_source()
    assert made <= MADE_THEN, "say here what these can be, and give each kind an entry"
    assert (spelled | OF_TABLES | OF_ENDS) - KINDS.keys() == set()


@pytest.mark.slow
def test_no_entry_is_of_a_kind_that_nothing_reports() -> None:
    reported = _kinds_in_source()[0] | OF_TABLES | OF_ENDS
    families = {kind.rpartition(".")[0] for kind in reported} | {"http", "closed"}
    numbered = {kind for kind in KINDS if kind.rpartition(".")[2].isdigit() and is_known(kind)}
    assert KINDS.keys() - reported - families - numbered == set()


def test_every_family_has_an_entry_too() -> None:
    """So that ``errors{kind=tls}`` is a kind, and so that a member without an entry is explained."""
    for kind in KINDS:
        assert kind.partition(".")[0] in KINDS, kind


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("timeout", True),
        ("tls", True),  # a family
        ("http.418", True),  # a status without an entry
        ("http.99", False),
        ("http.4180", False),
        ("closed.4001", True),
        ("closed.5000", False),
        ("closed.1006", False),  # no frame says this: it is lost
        ("closed.none", True),
        ("timeouts", False),
        ("tls.expire", False),
        ("protocol.error.-32601", True),  # a code of the server's protocol
        ("lost.protocol", True),  # a family in a family
        ("", False),
    ],
)
def test_which_kinds_there_are(kind: str, known: bool) -> None:
    assert is_known(kind) is known


def test_a_kind_is_of_itself_and_of_its_families() -> None:
    assert all(is_of("lost.protocol.utf8", wanted) for wanted in ("lost.protocol.utf8", "lost.protocol", "lost"))
    assert not any(is_of("lost.protocol.utf8", wanted) for wanted in ("lost.proto", "los", "", "lost.protocol.utf8.x"))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("http.503", KINDS["http.503"].meaning),  # a kind of its own
        ("http.418", KINDS["http"].meaning),  # only its front is known
        ("lost.protocol.new", KINDS["lost.protocol"].meaning),  # the front of a front
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


def test_an_http_step_is_not_told_what_an_upgrade_should_do() -> None:
    upgrades = ("upgrade", "WebSocket", "`target`", "`connect`", "connection.", "Origin", "subprotocol")
    for kind in (kind for kind in KINDS if kind.startswith("http.")):
        cause = explain(kind, of_http_step=True)
        assert not [word for word in upgrades if word in cause.meaning + cause.advice], kind


def test_advice_is_sentences_and_meanings_are_not() -> None:
    for kind, cause in (*KINDS.items(), *OF_HTTP_STEPS.items()):
        assert not cause.meaning.endswith("."), kind
        assert not cause.meaning[0].isupper() or cause.meaning.startswith("TCP"), kind
        assert not cause.advice or cause.advice.endswith("."), kind
