"""``--login``: a token over HTTP, and upgrades that need it; over streams in memory."""

from __future__ import annotations

import json

import pytest
import trio
from trio_websocket import ConnectionRejected, wrap_client_stream

from loadws.target.login import is_logged_in, token_of
from loadws.target.options import TargetOptions
from tests.target.test_server import Place, _run, _target

OPTIONS = TargetOptions("json", login="/login", seed=7)


async def _post(place: Place, body: bytes, path: str = "/login", pieces: int = 1) -> bytes:
    stream = place.stream()
    request = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    for at in range(0, len(request), len(request) // pieces):
        await stream.send_all(request[at : at + len(request) // pieces])
    answer = b""
    while chunk := await stream.receive_some():
        answer += chunk
    return answer


async def _opens(place: Place, *headers: tuple[str, str]) -> int:
    """The status that an upgrade comes to."""
    stream, status = place.stream(), 101
    try:
        async with trio.open_nursery() as nursery:
            client = await wrap_client_stream(
                nursery, stream, "target.test", "/", extra_headers=[(n.encode(), v.encode()) for n, v in headers]
            )
            await client.send_message('{"id": 1}')
            assert json.loads(await client.get_message())["id"] == 1
            await client.aclose()
    except* ConnectionRejected as refused:
        (rejected,) = refused.exceptions
        assert isinstance(rejected, ConnectionRejected)
        status = rejected.status_code
    await trio.aclose_forcefully(stream)
    return status


@pytest.mark.parametrize("pieces", [1, 2, 40])
def test_a_login_gives_a_token_and_a_cookie(pieces: int) -> None:
    async def main() -> None:
        async with _target(OPTIONS) as place:
            head, _, body = (await _post(place, b'{"user": "anna"}', pieces=pieces)).partition(b"\r\n\r\n")
        token = token_of("anna", 7)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert f"Set-Cookie: session={token};".encode() in head
        assert json.loads(body) == {"user": "anna", "token": token}
        assert (place.counts.accepted, place.counts.logins, place.counts.broken) == (1, 1, 0)

    _run(main)


@pytest.mark.parametrize("body", [b"", b"{}", b"anna", b"\xff"])
def test_a_login_without_a_user_is_refused(body: bytes) -> None:
    async def main() -> None:
        async with _target(OPTIONS) as place:
            assert (await _post(place, body)).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert place.counts.refused == {"400": 1}

    _run(main)


def test_an_upgrade_needs_the_token() -> None:
    token = token_of("anna", 7)

    async def main() -> None:
        async with _target(OPTIONS) as place:
            assert await _opens(place) == 401
            assert await _opens(place, ("Authorization", f"Bearer {token}x")) == 401
            assert await _opens(place, ("Authorization", f"Basic {token}")) == 401
            assert await _opens(place, ("Authorization", f"Bearer {token}")) == 101
            assert await _opens(place, ("Cookie", f"a=b; session={token}")) == 101
        assert (place.counts.refused, place.counts.upgraded, place.counts.accepted) == ({"401": 3}, 2, 5)

    _run(main)


@pytest.mark.parametrize("request_", [b"", b"GET / HTTP/1.1\r\n", b"POST /login HTTP/1.1\r\n\r\n"[:-2], b"x" * 70_000])
def test_what_is_no_whole_request_is_let_go(request_: bytes) -> None:
    async def main() -> None:
        async with _target(OPTIONS) as place:
            stream = place.stream()
            await stream.send_all(request_)
            await stream.aclose()
        assert (place.counts.accepted, place.counts.broken) == (1, 1)

    _run(main)


def test_a_token_of_another_target_is_none() -> None:
    header = [(b"authorization", f"Bearer {token_of('anna', 8)}".encode())]
    assert is_logged_in(header, 8)
    assert not is_logged_in(header, 7)
    assert not is_logged_in([(b"authorization", "Bearer \xe9.\xe9".encode("latin-1"))], 7)


def test_an_echo_that_asks_for_a_token_is_not_served_without_one() -> None:
    assert TargetOptions().is_plain_echo
    assert not TargetOptions(login="/login").is_plain_echo
