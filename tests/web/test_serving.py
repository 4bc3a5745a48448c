"""The web server over real sockets: what it answers, what it refuses, and what a browser can cost it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from loadws.terms.errors import UsageError
from loadws.web import serving as server
from loadws.web.dialogue import Answer, Asked, Handler

DEADLINE_S = 30


async def _hello(asked: Asked) -> Answer:
    return Answer(f"{asked.path} {asked.values('run')}".encode(), headers={"X-Path": asked.path})


def serving(handler: Handler, visit: Callable[[int], Awaitable[None]]) -> None:
    """Run ``visit`` with the port of a server."""

    async def main() -> None:
        listeners = await server.open_listeners("127.0.0.1", 0)
        with trio.fail_after(DEADLINE_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.serve, listeners, handler)
                await visit(server.port_of(listeners))
                nursery.cancel_scope.cancel()

    trio.run(main)


async def exchange(port: int, request: str) -> str:
    """Send bytes, and return all that comes until the server closes."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(request.replace("PORT", str(port)).encode("latin-1"))
        return b"".join([piece async for piece in stream]).decode("utf-8", "replace")


def answer_to(request: str, handler: Handler = _hello) -> str:
    got: list[str] = []

    async def visit(port: int) -> None:
        got.append(await exchange(port, request))

    serving(handler, visit)
    return got[0]


GET = "GET /a%20b?run=x%2Fy&run=z HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n\r\n"


def test_a_page_is_answered_with_what_keeps_it_safe() -> None:
    head, _, body = answer_to(GET).partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 ")
    assert body == "/a b ['x/y', 'z']"
    for header in (
        "X-Content-Type-Options: nosniff",
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'none'",
        "Referrer-Policy: no-referrer",
        "X-Path: /a b",
    ):
        assert header.lower() in head.lower()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET.replace("127.0.0.1:PORT", "evil.test:PORT"), 403),
        (GET.replace("Connection", "Origin: http://evil.test\r\nConnection"), 403),
        (GET.replace("GET", "DELETE"), 405),
        (GET.replace("GET", "POST"), 405),
        ("POST / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 3\r\n\r\nabc", 405),
        ("PUT / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 3\r\n\r\nabc", 413),
        (GET.replace("/a%20b", "/%ff"), 400),
        (GET.replace("/a%20b", "http://evil.test/"), 400),
        (GET.replace("/a%20b", "//evil.test/"), 400),
        ("GET /\r\n\r\n", 400),
        ("\x16\x03\x01 this is TLS\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX: " + "x" * 50_000 + "\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 200),
    ],
)
def test_what_is_no_visit_is_refused(request_: str, status: int) -> None:
    assert answer_to(request_.replace("Upgrade\r\n\r\n", "close\r\n\r\n")).startswith(f"HTTP/1.1 {status} ")


def test_a_head_has_no_body() -> None:
    head, _, body = answer_to(GET.replace("GET", "HEAD")).partition("\r\n\r\n")
    assert "content-length: 17" in head.lower()
    assert body == ""


def test_a_file_is_sent_as_long_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"x" * 300_000)

    async def handler(_: Asked) -> Answer:
        return Answer(file)

    assert answer_to(GET, handler).endswith("\r\n\r\n" + "x" * 300_000)


def test_pieces_come_as_they_are_made() -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"one "
        yield b"two"

    async def handler(_: Asked) -> Answer:
        return Answer(pieces)

    answer = answer_to(GET, handler)
    assert "one " in answer
    assert "two" in answer


def test_a_connection_serves_many_requests() -> None:
    answer = answer_to(GET.replace("Connection: close\r\n", "") + GET)
    assert answer.count("HTTP/1.1 200 ") == 2


def test_more_connections_than_there_is_room_for_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 1)

    async def visit(port: int) -> None:
        async with await trio.open_tcp_stream("127.0.0.1", port) as first:
            await first.send_all(b"GET / HTTP/1.1\r\n")
            await first.send_all(f"Host: 127.0.0.1:{port}\r\n\r\n".encode())
            assert (await first.receive_some()).startswith(b"HTTP/1.1 200 ")
            with suppress(trio.BrokenResourceError):  # closed so early that the request could not be sent
                assert await exchange(port, GET) == ""
        while True:  # the first has left, and there is room again
            with suppress(trio.BrokenResourceError):
                if (await exchange(port, GET)).startswith("HTTP/1.1 200 "):
                    return

    serving(_hello, visit)


def test_a_browser_that_says_nothing_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_S", 0.01)
    assert answer_to("GET / HTTP/1.1\r\n") == ""


def test_a_busy_port_is_told_with_advice() -> None:
    async def main() -> None:
        listeners = await server.open_listeners("127.0.0.1", 0)
        port = server.port_of(listeners)
        with pytest.raises(UsageError) as caught:
            await server.open_listeners("127.0.0.1", port)
        assert f"127.0.0.1:{port} cannot be listened on" in str(caught.value)
        assert "--listen 127.0.0.1:0" in caught.value.advice
        for listener in listeners:
            await listener.aclose()

    trio.run(main)


def test_a_page_that_cannot_be_made_costs_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    async def handler(asked: Asked) -> Answer:
        if asked.path == "/broken":
            raise KeyError("a defect")
        return await _hello(asked)

    broken = "GET /broken HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n"
    both = answer_to(broken + GET, handler)
    first, second = (each for each in both.split("HTTP/1.1 ") if each)
    assert first.startswith("500 ") and first.endswith("(KeyError): a defect of loadws. Please report it.\n")
    assert second.startswith("200 ")
    assert "KeyError: 'a defect'" in capsys.readouterr().err  # for the report of the defect
