"""Requests, answers and failures of an HTTP client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from loadws.transport.base import TransportError

#: Kinds of failure that only an ``http`` step has, beside those of connecting and of a lost connection.
KINDS = (
    "http.request",  # the request cannot be sent: its address or a header
    "http.url",  # the answer's Location is no address that can be asked
    "http.redirects",  # more redirects than are followed
    "http.not_followed",  # a redirect to an address that the request must not be sent to
    "http.not_http",  # what answered was not HTTP
    "http.protocol",  # an answer that breaks HTTP
    "http.cut_short",  # the connection ended within the answer
    "http.too_large",  # a body, or a head, beyond its bound
    "http.encoding",  # a body that is not what its Content-Encoding says
)

#: Each request and answer as it goes, for ``--trace``: its head, and its body where it has one.
Direction = Literal["in", "out"]
PartOfHttp = Literal["request", "response", "text"]
OnPart = Callable[[Direction, PartOfHttp, bytes], None]
Headers = tuple[tuple[str, str], ...]


class HttpRequest(msgspec.Struct, frozen=True):
    """A request. ``redirects`` is how many are followed; at 0 a redirect is an answer like any other.

    ``proxy`` is an address as ``terms.proxies`` reads it.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = None
    redirects: int = 10
    proxy: str | None = None


class HttpAnswer(msgspec.Struct, frozen=True):
    """The last answer, after redirects. ``cookies`` are all that the user has by now; of two with one name, either.

    ``received_ns`` is when its last byte was read. ``opening_ns`` is how long opening connections for it lasted: name,
    TCP, proxy and TLS; None where all were open already.
    """

    status: int
    headers: Headers
    body: bytes
    cookies: dict[str, str]
    received_ns: int
    opening_ns: int | None = None


class HttpFailed(TransportError):
    """A request without a whole answer, or with one that cannot be used."""
