"""The pings of one connection: those in flight, and those that the transport sends by itself.

A keepalive ping without an answer shows that a peer went silent. The peer may answer several pings with one pong, that
of the newest (RFC 6455, 5.5.3), so a pong answers all earlier pings, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from loadws.transport.base import NotOpen, Timer, Timers

#: How many pings in flight are remembered. Of more, the oldest are forgotten, and their pongs count as unsolicited.
MOST_IN_FLIGHT = 1_000


class _Ping:
    __slots__ = ("deadline", "sent_ns")

    def __init__(self, sent_ns: int, deadline: Timer | None) -> None:
        self.sent_ns = sent_ns
        self.deadline = deadline


def _nothing() -> None:
    """Do nothing: no keepalive ping was asked for."""


class Pings:
    """The pings in flight, in the order in which they were sent.

    ``write`` queues or writes a ping; it may raise ``NotOpen``, and calls ``stamp`` if the ping is written at once.
    """

    __slots__ = ("_every_ns", "_in_flight", "_keepalives", "_lost", "_next", "_timeout_ns", "_timers", "_write")

    def __init__(self, timers: Timers, write: Callable[[bytes], None]) -> None:
        self._timers = timers
        self._write = write
        self._in_flight: dict[bytes, _Ping] = {}
        self._keepalives = 0
        self._next: Timer | None = None
        self._every_ns = self._timeout_ns = 0
        self._lost: Callable[[], None] = _nothing

    def send(self, payload: bytes) -> int:
        """Send a ping; return when it was sent, as far as that is known yet.

        Raises:
            NotOpen: The connection has ended.
        """
        ping = self._remember(payload, None)
        try:
            self._write(payload)
        except NotOpen:
            self._forget(payload)
            raise
        return ping.sent_ns

    def stamp(self, payload: bytes, sent_ns: int) -> None:
        """Set the time of sending: the write began later than ``send`` returned."""
        if (ping := self._in_flight.get(payload)) is not None:
            ping.sent_ns = sent_ns

    def answered(self, payload: bytes) -> int:
        """Return when the ping of this pong was sent; 0 where no ping in flight matches it."""
        if payload not in self._in_flight:
            return 0
        for earlier in list(self._in_flight):
            ping = self._forget(earlier)
            if earlier == payload:
                break
        return ping.sent_ns

    def keep_alive(self, every_ns: int, timeout_ns: int, lost: Callable[[], None]) -> None:
        """Pings every ``every_ns`` until ``stop``; calls ``lost`` where a pong is not there ``timeout_ns`` later."""
        self._every_ns, self._timeout_ns, self._lost = every_ns, timeout_ns, lost
        self._next = self._timers.call_at(self._timers.now_ns() + every_ns, self._keep_alive)

    def stop(self) -> None:
        """Stop: the connection has ended, and no ping is sent and nothing is called after this."""
        if self._next is not None:
            self._next.cancel()
        for payload in list(self._in_flight):
            self._forget(payload)

    def _keep_alive(self) -> None:
        now_ns = self._timers.now_ns()
        self._next = self._timers.call_at(now_ns + self._every_ns, self._keep_alive)
        self._keepalives += 1
        payload = b"keepalive %d" % self._keepalives
        self._remember(payload, self._timers.call_at(now_ns + self._timeout_ns, self._lost))
        # Where too many writes wait already, it cannot be queued: then it is a ping without an answer.
        with contextlib.suppress(NotOpen):
            self._write(payload)

    def _remember(self, payload: bytes, deadline: Timer | None) -> _Ping:
        if payload in self._in_flight or len(self._in_flight) >= MOST_IN_FLIGHT:
            self._forget(payload if payload in self._in_flight else next(iter(self._in_flight)))
        ping = self._in_flight[payload] = _Ping(self._timers.now_ns(), deadline)
        return ping

    def _forget(self, payload: bytes) -> _Ping:
        ping = self._in_flight.pop(payload)
        if ping.deadline is not None:
            ping.deadline.cancel()
        return ping
