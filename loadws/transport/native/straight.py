"""An attempt over plain TCP, as states of one socket in the reactor: dialling, asking, answering.

It needs no task of its own, no cancel scope, and no place in trio's own set of sockets, which cost more than the work
itself. Its deadline is in the heap of the timers, and its end wakes the task that waits for it. The connection that comes
out of it takes its place in the reactor. What needs more (a lookup of a name, a proxy, TLS, a Unix socket, a redirect)
goes the other way, ``opening.attempt``.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal

import outcome

from loadws.terms.units import NS_PER_S
from loadws.transport.base import (
    ConnectFailed,
    Connection,
    ConnectRequest,
    ConnectTimings,
    FailurePhase,
    HandshakeRefused,
    Listener,
    Timer,
    Timers,
    WireBytes,
)
from loadws.transport.cookies import Headers
from loadws.transport.native.connection import NativeConnection, tell
from loadws.transport.native.reactor import Endpoint, Reactor
from loadws.transport.net.tcp import READ_SIZE
from loadws.transport.opening.dial import UNDER_WAY, Tries, begin
from loadws.transport.opening.socket_addresses import SocketAddress
from loadws.transport.opening.upgrade_request import Upgrade
from loadws.transport.opening.upgrade_response import BODY_PATIENCE_S

BODY_PATIENCE_NS = int(BODY_PATIENCE_S * NS_PER_S)
State = Literal["dialling", "asking", "answering", "over"]
Failure = ConnectFailed | HandshakeRefused
GoOn = Callable[[], Awaitable[Connection]]


class StraightOpening:
    """One attempt; an ``Opening``. ``tcp`` is what the reactor reads from: nothing, until the request is written."""

    __slots__ = (
        "_address",
        "_asked_ns",
        "_began_ns",
        "_deadline_ns",
        "_dial_in_reactor",
        "_dialled_ns",
        "_follow",
        "_has_begun",
        "_keep_cookies",
        "_listener",
        "_reactor",
        "_request",
        "_rest",
        "_result",
        "_socket",
        "_state",
        "_timer",
        "_timers",
        "_tries",
        "_upgrade",
        "_wake",
        "_wire",
        "go_on",
        "tcp",
    )

    tcp: socket.socket
    read_size = READ_SIZE
    _address: SocketAddress
    _socket: socket.socket

    def __init__(
        self,
        timers: Timers,
        reactor: Reactor,
        dial: Callable[[Endpoint], None],
        wire: WireBytes,
        request: ConnectRequest,
        listener: Listener,
        tries: Tries,
        upgrade: Upgrade,
        follow: Callable[[HandshakeRefused, int], GoOn],
        keep_cookies: Callable[[Headers], None] | None,
        wake: Callable[[], None],
    ) -> None:
        """Prepare. ``follow`` returns how to open the connection that a refusal leads to, given when the attempt began;
        it raises the refusal to report where it leads nowhere. ``keep_cookies`` is called with the headers of an answer.
        """
        self._timers = timers
        self._reactor = reactor
        self._dial_in_reactor = dial
        self._wire = wire
        self._request = request
        self._listener = listener
        self._tries = tries
        self._upgrade = upgrade
        self._keep_cookies = keep_cookies
        self._began_ns = timers.now_ns()
        self._deadline_ns = self._began_ns + request.open_timeout_ns
        self._state: State = "dialling"
        self._asked_ns = self._dialled_ns = 0
        self._rest = memoryview(upgrade.data)
        self._timer: Timer | None = None
        self._follow = follow
        self.go_on: GoOn | None = None
        self._wake = wake
        self._has_begun = False
        self._result: outcome.Outcome[NativeConnection] | None = None

    @property
    def is_over(self) -> bool:
        return self._state == "over"

    def begin(self) -> None:
        """Begin to connect; it may be over when this returns, without a call of ``wake``."""
        self._dial()
        self._has_begun = True

    def result(self) -> NativeConnection:
        """Return the open connection, once.

        Raises:
            ConnectFailed: The run is over, or no response came.
            HandshakeRefused: The response was no good 101.
        """
        result, self._result = self._result, None
        assert result is not None
        try:
            return result.unwrap()
        finally:
            del result  # an error's traceback holds this frame

    def abandon(self) -> None:
        """Close what is half open, or drop the connection where its result was not asked for. ``wake`` is not called."""
        self._has_begun = False
        result, self._result = self._result, None
        if self._state != "over":
            self.cut_off()
        elif isinstance(result, outcome.Value):
            result.unwrap().drop()

    # Called by the reactor and the timers.

    def writable(self) -> None:
        """Go on: TCP is connected, or has failed, or the kernel accepts more of the request."""
        if self._state == "dialling":
            number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                self._try_next(OSError(number, os.strerror(number)))
                return
            self._connected(self._timers.now_ns())
        self._ask()

    def received(self, data: bytes, at_ns: int) -> None:
        """Read the answer; empty is the end of TCP."""
        if self._request.trace:
            head = data.partition(b"\r\n\r\n")[0]
            tell(partial(self._listener.on_frame, "in", "response", head, at_ns))
        answer = self._upgrade.answer
        try:
            whole = answer.feed(data)
        except HandshakeRefused as refusal:
            self._refused(refusal)
            return
        except ConnectFailed as failure:
            self._fail(failure)
            return
        if whole is not None:
            self._succeed(at_ns)
        elif answer.head_has_come:
            self._deadline_ns = min(self._deadline_ns, self._timers.now_ns() + BODY_PATIENCE_NS)
            self._set_timer(self._deadline_ns)

    def _refused(self, refusal: HandshakeRefused) -> None:
        if self._keep_cookies is not None:
            self._keep_cookies(refusal.headers)
        try:
            self.go_on = self._follow(refusal, self._began_ns)
        except HandshakeRefused as final:
            self._fail(final.with_traceback(None))  # a traceback would hold the frames that hold the refusal
        else:
            self._close()
            self._end(None)

    def broke(self, error: OSError) -> None:
        """Judge the part of the answer that has come, as at the end of TCP in order."""
        self.received(b"", self._timers.now_ns())

    def cut_off(self) -> None:
        """Fail at the end of the run."""
        phase: FailurePhase = "tcp" if self._state == "dialling" else "upgrade"
        self._fail(ConnectFailed(phase, "cut_off", "the run was over before the connection was open"))

    def _late(self) -> None:
        self._timer = None
        if self._state != "dialling":
            failure = self._upgrade.out_of_time()
            self._refused(failure) if isinstance(failure, HandshakeRefused) else self._fail(failure)
        elif self._tries.are_several:
            self._try_next(None)
        else:
            within_s = self._request.open_timeout_ns / NS_PER_S
            self._fail(ConnectFailed("tcp", "timeout", f"not done within {within_s:g} s"))

    # TCP.

    def _dial(self) -> None:
        """Begin to connect to the next address, or to the first after it that does not fail at once."""
        while (address := self._tries.next()) is not None:
            self._address = address
            self._dialled_ns = self._timers.now_ns()
            try:
                self._socket, number = begin(address, self._tries.source(address), self._request.network)
            except (ConnectFailed, OSError) as error:
                self._tries.failed(address, error)
                continue
            self.tcp = NothingToRead(self._socket)  # type: ignore[assignment]
            share_ns = max(0, self._deadline_ns - self._dialled_ns) // (self._tries.left + 1)
            self._set_timer(self._dialled_ns + share_ns)
            try:
                self._go_on_from(number)
            except OSError as error:
                self._drop_socket(error)
            else:
                return
        self._end(outcome.Error(self._tries.failure()))

    def _go_on_from(self, number: int) -> None:
        """Go on from what ``connect`` returned. Over loopback TCP is connected by then, and the request goes out at once.

        Raises:
            OSError: TCP cannot be connected.
        """
        if number and number not in UNDER_WAY:
            raise OSError(number, os.strerror(number))
        asked_ns = self._timers.now_ns()
        try:
            taken = self._socket.send(self._rest)
        except BlockingIOError:
            self._dial_in_reactor(self)
            return
        self._connected(asked_ns)
        self._rest = self._rest[taken:]
        if self._rest:
            self._dial_in_reactor(self)
        else:
            self._await_answer()

    def _try_next(self, error: OSError | None) -> None:
        """Dial the next address, after an error, or where this one took too long."""
        self._reactor.remove(self)
        self._drop_socket(error)
        self._dial()

    def _drop_socket(self, error: OSError | None) -> None:
        self._socket.close()
        if error is None:
            self._tries.was_late(self._address)
        else:
            self._tries.failed(self._address, error)

    # The upgrade.

    def _connected(self, at_ns: int) -> None:
        self._state = "asking"
        self._asked_ns = at_ns
        if self._tries.are_several:
            self._set_timer(self._deadline_ns)

    def _ask(self) -> None:
        """Write the request, or what is left of it."""
        try:
            taken = self._socket.send(self._rest)
        except BlockingIOError:
            return
        except OSError as error:
            detail = f"TCP was closed before the request was written: {error}"
            self._fail(ConnectFailed("upgrade", "closed", detail))
            return
        self._rest = self._rest[taken:]
        if not self._rest:
            self._await_answer()

    def _await_answer(self) -> None:
        self._state = "answering"
        self._upgrade.is_asked = True
        self.tcp = self._socket
        self._reactor.add(self)
        if self._request.trace:
            now_ns = self._timers.now_ns()
            tell(partial(self._listener.on_frame, "out", "request", self._upgrade.data, now_ns))

    def _succeed(self, at_ns: int) -> None:
        """Hand the socket over to an open connection."""
        timings = ConnectTimings(
            at_ns - self._began_ns, tcp_ns=self._asked_ns - self._dialled_ns, upgrade_ns=at_ns - self._asked_ns
        )
        answer = self._upgrade.answer
        if self._keep_cookies is not None:
            self._keep_cookies(answer.headers)
        connection = NativeConnection(
            self._timers,
            self._reactor,
            self._request,
            self._listener,
            self._socket,
            None,
            answer.compression,
            self._wire,
        )
        connection.open(timings, answer.subprotocol, answer.headers, answer.after, at_ns)
        self._end(outcome.Value(connection))

    # The end.

    def _fail(self, failure: Failure) -> None:
        if self._state != "over":
            self._close()
            self._end(outcome.Error(failure))

    def _close(self) -> None:
        self._reactor.remove(self)
        self._socket.close()

    def _end(self, result: outcome.Outcome[NativeConnection] | None) -> None:
        self._state = "over"
        self._result = result
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._has_begun:
            self._wake()

    def _set_timer(self, at_ns: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timers.call_at(at_ns, self._late)


class NothingToRead:
    """A socket whose owner does not want to read yet, also where the kernel says that it can."""

    __slots__ = ("fileno", "setsockopt")

    def __init__(self, plain: socket.socket) -> None:
        self.fileno = plain.fileno
        self.setsockopt = plain.setsockopt

    def recv(self, _size: int) -> bytes:
        raise BlockingIOError

    def recvmsg(self, _size: int, _ancillary: int) -> tuple[bytes, list[Any], int, Any]:
        raise BlockingIOError
