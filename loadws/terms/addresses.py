"""Addresses (URLs) as their author wrote them: they are split, but never rewritten.

The request-target, which is the path and the query, is sent byte for byte as it was written. One rule holds for the
target, for ``path``, for ``http`` steps and for a server's ``Location``: a character that a request line cannot have (a
blank, a control character, anything beyond ASCII) is percent-encoded as UTF-8, and nothing else is changed. So ``%20``,
``flag`` without ``=``, ``10:30`` and an empty query arrive unchanged, and a signature over them stays valid. A fragment
(``#...``) is never sent. Only the names and values of ``query:`` are encoded, as HTML forms encode them (a blank is
``+``).

A ``Location`` is read with ``from_header``, which keeps bytes that are not UTF-8 as they are.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

UNIX_SCHEME = "ws+unix"
#: Precedes the mode of a target that loadws starts itself: ``builtin:echo``.
BUILTIN = "builtin:"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_REST = re.compile(r"//([^/?#]*)([^#]*)", re.DOTALL)
_SENDABLE = re.compile(r"[!-~]*")
_HOST_AND_PORT = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::([0-9]*))?")
#: Characters that no host may hold (the URL standard's "forbidden domain code points").
_NOT_IN_A_HOST = re.compile(r"[\x00-\x20\x7f#%/:<>?@\[\\\]^|]")
_MOST_PORT = 65535
_MOST_LABEL, _MOST_HOST = 63, 253


@dataclass(frozen=True, slots=True)
class Address:
    """A split address. ``scheme`` is in lower case. ``before`` is everything in front of the request-target, as it was
    written.

    ``authority`` is user info, host and port as written, and empty for a unix socket. ``target`` is the request-target
    as written; it begins with ``/``.
    """

    scheme: str
    authority: str
    before: str
    target: str

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class HostAndPort:
    """A split authority. ``host`` is in lower case and ASCII (IDNA), without the brackets of IPv6. ``port`` is None
    where none is written.

    ``user_info`` is as written, None where there is none.
    """

    host: str
    port: int | None
    user_info: str | None


# -- splitting --------------------------------------------------------------------------------------------------------


def split_address(text: str, example: str = "ws://") -> Address:
    """Split an absolute address. ``example`` is the scheme that the message for an address without one shows.

    Raises:
        ValueError: The text is not an address. The message contains no part of it.
    """
    scheme = scheme_of(text)
    if scheme is None:
        raise ValueError(f"an address begins with its scheme, as in {example}")
    rest = _REST.match(text, len(scheme) + 1)
    if rest is None:
        raise ValueError("after the scheme of an address come two slashes and a host")
    authority, written = rest[1], rest[2]
    if scheme == UNIX_SCHEME:
        return _split_unix(authority, written)
    return Address(scheme, authority, f"{scheme}://{authority}", rooted(written))


def scheme_of(text: str) -> str | None:
    """Return the scheme in lower case; None where the text does not begin with one."""
    match = _SCHEME.match(text)
    return None if match is None else match[1].lower()


def _split_unix(authority: str, written: str) -> Address:
    """Split ``ws+unix:///path/to.sock:/path?query`` at the first colon of its path.

    Raises:
        ValueError: It has no such path.
    """
    path, mark, query = written.partition("?")
    socket_path, _, request_path = path.partition(":")
    if authority or not socket_path.startswith("/") or socket_path.endswith("/"):
        raise ValueError("a unix socket is named by its whole path: ws+unix:///path/to.sock:/path")
    return Address(UNIX_SCHEME, "", f"{UNIX_SCHEME}://{socket_path}:", rooted(request_path + mark + query))


def unix_socket(address: Address) -> str | None:
    """Return the path of the address's unix socket, still percent-encoded; None where it has none."""
    return address.before[len(UNIX_SCHEME) + 3 : -1] if address.scheme == UNIX_SCHEME else None


