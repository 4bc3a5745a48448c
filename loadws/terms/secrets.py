"""What counts as a secret: the one list of header names, the words of secret parameters, and the parts of a value.

All code that hides secrets uses it: the scenario that a run keeps, samples of errors, the trace, the command line.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

#: Replaces a secret in a text.
MASK = "***"
#: Replaces a secret in the scenario's file and in addresses, because YAML would read ``***`` as an alias.
MASKED = "(masked)"
#: A secret with fewer characters is masked only where it is a whole value: elsewhere it would hide half of every text.
SHORTEST = 4

#: Headers that carry credentials, in lower case.
SECRET_HEADERS = frozenset({
    "authorization", "proxy-authorization", "authentication-info", "cookie", "cookie2", "set-cookie", "set-cookie2",
    "api-key", "x-api-key", "x-auth-token", "x-auth-key", "x-access-token", "x-refresh-token", "x-session-token",
    "x-session-id", "x-csrf-token", "x-xsrf-token", "x-amz-security-token", "x-goog-api-key", "x-vault-token",
    "x-functions-key", "ocp-apim-subscription-key", "private-token",
})  # fmt: skip
#: A header or parameter whose name has one of these words carries a credential too: ``X-Acme-Token``, ``access_token``.
_WORDS = frozenset(
    {"token", "secret", "password", "passwd", "passphrase", "passcode", "pwd", "credential", "credentials", "jwt"}
)
_PAIRS = frozenset({("api", "key"), ("access", "key"), ("auth", "key"), ("private", "key")})
#: Names of parameters that are secret as a whole.
_PARAMETERS = frozenset({"key", "apikey", "auth", "sig", "signature", "pass", "session", "sessionid", "sid", "ticket"})

_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])")
_PARAMETER = re.compile(r"(?<=[?&;])(?P<name>[\w.%\[\]-]+)=(?P<value>(?:\{\{[^{}]*\}\}|\$\{[^}]*\}|[^\s&;#\"'<>{])+)")
#: The user info of an address. An expression in it may have blanks and quotes.
_USER_INFO = re.compile(r"(?<=://)(?:\{\{[^{}]*\}\}|\{(?!\{)|[^/?#@\s\"'{])+(?=@)")
_ONLY_A_REFERENCE = re.compile(r"([\"']?)\$\{\w+\}\1")
_ONLY_A_TEMPLATE = re.compile(r"\{\{\s*[\w.]+\s*\}\}")

Span = tuple[int, int]
Headers = Mapping[str, str] | Iterable[tuple[str, str]]


@lru_cache(maxsize=512)
def is_secret_header(name: str) -> bool:
    """Return whether the value of a header of this name is a secret, whatever the case of the name."""
    return name.lower() in SECRET_HEADERS or _says_so(name)


def is_secret_parameter(name: str) -> bool:
    """Return whether the value of a query parameter of this name is a secret: ``token``, ``access_token``, ``apiKey``."""
    return name.lower() in _PARAMETERS or name.lower().endswith("-signature") or _says_so(name)


def _says_so(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    return not _WORDS.isdisjoint(words) or any(pair in _PAIRS for pair in pairwise(words))


def is_only_a_reference(text: str) -> bool:
    """Return whether a text is a reference to the environment, ``${TOKEN}``, which tells nothing of the secret."""
    return _ONLY_A_REFERENCE.fullmatch(text.strip()) is not None


# -- the parts of a value that are secret -----------------------------------------------------------------------------


def scalars(value: Any) -> Iterator[str]:
    """Return every text and number in a value, mappings and lists looked through. True, false and nothing are no secret."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from scalars(each)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def header_secrets(headers: Headers) -> Iterator[str]:
    """Yield the secrets in headers: the whole values of secret headers, and the credentials and cookies in these
    values.
    """
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        if is_secret_header(name):
            yield value
            yield from _credentials(name.lower(), value)


def _credentials(name: str, value: str) -> Iterator[str]:
    if name in ("set-cookie", "set-cookie2"):
        yield from _cookie_value(value.partition(";")[0])
    elif name in ("cookie", "cookie2"):
        for pair in value.split(";"):
            yield from _cookie_value(pair)
    else:
        scheme, blank, credentials = value.strip().partition(" ")
        if blank:
            yield credentials.strip()
        if scheme.lower() == "basic":
            yield from _basic_password(credentials.strip())


def _cookie_value(pair: str) -> Iterator[str]:
    _, equals, value = pair.partition("=")
    if equals:
        yield value.strip().strip('"')


def _basic_password(credentials: str) -> Iterator[str]:
    try:
        _, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return
    if colon:
        yield password


# -- addresses --------------------------------------------------------------------------------------------------------


def address_secrets(address: str) -> Iterator[str]:
    """Return what is secret in an address: the password of its user info, and the values of secret parameters."""
    if "@" not in address and "?" not in address:
        return
    try:
        parts = urlsplit(address)
        password = parts.password
    except ValueError:
        return
    if password:
        yield from dict.fromkeys((password, unquote(password)))
    for match in _PARAMETER.finditer(address):
        if is_secret_parameter(unquote(match["name"])):
            yield match["value"]
    yield from (value for name, value in parse_qsl(parts.query) if is_secret_parameter(name))


def spans_in_addresses(text: str) -> Iterator[Span]:
    """Return where addresses in a text have user info or the value of a secret parameter. A mere reference stays."""
    for match in _USER_INFO.finditer(text):
        yield match.span()
    for match in _PARAMETER.finditer(text):
        is_reference = is_only_a_reference(match["value"]) or _ONLY_A_TEMPLATE.fullmatch(match["value"])
        if is_secret_parameter(unquote(match["name"])) and not is_reference:
            yield match.span("value")


def shown_address(text: str) -> str:
    """Return a text with the secrets of its addresses masked: ``wss://(masked)@h/?token=(masked)``."""
    return without_spans(text, spans_in_addresses(text), MASKED)


def without_spans(text: str, spans: Iterable[Span], mask: str) -> str:
    """Return the text with a mask in place of each span. Spans may overlap; those that touch get one mask."""
    parts, at = [], 0
    for start, end in joined(spans):
        parts += [text[at:start], mask]
        at = end
    return "".join(parts) + text[at:]


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, those that overlap or touch made one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return found
