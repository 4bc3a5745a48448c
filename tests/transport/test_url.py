"""WebSocket URLs taken apart."""

from __future__ import annotations

import pytest

from loadws.transport.url import WsUrl, parse_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://h", WsUrl(False, "h", 80, "/", "h")),
        ("wss://h", WsUrl(True, "h", 443, "/", "h")),
        ("ws://H:8080/a/b?c=d#part", WsUrl(False, "h", 8080, "/a/b?c=d", "h:8080")),
        # The default port of the other scheme is not left out.
        ("ws://h:443/", WsUrl(False, "h", 443, "/", "h:443")),
        ("wss://h:443/", WsUrl(True, "h", 443, "/", "h")),
        ("ws://[::1]:9/x", WsUrl(False, "::1", 9, "/x", "[::1]:9")),
        ("wss://[fe80::1%eth0]/", WsUrl(True, "fe80::1%eth0", 443, "/", "[fe80::1]")),
        # What ASCII cannot say is quoted, what is quoted stays.
        ("ws://h/a b?q=\u00fc%20x", WsUrl(False, "h", 80, "/a%20b?q=%C3%BC%20x", "h")),
        ("ws://h?a=1", WsUrl(False, "h", 80, "/?a=1", "h")),
        ("ws://u:p%40ss@h/", WsUrl(False, "h", 80, "/", "h", "Basic dTpwQHNz")),
        ("ws://u@h/", WsUrl(False, "h", 80, "/", "h", "Basic dTo=")),
    ],
)
def test_parts(url: str, expected: WsUrl) -> None:
    assert parse_url(url) == expected


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://h/", "a WebSocket URL begins with ws:// or wss://, not 'http'"),
        ("h/x", "a WebSocket URL begins with ws:// or wss://, not 'nothing'"),
        ("ws:///x", "the URL names no host"),
        ("ws://h:99999/", "Port out of range 0-65535"),
    ],
)
def test_what_is_no_url(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        parse_url(url)
    assert str(error.value) == message
