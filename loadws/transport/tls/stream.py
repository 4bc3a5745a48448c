"""TLS over trio's own ``SSLStream``, for the library that needs a stream and waits itself."""

from __future__ import annotations

import trio

from loadws.transport.tls.failure import late_alert, tls_failure
from loadws.transport.tls.offer import TlsOffer


class SecureStream(trio.abc.Stream):
    """An ``SSLStream`` that remembers its session, and recognises an alert in place of the first data."""

    def __init__(self, stream: trio.SSLStream[trio.abc.Stream], offer: TlsOffer) -> None:
        self._stream = stream
        self._offer: TlsOffer | None = offer  # until the first data has come

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Read.

        Raises:
            ConnectFailed: An alert came in place of the first data.
            trio.BrokenResourceError: The connection broke.
        """
        offer, self._offer = self._offer, None
        try:
            data = bytes(await self._stream.receive_some(max_bytes))
        except trio.BrokenResourceError as error:
            if offer is not None and (alert := late_alert(error)) is not None:
                raise alert from error
            raise
        if offer is not None and data:
            offer.remember(self._stream.session)
        return data

    async def aclose(self) -> None:
        await self._stream.aclose()


async def start_tls(below: trio.abc.Stream, offer: TlsOffer) -> tuple[SecureStream, bool]:
    """Shake hands; return the stream, and whether it resumed an earlier session.

    A peer may close TCP without a close alert of TLS, as HTTPS servers do.

    Raises:
        ConnectFailed: The handshake failed.
    """  # noqa: DOC501
    try:
        stream = trio.SSLStream(below, offer.context, server_hostname=offer.name, https_compatible=True)
        if (session := offer.session) is not None:
            stream.session = session
        await stream.do_handshake()
    except (trio.BrokenResourceError, ValueError) as error:
        raise tls_failure(error) from error
    return SecureStream(stream, offer), bool(stream.session_reused)
