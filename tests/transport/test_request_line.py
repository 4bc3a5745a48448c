"""The request line and the headers of an upgrade, as a server reads them from the wire; the same on both transports."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from loadws.terms.transports import NAMES
from tests.kit.raw import RawConnection, serve
from tests.transport.talk import connected, opened

each_transport = pytest.mark.parametrize("name", NAMES)
VISIBLE = "".join(map(chr, range(0x21, 0x7F))).replace("#", "")


def _sent(name: str, target: str, location: str | None = None, **request: Any) -> list[bytes]:
    """Return the last request that a server read, line by line; with ``location`` the first was redirected there."""
    heads: list[bytes] = []

    async def handle(connection: RawConnection) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += await connection.read_some()
        heads.append(head)
        where = b"Location: %b\r\n" % location.encode("latin-1") if location is not None and len(heads) == 1 else b""
        status = b"302 Found" if where else b"403 Forbidden"
        await connection.send(b"HTTP/1.1 %b\r\n%bContent-Length: 0\r\n\r\n" % (status, where))

    async def main() -> None:
        async with serve(handle) as address, opened(name) as connector:
            with pytest.raises(Exception, match="403"):
                await connected(connector, f"ws://{address}{target}", redirects=1, **request)

    trio.run(main)
    return heads[-1].split(b"\r\n")


@each_transport
@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("/query?name=a%20b&flag&at=10:30", "/query?name=a%20b&flag&at=10:30"),
        ("?X-Amz-Credential=A%2Feu&X-Amz-Signature=0a%3d", "/?X-Amz-Credential=A%2Feu&X-Amz-Signature=0a%3d"),
        ("/x?", "/x?"),
        ("//a/./../b;c", "//a/./../b;c"),
        (f"/{VISIBLE}?{VISIBLE}", f"/{VISIBLE}?{VISIBLE}"),
        ("/a b/gr\u00fcn?\U0001f600", "/a%20b/gr%C3%BCn?%F0%9F%98%80"),
        ("/a\r\nX: y", "/a%0D%0AX:%20y"),
    ],
)  # fmt: skip
def test_the_target_goes_out_as_it_was_written(name: str, written: str, sent: str) -> None:
    assert _sent(name, written)[0] == f"GET {sent} HTTP/1.1".encode()


@each_transport
@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("/query?name=a%20b&flag&at=10:30", b"/query?name=a%20b&flag&at=10:30"),
        ("x?sig=%2f%2F+", b"/a/x?sig=%2f%2F+"),
        ("/\xc3\xbc\xff", b"/%C3%BC%FF"),  # bytes as they came, UTF-8 or not
    ],
)
def test_where_a_server_sends_us_is_asked_for_as_it_says(name: str, location: str, sent: bytes) -> None:
    assert _sent(name, "/a/b", location)[0] == b"GET %b HTTP/1.1" % sent


@each_transport
@pytest.mark.parametrize(
    ("headers", "agent"),
    [((), b"User-Agent: loadws"), ((("user-agent", "Mozilla/5.0"),), b"user-agent: Mozilla/5.0")],
)
def test_it_says_who_it_is(name: str, headers: tuple[tuple[str, str], ...], agent: bytes) -> None:
    lines = _sent(name, "/", headers=headers)
    assert [line for line in lines if line.lower().startswith(b"user-agent:")] == [agent]


@each_transport
@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("gr\u00fcn", b"gr\xc3\xbcn"),
        ("cut \ud83d", b"cut ?"),
        ("raw \udcff", b"raw \xff"),
        (" blank\t", b"blank"),
        ("", b""),
    ],
)
def test_a_header_is_utf8_whatever_it_holds(name: str, value: str, sent: bytes) -> None:
    assert (b"X-Value: " + sent).rstrip() in [line.rstrip() for line in _sent(name, "/", headers=(("X-Value", value),))]
