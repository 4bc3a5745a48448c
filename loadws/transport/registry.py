"""Makes the transport of a name, with its stamps. Its library is imported only when it is asked for."""

from __future__ import annotations

from functools import partial

from loadws.terms.errors import UsageError
from loadws.terms.transports import NAMES
from loadws.transport.base import Transport
from loadws.transport.net.stamps import ReadLags


def transport(name: str, read_lags: ReadLags | None = None) -> Transport:
    """Return the transport of a name; with ``read_lags``, the native one uses the kernel's receive stamps.

    Raises:
        UsageError: No transport has this name.
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
