"""Where the target listens: its sockets, and for ``wss://`` a certificate that it makes itself, without an authority.

``trustme`` is imported for TLS only: with the library below it, it takes longer to import than the rest of the target.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

import msgspec
import trio

from loadws.target.options import Address
from loadws.terms.errors import UsageError


class Listening(msgspec.Struct, frozen=True):
    """Sockets that listen, before connections are accepted, and their URL."""

    url: str
    listeners: Sequence[trio.abc.Listener[trio.abc.Stream]]


async def listen(address: Address, tls: ssl.SSLContext | None = None) -> Listening:
    """Listen on an address.

    Raises:
        UsageError: The address cannot be listened on.
    """
    try:
        plain = list(await trio.open_tcp_listeners(address.port, host=address.host))
    except OSError as error:
        advice = "choose another --listen; port 0 takes a free one"
        raise UsageError(f"cannot listen on {address}: {error.strerror or error}", advice) from None
    if address.port == 0:  # each address of a name got a free port of its own, and one URL can name only one of them
        for listener in plain[1:]:
            await listener.aclose()
        del plain[1:]
    bound = Address(address.host, plain[0].socket.getsockname()[1])
    url = f"{'wss' if tls else 'ws'}://{bound}"
    return Listening(url, [trio.SSLListener(one, tls, https_compatible=True) for one in plain] if tls else plain)


def make_tls(host: str, ca_file: Path) -> ssl.SSLContext:
    """Return a TLS context for ``host`` and loopback, and write the certificate to trust to ``ca_file``. Raises
    ``OSError``.
    """
    import trustme

    authority = trustme.CA()
    names = dict.fromkeys((host, "localhost", "127.0.0.1", "::1"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    authority.cert_pem.write_to_path(ca_file)
    return context
