"""Limit how fast a connection is read, by a clock that every read moves forward.

A read of n bytes at r bytes per second lasts n/r seconds, and the next one may not begin earlier. A read is small, a
tenth of a second's worth, so that bytes trickle instead of coming in gulps. A reader that is late (by a timer's
millisecond, or because the peer sent nothing) catches up on one read at most: unused time is not saved up. This is the
"generic cell rate algorithm" of ATM traffic control (ITU-T I.371): a token bucket without a task that fills it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from loadws.terms.units import NS_PER_S
from loadws.transport.base import Timer, Timers

_READS_PER_S = 10

_Ancillary = tuple[int, int, bytes]


class Pace:
    """A read rate. 0 ``bytes_per_s`` reads nothing at all. ``most`` is how many bytes one read may return."""

    __slots__ = ("_bytes_per_s", "_free_ns", "most")

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_ns = 0
        self.most = max(1, int(bytes_per_s / _READS_PER_S))

    @property
    def free_ns(self) -> int | None:
        """Return when the next read may begin; None is never."""
        return self._free_ns if self._bytes_per_s else None

    def took(self, count: int, now_ns: int) -> None:
        """Account for a read of ``count`` bytes."""
        if self._bytes_per_s:
            begin_ns = max(self._free_ns, now_ns - self._worth_ns(self.most))
            self._free_ns = begin_ns + self._worth_ns(count)

    def _worth_ns(self, count: int) -> int:
        return int(count * NS_PER_S / self._bytes_per_s)


class SlowSocket(socket.socket):
    """A socket that is read slowly. It takes over the connection's socket, so that other connections pay nothing for
    this.

    ``watch(False)`` is called after each read, and ``watch(True)`` when the next one may begin.
    """

    def __init__(self, plain: socket.socket, pace: Pace, timers: Timers, watch: Callable[[bool], None]) -> None:
        super().__init__(plain.family, plain.type, plain.proto, plain.detach())
        self.setblocking(False)
        self._pace = pace
        self._timers = timers
        self._watch = watch
        self._timer: Timer | None = None

    def begin(self) -> None:
        """Start limiting; call it once this is the connection's socket."""
        self._rest()

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(min(size, self._pace.most), flags)
        self._took(data)
        return data

    def recvmsg(
        self, size: int, ancillary_size: int = 0, flags: int = 0, /
    ) -> tuple[bytes, list[_Ancillary], int, Any]:
        answer = super().recvmsg(min(size, self._pace.most), ancillary_size, flags)
        self._took(answer[0])
        return answer

    def plain(self) -> socket.socket:
        """Return the original socket. No read is waited for any more."""
        self._stop_waiting()
        again = socket.socket(self.family, self.type, self.proto, self.detach())
        again.setblocking(False)
        return again

    def _took(self, data: bytes) -> None:
        self._pace.took(len(data), self._timers.now_ns())
        if data:
            self._rest()

    def _rest(self) -> None:
        free_ns = self._pace.free_ns
        if free_ns is not None and free_ns <= self._timers.now_ns():
            return
        self._watch(False)
        self._stop_waiting()
        if free_ns is not None:
            self._timer = self._timers.call_at(free_ns, self._go_on)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self) -> None:
        self._timer = None
        self._watch(True)