def split_authority(authority: str) -> HostAndPort:
    """Split user info, host and port.

    Raises:
        ValueError: The text is not an authority. The message contains no part of it.
    """
    user_info, at, rest = authority.rpartition("@")
    match = _HOST_AND_PORT.fullmatch(rest)
    if match is None:
        raise ValueError("the host and the port of the address cannot be read")
    bracketed, plain, digits = match.groups()
    host = _ipv6(bracketed) if bracketed is not None else ascii_host(plain)
    port = int(digits) if digits and len(digits) <= 6 else None
    if digits and (port is None or not 0 < port <= _MOST_PORT):
        raise ValueError(f"a port is a number from 1 to {_MOST_PORT}")
    return HostAndPort(host, port, user_info if at else None)


def _ipv6(text: str) -> str:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError("in brackets stands an IPv6 address") from None
    return text.lower()


def ascii_host(text: str) -> str:
    """Return a host's name in lower case and ASCII.

    Raises:
        ValueError: No resolver can look up such a name.
    """
    if not text:
        raise ValueError("the address has no host")
    if _NOT_IN_A_HOST.search(text):
        raise ValueError("the host has a character that no host can have")
    try:
        host = text.lower() if text.isascii() else text.encode("idna").decode("ascii").lower()
        labels = host.removesuffix(".").split(".")
        if len(host) > _MOST_HOST or not all(0 < len(label) <= _MOST_LABEL for label in labels):
            raise ValueError
        for label in labels:
            if label.startswith("xn--"):
                label.encode("ascii").decode("idna")
    except ValueError:  # UnicodeError is one
        raise ValueError(
            "the host is no name that could be resolved: a part of it is empty, too long or not IDNA"
        ) from None
    return host


# -- the request-target -----------------------------------------------------------------------------------------------


def rooted(written: str) -> str:
    """Return a path, with or without a query, that begins with a slash."""
    return written if written.startswith("/") else f"/{written}"


def request_target(written: str) -> str:
    """Return the target as the request line has it: as written, with characters that it cannot have percent-encoded."""
    if _SENDABLE.fullmatch(written):
        return written
    return "".join(char if "!" <= char <= "~" else _encoded(char) for char in written)


def _encoded(char: str) -> str:
    """Encode one character as UTF-8. A byte of ``from_header`` is itself; another lone surrogate becomes ``%3F``."""
    try:
        data = char.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = b"?"
    return "".join(f"%{byte:02X}" for byte in data)


def with_path(address: Address, path: str) -> Address:
    """Return the address with another path, which may contain a query. A ``#`` in it does not begin a fragment: it is
    encoded.
    """
    return Address(address.scheme, address.authority, address.before, rooted(path.replace("#", "%23")))


def with_query(target: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Return the target with more of a query behind what it has; names and values are encoded as HTML forms encode them."""
    added = urlencode(list(pairs), errors="replace")
    if not added:
        return target
    joint = "?" if "?" not in target else "" if target.endswith(("?", "&")) else "&"
    return f"{target}{joint}{added}"


# -- references -------------------------------------------------------------------------------------------------------


def from_header(value: str) -> str:
    """Return a header's value, which is bytes read as Latin-1, as UTF-8.

    Bytes that are not UTF-8 become lone surrogates, and ``request_target`` turns these into the same bytes again.
    """
    try:
        return value.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return value


def resolve(base: Address, reference: str) -> str:
    """Return the absolute address of a reference, as of a ``Location`` (RFC 3986, 5.2), with its fragment.

    Only a path that is relative to the base's own has its dots removed: everything else stays as it was written. The
    result may not be a valid address; ``split_address`` checks that.
    """
    reference, hash_sign, fragment = reference.partition("#")
    end = hash_sign + fragment
    if scheme_of(reference) is not None:
        return reference + end
    if reference.startswith("//"):
        return f"{base.scheme}:{reference}{end}"
    if reference.startswith("/"):
        return base.before + reference + end
    if reference.startswith("?"):
        return base.before + base.path + reference + end
    if not reference:
        return base.before + base.target + end
    path, mark, query = reference.partition("?")
    return base.before + _without_dots(base.path.rpartition("/")[0] + "/" + path) + mark + query + end


def _without_dots(path: str) -> str:
    """Remove ``.`` and ``..`` from a path that begins with a slash (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    segments = path[1:].split("/")
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
