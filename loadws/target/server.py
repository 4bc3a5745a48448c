"""The server: one task for each connection that reads, and where answers have to wait another that writes.

A peer's behaviour never ends more than its own connection, and prints nothing. Defects of trio-websocket that are
handled here:

- Its queue holds one message by default, and its reader, which also handles pings and closes, stops when it is full.
- It leaves TCP open after a refusal and after a message that was too large: the server always closes the stream.
- While it answers a peer's close, a send already raises. To cancel its reader then would cut the connection in the
  middle of the close handshake, so the reader is given time to end by itself.
- A peer that goes before its upgrade request leaves it waiting: there is a deadline.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

import msgspec
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream
from wsproto.utilities import ProtocolError

from loadws.target.behaviour import (
    ANSWERS,
    Payload,
    delay_ns,
    is_dropped,
    is_duplicated,
    is_held_back,
    refused_with,
    resumes_ns,
)
from loadws.target.counts import Counts, add
from loadws.target.limits import CLOSE_WITHIN_S, MAX_MESSAGE_SIZE, REFUSAL_BODY, UPGRADE_WITHIN_S
from loadws.target.listening import Listening
from loadws.target.login import answer_login, is_logged_in
from loadws.target.market_feed import is_subscription, push_ticks
from loadws.target.options import TargetOptions
from loadws.target.speaking.servers import TALKS
from loadws.target.speaking.talk import Talk
from loadws.terms.units import NS_PER_S

#: How long an answer may wait for the one that has to be sent before it.
HELD_BACK_S = 0.5
RECEIVE_BUFFER = 64 * 1024
#: For each connection: how many messages are read and not yet handled, and how many answers wait to be sent.
QUEUE = 1000

_PEER_FAULTS = (ConnectionClosed, ProtocolError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError,
                OSError, ValueError)  # fmt: skip
_log = logging.getLogger(__name__)


class _Answer(msgspec.Struct, frozen=True):
    due_ns: int
    payload: Payload


@dataclass(slots=True, eq=False)
class _HeldBack:
    """Answers that are sent after the next one of their sender, or when their time is over."""

    answers: tuple[_Answer, ...]
    until_s: float


@dataclass(slots=True, eq=False)
class _Client:
    """An open WebSocket. ``owed`` are answers to send to it; ``closing``: the server has begun the close handshake."""

    number: int
    socket: WebSocketConnection
    outbox: trio.MemorySendChannel[_Answer | None]  # None: everything is sent, close
    waiting: trio.MemoryReceiveChannel[_Answer | None]
    answers: int = 0
    owed: int = 0
    last_due_ns: int = 0
    closing: bool = False
    subscribed: trio.Event = field(default_factory=trio.Event)  # of a feed
    held_back: dict[int, _HeldBack] = field(default_factory=dict)  # of each sender
    talk: Talk | None = None  # of a protocol


class Target:
    """All connections of one server, and their counts."""

    def __init__(self, options: TargetOptions, counts: Counts) -> None:
        self._options = options
        self._counts = counts
        self._clients: dict[int, _Client] = {}
        self._upgrades = 0
        self._began_ns = 0

    async def converse(self, stream: trio.abc.Stream) -> None:
        """Serve one connection, from its first byte to its last."""
        self._counts.accepted += 1
        outcome: _Client | int | None = None
        try:
            async with trio.open_nursery() as reading:
                outcome = await self._upgrade(reading, stream)
                if isinstance(outcome, _Client):
                    await self._talk(outcome)
                else:
                    await trio.aclose_forcefully(stream)
                reading.cancel_scope.deadline = trio.current_time() + CLOSE_WITHIN_S
        except* _PEER_FAULTS:
            pass
        except* Exception as defects:
            _log.error("loadws target: a defect ended a connection: %r", defects.exceptions[0])
        finally:
            self._count_end(outcome)
            await trio.aclose_forcefully(stream)

    async def close_all(self) -> None:
        """Close all connections with 1001 (going away), within ``CLOSE_WITHIN_S``."""
        with trio.move_on_after(CLOSE_WITHIN_S):
            async with trio.open_nursery() as nursery:
                for client in list(self._clients.values()):
                    nursery.start_soon(self._close, client, 1001)

    async def _upgrade(self, reading: trio.Nursery, stream: trio.abc.Stream) -> _Client | int:
        """Return the client, or the status with which it was refused. Raises ``TooSlowError`` where no upgrade was
        asked for.
        """
        with trio.fail_after(UPGRADE_WITHIN_S):
            if isinstance(stream, trio.SSLStream):
                await stream.do_handshake()
            if self._options.login is not None:
                begun = await answer_login(stream, self._options.login, self._options.seed)
                if isinstance(begun, int):
                    return begun
                stream = begun
            request = await wrap_server_stream(
                reading,
                stream,
                message_queue_size=QUEUE,
                max_message_size=MAX_MESSAGE_SIZE,
                receive_buffer_size=RECEIVE_BUFFER,
            )
            number = self._number_upgrade()
            status, body = refused_with(self._options, number), REFUSAL_BODY
            if self._options.login is not None and not is_logged_in(request.headers, self._options.seed):
                status, body = 401, b"log in first\n"
            if status is not None:
                await request.reject(status, extra_headers=[(b"Content-Type", b"text/plain")], body=body)
                return status
            proposed = request.proposed_subprotocols
            socket = await request.accept(subprotocol=proposed[0] if proposed else None)
        talk = TALKS.get(self._options.mode)
        return _Client(
            number, socket, *trio.open_memory_channel[_Answer | None](QUEUE), talk=talk() if talk is not None else None
        )

    def _number_upgrade(self) -> int:
        if not self._upgrades:
            self._began_ns = _now_ns()
        self._upgrades += 1
        return self._upgrades - 1

    async def _talk(self, client: _Client) -> None:
        self._clients[client.number] = client
        try:
            with suppress(ConnectionClosed):
                await (self._converse_with if self._options.storm is None else self._answer_until_storm)(client)
            await self._count_rest(client)
        finally:
            del self._clients[client.number]

    async def _converse_with(self, client: _Client) -> None:
        await (self._answer_at_once if self._options.answers_at_once else self._answer_in_time)(client)

    async def _answer_until_storm(self, client: _Client) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._close_in_storm, client, nursery.cancel_scope)
            with suppress(ConnectionClosed):
                await self._converse_with(client)
            if not client.closing:  # else the close handshake goes on
                nursery.cancel_scope.cancel()

    async def _close_in_storm(self, client: _Client, talking: trio.CancelScope) -> None:
        storm = self._options.storm
        assert storm is not None
        at_ns = self._began_ns + storm.at_ns
        if at_ns > _now_ns():
            await trio.sleep_until(at_ns / NS_PER_S)
            await self._close(client, storm.code)
            talking.cancel()

    async def _answer_at_once(self, client: _Client) -> None:
        """Answer without a queue or a second task: this is how the target is mostly used."""
        socket, counts, answers = client.socket, self._counts, ANSWERS[self._options.mode]
        while True:
            message = await socket.get_message()
            counts.received(message)
            for answer in answers(message):
                client.owed += 1
                await socket.send_message(answer)
                client.owed -= 1
                counts.sent(answer)

    async def _count_rest(self, client: _Client) -> None:
        """Count the messages that the peer had sent before it closed: they were received, though they cannot be
        answered.
        """
        with suppress(ConnectionClosed), trio.move_on_after(CLOSE_WITHIN_S):
            while not client.closing:
                self._counts.received(await client.socket.get_message())
                client.owed += 1

    async def _answer_in_time(self, client: _Client) -> None:
        async with trio.open_nursery() as talking:
            talking.start_soon(self._write, client, talking.cancel_scope)
            if self._options.mode == "feed":
                talking.start_soon(push_ticks, client.subscribed, partial(self._tick, client), self._options.tick_ns,
                                   self._options.seed)  # fmt: skip
            if client.talk is not None:
                for text in client.talk.opened():
                    self._tick(client, text)
                talking.start_soon(self._push, client, client.talk)
                talking.start_soon(self._beat, client, client.talk)
            try:
                await self._read(client)
            except ConnectionClosed:
                if not client.closing:  # else the writer is in the middle of the close handshake
                    talking.cancel_scope.cancel()

    async def _push(self, client: _Client, talk: Talk) -> None:
        """Push to the client's subscriptions, once each tick, until it is cancelled."""
        began_s, number = trio.current_time(), 0
        while True:
            number += 1
            await trio.sleep_until(began_s + number * self._options.tick_ns / NS_PER_S)
            for text in talk.tick(number - 1):
                self._tick(client, text)

    async def _beat(self, client: _Client, talk: Talk) -> None:
        """Send the server's heartbeats until it is cancelled, where the protocol has any."""
        while talk.heartbeat_s is not None:
            await trio.sleep(talk.heartbeat_s)
            for text in talk.heartbeat():
                self._tick(client, text)

    async def _read(self, client: _Client) -> None:
        """Read until the peer closes, or has sent the last message that ``--close-after`` allows."""
        closing = self._options.closing
        received = 0
        while closing is None or received < closing.after:
            message = await client.socket.get_message()
            received += 1
            self._counts.received(message)
            await self._answer(client, message)
            if client.talk is not None and client.talk.is_over:
                break
        await client.outbox.send(None)

    async def _answer(self, client: _Client, message: Payload) -> None:
        """Send an answer. Wait where the client does not read its answers; a broadcast never waits for one of its
        readers.
        """
        now_ns = _now_ns()
        if self._options.mode == "broadcast":
            for reader in self._clients.values():
                self._post(reader, client.number, message, now_ns)
            return
        for payload in self._answers(client, message):
            if answer := self._plan(client, payload, now_ns):
                try:
                    client.outbox.send_nowait(answer)  # without a pause, in which a tick could overtake the next answer
                except trio.WouldBlock:
                    await client.outbox.send(answer)
        if self._options.mode == "feed" and is_subscription(message):
            client.subscribed.set()
        if client.talk is not None:
            for published in client.talk.take_published():
                self._relay(client, published, now_ns)

    def _answers(self, client: _Client, message: Payload) -> Sequence[Payload]:
        if client.talk is None:
            return ANSWERS[self._options.mode](message)
        return client.talk.heard(message)

    def _relay(self, sender: _Client, published: object, now_ns: int) -> None:
        """Post what a client has published to those that its protocol says are to have it."""
        for reader in self._clients.values():
            for payload in reader.talk.relayed(published) if reader.talk is not None else ():
                self._post(reader, sender.number, payload, now_ns)

    def _tick(self, client: _Client, tick: Payload) -> None:
        self._post(client, client.number, tick, _now_ns())

    def _post(self, reader: _Client, sender: int, message: Payload, now_ns: int) -> None:
        """Send an answer. Where one of this sender is held back already, this one is sent before it."""
        number = reader.answers
        answer = self._plan(reader, message, now_ns)
        if answer is None:
            return
        twice = is_duplicated(self._options, reader.number, number)
        answers = (answer, answer) if twice else (answer,)
        reader.owed += twice
        self._counts.duplicated += twice
        if sender in reader.held_back:
            self._put_out(reader, answers)
            self._counts.reordered += 1
            self._release(reader, sender)
        elif is_held_back(self._options, reader.number, number):
            reader.held_back[sender] = _HeldBack(answers, trio.current_time() + HELD_BACK_S)
        else:
            self._put_out(reader, answers)

    def _release(self, reader: _Client, sender: int) -> None:
        self._put_out(reader, reader.held_back.pop(sender).answers)

    def _put_out(self, reader: _Client, answers: Sequence[_Answer]) -> None:
        for answer in answers:
            try:
                reader.outbox.send_nowait(answer)
            except trio.WouldBlock:
                reader.owed -= 1
                self._counts.overflowed += 1

    async def release_held_back(self) -> None:
        """Send the held-back answers, in their order, that no later message of their sender came to overtake."""
        while True:
            await trio.sleep(HELD_BACK_S / 2)
            now_s = trio.current_time()
            for reader in self._clients.values():
                for sender in [number for number, held in reader.held_back.items() if held.until_s <= now_s]:
                    self._release(reader, sender)

    def _plan(self, client: _Client, payload: Payload, received_ns: int) -> _Answer | None:
        """Return the answer with its time, never before the previous one; None where it is dropped on purpose."""
        options, number = self._options, client.answers
        client.answers += 1
        if is_dropped(options, client.number, number):
            self._counts.dropped += 1
            return None
        client.owed += 1
        ready_ns = max(client.last_due_ns, received_ns + delay_ns(options, client.number, number))
        client.last_due_ns = self._began_ns + resumes_ns(options.stall, ready_ns - self._began_ns)
        return _Answer(client.last_due_ns, payload)

    async def _write(self, client: _Client, talking: trio.CancelScope) -> None:
        try:
            async for answer in client.waiting:
                if answer is None:
                    await self._close(client, 1000 if self._options.closing is None else self._options.closing.code)
                    return talking.cancel()
                await self._send(client, answer)
        except ConnectionClosed:
            talking.cancel()

    async def _send(self, client: _Client, answer: _Answer) -> None:
        if answer.due_ns > _now_ns():
            await trio.sleep_until(answer.due_ns / NS_PER_S)
        await client.socket.send_message(answer.payload)
        client.owed -= 1
        self._counts.sent(answer.payload)

    async def _close(self, client: _Client, code: int) -> None:
        client.closing = client.socket.closed is None  # else the peer was first
        with trio.move_on_after(CLOSE_WITHIN_S):
            await client.socket.aclose(code)

    def _count_end(self, outcome: _Client | int | None) -> None:
        counts = self._counts
        if outcome is None:
            counts.broken += 1
        elif outcome == HTTPStatus.OK:
            counts.logins += 1
        elif isinstance(outcome, int):
            add(counts.refused, outcome)
        else:
            counts.upgraded += 1
            counts.unsent += outcome.owed
            self._count_close(outcome)

    def _count_close(self, client: _Client) -> None:
        reason = client.socket.closed
        if client.closing:
            self._counts.closed_by_us += 1
        elif reason is None or reason.code == 1006:
            self._counts.lost += 1
        else:
            add(self._counts.closed_by_peer, reason.code)


async def serve(listening: Listening, options: TargetOptions, counts: Counts, stop: trio.Event) -> None:
    """Serve until ``stop`` is set; then close all connections (1001) within a time limit. ``counts`` is complete when
    it returns.
    """
    target = Target(options, counts)
    accept = partial(trio.serve_listeners, target.converse, list(listening.listeners))
    async with trio.open_nursery() as connections, trio.open_nursery() as accepting:
        accepting.start_soon(partial(accept, handler_nursery=connections))
        if options.reorder_share:
            accepting.start_soon(target.release_held_back)
        await stop.wait()
        accepting.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await target.close_all()
        connections.cancel_scope.cancel()


def _now_ns() -> int:
    return int(trio.current_time() * NS_PER_S)
