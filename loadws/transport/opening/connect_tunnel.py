"""An HTTP proxy's tunnel: CONNECT and its answer (RFC 9110, 9.3.6), read by ``h11`` within a bound."""

from __future__ import annotations

import base64

import h11
import trio

from loadws.terms.proxies import ProxyAddress
from loadws.transport.base import ConnectFailed
from loadws.transport.net.tcp import READ_SIZE

MOST_HEAD_BYTES = 16 * 1024
_MOST_REASON = 80
_WANTS_CREDENTIALS = 407


async def ask_for_tunnel(stream: trio.abc.Stream, proxy: ProxyAddress, host: str, port: int) -> None:
    """Open a tunnel by HTTP CONNECT.

    Raises:
        ConnectFailed: The proxy refused.
        ValueError: The answer is not HTTP.
        EOFError: The proxy closed.
    """
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
    await stream.send_all(_request(http, proxy, host, port))
    answer = await _answer(http, stream, proxy)
    if answer.status_code == _WANTS_CREDENTIALS:
        wanted = "does not take our credentials" if proxy.user is not None else "wants credentials"
        raise ConnectFailed("proxy", "auth", f"{proxy} {wanted} (407)")
    if not 200 <= answer.status_code <= 299:
        reason = answer.reason.decode("latin-1")[:_MOST_REASON]
        raise ConnectFailed("proxy", "status", f"{proxy} answered CONNECT with {answer.status_code} {reason}".rstrip())
    if http.trailing_data[0]:
        raise ConnectFailed("proxy", "not_proxy", f"{proxy} sent more than its answer before we had said anything")


def _request(http: h11.Connection, proxy: ProxyAddress, host: str, port: int) -> bytes:
    target = (f"[{host}]" if ":" in host else host.encode("idna").decode()) + f":{port}"
    headers = [("Host", target)]
    if proxy.user is not None:
        credentials = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
        headers.append(("Proxy-Authorization", f"Basic {credentials}"))
    try:
        asked = http.send(h11.Request(method="CONNECT", target=target, headers=headers))
    except h11.LocalProtocolError as error:
        raise ValueError(str(error)) from error
    return (asked or b"") + (http.send(h11.EndOfMessage()) or b"")


async def _answer(http: h11.Connection, stream: trio.abc.Stream, proxy: ProxyAddress) -> h11.Response:
    while True:
        try:
            while (event := http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Response):
                    return event
            data = bytes(await stream.receive_some(READ_SIZE))
            if not data:
                raise EOFError
            http.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise ConnectFailed("proxy", "not_proxy", f"{proxy} does not answer as HTTP does: {error}") from error
