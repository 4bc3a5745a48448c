"""Conversions that messages of real protocols need: times, hashes, base64, percent-encoding, JSON within text.

They depend on their values alone, so one whose values are constant is computed before the run, and a mistake in it is found
then. Each raises ``EvaluationError``, and never anything else, for a value that it cannot convert.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from loadws.scenario.json_reader import NotJson, read_json
from loadws.scenario.template.values import EvaluationError, as_text, fits, kind

#: The hashes that protocols sign with.
ALGORITHMS = ("md5", "sha1", "sha256", "sha384", "sha512")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The times that ISO 8601 can write in four digits of a year, in milliseconds since 1970.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999


def _bytes(value: Any) -> bytes:
    """Return bytes as they are, and anything else as UTF-8 of its text."""
    return value if isinstance(value, bytes) else as_text(value).encode("utf-8", "surrogatepass")


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise EvaluationError(f"{what} takes text, and this is {kind(value)}")
    return value


# -- functions --------------------------------------------------------------------------------------------------------


def iso_time(milliseconds: Any) -> str:
    """Return ``2026-01-31T08:00:00.000Z`` for milliseconds since 1970.

    Raises:
        EvaluationError: It is not a number, or outside of the years 1 to 9999.
    """
    if type(milliseconds) not in (int, float):
        raise EvaluationError(f"iso_time takes milliseconds since 1970, and this is {kind(milliseconds)}")
    whole = int(milliseconds)
    if not _FIRST_MS <= whole <= _LAST_MS:
        raise EvaluationError("iso_time takes milliseconds of the years 1 to 9999")
    return (_EPOCH + timedelta(milliseconds=whole)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: Any) -> int:
    """Return milliseconds since 1970 of an ISO 8601 time; one without a zone is UTC.

    Raises:
        EvaluationError: The text is not such a time.
    """
    try:
        moment = datetime.fromisoformat(_text(text, "parse_time").strip())
    except ValueError:
        raise EvaluationError("this is no ISO 8601 time, as 2026-01-31T08:00:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    passed = moment - _EPOCH
    return passed.days * 86_400_000 + passed.seconds * 1000 + passed.microseconds // 1000


def pad(value: Any, width: Any) -> str:
    """Return a value with zeros before it, so that it has so many characters at least; a sign stays in front.

    Raises:
        EvaluationError: ``width`` is not a whole number from 0 on.
    """
    if type(width) is not int or width < 0:
        raise EvaluationError("pad's width is a whole number from 0 on")
    fits(width)
    return as_text(value).zfill(width)


def _algorithm(name: Any) -> str:
    if name not in ALGORITHMS:
        raise EvaluationError(f"hashes are {', '.join(ALGORITHMS)}")
    return str(name)


def hash_of(algorithm: Any, value: Any) -> bytes:
    """Return the hash of bytes, or of text as UTF-8; ``| hex`` or ``| base64`` writes it."""
    return hashlib.new(_algorithm(algorithm), _bytes(value), usedforsecurity=False).digest()


def hmac_of(algorithm: Any, key: Any, value: Any) -> bytes:
    """Return the HMAC (RFC 2104) of bytes, or of text as UTF-8."""
    return hmac.new(_bytes(key), _bytes(value), _algorithm(algorithm)).digest()


#: Functions by name: how each is written, and what it does with its values.
CONVERSIONS: dict[str, tuple[str, int, Callable[..., Any]]] = {
    "iso_time": ("iso_time(ms)", 1, iso_time),
    "parse_time": ("parse_time(text)", 1, parse_time),
    "pad": ("pad(value, width)", 2, pad),
    "hash": ("hash(algorithm, value)", 2, hash_of),
    "hmac": ("hmac(algorithm, key, value)", 3, hmac_of),
}

# -- filters ----------------------------------------------------------------------------------------------------------


def from_json(value: Any) -> Any:
    """Return what text or bytes say as JSON.

    Raises:
        EvaluationError: It is not JSON.
    """
    if not isinstance(value, str | bytes):
        raise EvaluationError(f"fromjson takes text, and this is {kind(value)}")
    try:
        return read_json(value)
    except NotJson as error:
        raise EvaluationError(f"this is not JSON: {error}") from None


def from_base64(value: Any) -> bytes:
    """Return the bytes of base64, of either alphabet, with or without its padding.

    Raises:
        EvaluationError: It is not base64.
    """
    text = _text(value, "frombase64").translate({ord("-"): "+", ord("_"): "/"}).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise EvaluationError("this is not base64") from None


def from_hex(value: Any) -> bytes:
    """Return the bytes of pairs of hexadecimal digits.

    Raises:
        EvaluationError: It is not pairs of hexadecimal digits.
    """
    try:
        return bytes.fromhex(_text(value, "fromhex"))
    except ValueError:
        raise EvaluationError("this is not hexadecimal") from None


def utf8(value: Any) -> str:
    """Return the text that bytes are; text stays as it is.

    Raises:
        EvaluationError: The value is not bytes, or the bytes are not UTF-8.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        raise EvaluationError(f"utf8 takes bytes, and this is {kind(value)}")
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise EvaluationError("these bytes are not UTF-8") from None


def url_encode(value: Any) -> str:
    """Return a value as it may stand anywhere in an address: all but letters, digits and ``-._~`` percent-encoded."""
    return quote(_bytes(value), safe="")


def url_decode(value: Any) -> str:
    """Return the text of a percent-encoded one."""
    return utf8(unquote_to_bytes(_text(value, "urldecode")))


FILTERS: dict[str, Callable[[Any], Any]] = {
    "fromjson": from_json,
    "frombase64": from_base64,
    "fromhex": from_hex,
    "utf8": utf8,
    "urlencode": url_encode,
    "urldecode": url_decode,
}
