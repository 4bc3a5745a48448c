"""The simplest HTTP server: a thread for each connection, blocking sockets, each answer after a delay.

Run as ``python -m tests.truth.http_target DELAY_NS BODY_BYTES``. Prints its port; ends when its stdin does. An upgrade
is refused with 403, so that a scenario's flow may end with one.
"""

from __future__ import annotations

import socket
import sys
import threading
import time


def serve(delay_ns: int, body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        print(listening.getsockname()[1], flush=True)
        threading.Thread(target=_accept, args=(listening, delay_ns / 1e9, answer), daemon=True).start()
        sys.stdin.read()


def _accept(listening: socket.socket, delay_s: float, answer: bytes) -> None:
    while True:
        tcp, _ = listening.accept()
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_talk, args=(tcp, delay_s, answer), daemon=True).start()


def _talk(tcp: socket.socket, delay_s: float, answer: bytes) -> None:
    with tcp:
        while (head := tcp.recv(65536)).endswith(b"\r\n\r\n"):
            if b"upgrade: websocket" in head.lower():
                tcp.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            if delay_s:
                time.sleep(delay_s)
            tcp.sendall(answer)


if __name__ == "__main__":
    serve(int(sys.argv[1]), bytes(int(sys.argv[2])))
