"""The cookies of one virtual user, of its upgrades and its ``http`` steps, by the rules of domain, path and ``Secure``.

A ``ws://`` address counts as ``http://`` here, and ``wss://`` as ``https://``; ports do not matter. A cookie that the
server sets in one of the two is sent with the next request of either. The standard library's jar does the work. It is
made when the first cookie is set, so that a user without cookies has an empty object and nothing else. It is bounded: a
user has at most ``MOST_COOKIES``, of which the oldest are dropped first, and none larger than ``LARGEST_COOKIE``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from urllib.request import Request

from loadws.terms.addresses import from_header
from loadws.transport.url import Url

MOST_COOKIES = 100
#: Bytes of name, value, domain and path together: RFC 6265 asks clients to keep that much.
LARGEST_COOKIE = 4_096
#: How many cookies of one answer are looked at.
MOST_OF_AN_ANSWER = 50
#: The library adds this to a name without a dot.
_LOCAL = ".local"

Headers = tuple[tuple[str, str], ...]


class _Policy(DefaultCookiePolicy):
    """The library's policy, with a bound, and with ``Domain=localhost`` accepted for that host, as browsers do."""

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        host = request.host.partition(":")[0]
        if cookie.domain_specified and "." not in host and cookie.domain.lstrip(".") == host:
            cookie.domain, cookie.domain_specified, cookie.domain_initial_dot = f"{host}{_LOCAL}", False, False
        size = sum(len(part or "") for part in (cookie.name, cookie.value, cookie.domain, cookie.path))
        return size <= LARGEST_COOKIE and super().set_ok(cookie, request)


_POLICY = _Policy()


class Jar:
    """A user's cookies. It is false where there are none."""

    __slots__ = ("_jar",)

    def __init__(self) -> None:
        self._jar: CookieJar | None = None

    def __bool__(self) -> bool:
        return self._jar is not None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Iterate over names and values; of two cookies with one name, both."""
        return ((cookie.name, cookie.value or "") for cookie in self._jar or ())

    def keep(self, url: Url, headers: Headers) -> None:
        """Keep the cookies that an answer from ``url`` sets."""
        said = [value for name, value in headers if name.lower() == "set-cookie"]
        if not said:
            return
        if self._jar is None:
            self._jar = CookieJar(_POLICY)
        self._jar.extract_cookies(_Answer(said[:MOST_OF_AN_ANSWER]), _Asked(url))  # type: ignore[arg-type]
        for cookie in list(self._jar)[: max(0, len(self._jar) - MOST_COOKIES)]:
            self._jar.clear(cookie.domain, cookie.path, cookie.name)

    def header_for(self, url: Url) -> str:
        """Return the header Cookie of a request to ``url``; empty where there is no cookie for it."""
        if self._jar is None:
            return ""
        request = _Asked(url)
        self._jar.add_cookie_header(request)  # type: ignore[arg-type]
        return request.cookie

    def with_cookies(self, url: Url, headers: Headers) -> Headers:
        """Return the headers with the cookies for ``url``. Those of the scenario precede others of the same name."""
        carried = self.header_for(url)
        if not carried:
            return headers
        own = "; ".join(value for name, value in headers if name.lower() == "cookie")
        names = {pair.partition("=")[0].strip() for pair in own.split(";")}
        pairs = [pair for pair in carried.split("; ") if pair.partition("=")[0] not in names]
        others = tuple(header for header in headers if header[0].lower() != "cookie")
        return (*others, ("Cookie", "; ".join([own, *pairs] if own else pairs)))


class _Answer:
    """An answer in the form that the library reads."""

    def __init__(self, said: Iterable[str]) -> None:
        self._said = [_readable(from_header(value)) for value in said]

    def info(self) -> _Answer:
        return self

    def get_all(self, name: str, default: list[str]) -> list[str]:
        return self._said if name == "Set-Cookie" else default


def _readable(value: str) -> str:
    """Return a Set-Cookie whose attributes are UTF-8: at other bytes the library raises when it quotes a path."""
    pair, semicolon, attributes = value.partition(";")
    return pair + semicolon + "".join(f"%{ord(c) - 0xDC00:02X}" if "\ud800" <= c <= "\udfff" else c for c in attributes)


class _Asked:
    """A request in the form that the library reads. ``cookie`` is the header that it was given."""

    unverifiable = False

    def __init__(self, url: Url) -> None:
        self.type = "https" if url.secure else "http"
        self.host = self.origin_req_host = url.host_header
        self._url = f"{self.type}://{url.host_header}{url.target}"
        self.cookie = ""

    def get_full_url(self) -> str:
        return self._url

    def get_header(self, name: str, default: str = "") -> str:
        return default

    def has_header(self, name: str) -> bool:
        return False

    def add_unredirected_header(self, name: str, value: str) -> None:
        if name == "Cookie":
            self.cookie = value
