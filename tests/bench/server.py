"""The bench's server: an echo on picows and uvloop, fast enough not to be what is measured.

Prints its port, and ends when its stdin does; then prints how many pings it sent and how many were answered. Run as
``python -m tests.bench.server [--tls CERTIFICATE KEY] [--ping-every SECONDS] [--host ADDRESS]``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import ssl
import sys
import time
from collections.abc import Callable

import uvloop
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

MOST_FRAME_BYTES = 4 << 20
SLICES_A_SECOND = 50


class Pinger:
    """A task that pings every connection once in a time, spread evenly, and counts the pongs."""

    def __init__(self) -> None:
        self.connections: dict[WSTransport, None] = {}
        self.pings = self.pongs = self.messages = self.asked = 0
        self.first_s = self.last_s = 0.0  # the Unix time of the first connection, and of the last message

    async def ping(self, every_s: float) -> None:
        while True:
            for slice_ in _slices(list(self.connections), round(every_s * SLICES_A_SECOND)):
                for transport in slice_:
                    if transport in self.connections:
                        transport.send_ping(b"bench")
                        self.pings += 1
                await asyncio.sleep(1 / SLICES_A_SECOND)


def _slices(transports: list[WSTransport], count: int) -> list[list[WSTransport]]:
    return [transports[index::count] for index in range(count)]


class Echo(WSListener):
    def __init__(self, pinger: Pinger) -> None:
        self._pinger = pinger

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._pinger.connections[transport] = None
        self._pinger.first_s = self._pinger.first_s or time.time()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._pinger.connections.pop(transport, None)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        match frame.msg_type:
            case WSMsgType.CLOSE:
                # One without a code is reported as 1005, which must not travel: others' clients stumble over it.
                code = frame.get_close_code()
                is_told = code is not None and code not in (WSCloseCode.NO_INFO, WSCloseCode.ABNORMAL_CLOSURE)
                transport.send_close(code if is_told else WSCloseCode.OK, frame.get_close_message())
                transport.disconnect()
            case WSMsgType.PING:
                self._pinger.asked += 1
                transport.send_pong(frame.get_payload_as_bytes())
            case WSMsgType.PONG:
                self._pinger.pongs += 1
            case WSMsgType.TEXT | WSMsgType.BINARY:
                self._pinger.messages += 1
                self._pinger.last_s = time.time()
                transport.send(frame.msg_type, frame.get_payload_as_memoryview())


def _listener(pinger: Pinger) -> Callable[[WSUpgradeRequest], WSListener]:
    return lambda _request: Echo(pinger)


async def serve(host: str, port: int, context: ssl.SSLContext | None, ping_every_s: float | None, counts: bool) -> None:
    pinger = Pinger()
    server = await ws_create_server(
        _listener(pinger),
        host,
        port,
        ssl=context,
        max_frame_size=MOST_FRAME_BYTES,
        disconnect_on_exception=True,
        enable_auto_pong=False,  # it would not tell us of pings
        backlog=4096,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    pinging = None if ping_every_s is None else asyncio.create_task(pinger.ping(ping_every_s))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    if pinging is not None:
        pinging.cancel()
        print(pinger.pings, pinger.pongs, flush=True)
    if counts:
        names = ("messages", "pings", "pongs", "asked", "first_s", "last_s")
        print(json.dumps({name: getattr(pinger, name) for name in names}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.server")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--ping-every", type=float, metavar="SECONDS")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--count", action="store_true", help="say at the end what was seen, as JSON")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = None
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*options.tls)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(options.host, options.port, context, options.ping_every, options.count))


if __name__ == "__main__":
    main()
