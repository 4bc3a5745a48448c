"""How tests of the HTTP client fetch: from a scripted server in memory, in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio
from trio.testing import MockClock

from loadws.transport.cookies import Jar
from loadws.transport.http.client import HttpClient, HttpClients
from loadws.transport.http.messages import HttpAnswer, HttpFailed, HttpRequest
from tests.kit.scripted_http import Asked, Reply, ScriptedHttp

API = "http://api.test"


def script(*replies: Reply | Sequence[bytes]) -> ScriptedHttp:
    """A server that answers so, in turn; the last answer is repeated."""
    left = list(replies)

    async def handler(asked: Asked) -> Reply | Sequence[bytes]:
        return left.pop(0) if len(left) > 1 else left[0]

    return ScriptedHttp(handler)


def raw(head: str, body: bytes = b"") -> list[bytes]:
    """An answer as it is, in one piece, after which the server closes."""
    return [head.replace("\n", "\r\n").encode("latin-1") + body]


def fetch(server: ScriptedHttp, *requests: HttpRequest, jar: Jar | None = None, **more: Any) -> list[HttpAnswer | str]:
    """Send the requests one after another by one client. Return answers, and the kinds of failures."""

    async def main() -> list[HttpAnswer | str]:
        client = HttpClients(server, **more).new(Jar() if jar is None else jar)
        try:
            return [await _one(client, request) for request in requests]
        finally:
            client.close()

    return trio.run(main, clock=MockClock(autojump_threshold=0))


async def _one(client: HttpClient, request: HttpRequest) -> HttpAnswer | str:
    try:
        return await client.send(request)
    except HttpFailed as failed:
        return failed.kind


def get(url: str = API, **more: Any) -> HttpRequest:
    return HttpRequest("GET", url, **more)


def answer_of(server: ScriptedHttp, request: HttpRequest, **more: Any) -> HttpAnswer:
    (answer,) = fetch(server, request, **more)
    assert isinstance(answer, HttpAnswer), answer
    return answer
