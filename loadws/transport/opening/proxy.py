"""Open a tunnel through a proxy, and name the failures on the way there.

Every failure before the tunnel is open has the phase ``proxy``, so that users do not look for it at the target. Only
resources that this machine has run out of keep their own kind.
"""

from __future__ import annotations

import trio

from loadws.terms.parties import is_ours
from loadws.terms.proxies import ProxyAddress
from loadws.transport.base import ConnectFailed
from loadws.transport.opening.connect_tunnel import ask_for_tunnel
from loadws.transport.opening.socks import ask_socks

#: Failures of name, TCP and TLS towards the proxy; every other one is ``proxy.failed``.
_KINDS = {
    "dns.not_found": "not_found",
    "tcp.refused": "refused",
    "tcp.reset": "closed",
    "tcp.unreachable": "unreachable",
    "tcp.timeout": "timeout",
    "tls.untrusted": "untrusted",
}


async def open_tunnel(stream: trio.abc.Stream, proxy: ProxyAddress, host: str, port: int) -> None:
    """Open a tunnel: bytes written to the stream then go to ``host``. It has no deadline of its own.

    Raises:
        ConnectFailed: The tunnel cannot be opened.
    """
    try:
        if proxy.is_socks:
            await ask_socks(stream, proxy, host, port)
        else:
            await ask_for_tunnel(stream, proxy, host, port)
    except (trio.BrokenResourceError, EOFError) as error:
        raise ConnectFailed("proxy", "closed", f"{proxy} closed TCP before the tunnel was open") from error
    except ValueError as error:  # a host that neither HTTP nor SOCKS can name
        raise ConnectFailed("proxy", "failed", f"{proxy} cannot be asked for {host!r}: {error}") from error


def on_the_way(failure: ConnectFailed, proxy: ProxyAddress) -> ConnectFailed:
    """Return a failure to reach the proxy under its kind of the phase ``proxy``."""
    if is_ours(failure.kind) or failure.kind == "tcp.source_address":
        return failure
    kind = _KINDS.get(failure.kind, "tls" if failure.phase == "tls" else "failed")
    return ConnectFailed("proxy", kind, f"{proxy}: {failure.detail}")
