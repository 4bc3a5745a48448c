"""A scripted peer over loopback sockets, for any client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

import msgspec
import trio

from loadws.terms.units import NS_PER_S
from loadws.transport.base import HandshakeRefused
from tests.kit.behaviour import Action, Behaviour, Leave, Say, Seen, Vanish
from tests.kit.raw import BINARY, CLOSE, GONE, PING, PONG, TEXT, RawConnection, close_frame, frame, response, serve


class LoopbackPeer(msgspec.Struct, frozen=True):
    url: str
    seen: Seen


@asynccontextmanager
async def loopback_peer(behaviour: Behaviour) -> AsyncIterator[LoopbackPeer]:
    """Serve on a free port as the behaviour says, on trio's clock."""
    seen = Seen()

    async def handle(connection: RawConnection) -> None:
        async with trio.open_nursery() as nursery:
            await _Conversation(behaviour, seen, connection, nursery).run()
            nursery.cancel_scope.cancel()

    async with serve(handle) as address:
        yield LoopbackPeer(f"ws://{address}", seen)


class _Conversation:
    """One connection with the peer."""

    def __init__(self, behaviour: Behaviour, seen: Seen, connection: RawConnection, nursery: trio.Nursery) -> None:
        self._behaviour = behaviour
        self._seen = seen
        self._connection = connection
        self._nursery = nursery
        self._received = 0
        self._has_left = False

    async def run(self) -> None:
        with suppress(*GONE):
            if await self._has_opened():
                await self._converse()

    async def _has_opened(self) -> bool:
        attempt = self._seen.attempts
        self._seen.attempts += 1
        await trio.sleep(self._behaviour.connect_ns / NS_PER_S)
        refusal = self._behaviour.refuse(attempt)
        request = await self._connection.read_request()
        self._seen.urls.append(f"ws://{request.headers['host']}{request.target}")
        if refusal is None:
            chosen = self._behaviour.subprotocol
            headers = (("Sec-WebSocket-Protocol", chosen),) if chosen is not None else ()
            await self._connection.accept(request, self._behaviour.headers + headers)
            return True
        self._seen.refused += 1
        if isinstance(refusal, HandshakeRefused):
            status = f"{refusal.status} {HTTPStatus(refusal.status).phrase}"
            length = (("Content-Length", str(len(refusal.body))),)
            await self._connection.send(response(status, refusal.headers + length, refusal.body))
        return False

    async def _converse(self) -> None:
        number = self._seen.opened
        self._seen.opened += 1
        self._seen.open_now += 1
        try:
            await self._play(self._behaviour.on_open(number))
            while True:
                await self._take(*await self._connection.read_frame())
        finally:
            self._seen.open_now -= 1

    async def _take(self, opcode: int, payload: bytes) -> None:
        if opcode in (TEXT, BINARY):
            said = payload.decode() if opcode == TEXT else payload
            self._received += 1
            self._seen.messages += 1
            self._seen.payloads.append(said)
            await self._play(self._behaviour.on_message(said, self._received))
        elif opcode == PING:
            self._seen.pings += 1
            if self._behaviour.answers_pings:
                self._nursery.start_soon(self._later, self._behaviour.pong_ns, frame(PONG, payload))
        elif opcode == CLOSE and self._has_left:
            raise EOFError  # both sides have sent a close frame: the server closes TCP
        elif opcode == CLOSE:
            self._seen.closes[int.from_bytes(payload[:2], "big") if payload else None] += 1
            if self._behaviour.answers_close:
                await self._connection.send(frame(CLOSE, payload))
                raise EOFError

    async def _play(self, actions: Sequence[Action]) -> None:
        """Send what is due at once before anything else is read, and the rest in its time."""
        for action in actions:
            if action.after_ns:
                self._nursery.start_soon(self._act_later, action)
            else:
                await self._act(action)

    async def _act_later(self, action: Action) -> None:
        await trio.sleep(action.after_ns / NS_PER_S)
        with suppress(*GONE):
            await self._act(action)

    async def _act(self, action: Action) -> None:
        match action:
            case Say(payload):
                self._seen.said += 1
                is_text = isinstance(payload, str)
                data = payload.encode() if isinstance(payload, str) else payload
                await self._connection.send(frame(TEXT if is_text else BINARY, data))
            case Leave(code, reason):
                self._has_left = True
                await self._connection.send(close_frame(code, reason))
            case Vanish("reset"):
                self._connection.reset()
            case Vanish():
                self._connection.cut()

    async def _later(self, after_ns: int, data: bytes) -> None:
        await trio.sleep(after_ns / NS_PER_S)
        with suppress(*GONE):
            await self._connection.send(data)
