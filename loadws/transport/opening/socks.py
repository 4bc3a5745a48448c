"""A SOCKS 5 proxy's tunnel (RFC 1928, RFC 1929), by the sans-IO protocol of ``python-socks``.

That protocol is not among the library's public names: its public ones dial by themselves, without our addresses, deadlines
and stamps. The version is pinned, and a test fails when the protocol changes.

Reads are exact, so that no byte of the tunnel is consumed, and the longest reply has 262 bytes.
"""

from __future__ import annotations

import trio
from python_socks._protocols import socks5
from python_socks._protocols.errors import ReplyError

from loadws.terms.proxies import ProxyAddress
from loadws.transport.base import ConnectFailed

_VERSION, _GRANTED = 5, 0
_HEAD = 4
#: Bytes of an address after its kind. A name is not among them, because it begins with its length. The port has two bytes.
_ADDRESS_BYTES = {1: 4, 4: 16}
_NAME, _PORT_BYTES = 3, 2


async def ask_socks(stream: trio.abc.Stream, proxy: ProxyAddress, host: str, port: int) -> None:
    """Ask a SOCKS5 proxy for a tunnel.

    Raises:
        ConnectFailed: The proxy refused.
        ValueError: The answer is not SOCKS.
        EOFError: The proxy closed.
    """
    protocol = socks5.Connection()
    await _introduce(protocol, stream, proxy)
    await stream.send_all(protocol.send(socks5.ConnectRequest(host=host, port=port)))
    reply = await _read_reply(stream)
    try:
        protocol.receive(reply)
    except ReplyError as error:
        refused = len(reply) > 1 and reply[0] == _VERSION and error.error_code
        raise ConnectFailed("proxy", "status" if refused else "not_proxy", f"{proxy}: {error}") from error


async def _introduce(protocol: socks5.Connection, stream: trio.abc.Stream, proxy: ProxyAddress) -> None:
    """Negotiate the authentication method and authenticate (RFC 1928, 3; RFC 1929).

    Raises:
        ConnectFailed: The proxy refused the user and password, or asks for a method that loadws does not have.
    """
    user, password = proxy.user, proxy.password
    await stream.send_all(protocol.send(socks5.AuthMethodsRequest(username=user, password=password or None)))
    answer = await _read(stream, socks5.AuthMethodReply.SIZE)
    wants = "does not take our credentials" if user is not None else "wants credentials"
    try:
        method = protocol.receive(answer)
    except ReplyError as error:
        if answer[0] != _VERSION:
            raise ConnectFailed("proxy", "not_proxy", f"{proxy} does not answer as SOCKS 5 does") from error
        raise ConnectFailed("proxy", "auth", f"{proxy} {wants}") from error
    assert isinstance(method, socks5.AuthMethodReply)
    if method.method != socks5.AuthMethod.USERNAME_PASSWORD:
        return
    assert user is not None
    await stream.send_all(protocol.send(socks5.AuthRequest(username=user, password=password)))
    try:
        protocol.receive(await _read(stream, socks5.AuthReply.SIZE))
    except ReplyError as error:
        raise ConnectFailed("proxy", "auth", f"{proxy} {wants}") from error


async def _read_reply(stream: trio.abc.Stream) -> bytes:
    """Read a reply: the whole of one that grants the tunnel, and only the first bytes of a refusal, which say why."""
    reply = await _read(stream, _HEAD)
    if reply[0] != _VERSION or reply[1] != _GRANTED:
        return reply
    if reply[3] == _NAME:
        length = await _read(stream, 1)
        return reply + length + await _read(stream, length[0] + _PORT_BYTES)
    if (size := _ADDRESS_BYTES.get(reply[3])) is not None:
        return reply + await _read(stream, size + _PORT_BYTES)
    return reply


async def _read(stream: trio.abc.Stream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = await stream.receive_some(size - len(data))
        if not more:
            raise EOFError
        data += bytes(more)
    return data
