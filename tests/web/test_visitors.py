from __future__ import annotations

import pytest

from loadws.web.visitors import is_loopback, refusal

OWN = (b"host", b"127.0.0.1:8089")


@pytest.mark.parametrize("host", ["127.0.0.1:8089", "localhost:8089", "[::1]:8089", "192.168.1.7:8089"])
def test_this_machines_own_addresses_are_heard(host: str) -> None:
    assert refusal([(b"host", host.encode())], 8089) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.test:8089",  # a name that its owner points to 127.0.0.1: DNS rebinding
        "localhost.evil.test:8089",
        "127.0.0.1.evil.test:8089",
        "127.0.0.1",  # another port: 80
        "127.0.0.1:8090",
        "localhost:8089@evil.test:8089",
        "",
    ],
)
def test_other_names_are_refused(host: str) -> None:
    assert refusal([(b"host", host.encode())], 8089) is not None


def test_no_host_and_two_hosts_are_refused() -> None:
    assert refusal([], 8089) is not None
    assert refusal([OWN, (b"host", b"evil.test")], 8089) is not None


@pytest.mark.parametrize(
    ("more", "heard"),
    [
        ([(b"origin", b"http://127.0.0.1:8089")], True),
        ([(b"origin", b"http://evil.test")], False),
        ([(b"origin", b"http://127.0.0.1:8090")], False),  # another program of this machine
        ([(b"origin", b"null")], False),  # a sandboxed page: a report
        ([(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-mode", b"no-cors")], False),  # <img> on another page
        ([(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-mode", b"navigate")], True),  # a link in a chat
        ([(b"sec-fetch-site", b"same-origin"), (b"sec-fetch-mode", b"cors")], True),
    ],
)
def test_pages_of_other_servers_may_ask_nothing(more: list[tuple[bytes, bytes]], heard: bool) -> None:
    assert (refusal([OWN, *more], 8089) is None) == heard


@pytest.mark.parametrize(
    ("host", "only_here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.9.9.9", True), ("0.0.0.0", False), ("10.0.0.1", False),
     ("build-7", False)],
)  # fmt: skip
def test_loopback_is_told_from_the_rest(host: str, only_here: bool) -> None:
    assert is_loopback(host) == only_here
