"""The pages of a dashboard over real sockets: WebSockets of browsers that come late, hang, or are from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from loadws.dashboard import browsers as site_module
from loadws.dashboard.browsers import Site
from loadws.dashboard.state import State
from loadws.web import serving as serving_module
from loadws.web.dialogue import Asked
from loadws.web.serving import open_listeners, port_of, serve
from tests.metrics.made_up import counted, frame, info

DEADLINE_S = 60


def showing(visit: Callable[[Site, int], Awaitable[None]]) -> None:
    """Run ``visit`` with a site and the port that it is served on."""

    async def main() -> None:
        listeners = await open_listeners("127.0.0.1", 0)
        site = Site()
        with trio.fail_after(DEADLINE_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve, listeners, site.answer, site.upgrade)
                await visit(site, port_of(listeners))
                nursery.cancel_scope.cancel()

    trio.run(main)


def _state(seconds: int) -> State:
    state = State(info())
    for second in range(seconds):
        state.add(frame(second, counters=(counted("messages_received", second),)))
    return state


async def _next(connection: WebSocketConnection) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(await connection.get_message())
    return shown


def test_browsers_get_each_state_and_late_ones_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_module, "SEND_EVERY_S", 0)

    async def visit(site: Site, port: int) -> None:
        async with open_websocket_url(f"ws://127.0.0.1:{port}/live") as early:
            assert await _next(early) == {"waiting": True}
            site.change(_state(4))
            assert (await _next(early))["clock"].startswith("4 s")
            async with open_websocket_url(f"ws://127.0.0.1:{port}/live") as late:
                assert (await _next(late))["charts"][1]["curves"][0]["values"] == [0, 1, 2, 3]
                assert site.watching == 2

    showing(visit)


def test_a_browser_that_takes_nothing_is_left_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_module, "SEND_EVERY_S", 0)
    monkeypatch.setattr(site_module, "STUCK_S", 0.2)

    class Large(State):
        def encoded(self, has_report: bool) -> str:
            return json.dumps({"fill": "x" * 20_000_000})

    async def visit(site: Site, port: int) -> None:
        hung, line = await _upgraded(port, "/live", "")
        assert line.startswith("HTTP/1.1 101")
        while not site.watching:
            await trio.sleep(0)
        site.change(Large(info()))
        while site.watching:  # it is left
            await trio.sleep(0)
        site.change(_state(2))
        async with open_websocket_url(f"ws://127.0.0.1:{port}/live") as other:
            assert (await _next(other))["clock"].startswith("2 s")
        await hung.aclose()

    showing(visit)


async def _upgraded(port: int, path: str, origin: str) -> tuple[trio.SocketStream, str]:
    """Ask for a WebSocket, and return the connection and the first line of the answer."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    await stream.send_all(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{origin}"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return stream, (await stream.receive_some(500)).decode().split("\r\n")[0]


@pytest.mark.parametrize(
    ("path", "origin", "status"),
    [
        ("/live", "Origin: http://evil.test\r\n", 403),
        ("/live", "Origin: null\r\n", 403),  # a sandboxed page: a report
        ("/other", "", 404),
    ],
)
def test_pages_from_elsewhere_and_other_paths_are_refused(path: str, origin: str, status: int) -> None:
    async def visit(site: Site, port: int) -> None:
        stream, line = await _upgraded(port, path, origin)
        assert line.split()[1] == str(status)
        assert site.watching == 0
        await stream.aclose()

    showing(visit)


def test_it_turns_into_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_module, "SEND_EVERY_S", 0)
    report = tmp_path / "report.html"
    report.write_text("the whole report")

    async def visit(site: Site, port: int) -> None:
        assert (await site.answer(Asked("/report"))).status == 404
        site.change(_state(1))
        async with open_websocket_url(f"ws://127.0.0.1:{port}/live") as browser, trio.open_nursery() as nursery:
            await _next(browser)
            nursery.start_soon(site.finish, report, DEADLINE_S)
            while not (await _next(browser))["report"]:
                pass
            answer = await site.answer(Asked("/report"))
            assert callable(answer.body)
            assert b"".join([piece async for piece in answer.body()]) == b"the whole report"

    showing(visit)


def test_where_nobody_looks_on_nothing_is_waited_for(tmp_path: Path) -> None:
    trio.run(Site().finish, tmp_path / "report.html", DEADLINE_S)


def test_a_browser_that_says_too_much_is_left() -> None:
    async def visit(site: Site, port: int) -> None:
        stream, _ = await _upgraded(port, "/live", "")
        while not site.watching:
            await trio.sleep(0)
        await stream.send_all(b"\x82\xfe\x27\x10" + bytes(4) + bytes(10_000))  # a masked message of 10,000 bytes
        while site.watching:
            await trio.sleep(0)
        await stream.aclose()

    showing(visit)


def test_a_wrong_handshake_keeps_its_place_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_module, "OPEN_WITHIN_S", 0.05)
    monkeypatch.setattr(serving_module, "MOST_CONNECTIONS", 1)

    async def visit(_: Site, port: int) -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(
            f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n".encode()
        )
        assert (await stream.receive_some(500)).startswith(b"HTTP/1.1 4")
        answer = b""
        while not answer:  # refused until the wrong one is given up
            with suppress(trio.BrokenResourceError):
                other = await trio.open_tcp_stream("127.0.0.1", port)
                await other.send_all(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
                answer = await other.receive_some(500)
            await other.aclose()
        assert answer.startswith(b"HTTP/1.1 200")
        await stream.aclose()

    showing(visit)


def test_a_ping_behind_a_message_that_is_too_large_ends_that_browser_only() -> None:
    async def visit(site: Site, port: int) -> None:
        stream, _ = await _upgraded(port, "/live", "")
        while not site.watching:
            await trio.sleep(0)
        await stream.send_all(b"\x82\xfe\x27\x10" + bytes(4) + bytes(10_000) + b"\x89\x80" + bytes(4))
        while site.watching:
            await trio.sleep(0)
        await stream.aclose()
        async with open_websocket_url(f"ws://127.0.0.1:{port}/live") as other:
            assert await _next(other) == {"waiting": True}

    showing(visit)


def test_its_pages() -> None:
    async def main() -> None:
        site = Site()
        for path, kind in (("/", "text/html"), ("/dashboard.css", "text/css"), ("/dashboard.js", "text/javascript")):
            answer = await site.answer(Asked(path))
            assert (answer.status, answer.kind.split(";")[0]) == (200, kind)
        assert [(await site.answer(Asked(path))).status for path in ("/report", "/etc/passwd", "/../x")] == [404] * 3

    trio.run(main)
