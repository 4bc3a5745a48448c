"""What of a recording looks like a secret: by the name that it has, by the shape of a JWT, or because it is random.

The name decides most. Of values without a telling name, a text counts as random where it is long, of one piece, made of
several kinds of characters, and its characters are as evenly spread as chance spreads them.
"""

from __future__ import annotations

import math
import re
from collections import Counter

from loadws.terms.secrets import is_secret_header, is_secret_parameter

JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
#: One word of a text: what could be a token within it.
_WORD = re.compile(r"[A-Za-z0-9+/_.~-]+={0,2}")
#: ``token=…``, ``"password": "…"``, ``Bearer …`` within a text that has no structure of its own.
_NAMED = re.compile(
    r"""(?P<name>[\w-]{2,40})\\*["']?\s*[=:]\s*\\*["']?(?:(?:Bearer|Basic|Token)\s+)?(?P<value>[^\s"'\\&;,}\]]{3,})|(?:Bearer|Basic|Token)\s+(?P<bearer>[\w.~+/=-]{8,})"""
)
#: The shortest random text, in characters, and how many bits each of its characters must carry.
_SHORTEST_RANDOM, _LEAST_BITS = 20, 3.6
_SCHEMES = frozenset("basic bearer digest hawk hmac jwt key negotiate ntlm apikey token aws4-hmac-sha256".split())
_KEYS = frozenset("authorization cookie auth authtoken otp pin mfa bearer apikey sessiontoken credential".split())


def is_secret_name(name: str) -> bool:
    """Return whether a value under this key, header or parameter is a secret."""
    return name.lower() in _KEYS or is_secret_parameter(name) or is_secret_header(name)


def looks_secret(text: str) -> bool:
    """Return whether a whole value is a secret by its shape alone."""
    return bool(JWT.fullmatch(text)) or is_random(text)


def is_random(text: str) -> bool:
    """Return whether a text is one long random word: a key or token, but no UUID, number, path or sentence."""
    if len(text) < _SHORTEST_RANDOM or not _WORD.fullmatch(text) or UUID.fullmatch(text):
        return False
    kinds = sum(any(map(of_kind, text)) for of_kind in (str.islower, str.isupper, str.isdigit))
    is_hexadecimal = re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", text) is not None
    if kinds < 2 or (kinds == 2 and not is_hexadecimal and not any(map(str.isdigit, text))):
        return False
    counts = Counter(text)
    bits = -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())
    return bits >= (3.0 if is_hexadecimal else _LEAST_BITS) and not _is_spoken(text)


def _is_spoken(text: str) -> bool:
    """Return whether most of a text is words: ``user-list-of-room-42-updated`` is long and varied, but not random."""
    words = re.findall(r"[A-Z]?[a-z]{3,}", text)
    return sum(map(len, words)) > 0.6 * len(text)


def credentials_of(value: str) -> str:
    """Return the credentials in a header's value: what stands behind ``Bearer`` or another scheme, else all of it."""
    scheme, blank, said = value.strip().partition(" ")
    is_scheme = scheme.lower() in _SCHEMES or (scheme.isalpha() and looks_secret(said.strip()))
    return said.strip() if blank and said.strip() and is_scheme else value.strip()


def words_of(text: str) -> list[str]:
    """Return what could be tokens in a text; a full stop behind one is not a part of it."""
    return [match[0].rstrip("./~") for match in _WORD.finditer(text)]


def named_in(text: str) -> dict[str, str]:
    """Return the secrets within a text without structure, by value, each with the name that it has there."""
    found: dict[str, str] = {}
    for match in JWT.finditer(text):
        found[match[0]] = "token"
    for match in _NAMED.finditer(text):
        if match["bearer"]:
            found.setdefault(match["bearer"], "token")
        elif is_secret_name(match["name"]):
            found.setdefault(match["value"], match["name"])
    for word in words_of(text):
        if is_random(word):
            found.setdefault(word, "token")
    return found
