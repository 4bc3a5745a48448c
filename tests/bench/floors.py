"""What a round trip costs with as little as possible: the floors that the runner is compared with.

Each is a closed loop without pause: a connection sends when its answer is there. Run as
``python -m tests.bench.floors NAME PORT CONNECTIONS SIZE SECONDS``; prints one ``Measured`` as JSON.
"""

from __future__ import annotations

import base64
import os
import select
import socket
import sys
from collections.abc import Callable

import msgspec
import trio
import trio_websocket

from tests.bench.measured import Measured, Meter

UPGRADE = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def masked_frame(payload: bytes) -> bytes:
    """One text frame of a client, made once."""
    mask = os.urandom(4)
    length = len(payload)
    if length < 126:
        head = bytes([0x81, 0x80 | length])
    elif length < 65_536:
        head = b"\x81" + bytes([0x80 | 126]) + length.to_bytes(2)
    else:
        head = b"\x81" + bytes([0x80 | 127]) + length.to_bytes(8)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def echoed_length(payload: bytes) -> int:
    """Return the length of the frame that a server answers with, in bytes."""
    return len(payload) + (2 if len(payload) < 126 else 4 if len(payload) < 65_536 else 10)


def send_all(client: socket.socket, frame: bytes) -> None:
    """Send a frame that may be larger than the kernel's buffer: wait, blocking, until it has taken all of it."""
    sent = client.send(frame)
    if sent < len(frame):
        room = select.poll()
        room.register(client, select.POLLOUT)
    while sent < len(frame):
        room.poll()
        sent += client.send(memoryview(frame)[sent:])


def connected(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Return a socket that was upgraded by blocking calls, and is non-blocking now."""
    client = socket.create_connection((host, port), timeout=10)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(UPGRADE.format(key=base64.b64encode(os.urandom(16)).decode()).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += client.recv(4096)
    assert b" 101 " in answer
    client.setblocking(False)
    return client


def raw_epoll(port: int, connections: int, payload: bytes, seconds: float) -> Measured:
    """The floor of the language: no WebSocket, no trio."""
    frame, expected = masked_frame(payload), echoed_length(payload)
    clients = {client.fileno(): client for client in (connected(port) for _ in range(connections))}
    missing = dict.fromkeys(clients, expected)
    ready = select.epoll()
    for number, client in clients.items():
        ready.register(number, select.EPOLLIN)
        send_all(client, frame)
    meter = Meter(seconds)
    while not meter.is_over:
        for number, _ in ready.poll(1, 256):
            client = clients[number]
            missing[number] -= len(client.recv(65536))
            if not missing[number]:
                missing[number] = expected
                meter.count += 1
                send_all(client, frame)
    return meter.measured("raw epoll")


def raw_trio(port: int, connections: int, payload: bytes, seconds: float) -> Measured:
    """The floor of trio: ``wait_readable`` and ``recv``, a frame made once."""
    frame, expected = masked_frame(payload), echoed_length(payload)
    clients = [connected(port) for _ in range(connections)]

    async def talk(client: socket.socket, meter: Meter) -> None:
        while not meter.is_over:
            send_all(client, frame)
            missing = expected
            while missing:
                await trio.lowlevel.wait_readable(client)
                missing -= len(client.recv(65536))
            meter.count += 1

    async def main() -> Measured:
        meter = Meter(seconds)
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(talk, client, meter)
        return meter.measured("raw trio")

    return trio.run(main)


def bare_trio_websocket(port: int, connections: int, payload: bytes, seconds: float) -> Measured:
    """Measure the library in its usual use."""
    text = payload.decode()

    async def main() -> Measured:
        async with trio.open_nursery() as nursery:
            clients = [
                await trio_websocket.connect_websocket(nursery, "127.0.0.1", port, "/", use_ssl=False)
                for _ in range(connections)
            ]
            meter = Meter(seconds)

            async def talk(client: trio_websocket.WebSocketConnection) -> None:
                while not meter.is_over:
                    await client.send_message(text)
                    await client.get_message()
                    meter.count += 1

            async with trio.open_nursery() as talks:
                for client in clients:
                    talks.start_soon(talk, client)
            measured = meter.measured("bare trio-websocket")
            nursery.cancel_scope.cancel()
        return measured

    return trio.run(main)


FLOORS: dict[str, Callable[[int, int, bytes, float], Measured]] = {
    "raw-epoll": raw_epoll,
    "raw-trio": raw_trio,
    "bare-trio-websocket": bare_trio_websocket,
}


def main() -> None:
    name, port, connections, size, seconds = sys.argv[1:]
    measured = FLOORS[name](int(port), int(connections), b"x" * int(size), float(seconds))
    sys.stdout.buffer.write(msgspec.json.encode(measured))


if __name__ == "__main__":
    main()
