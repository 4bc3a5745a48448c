"""A TCP connection as a trio stream that stamps each read and can be cut at once.

trio's own ``SocketStream`` lets all other tasks run between a read that succeeded and its return; a stamp taken after it
would include their time. Here the stamp is taken in the line after the read, below TLS as well.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Callable

import trio

from loadws.terms.units import NS_PER_S
from loadws.transport.net.read_rate import Pace

#: Bytes of one read; trio-websocket's own 4 KiB costs a system call for each of them.
READ_SIZE = 64 * 1024
#: Bytes of one read within a message that is larger than that.
LARGE_READ_SIZE = 256 * 1024


class TcpStream(trio.abc.Stream):
    """A stream over a connected, non-blocking socket. ``read_ns`` is when the last read returned."""

    def __init__(self, connected: socket.socket, now_ns: Callable[[], int]) -> None:
        self._socket = connected
        self._now_ns = now_ns
        self._pace: Pace | None = None
        self._pace_changed = trio.Event()
        self.read_ns = 0

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            self._check_open()
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._socket)
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error

    async def wait_send_all_might_not_block(self) -> None:
        self._check_open()
        await trio.lowlevel.wait_writable(self._socket)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        while True:
            self._check_open()
            await trio.lowlevel.wait_readable(self._socket)
            if self._pace is not None and await self._rest(self._pace):
                continue
            try:
                data = self._socket.recv(self._most_of(max_bytes or READ_SIZE))
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error
            self.read_ns = self._now_ns()
            if self._pace is not None:
                self._pace.took(len(data), self.read_ns)
            return data

    def keep_pace(self, pace: Pace | None) -> None:
        """Set how fast it reads from now on; None is without a limit."""
        self._pace = pace
        self._pace_changed.set()
        self._pace_changed = trio.Event()

    def _most_of(self, size: int) -> int:
        return size if self._pace is None else min(size, self._pace.most)

    async def _rest(self, pace: Pace) -> bool:
        """Wait until the rate allows a read, or has changed. Return False if it allows one now."""
        free_ns = pace.free_ns
        wait_s = math.inf if free_ns is None else (free_ns - self._now_ns()) / NS_PER_S
        if wait_s <= 0:
            return False
        with trio.move_on_after(wait_s):
            await self._pace_changed.wait()
        return True

    def receive_now(self, max_bytes: int) -> bytes | None:
        """Return the data that is there, without waiting. Empty is the end; None is no data, or a broken connection."""
        try:
            data = self._socket.recv(max_bytes)
        except OSError:
            return None
        self.read_ns = self._now_ns()
        return data

    def is_quiet(self) -> bool:
        """Return whether the peer has neither closed nor sent anything that was not read. No data is consumed."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def detach(self) -> socket.socket:
        """Return the socket, to be read from now on without this stream."""
        return self._socket

    def cut(self) -> None:
        """Close the socket now; a task that waits on it gets ``trio.ClosedResourceError``. A second call does nothing."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()
            self._pace_changed.set()

    async def aclose(self) -> None:
        self.cut()
        await trio.lowlevel.checkpoint()

    def _check_open(self) -> None:
        if self._socket.fileno() < 0:
            raise trio.ClosedResourceError("the socket is closed")
