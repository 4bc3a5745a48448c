"""The bench's server: an echo on picows and uvloop, fast enough that it is not what is measured.

Prints its port, and ends when its stdin does. Run as ``python -m tests.bench.server [CERTIFICATE KEY]``.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import ssl
import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

MOST_FRAME_BYTES = 4 << 20


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        match frame.msg_type:
            case WSMsgType.CLOSE:
                transport.send_close(frame.get_close_code(), frame.get_close_message())
                transport.disconnect()
            case WSMsgType.PING:
                transport.send_pong(frame.get_payload_as_bytes())
            case WSMsgType.TEXT | WSMsgType.BINARY:
                transport.send(frame.msg_type, frame.get_payload_as_memoryview())


def listen(_request: WSUpgradeRequest) -> WSListener:
    return Echo()


async def serve(context: ssl.SSLContext | None) -> None:
    server = await ws_create_server(
        listen, "127.0.0.1", 0, ssl=context, max_frame_size=MOST_FRAME_BYTES, disconnect_on_exception=True, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = None
    if len(sys.argv) == 3:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(context))


if __name__ == "__main__":
    main()
