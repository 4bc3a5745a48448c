"""Through a proxy: the tunnel to the target over a stream to the proxy, and what a failure on the way there is called.

Whatever fails before the tunnel stands is the phase ``proxy``, so that it is not looked for at the target; only what this
machine itself has run out of keeps its name.
"""

from __future__ import annotations

import trio

from loadws.terms.parties import is_ours
from loadws.terms.proxies import ProxyAddress
from loadws.transport.base import ConnectFailed
from loadws.transport.opening.connect_tunnel import ask_for_tunnel
from loadws.transport.opening.socks import ask_socks

#: Failures of name, TCP and TLS towards the proxy; what is not here is ``proxy.failed``.
_KINDS = {
    "dns.not_found": "not_found",
    "tcp.refused": "refused",
    "tcp.reset": "closed",
    "tcp.unreachable": "unreachable",
    "tcp.timeout": "timeout",
    "tls.untrusted": "untrusted",
}


async def open_tunnel(stream: trio.abc.Stream, proxy: ProxyAddress, host: str, port: int) -> None:
    """Open a tunnel: afterwards, what is written to the stream goes to ``host``. It has no deadline of its own.

    Raises:
        ConnectFailed: There is no way through the proxy.
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
    """Return a failure to reach the proxy, by its own name."""
    if is_ours(failure.kind) or failure.kind == "tcp.source_address":
        return failure
    kind = _KINDS.get(failure.kind, "tls" if failure.phase == "tls" else "failed")
    return ConnectFailed("proxy", kind, f"{proxy}: {failure.detail}")
