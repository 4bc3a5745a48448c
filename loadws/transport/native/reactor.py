"""One place that reads for every connection.

All sockets are in one epoll set of our own, and trio waits for that set as for one socket: a message costs no wait of its
own in trio, and no task. At the beginning of each of trio's turns (``turns``) it takes a few dozen ready sockets, reads and
stamps all of them, and only then lets their connections decode and hand over; so a message's stamp does not hold what the
messages before it cost. A woken task runs in the same turn, which bounds how late a stamp can be by the length of one.

Where there is no epoll, each socket has a small task that does the same. ``best_reactor`` alone says which it is.
"""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Callable
from typing import Protocol

import trio

from loadws.transport.clock.loop_hook import each_turn
from loadws.transport.platform import MEANS

#: Sockets that are read before the first of them is decoded.
MOST_AT_ONCE = 64


class Endpoint(Protocol):
    """An open connection as its reactor sees it. Nothing here waits, and what it raises is a defect."""

    tcp: socket.socket
    read_size: int  # the most bytes of one read

    def received(self, data: bytes, at_ns: int) -> None:
        """Handle what one read brought, and when; empty is the end of TCP."""

    def broke(self, error: OSError) -> None: ...
    def writable(self) -> None: ...
    def cut_off(self) -> None:
        """End at the end of the run."""


class Reactor(Protocol):
    """An endpoint is read from ``add`` on until ``remove``, which comes before its socket is closed."""

    def start(self, nursery: trio.Nursery) -> None:
        """Start the reactor's tasks in the nursery."""

    @property
    def dial(self) -> Callable[[Endpoint], None] | None:
        """Return the function that tells an endpoint when its socket is connected, or has failed: it is writable. None
        where there is no such function. ``add`` begins to read.
        """

    def add(self, endpoint: Endpoint) -> None:
        """Read an endpoint. One with the same socket that is there already gives its place to this one."""

    def remove(self, endpoint: Endpoint) -> None:
        """Stop reading an endpoint. This does nothing for one that was removed already."""

    def want_writable(self, endpoint: Endpoint, wanted: bool) -> None: ...
    def want_readable(self, endpoint: Endpoint, wanted: bool) -> None:
        """Read an endpoint, or stop reading it; it is then read only if its TCP breaks. This does nothing for one that
        was removed.
        """

    def cut_off(self) -> None:
        """Tell every endpoint that is left that the run is over."""

    def close(self) -> None:
        """Release the reactor, after its tasks have ended."""


def best_reactor(now_ns: Callable[[], int]) -> Reactor:
    """Return the best that this platform has."""
    return EpollReactor(now_ns) if MEANS.epoll else TaskReactor(now_ns)


