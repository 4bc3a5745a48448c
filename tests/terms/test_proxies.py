"""Addresses of proxies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.terms.proxies import ProxyAddress, parse_proxy


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:3128", ProxyAddress("http", "127.0.0.1", 3128)),
        ("http://proxy.test", ProxyAddress("http", "proxy.test", 80)),  # HTTP's port
        ("https://proxy.test/", ProxyAddress("https", "proxy.test", 443)),  # a slash is no path
        ("socks5://proxy.test", ProxyAddress("socks5", "proxy.test", 1080)),  # SOCKS' port
        (" socks5h://[::1]:1 ", ProxyAddress("socks5h", "::1", 1)),
        ("http://ada:p%40%3A@h", ProxyAddress("http", "h", 80, "ada", "p@:")),  # quoted where it must be
        ("http://ada@h", ProxyAddress("http", "h", 80, "ada", "")),  # HTTP knows users without a password
        ("direct", None),
    ],
)
def test_addresses(text: str, address: ProxyAddress | None) -> None:
    assert parse_proxy(text) == address


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a proxy's address begins with http://, https://, socks5:// or socks5h://"),
        ("127.0.0.1:3128", "a proxy's address begins with http://, https://, socks5:// or socks5h://"),
        ("socks4://h", "a proxy's address begins with http://, https://, socks5:// or socks5h://"),
        ("http://", "the proxy's address has no host, or no port to connect to"),
        ("http://h:0", "the proxy's address has no host, or no port to connect to"),
        ("http://h:geheim", "the proxy's address cannot be read"),
        ("http://[::1", "the proxy's address cannot be read"),
        ("http://h/path", "a proxy's address ends after its port"),
        ("http://h?a=1", "a proxy's address ends after its port"),
        ("http://a%3Ab:geheim@h", "a user's name cannot hold a colon: HTTP could not tell it from the password"),
        ("socks5://ada@h", "a SOCKS proxy takes a user with a password, or neither"),
        ("socks5://ad%C3%A4:x@h", "user and password for a SOCKS proxy are ASCII, at most 255 bytes each"),
        (f"socks5://a:{'x' * 256}@h", "user and password for a SOCKS proxy are ASCII, at most 255 bytes each"),
    ],
)
def test_what_is_no_address(text: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        parse_proxy(text)
    assert str(error.value) == message


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        proxy = parse_proxy(text)
    except ValueError:
        return
    assert proxy is None or proxy.host
