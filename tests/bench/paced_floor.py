"""What messages on a schedule, and connections, cost with as little as possible: the floors beside ``floors.py``.

Run as ``python -m tests.bench.paced_floor paced|connecting HOST PORT CONNECTIONS RATE SECONDS``; prints one ``Measured``.
"""

from __future__ import annotations

import base64
import heapq
import os
import select
import socket
import sys
import time

import msgspec

from loadws.transport.clock.timers import KernelTimer
from tests.bench.floors import UPGRADE, connected, echoed_length, masked_frame
from tests.bench.measured import Measured, Meter

_TEXT = b"x" * 64
#: A close frame with 1000, masked with zeros.
_CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"


def paced(host: str, port: int, connections: int, rate: float, seconds: float) -> Measured:
    """One epoll loop with a ``timerfd``: every connection sends at its own times, evenly spread over the interval."""
    frame, expected = masked_frame(_TEXT), echoed_length(_TEXT)
    clients = {client.fileno(): client for client in (connected(port, host) for _ in range(connections))}
    missing = dict.fromkeys(clients, 0)
    timer, ready = KernelTimer(), select.epoll()
    for number in clients:
        ready.register(number, select.EPOLLIN)
    ready.register(timer.fd, select.EPOLLIN)
    interval_ns = round(connections / rate * 1e9)
    start_ns = time.monotonic_ns()
    due = [(start_ns + interval_ns * index // connections, number) for index, number in enumerate(clients)]
    lags: list[int] = []
    meter = Meter(seconds)
    timer.set(due[0][0])
    while not meter.is_over:
        for number, _ in ready.poll(1, 256):
            if number in clients:
                missing[number] -= len(clients[number].recv(65536))
                meter.count += not missing[number]
        now_ns = time.monotonic_ns()
        while due[0][0] <= now_ns:
            due_ns, number = due[0]
            lags.append(time.monotonic_ns() - due_ns)
            missing[number] += expected
            clients[number].send(frame)
            heapq.heapreplace(due, (due_ns + interval_ns, number))
        timer.set(due[0][0])
    os.close(timer.fd)
    lags.sort()
    return meter.measured("bare epoll on the schedule", lags[len(lags) * 99 // 100] / 1000)


def connecting(host: str, port: int, connections: int, _rate: float, seconds: float) -> Measured:
    """One epoll loop: open, upgrade, close handshake, ``connections`` of them at once and again and again."""
    ready, clients = select.epoll(), {}

    def dial() -> None:
        client = socket.socket()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect_ex((host, port))
        clients[client.fileno()] = (client, b"")
        ready.register(client.fileno(), select.EPOLLOUT)

    for _ in range(connections):
        dial()
    meter = Meter(seconds)
    while not meter.is_over:
        for number, events in ready.poll(1, 64):
            client, before = clients[number]
            if events & select.EPOLLOUT:
                client.send(UPGRADE.format(key=base64.b64encode(os.urandom(16)).decode()).encode())
                ready.modify(number, select.EPOLLIN)
                continue
            data = client.recv(4096)
            if before == b"closing" or not data:
                ready.unregister(number)
                client.close()
                del clients[number]
                meter.count += 1
                dial()
                continue
            head = before + data
            if b"\r\n\r\n" in head:
                client.send(_CLOSE)
                head = b"closing"
            clients[number] = (client, head)
    return meter.measured("raw epoll connecting")


def main() -> None:
    name, host, port, connections, rate, seconds = sys.argv[1:]
    floor = {"paced": paced, "connecting": connecting}[name]
    measured = floor(host, int(port), int(connections), float(rate), float(seconds))
    sys.stdout.buffer.write(msgspec.json.encode(measured))


if __name__ == "__main__":
    main()
