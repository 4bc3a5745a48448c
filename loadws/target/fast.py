"""The fast echo: one task that accepts, one that reads for every client, one that cuts off clients that are too slow.

It serves plain ``ws://`` echoes that are answered at once (``TargetOptions.is_plain_echo``), with which load generators
are mostly measured: a target that costs more than its client would be what is measured there. It uses the client's own
codec and reactor, counts as the other server does, and does not offer compression.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import trio

from loadws.target.behaviour import refused_with
from loadws.target.counts import Counts
from loadws.target.fast_client import FastClient, State
from loadws.target.limits import CLOSE_WITHIN_S, UPGRADE_WITHIN_S
from loadws.target.listening import Listening
from loadws.target.options import TargetOptions
from loadws.transport.native.reactor import best_reactor

MOST_ACCEPTED_AT_ONCE = 64
SWEEP_EVERY_S = 0.25
#: The system has no room for another connection now, but may have when others have ended.
_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_FULL_PAUSE_S = 0.1


async def serve_fast(listening: Listening, options: TargetOptions, counts: Counts, stop: trio.Event) -> None:
    """Serve like ``server.serve``."""
    sockets = _taken_from(listening)
    server = FastServer(options, counts)
    try:
        async with trio.open_nursery() as nursery, trio.open_nursery() as accepting:
            server.start(nursery)
            for one in sockets:
                accepting.start_soon(server.accept_from, one)
            await stop.wait()
            accepting.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await server.close_all()
            nursery.cancel_scope.cancel()
    finally:
        server.end()
        for one in sockets:
            one.close()


def _taken_from(listening: Listening) -> list[socket.socket]:
    """Accept all connections that wait. trio's own accept needs a turn of its loop for each connection."""
    taken = []
    for listener in listening.listeners:
        assert isinstance(listener, trio.SocketListener)
        one = socket.socket(fileno=listener.socket.detach())
        one.setblocking(False)
        taken.append(one)
    return taken


class FastServer:
    """All clients of one server; a ``Host``."""

    def __init__(self, options: TargetOptions, counts: Counts) -> None:
        self.counts = counts
        self._options = options
        self._upgrades = 0
        self._reactor = best_reactor(int)  # its stamps are not used
        self._clients: dict[FastClient, None] = {}
        # Clients with a deadline, and which; each has the earliest first.
        self._upgrading: dict[FastClient, float] = {}
        self._ending: dict[FastClient, float] = {}
        self._all_ended = trio.Event()

    def start(self, nursery: trio.Nursery) -> None:
        self._reactor.start(nursery)
        nursery.start_soon(self._sweep)

    async def accept_from(self, listening: socket.socket) -> None:
        while True:
            await trio.lowlevel.wait_readable(listening)
            try:
                for tcp in _accepted(listening):
                    self._add(tcp)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                await trio.sleep(_FULL_PAUSE_S)

    async def close_all(self) -> None:
        """Close all connections with 1001 (going away), within ``CLOSE_WITHIN_S``."""
        for client in list(self._clients):
            client.cut_off() if client.state is State.UPGRADING else client.close(1001)
        if self._clients:
            with trio.move_on_after(CLOSE_WITHIN_S):
                await self._all_ended.wait()

    def end(self) -> None:
        """Cut off the clients that are left."""
        for client in list(self._clients):
            client.cut_off()
        self._reactor.close()

    def _add(self, tcp: socket.socket) -> None:
        tcp.setblocking(False)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.counts.accepted += 1
        client = FastClient(tcp, self)
        self._clients[client] = None
        self._upgrading[client] = trio.current_time() + UPGRADE_WITHIN_S
        self._reactor.add(client)

    async def _sweep(self) -> None:
        while True:
            await trio.sleep(SWEEP_EVERY_S)
            now_s = trio.current_time()
            for deadlines in (self._upgrading, self._ending):
                for client in list(_overdue(deadlines, now_s)):
                    client.cut_off()

    # -- called by its clients --------------------------------------------------------------------------------------

    def refused_with(self) -> int | None:
        number, self._upgrades = self._upgrades, self._upgrades + 1
        return refused_with(self._options, number)

    def opened(self, client: FastClient) -> None:
        del self._upgrading[client]

    def must_end_soon(self, client: FastClient) -> None:
        self._upgrading.pop(client, None)
        self._ending.setdefault(client, trio.current_time() + CLOSE_WITHIN_S)

    def want_writable(self, client: FastClient, wanted: bool) -> None:
        self._reactor.want_writable(client, wanted)

    def want_readable(self, client: FastClient, wanted: bool) -> None:
        self._reactor.want_readable(client, wanted)

    def ended(self, client: FastClient) -> None:
        del self._clients[client]
        self._upgrading.pop(client, None)
        self._ending.pop(client, None)
        self._reactor.remove(client)
        client.tcp.close()
        if not self._clients:
            self._all_ended.set()


def _accepted(listening: socket.socket) -> Iterator[socket.socket]:
    """Yield the waiting connections, a few dozen at most. A connection that has ended already is not an error."""
    for _ in range(MOST_ACCEPTED_AT_ONCE):
        try:
            yield listening.accept()[0]
        except BlockingIOError:
            return
        except ConnectionAbortedError:
            continue


def _overdue(deadlines: dict[FastClient, float], now_s: float) -> Iterator[FastClient]:
    for client, at_s in deadlines.items():
        if at_s > now_s:
            return
        yield client
