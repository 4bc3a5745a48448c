"""The channel between a coordinator and its shares: whole messages over TLS over TCP.

A message is its length in four bytes and then its fields in MessagePack: plain data of known types, which runs no code
when it is read. The coordinator makes a certificate authority for each run, and a share trusts no other. The share
proves its identity by the run's key in its first message; until then no longer message is read. Certificate and key
reach a share with its invitation, so they are as secret as the way on which that came.
"""

from __future__ import annotations

import ssl
import struct
from contextlib import suppress
from typing import Any, Generic, TypeVar

import msgspec
import trio
import trustme

from loadws.cluster.messages import Down, Invitation, Up
from loadws.terms.errors import LoadwsError

In = TypeVar("In")
Out = TypeVar("Out")
NAME = "loadws-coordinator"
_LENGTH = struct.Struct("!I")
#: The longest first message, and the longest of all others, one of which has the scenario's files.
LONGEST_HELLO = 64 << 10
LONGEST = 320 << 20
_CHUNK_BYTES = 256 << 10
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)


class ChannelError(LoadwsError):
    """Bytes on the channel that are not a valid message."""


class Channel(Generic[In, Out]):
    """Whole messages, in both directions. ``kind`` is the type of received ones."""

    def __init__(self, stream: trio.SSLStream[trio.SocketStream], kind: Any) -> None:
        self._stream = stream
        self._decoder: msgspec.msgpack.Decoder[In] = msgspec.msgpack.Decoder(kind)
        self._sending = trio.Lock()

    async def send(self, message: Out) -> bool:
        """Send a message; return whether the other side was still connected, as far as that is known."""
        content = msgspec.msgpack.encode(message)
        try:
            async with self._sending:
                await self._stream.send_all(_LENGTH.pack(len(content)) + content)
        except _GONE:
            return False
        return True

    async def receive(self, longest: int = LONGEST) -> In | None:
        """Return the next message; None once the channel has ended.

        Raises:
            ChannelError: A message is too long, or cannot be decoded.
        """
        head = await self._read(_LENGTH.size)
        if head is None:
            return None
        (length,) = _LENGTH.unpack(head)
        if length > longest:
            raise ChannelError(f"a message of {length:,} bytes came, and {longest:,} are allowed")
        content = await self._read(length)
        if content is None:
            return None
        try:
            return self._decoder.decode(content)
        except msgspec.DecodeError as error:
            raise ChannelError(f"a message came that is none: {error}") from error

    async def aclose(self) -> None:
        """Close it at once, without TLS's closing handshake."""
        with trio.CancelScope(shield=True), suppress(*_GONE):
            await trio.aclose_forcefully(self._stream)

    async def _read(self, length: int) -> bytes | None:
        """Return ``length`` bytes; None where they will not come whole."""
        read = bytearray()
        while len(read) < length:
            try:
                chunk = await self._stream.receive_some(min(_CHUNK_BYTES, length - len(read)))
            except _GONE:
                return None
            if not chunk:
                return None
            read += chunk
        return bytes(read)


class Authority:
    """The coordinator's certificate authority: it makes the coordinator's certificate, and shares trust only it."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.certificate = authority.cert_pem.bytes().decode()
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(NAME).configure_cert(self._context)

    async def welcome(self, stream: trio.SocketStream) -> Channel[Up, Down]:
        """Return the coordinator's end of a channel. No data of the share has been read yet."""
        return await _opened(trio.SSLStream(stream, self._context, server_side=True, https_compatible=True), Up)


async def connect(invitation: Invitation) -> Channel[Down, Up]:
    """Return a share's end of the channel.

    Raises:
        ChannelError: The coordinator cannot be reached.
    """
    context = ssl.create_default_context(cadata=invitation.certificate)
    try:
        stream = await trio.open_tcp_stream(invitation.host, invitation.port)
        tls = trio.SSLStream(stream, context, server_hostname=NAME, https_compatible=True)
        return await _opened(tls, Down)
    except OSError as error:
        raise ChannelError(
            f"the coordinator at {invitation.host}:{invitation.port} cannot be reached: {error}",
            "each worker must be able to open a connection to the machine that runs loadws",
        ) from error


async def _opened(stream: trio.SSLStream[trio.SocketStream], kind: Any) -> Channel[Any, Any]:
    try:
        await stream.do_handshake()
    except (trio.BrokenResourceError, ssl.SSLError) as error:
        await trio.aclose_forcefully(stream)
        raise ChannelError(f"the TLS handshake of the channel failed: {error.__cause__ or error}") from error
    return Channel(stream, kind)
