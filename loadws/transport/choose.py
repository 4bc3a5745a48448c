"""``--transport NAME`` -> the transport. Its library is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from loadws.terms.errors import UsageError
from loadws.transport.base import Transport


def _trio_websocket() -> Transport:
    from loadws.transport.trio_ws import TrioWebSocketTransport

    return TrioWebSocketTransport()


def _native() -> Transport:
    from loadws.transport.native import NativeTransport

    return NativeTransport()


_TRANSPORTS: dict[str, Callable[[], Transport]] = {"trio-websocket": _trio_websocket, "native": _native}
NAMES = tuple(_TRANSPORTS)


def transport(name: str) -> Transport:
    """Raises ``UsageError`` for a name that none has."""
    if name not in _TRANSPORTS:
        raise UsageError(f"there is no transport {name!r}", f"transports are: {', '.join(NAMES)}")
    return _TRANSPORTS[name]()
