"""The behaviour of a scripted peer, which is played in memory (``peer``) and over loopback sockets (``loopback``).

A behaviour is a record of plain functions; the ready-made ones below are changed with ``msgspec.structs.replace``::

    replace(echo(delay_ns=2_000_000), refuse=lambda attempt: refusal(503) if attempt % 10 == 0 else None)
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from loadws.transport.base import ConnectFailed, FailurePhase, HandshakeRefused, Payload

#: How many payloads and URLs a peer remembers; the counts have no bound.
REMEMBERED = 1_000


class Say(msgspec.Struct, frozen=True):
    """A message of the peer."""

    payload: Payload
    after_ns: int = 0


class Leave(msgspec.Struct, frozen=True):
    """A close of the peer with a close frame; ``code`` None is one without a code."""

    code: int | None = 1000
    reason: str = ""
    after_ns: int = 0


class Vanish(msgspec.Struct, frozen=True):
    """A close or reset of TCP by the peer, without a close frame."""

    kind: Literal["eof", "reset"] = "eof"
    after_ns: int = 0


Action = Say | Leave | Vanish


class Behaviour(msgspec.Struct, frozen=True):
    """What a peer does. ``refuse`` gets the attempt's number and ``on_open`` the connection's, both from 0;
    ``on_message`` the payload and its number on its connection, from 1. Actions are timed from the moment that they
    answer.
    """

    connect_ns: int = 0  # how long an attempt takes
    refuse: Callable[[int], ConnectFailed | HandshakeRefused | None] = lambda attempt: None
    on_open: Callable[[int], Sequence[Action]] = lambda connection: ()
    on_message: Callable[[Payload, int], Sequence[Action]] = lambda payload, number: ()
    write_ns: int = 0  # how long the kernel takes to accept a write; in memory only
    pong_ns: int = 0
    answers_pings: bool = True
    answers_close: bool = True
    subprotocol: str | None = None
    headers: tuple[tuple[str, str], ...] = ()  # beside the handshake's own


@dataclass(slots=True)
class Seen:
    """The counts of a peer, to be compared with a ledger."""

    attempts: int = 0
    refused: int = 0
    opened: int = 0
    open_now: int = 0
    messages: int = 0
    said: int = 0
    pings: int = 0
    closes: Counter[int | None] = field(default_factory=Counter)  # the codes that clients closed with
    urls: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    cookies: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))  # of each upgrade
    payloads: deque[Payload] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


def echo(delay_ns: int = 0) -> Behaviour:
    """Return a behaviour that sends every message back after the delay."""
    return Behaviour(on_message=lambda payload, number: (Say(payload, delay_ns),))


def silent() -> Behaviour:
    """Return a behaviour that accepts everything and sends nothing."""
    return Behaviour()


def closes_after(messages: int, code: int | None = 1000, reason: str = "") -> Behaviour:
    """Return an echo that closes with the code after that many messages of a connection."""

    def answer(payload: Payload, number: int) -> Sequence[Action]:
        return (Say(payload), Leave(code, reason)) if number == messages else (Say(payload),)

    return Behaviour(on_message=answer)


def pushes(payloads: Sequence[Payload], every_ns: int = 0) -> Behaviour:
    """Return a behaviour that sends the payloads to every connection, one each ``every_ns``, the first as it opens."""
    return Behaviour(on_open=lambda connection: [Say(payload, n * every_ns) for n, payload in enumerate(payloads)])


def refusal(status: int, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> HandshakeRefused:
    return HandshakeRefused(status, headers, body)


def refuses(status: int, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> Behaviour:
    """Return a behaviour that answers every upgrade with the status."""
    return Behaviour(refuse=lambda attempt: refusal(status, headers, body))


def fails(phase: FailurePhase, kind: str) -> Behaviour:
    """Return a behaviour in which every attempt fails in this way; over sockets, TCP is closed before the 101 whatever
    the kind.
    """
    return Behaviour(refuse=lambda attempt: ConnectFailed(phase, kind, "scripted"))