class TaskReactor:
    """A task for each socket: for platforms without epoll."""

    _nursery: trio.Nursery
    dial: Callable[[Endpoint], None] | None = None

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._endpoints: dict[Endpoint, None] = {}
        self._writing: set[Endpoint] = set()
        self._reading: set[Endpoint] = set()  # endpoints with a task that waits
        self._unwanted: set[Endpoint] = set()

    def start(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery

    def add(self, endpoint: Endpoint) -> None:
        self._endpoints[endpoint] = None
        self._start_reading(endpoint)

    def remove(self, endpoint: Endpoint) -> None:
        if endpoint in self._endpoints:
            del self._endpoints[endpoint]
            self._writing.discard(endpoint)
            self._unwanted.discard(endpoint)
            trio.lowlevel.notify_closing(endpoint.tcp)

    def want_writable(self, endpoint: Endpoint, wanted: bool) -> None:
        if wanted and endpoint not in self._writing:
            self._writing.add(endpoint)
            self._nursery.start_soon(self._write, endpoint)
        elif not wanted:
            self._writing.discard(endpoint)

    def want_readable(self, endpoint: Endpoint, wanted: bool) -> None:
        if endpoint not in self._endpoints:
            return
        if wanted:
            self._unwanted.discard(endpoint)
            self._start_reading(endpoint)
        else:
            self._unwanted.add(endpoint)  # its task sees that when something comes

    def cut_off(self) -> None:
        for endpoint in list(self._endpoints):
            endpoint.cut_off()

    def close(self) -> None:
        pass

    def _start_reading(self, endpoint: Endpoint) -> None:
        if endpoint not in self._reading:
            self._reading.add(endpoint)
            self._nursery.start_soon(self._read, endpoint)

    async def _read(self, endpoint: Endpoint) -> None:
        try:
            await self._read_while_wanted(endpoint)
        finally:
            self._reading.discard(endpoint)

    async def _read_while_wanted(self, endpoint: Endpoint) -> None:
        while endpoint in self._endpoints:
            try:
                await trio.lowlevel.wait_readable(endpoint.tcp)
            except trio.ClosedResourceError:
                return
            if endpoint in self._unwanted:
                return
            try:
                data = endpoint.tcp.recv(endpoint.read_size)
            except BlockingIOError:
                continue
            except OSError as error:
                endpoint.broke(error)
                continue
            endpoint.received(data, self._now_ns())

    async def _write(self, endpoint: Endpoint) -> None:
        while endpoint in self._writing:
            try:
                await trio.lowlevel.wait_writable(endpoint.tcp)
            except trio.ClosedResourceError:
                return
            endpoint.writable()


if sys.platform == "linux":

    class EpollReactor:
        """One epoll set, level-triggered: one read a turn and socket, and what is left is ready again."""

        def __init__(self, now_ns: Callable[[], int]) -> None:
            self._now_ns = now_ns
            self._epoll = select.epoll()
            self._endpoints: dict[int, Endpoint] = {}
            self._writing: set[int] = set()
            self._unread: set[int] = set()

        def start(self, nursery: trio.Nursery) -> None:
            nursery.start_soon(self._run)

        def dial(self, endpoint: Endpoint) -> None:
            number = endpoint.tcp.fileno()
            self._endpoints[number] = endpoint
            self._unread.add(number)
            self._writing.add(number)
            self._register(endpoint, select.EPOLLOUT)

        def add(self, endpoint: Endpoint) -> None:
            number = endpoint.tcp.fileno()
            is_new = number not in self._endpoints
            self._endpoints[number] = endpoint
            if is_new:
                self._register(endpoint, select.EPOLLIN)
            elif number in self._unread:
                self._unread.discard(number)
                self._writing.discard(number)
                self._epoll.modify(number, select.EPOLLIN)

        def _register(self, endpoint: Endpoint, events: int) -> None:
            self._epoll.register(endpoint.tcp.fileno(), events)

        def remove(self, endpoint: Endpoint) -> None:
            number = endpoint.tcp.fileno()
            if self._endpoints.pop(number, None) is not None:
                self._epoll.unregister(number)
                self._writing.discard(number)
                self._unread.discard(number)

        def want_writable(self, endpoint: Endpoint, wanted: bool) -> None:
            self._watch(endpoint, self._writing, wanted)

        def want_readable(self, endpoint: Endpoint, wanted: bool) -> None:
            if endpoint.tcp.fileno() in self._endpoints:
                self._watch(endpoint, self._unread, not wanted)

        def _watch(self, endpoint: Endpoint, numbers: set[int], is_in: bool) -> None:
            """Set the events of an endpoint. The kernel reports broken TCP also for one without events."""
            number = endpoint.tcp.fileno()
            numbers.add(number) if is_in else numbers.discard(number)
            events = 0 if number in self._unread else select.EPOLLIN
            self._epoll.modify(number, events | select.EPOLLOUT if number in self._writing else events)

        def cut_off(self) -> None:
            for endpoint in list(self._endpoints.values()):
                endpoint.cut_off()

        def close(self) -> None:
            self._epoll.close()

        async def _run(self) -> None:
            await each_turn(self._epoll.fileno(), self._look)

        def _look(self) -> None:
            if ready := self._epoll.poll(0, MOST_AT_ONCE):
                self._serve(ready)

        def _serve(self, ready: list[tuple[int, int]]) -> None:
            now_ns = self._now_ns
            reads: list[tuple[Endpoint, bytes, int]] = []
            others: list[tuple[Endpoint, OSError | None]] = []
            for number, events in ready:
                endpoint = self._endpoints[number]
                if events & select.EPOLLOUT:
                    others.append((endpoint, None))
                if events & ~select.EPOLLOUT:  # readable, or broken, which the read tells
                    try:
                        data = endpoint.tcp.recv(endpoint.read_size)
                    except BlockingIOError:
                        continue
                    except OSError as error:
                        others.append((endpoint, error))
                    else:
                        reads.append((endpoint, data, now_ns()))
            for endpoint, data, at_ns in reads:
                endpoint.received(data, at_ns)
            for endpoint, failure in others:
                endpoint.writable() if failure is None else endpoint.broke(failure)
