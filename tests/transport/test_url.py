"""WebSocket URLs taken apart."""

from __future__ import annotations

import pytest

from loadws.transport.url import Url, parse_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://h", Url(False, "h", 80, "/", "h")),
        ("wss://h", Url(True, "h", 443, "/", "h")),
        ("ws://H:8080/a/b?c=d#part", Url(False, "h", 8080, "/a/b?c=d", "h:8080")),
        # The default port of the other scheme is not left out.
        ("ws://h:443/", Url(False, "h", 443, "/", "h:443")),
        ("wss://h:443/", Url(True, "h", 443, "/", "h")),
        ("ws://[::1]:9/x", Url(False, "::1", 9, "/x", "[::1]:9")),
        ("wss://[fe80::1%eth0]/", Url(True, "fe80::1%eth0", 443, "/", "[fe80::1]")),
        # What ASCII cannot say is quoted, what is quoted stays.
        ("ws://h/a b?q=\u00fc%20x", Url(False, "h", 80, "/a%20b?q=%C3%BC%20x", "h")),
        ("ws://h?a=1", Url(False, "h", 80, "/?a=1", "h")),
        # Everything else goes out byte for byte, also what other clients would mend.
        ("ws://h/q?name=a%20b&flag&at=10:30", Url(False, "h", 80, "/q?name=a%20b&flag&at=10:30", "h")),
        ("ws://h//a/../b;c=%7e?", Url(False, "h", 80, "//a/../b;c=%7e?", "h")),
        ('ws://h/%zz|<>"^`{}\\?x=+&&=', Url(False, "h", 80, '/%zz|<>"^`{}\\?x=+&&=', "h")),
        # A host that is not ASCII is asked for by its IDNA name.
        ("ws://B\u00dcCHER.test/", Url(False, "xn--bcher-kva.test", 80, "/", "xn--bcher-kva.test")),
        ("ws://u:p%40ss@h/", Url(False, "h", 80, "/", "h", "Basic dTpwQHNz")),
        ("ws://u@h/", Url(False, "h", 80, "/", "h", "Basic dTo=")),
    ],
)
def test_parts(url: str, expected: Url) -> None:
    assert parse_url(url) == expected


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://h/", "a WebSocket URL begins with ws:// or wss://, not 'http'"),
        ("h/x", "an address begins with its scheme, as in ws://"),
        ("ws:///x", "the address has no host"),
        ("ws://h:99999/", "a port is a number from 1 to 65535"),
        ("ws://h:0/", "a port is a number from 1 to 65535"),
    ],
)
def test_what_is_no_url(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        parse_url(url)
    assert str(error.value) == message
