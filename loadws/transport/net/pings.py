"""The pings of one connection: those in flight, and those that the transport sends by itself.

A keepalive ping without an answer shows that a peer went silent. The peer may answer several pings with one pong, that
of the newest (RFC 6455, 5.5.3), so a pong answers all earlier pings, too.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, cast

from loadws.transport.base import NotOpen, Timer, Timers

#: How many pings in flight are remembered. Of more, the oldest are forgotten, and their pongs count as unsolicited.
MOST_IN_FLIGHT = 1_000


class Pinging(Protocol):
    """A connection that writes pings."""

    def write_ping(self, payload: bytes) -> None:
        """Queue or write a ping, and call ``stamp`` if it is written at once.

        Raises:
            NotOpen: The connection has ended, or too much waits to be written.
        """

    def ping_timed_out(self) -> None:
        """End the connection: a keepalive ping was not answered in time."""


@dataclass(slots=True)
class _Ping:
    """A ping in flight. ``lost_ns`` is when the connection counts as lost without its pong; None: never."""

    sent_ns: int
    lost_ns: int | None


#: That no ping is in flight, as most of the time. Many connections share it, so nothing can be put into it.
_NONE = cast("dict[bytes, _Ping]", MappingProxyType({}))


class Pings:
    """The pings in flight, in the order in which they were sent.

    One timer is both for the next keepalive ping and for the pong that is missed first: a pong need not cancel it. It calls
    the object itself, because a bound method would take 64 bytes in each of many connections.
    """

    __slots__ = ("_every_ns", "_in_flight", "_keepalives", "_next_ns", "_owner", "_timeout_ns", "_timer", "_timers")

    def __init__(self, timers: Timers, owner: Pinging) -> None:
        self._timers = timers
        self._owner = owner
        self._in_flight = _NONE
        self._keepalives = 0
        self._timer: Timer | None = None
        self._next_ns = self._every_ns = self._timeout_ns = 0

    def send(self, payload: bytes) -> int:
        """Send a ping; return when it was sent, as far as that is known yet.

        Raises:
            NotOpen: The connection has ended.
        """
        ping = self._remember(payload, self._timers.now_ns(), None)
        try:
            self._owner.write_ping(payload)
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

    def keep_alive(self, every_ns: int, timeout_ns: int) -> None:
        """Ping every ``every_ns`` until ``stop``, and say so where a pong is not there ``timeout_ns`` later."""
        self._every_ns, self._timeout_ns = every_ns, timeout_ns
        self._next_ns = self._timers.now_ns() + every_ns
        self._wait()

    def stop(self) -> None:
        """Stop: the connection has ended, and no ping is sent and nothing is called after this."""
        if self._timer is not None:
            self._timer.cancel()
        self._in_flight = _NONE

    def _first_lost_ns(self) -> int | None:
        for ping in self._in_flight.values():  # of one timeout: the oldest is lost first
            if ping.lost_ns is not None:
                return ping.lost_ns
        return None

    def _wait(self) -> None:
        lost_ns = self._first_lost_ns()
        wake_ns = self._next_ns if lost_ns is None or self._next_ns < lost_ns else lost_ns
        self._timer = self._timers.call_at(wake_ns, self)

    def __call__(self) -> None:
        """Do what is due: count the connection as lost, or send a keepalive ping. The timer calls this."""
        now_ns = self._timers.now_ns()
        lost_ns = self._first_lost_ns()
        if lost_ns is not None and lost_ns <= now_ns:
            self._owner.ping_timed_out()
            return
        is_due = self._next_ns <= now_ns
        if is_due:
            self._next_ns = now_ns + self._every_ns
            self._keepalives += 1
            payload = b"keepalive %d" % self._keepalives
            self._remember(payload, now_ns, now_ns + self._timeout_ns)
        self._wait()  # before the write, which may end the connection
        if is_due:
            # Where too many writes wait already, it cannot be queued: then it is a ping without an answer.
            with contextlib.suppress(NotOpen):
                self._owner.write_ping(payload)

    def _remember(self, payload: bytes, sent_ns: int, lost_ns: int | None) -> _Ping:
        in_flight = self._in_flight or {}
        in_flight.pop(payload, None)
        if len(in_flight) >= MOST_IN_FLIGHT:
            del in_flight[next(iter(in_flight))]
        ping = in_flight[payload] = _Ping(sent_ns, lost_ns)
        self._in_flight = in_flight
        return ping

    def _forget(self, payload: bytes) -> _Ping:
        ping = self._in_flight.pop(payload)
        if not self._in_flight:
            self._in_flight = _NONE
        return ping
