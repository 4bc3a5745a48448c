"""The options of the target, and the short notations in which the command line writes them.

::

    listen      := host ":" port | "[" IPv6 address "]" ":" port      port 0 takes a free one
    stall       := duration "@" duration                              2s@10s
    reject      := status ":" share                                   503:0.1
    close-after := messages [ ":" code ]                              100 or 100:1001
    close-all   := duration [ ":" code ]                              5s or 5s:1001
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from loadws.terms.errors import UsageError
from loadws.terms.units import parse_duration

Mode = Literal[
    "echo",
    "broadcast",
    "json",
    "feed",
    "json-rpc",
    "graphql-transport-ws",
    "graphql-ws",
    "phoenix",
    "action-cable",
    "pusher",
    "centrifugo",
    "signalr",
    "ocpp1.6",
    "ocpp2.0.1",
    "socket.io",
    "mqtt",
    "stomp",
    "voice",
]
#: How a target prints: a line and a table for people, or two lines of JSON for programs.
Announce = Literal["text", "json"]
MODES: tuple[str, ...] = get_args(Mode)
#: Close codes that no frame may contain (RFC 6455, 7.4.1).
_NEVER_SENT = frozenset({1005, 1006, 1015})


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Stall:
    """A stall: from ``period_ns`` after the first upgrade, and every ``period_ns`` again, no answer leaves for
    ``length_ns``.
    """

    length_ns: int
    period_ns: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The share of the upgrades that are answered with ``status``."""

    status: int
    share: float


@dataclass(frozen=True, slots=True)
class Closing:
    """A close with ``code`` of each connection, once its ``after``-th message was answered."""

    after: int
    code: int = 1000


@dataclass(frozen=True, slots=True)
class Storm:
    """One close with ``code`` of every connection, ``at_ns`` after the first upgrade; later connections stay open."""

    at_ns: int
    code: int = 1012


#: The least time between ticks: a feed that never waits would leave no time for anything else.
SHORTEST_TICK_NS = 100_000


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """The options of the test target.

    An answer leaves ``delay_ns`` ± ``jitter_ns`` after its message came; ``drop_share`` of the answers are never sent.

    ``tick_ns`` is the time between two ticks of a feed, ``login`` the path that issues tokens. Of a broadcast's answers,
    ``duplicate_share`` are sent twice, and ``reorder_share`` change places with the next message of the same sender.
    """

    mode: Mode = "echo"
    delay_ns: int = 0
    jitter_ns: int = 0
    stall: Stall | None = None
    refusal: Refusal | None = None
    closing: Closing | None = None
    drop_share: float = 0.0
    seed: int = 0
    storm: Storm | None = None
    tick_ns: int = 20_000_000
    login: str | None = None
    duplicate_share: float = 0.0
    reorder_share: float = 0.0

    def __post_init__(self) -> None:
        if (self.duplicate_share or self.reorder_share) and self.mode != "broadcast":
            raise UsageError("only a broadcast duplicates and reorders", "add --mode broadcast")
        if self.jitter_ns > self.delay_ns:
            raise UsageError("the jitter is larger than the delay", "an answer cannot leave before its message came")
        if self.tick_ns < SHORTEST_TICK_NS:
            raise UsageError("a feed's ticks are too close together", "write at least 100us")
        if self.login is not None and not self.login.startswith("/"):
            raise UsageError(f"{self.login!r} is not a path to log in at", "write one that begins with /: /login")

    @property
    def answers_at_once(self) -> bool:
        """Return whether no answer has to wait, so that one loop can read and answer."""
        faults = (self.delay_ns, self.stall, self.closing, self.drop_share)
        return self.mode in ("echo", "json") and not any(faults)

    @property
    def is_plain_echo(self) -> bool:
        """Return whether ``fast`` can serve it: an open connection only echoes each message."""
        return self.mode == "echo" and self.answers_at_once and self.storm is None and self.login is None


def parse_listen(text: str) -> Address:
    """Return the address of ``127.0.0.1:8765`` or ``[::1]:8765``.

    Raises:
        UsageError: The text is not a host and a port.
    """
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or (":" in bare and bare == host) or not _is_number(port, 65535):
        raise UsageError(f"{text!r} is not an address to listen on", "write HOST:PORT, for example 127.0.0.1:8765")
    return Address(bare, int(port))


def parse_stall(text: str) -> Stall:
    length, at, period = text.partition("@")
    if not at:
        raise UsageError(f"{text!r} is not a stall", "write how long and how often: 2s@10s")
    stall = Stall(parse_duration(length), parse_duration(period))
    if not 0 < stall.length_ns < stall.period_ns:
        raise UsageError(f"the stall {text!r} must end before the next begins", "write how long and how often: 2s@10s")
    return stall


def parse_refusal(text: str) -> Refusal:
    status, colon, share = text.partition(":")
    if not colon or not _is_number(status, 599) or int(status) < 300:
        raise UsageError(f"{text!r} is not a refusal", "write a status from 300 to 599 and a share: 503:0.1")
    return Refusal(int(status), parse_share(share))


def parse_closing(text: str) -> Closing:
    after, colon, code = text.partition(":")
    advice = "write after how many messages, and with which code if not 1000: 100 or 100:1001"
    if not _is_number(after, 10**9) or int(after) < 1 or (colon and not _is_close_code(code)):
        raise UsageError(f"{text!r} does not say when to close", advice)
    return Closing(int(after), int(code)) if colon else Closing(int(after))


def parse_storm(text: str) -> Storm:
    at, colon, code = text.partition(":")
    if colon and not _is_close_code(code):
        raise UsageError(
            f"{text!r} does not say when to close all", "write when, and with which code if not 1012: 5s:1001"
        )
    return Storm(parse_duration(at), int(code)) if colon else Storm(parse_duration(at))


def parse_share(text: str) -> float:
    """Return the share that ``0.1`` or ``10%`` means.

    Raises:
        UsageError: The text is not a share from 0 to 1.
    """
    number, divisor = (text[:-1], 100) if text.endswith("%") else (text, 1)
    try:
        share = float(number) / divisor
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"{text!r} is not a share", "write a number from 0 to 1, or a percentage")
    return share


def _is_number(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= most


def _is_close_code(text: str) -> bool:
    return _is_number(text, 4999) and int(text) >= 1000 and int(text) not in _NEVER_SENT
