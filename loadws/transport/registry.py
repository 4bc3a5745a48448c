"""``--transport NAME`` and the stamps it takes -> the transport. Its library is imported only when it is asked for."""

from __future__ import annotations

from functools import partial

from loadws.terms.errors import UsageError
from loadws.transport.base import Transport
from loadws.transport.net.stamps import ReadLags

NAMES = ("native", "trio-websocket")

#: What a transport lacks, by the names of ``scenario.features``. Asking for it is an error before the run, not a difference
#: in it.
CANNOT: dict[str, frozenset[str]] = {
    "trio-websocket": frozenset({"compression", "fragments"}),
    "native": frozenset(),
}


def transport(name: str, read_lags: ReadLags | None = None) -> Transport:
    """With kernel receive stamps where there is a place for their ``read_lags``: on the native transport, on Linux.

    Raises ``UsageError`` for a name that none has.
    """
    match name:
        case "trio-websocket":
            from loadws.transport.trio_websocket.transport import TrioWebSocketTransport

            return TrioWebSocketTransport()
        case "native":
            return _native(read_lags)
    raise UsageError(f"there is no transport {name!r}", f"transports are: {', '.join(NAMES)}")


def _native(read_lags: ReadLags | None) -> Transport:
    from loadws.transport.native.transport import NativeTransport

    if read_lags is None:
        return NativeTransport()
    from loadws.transport.native.stamped_reactor import StampedReactor

    return NativeTransport(partial(StampedReactor, read_lags))
