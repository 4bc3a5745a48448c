"""Open TCP and TLS.

The parts have no deadline of their own; their callers have one for all, and know which part is running. Each part's
failures are translated here, and only here, to the kinds of ``FAILURE_KINDS``.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from contextlib import nullcontext

import trio

from loadws.transport.base import ConnectFailed, Network, Timers
from loadws.transport.net.tcp import TcpStream
from loadws.transport.opening.socket_addresses import SocketAddress, Sources, of_family
from loadws.transport.platform import IP_BIND_ADDRESS_NO_PORT, UNIX_FAMILY

DEFAULT_NETWORK = Network()
NO_PORT_LEFT = "no local port is left for another connection"
NO_ADDRESS = "this machine has no address of that family"
#: Failures that came from the network, or because it did not answer.
_ANSWERED = frozenset({"tcp.refused", "tcp.reset", "tcp.timeout"})
#: How often a unix socket with a full backlog is tried again.
UNIX_RETRY_S = 0.01

#: What makes a socket non-blocking as it is made, where the system can: one system call less for each connection.
_NON_BLOCKING: int = getattr(socket, "SOCK_NONBLOCK", 0)
#: What ``connect`` returns where the network has to answer first.
UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK})
TCP_KINDS = {
    errno.ECONNREFUSED: "refused",
    errno.ENOENT: "refused",  # no unix socket stands there
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETDOWN: "unreachable",
    errno.EHOSTDOWN: "unreachable",
    errno.ETIMEDOUT: "timeout",
    errno.EADDRNOTAVAIL: "no_ports",
    errno.EMFILE: "file_limit",
    errno.ENFILE: "file_limit",
    errno.ENOMEM: "no_memory",
    errno.ENOBUFS: "no_memory",
}


async def open_tcp(
    addresses: list[SocketAddress],
    timers: Timers,
    deadline: float,
    network: Network = DEFAULT_NETWORK,
    sources: Sources | None = None,
) -> TcpStream:
    """Try the addresses in turn, each for an equal share of the time left until ``deadline`` (trio's clock).

    A single address has all of it, and the caller watches the deadline. ``sources`` knows which of the network's
    ``source_addresses`` is next; an address for whose family there is none is tried only where there is no other.

    Raises:
        ConnectFailed: That of the last address that the network answered for, else of the last; the details name all.
    """
    tries = Tries(addresses, network, sources)
    while (address := tries.next()) is not None:
        share = max(0.0, deadline - trio.current_time()) / (tries.left + 1)
        try:
            with trio.fail_after(share) if tries.are_several else nullcontext():
                return TcpStream(await _connected(address, tries.source(address), network), timers.now_ns)
        except trio.TooSlowError:
            tries.was_late(address)
        except (ConnectFailed, OSError) as error:
            tries.failed(address, error)
    raise tries.failure()


class Tries:
    """The addresses of a server, tried in turn. ``left`` is how many come after the current one."""

    __slots__ = ("_failures", "_network", "_sources", "_waiting", "are_several", "left")

    def __init__(self, addresses: list[SocketAddress], network: Network, sources: Sources | None) -> None:
        addresses = _within_reach(addresses, network)
        self.left = len(addresses)
        self.are_several = len(addresses) > 1
        self._waiting = iter(addresses)
        self._network = network
        self._sources = sources
        self._failures: list[ConnectFailed] = []

    def next(self) -> SocketAddress | None:
        """Return the next address to try; None where none is left."""
        self.left -= 1
        return next(self._waiting, None)

    def source(self, address: SocketAddress) -> str | None:
        """Return the local address to connect from; None where the kernel has to choose.

        Raises:
            ConnectFailed: No source address is of this family.
        """
        return _source_for(address, self._network, self._sources)

    def was_late(self, address: SocketAddress) -> None:
        self._failures.append(ConnectFailed("tcp", "timeout", f"{address} did not answer"))

    def failed(self, address: SocketAddress, error: ConnectFailed | OSError) -> None:
        self._failures.append(error if isinstance(error, ConnectFailed) else _failure(error, address))

    def failure(self) -> ConnectFailed:
        """Return the failure of all: that of the last address that the network answered for, else of the last one."""
        answered = [failure for failure in self._failures if failure.kind in _ANSWERED]
        kind = (answered or self._failures)[-1].kind.removeprefix("tcp.")
        return ConnectFailed("tcp", kind, "; ".join(failure.detail for failure in self._failures))


def _failure(error: OSError, address: SocketAddress) -> ConnectFailed:
    kind = TCP_KINDS.get(error.errno or 0, "failed")
    detail = error.strerror or str(error)
    if kind == "no_ports":
        kind, detail = ("no_ports", NO_PORT_LEFT) if _can_be_reached(address) else ("unreachable", NO_ADDRESS)
    return ConnectFailed("tcp", kind, f"{address}: {detail}")


def _can_be_reached(address: SocketAddress) -> bool:
    """Return whether only the port was lacking. Without IPv6, the system reports ``::1`` in the same words."""
    if address.family == UNIX_FAMILY or not ipaddress.ip_address(address.address[0].partition("%")[0]).is_loopback:
        return True
    try:
        with socket.socket(address.family, socket.SOCK_DGRAM) as asking:
            asking.bind((address.address[0], 0))
    except OSError as error:
        return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return True


def _within_reach(addresses: list[SocketAddress], network: Network) -> list[SocketAddress]:
    if not network.source_addresses:
        return addresses
    return [each for each in addresses if of_family(each.family, network.source_addresses)] or addresses


def _source_for(address: SocketAddress, network: Network, sources: Sources | None) -> str | None:
    """Return the address to connect from; None where the kernel has to choose.

    Raises:
        ConnectFailed: No source address is of this family.
    """
    if not network.source_addresses or address.family == UNIX_FAMILY:
        return None
    source = (sources or Sources()).next(address.family, network.source_addresses)
    if source is None:
        raise ConnectFailed("tcp", "source_address", f"{address}: no source address is of its family")
    return source


async def _connected(address: SocketAddress, source: str | None, network: Network) -> socket.socket:
    """Return a connected non-blocking socket; one that is cancelled is closed.

    Raises:
        OSError: The address cannot be connected to.
        ConnectFailed: The source address cannot be used.
    """
    dialling, number = begin(address, source, network)
    try:
        while (
            number == errno.EAGAIN and address.family == UNIX_FAMILY
        ):  # its backlog is full, and there is no signal when not
            await trio.sleep(UNIX_RETRY_S)
            number = dialling.connect_ex(address.address)
        if number in UNDER_WAY:
            await trio.lowlevel.wait_writable(dialling)
            number = dialling.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))
    except BaseException:
        dialling.close()
        raise
    return dialling


def begin(address: SocketAddress, source: str | None, network: Network) -> tuple[socket.socket, int]:
    """Begin to connect a non-blocking socket; return it and the error number, which may be one of ``UNDER_WAY``.

    Raises:
        OSError: There is no such socket.
        ConnectFailed: The source address cannot be used.
    """
    dialling = socket.socket(address.family, socket.SOCK_STREAM | _NON_BLOCKING, address.protocol)
    try:
        _prepare(dialling, address.family, network)
        if source is not None:
            _bind(dialling, source)
        return dialling, dialling.connect_ex(address.address)
    except BaseException:
        dialling.close()
        raise


def _prepare(dialling: socket.socket, family: int, network: Network) -> None:
    """Switch off Nagle's algorithm, and set the buffer sizes.

    That comes before connecting, because the handshake of TCP fixes the scale of its window.
    """
    if not _NON_BLOCKING:
        dialling.setblocking(False)
    if family != UNIX_FAMILY:
        dialling.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if network.send_buffer is not None:
        dialling.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, network.send_buffer)
    if network.receive_buffer is not None:
        dialling.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, network.receive_buffer)


def _bind(dialling: socket.socket, source: str) -> None:
    """Bind to an address of this machine.

    The port is picked when the destination is known, where the platform can, so that each destination has all ports for
    itself.

    Raises:
        ConnectFailed: No port is left, or the address is not one of this machine.
    """
    try:
        if IP_BIND_ADDRESS_NO_PORT is not None:
            dialling.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        dialling.bind((source, 0))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConnectFailed("tcp", "no_ports", f"from {source}: {NO_PORT_LEFT}") from error
        raise ConnectFailed("tcp", "source_address", f"from {source}: {error.strerror or error}") from error
