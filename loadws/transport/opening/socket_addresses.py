"""Addresses to dial: names become addresses, each name asked for once and shared, and its addresses are used in turn.

A connection begins with the address after the one that the last connection began with, so that many connections load all
servers behind a name; the other addresses follow, for the case that the first fails.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import trio

from loadws.transport.base import ConnectFailed, Timers
from loadws.transport.platform import UNIX_FAMILY

#: A name that did not resolve is not looked up again within this time, because thousands of users may need it.
FAILURE_KEPT_NS = 1_000_000_000

_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_Key = tuple[tuple[str, ...], int]
_Row = tuple[int, int, int, str, Any]  # what ``getaddrinfo`` returns


class SocketAddress(msgspec.Struct, frozen=True):
    """The argument of ``socket.connect``, and the kind of socket for it."""

    family: int
    protocol: int
    address: Any  # a tuple whose length depends on the family; a path for a unix socket

    def __str__(self) -> str:
        if isinstance(self.address, str):
            return self.address
        host, port = self.address[:2]
        return f"[{host}]:{port}" if self.family == socket.AF_INET6 else f"{host}:{port}"


def unix_address(path: str) -> SocketAddress:
    """Return the address of a Unix socket.

    Raises:
        ConnectFailed: This platform has no Unix sockets.
    """
    if UNIX_FAMILY is None:
        raise ConnectFailed("tcp", "failed", "this platform has no unix sockets")
    return SocketAddress(UNIX_FAMILY, 0, path)


class _Turns:
    """The addresses of one name, beginning with another one each time."""

    def __init__(self, addresses: list[SocketAddress]) -> None:
        self._addresses = addresses
        self._first = 0

    def next(self) -> list[SocketAddress]:
        first, self._first = self._first, (self._first + 1) % len(self._addresses)
        return self._addresses[first:] + self._addresses[:first]


class Names:
    """Lookups of names: each once, with a shared answer; a failure is shared for a second."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._known: dict[_Key, _Turns] = {}
        self._failed: dict[_Key, tuple[int, ConnectFailed]] = {}
        self._asking: defaultdict[_Key, trio.Lock] = defaultdict(trio.Lock)

    def known(
        self, host: str, port: int, given: Mapping[str, tuple[str, ...]] | None = None
    ) -> list[SocketAddress] | None:
        """Return the addresses, in turn, that are known without a lookup: from before, or in numbers; else None."""
        key, _ = _key(host, port, given)
        known = self._known.get(key)
        if known is None and all(map(_is_numeric, key[0])):
            known = self._in_numbers(key)
        return None if known is None else known.next()

    def _in_numbers(self, key: _Key) -> _Turns | None:
        hosts, port = key
        try:
            rows = [row for host in hosts for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except OSError:
            return None  # the lookup says why
        return self._found(key, rows)

    async def resolve(
        self, host: str, port: int, given: Mapping[str, tuple[str, ...]] | None = None
    ) -> tuple[list[SocketAddress], int | None]:
        """Return the addresses, and how long the lookup lasted, including a wait for another user's lookup.

        The time is None where there was no lookup: an address in numbers, one that is ``given``, or a known answer.
        """
        key, is_given = _key(host, port, given)
        if (known := self._known.get(key)) is not None:
            return known.next(), None
        if is_given or _is_numeric(host):
            return (await self._asked(key)).next(), None
        started_ns = self._timers.now_ns()
        async with self._asking[key]:
            turns = await self._known_or_asked(key)
        return turns.next(), self._timers.now_ns() - started_ns

    async def _known_or_asked(self, key: _Key) -> _Turns:
        if (known := self._known.get(key)) is not None:
            return known
        until_ns, failure = self._failed.get(key, (0, None))
        if failure is not None and self._timers.now_ns() < until_ns:
            raise ConnectFailed(failure.phase, failure.kind.removeprefix(f"{failure.phase}."), failure.detail)
        try:
            return await self._asked(key)
        except ConnectFailed as failure:
            self._failed[key] = (self._timers.now_ns() + FAILURE_KEPT_NS, failure.with_traceback(None))
            raise

    async def _asked(self, key: _Key) -> _Turns:
        hosts, port = key
        return self._found(key, [row for host in hosts for row in await _look_up(host, port)])

    def _found(self, key: _Key, rows: Iterable[_Row]) -> _Turns:
        found = [SocketAddress(family, protocol, address) for family, _, protocol, _, address in rows]
        # A request for the same address in numbers at the same time continues the same turns.
        return self._known.setdefault(key, _Turns(list(dict.fromkeys(found))))


def _key(host: str, port: int, given: Mapping[str, tuple[str, ...]] | None) -> tuple[_Key, bool]:
    """Return the key of a name, and whether its addresses are ``given``."""
    instead = given.get(host.lower()) if given else None
    return (instead or (host,), port), bool(instead)


class Sources:
    """Local addresses of this machine to connect from, used in turn, separately for each address family."""

    def __init__(self) -> None:
        self._turns: defaultdict[tuple[str, ...], int] = defaultdict(int)

    def next(self, family: int, sources: tuple[str, ...]) -> str | None:
        """Return the address whose turn it is; None where none is of that family."""
        fitting = of_family(family, sources)
        if not fitting:
            return None
        turn = self._turns[fitting]
        self._turns[fitting] = turn + 1
        return fitting[turn % len(fitting)]


def of_family(family: int, sources: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses in numbers that are of the family of sockets."""
    version = {int(socket.AF_INET): 4, int(socket.AF_INET6): 6}.get(family)
    return tuple(source for source in sources if ipaddress.ip_address(source).version == version)


async def _look_up(host: str, port: int) -> list[_Row]:
    try:
        return list(await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except socket.gaierror as error:
        _check_files(host)
        kind = "not_found" if error.errno in _NO_SUCH_NAME else "failed"
        raise ConnectFailed("dns", kind, f"{host}: {error.strerror}") from error
    except (OSError, UnicodeError) as error:  # a name that cannot be one
        _check_files(host)
        raise ConnectFailed("dns", "failed", f"{host}: {error}") from error
    except RuntimeError as error:  # it is asked for in a thread
        raise ConnectFailed("tcp", "no_memory", f"{host}: {error}") from error


def _check_files(host: str) -> None:
    """Tell a missing name from a missing file descriptor.

    Raises:
        ConnectFailed: A name was not found because this process has no file descriptor left for the lookup.
    """
    try:
        socket.socket().close()
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise ConnectFailed("tcp", "file_limit", f"{host}: {error.strerror}") from error


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
