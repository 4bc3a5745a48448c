"""What browsers get of the dashboard: its page, the state over a WebSocket as it changes, and in the end the report."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import cache
from importlib import resources
from pathlib import Path

import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_server_stream
from wsproto.utilities import ProtocolError

from loadws.dashboard.state import State
from loadws.report.svg.palette import DARK, LIGHT
from loadws.web.dialogue import FILE_POLICY, HTML, Answer, Asked, text

#: A browser gets a new state at most so often, and is left when it takes none for so long, in seconds.
SEND_EVERY_S, STUCK_S = 0.5, 10.0
#: For how many seconds a browser may take to say that it wants a WebSocket; the library waits on after one that is wrong.
OPEN_WITHIN_S = 5.0
_LARGEST_HEARD = 4 * 1024
_NOTHING_YET = '{"waiting": true}'
_PIECE_BYTES = 64 * 1024


class Site:
    """The pages, and the browsers that look on. ``change`` and ``finish`` tell it of the run."""

    def __init__(self) -> None:
        self.watching = 0
        self._state: State | None = None
        self._report: Path | None = None
        self._encoded: str | None = None  # the state, encoded once for all browsers
        self._changed = trio.Event()
        self._taken = trio.Event()

    def change(self, state: State) -> None:
        """Show a state that is new or has changed."""
        self._state, self._encoded = state, None
        self._wake()

    async def finish(self, report: Path, patience_s: float) -> None:
        """Send all browsers to the report, and wait until one has it, at most ``patience_s`` seconds."""
        self._report, self._encoded = report, None
        self._wake()
        if self.watching:
            with trio.move_on_after(patience_s):
                await self._taken.wait()
                await trio.sleep(SEND_EVERY_S)  # for others, which come in the same moment

    async def answer(self, asked: Asked) -> Answer:
        """Return what is shown at an address."""
        match asked.path:
            case "/":
                return Answer(_file("index.html"))
            case "/dashboard.css":
                return Answer(_css(), "text/css; charset=utf-8")
            case "/dashboard.js":
                return Answer(_file("dashboard.js"), "text/javascript; charset=utf-8")
            case "/favicon.ico":
                return Answer(status=204)
            case "/report" if self._report is not None:
                return Answer(self._report_in_pieces, HTML, policy=FILE_POLICY)
        return text("Nothing is at this address.", 404)

    async def upgrade(self, stream: trio.abc.Stream) -> None:
        """Feed one browser over its WebSocket until it leaves, or takes nothing any more."""
        try:
            async with trio.open_nursery() as nursery:
                with trio.fail_after(OPEN_WITHIN_S):
                    request = await wrap_server_stream(nursery, stream, 1, _LARGEST_HEARD)
                if request.path != "/live":
                    await request.reject(404)
                    return
                connection = await request.accept()
                nursery.start_soon(_until_closed, connection, nursery.cancel_scope)
                await self._feed(connection)
        except* (
            ConnectionClosed,
            HandshakeError,
            ProtocolError,
            trio.TooSlowError,
            trio.BrokenResourceError,
            trio.ClosedResourceError,
        ):
            pass  # that browser is gone, and the run does not need it

    async def _feed(self, connection: WebSocketConnection) -> None:
        self.watching += 1
        try:
            while True:
                changed = self._changed
                with trio.fail_after(STUCK_S):
                    await connection.send_message(self._present())
                await trio.sleep(SEND_EVERY_S)
                await changed.wait()
        finally:
            self.watching -= 1

    def _present(self) -> str:
        if self._encoded is None:
            has_report = self._report is not None
            self._encoded = _NOTHING_YET if self._state is None else self._state.encoded(has_report)
        return self._encoded

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _report_in_pieces(self) -> AsyncGenerator[bytes, None]:
        assert self._report is not None
        async with await trio.open_file(self._report, "rb") as file:
            while piece := await file.read(_PIECE_BYTES):
                yield piece
        self._taken.set()


async def _until_closed(connection: WebSocketConnection, scope: trio.CancelScope) -> None:
    """Read what the browser says, which is nothing, until it leaves."""
    try:
        while True:
            await connection.get_message()
    except ConnectionClosed:
        scope.cancel()


@cache
def _file(name: str) -> bytes:
    return (resources.files("loadws.dashboard") / "page" / name).read_bytes()


@cache
def _css() -> bytes:
    light, dark = (" ".join(f"--{name}: {value};" for name, value in palette.items()) for palette in (LIGHT, DARK))
    dark = f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"
    return f":root {{ color-scheme: light dark; {light} }}\n{dark}\n".encode() + _file("dashboard.css")
