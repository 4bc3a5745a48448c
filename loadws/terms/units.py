"""Durations, rates and sizes: the only place where text becomes a number with a unit, and a number text.

Inside loadws a duration is a whole number of nanoseconds (``*_ns``), a rate a float per second (``*_per_s``) and a size a
whole number of bytes.
"""

from __future__ import annotations

import re
from fractions import Fraction

from loadws.terms.errors import UnitError

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

DURATION_UNITS = {"ns": 1, "us": NS_PER_US, "µs": NS_PER_US, "ms": NS_PER_MS, "s": NS_PER_S, "m": 60 * NS_PER_S,
                  "min": 60 * NS_PER_S, "h": 3600 * NS_PER_S}  # fmt: skip
RATE_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600}
SIZE_UNITS = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}

DURATION_PATTERN = r"^(\d+(\.\d+)?(ns|us|µs|ms|s|min|m|h)\s*)+$"
RATE_PATTERN = r"^\d+(\.\d+)?/(s|min|m|h)$"
SIZE_PATTERN = r"^\d+(\.\d+)?(B|kB|KB|MB|GB|KiB|MiB|GiB)$"
SHARE_PATTERN = r"^\d+(\.\d+)?\s*%$"
BYTE_RATE_PATTERN = SIZE_PATTERN.removesuffix("$") + "/s$"

LONGEST_NS = 366 * 24 * 3600 * NS_PER_S
# ASCII digits only: JSON Schema's \d means those, and an editor and loadws should agree.
_PART = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(ns|us|µs|ms|s|min|m|h)\s*", re.ASCII)
_RATE = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*/\s*(s|min|m|h)", re.ASCII)
_SHARE = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s*%", re.ASCII)
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([kKMG]i?B|B)", re.ASCII)


def parse_duration(text: str) -> int:
    """Return the nanoseconds of ``"250ms"``, ``"1m30s"``, ``"0.5s"``. A bare number is refused: seconds or
    milliseconds?

    Raises:
        UnitError: The text is no duration.
    """
    total, position, text = Fraction(0), 0, text.strip()
    while match := _PART.match(text, position):
        total += Fraction(match[1]) * DURATION_UNITS[match[2]]
        position = match.end()
    if position != len(text) or not text:
        raise UnitError(f"{text!r} is not a duration", "write a number with its unit: 250ms, 10s, 1m30s, 2h")
    if total > LONGEST_NS:
        raise UnitError(f"{text!r} is longer than a year")
    return int(total)


def parse_rate(text: str) -> float:
    """Return the events per second of ``"200/s"``, ``"30/m"``.

    Raises:
        UnitError: The text is no rate.
    """
    match = _RATE.fullmatch(text.strip())
    if not match:
        raise UnitError(f"{text!r} is not a rate", "write how many a unit of time: 200/s, 30/m, 1000/h")
    return float(match[1]) / RATE_UNITS[match[2]]


def parse_size(text: str) -> int:
    """Return the bytes of ``"64KiB"``, ``"1MB"``.

    Raises:
        UnitError: The text is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match or match[2] not in SIZE_UNITS:
        raise UnitError(f"{text!r} is not a size", "write a number with its unit: 512B, 64KiB, 1MiB")
    return int(Fraction(match[1]) * SIZE_UNITS[match[2]])


def parse_byte_rate(text: str) -> int:
    """Return the bytes per second of ``"2KiB/s"``, ``"500B/s"``.

    Raises:
        UnitError: The text is no number of bytes per second.
    """
    size, slash, unit = text.strip().rpartition("/")
    try:
        if not slash or unit.strip() != "s":
            raise UnitError("no rate")
        return parse_size(size)
    except UnitError:
        raise UnitError(f"{text!r} is no number of bytes per second", "write a size and /s: 512B/s, 2KiB/s") from None


def parse_share(text: str) -> float:
    """Return 0.01 for ``"1%"``.

    Raises:
        UnitError: For what is no percentage from 0% to 100%.
    """
    match = _SHARE.fullmatch(text.strip())
    if not match:
        raise UnitError(f"{text!r} is not a share", "write a percentage: 1%, 0.5%")
    share = float(Fraction(match[1]) / 100)
    if share > 1:
        raise UnitError(f"{text!r} is more than the whole", "write at most 100%")
    return share


def format_duration(ns: float) -> str:
    """Nanoseconds for people, three significant digits: ``850 ns``, ``1.52 ms``, ``2 m 5 s``."""
    if ns < 0:
        return "-" + format_duration(-ns)
    if ns >= 60 * NS_PER_S:
        minutes, seconds = divmod(round(ns / NS_PER_S), 60)
        hours, minutes = divmod(minutes, 60)
        parts = [(hours, "h"), (minutes, "m"), (seconds, "s")]
        return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s"
    for unit, size in (("s", NS_PER_S), ("ms", NS_PER_MS), ("µs", NS_PER_US)):
        if ns >= size * 0.9995:
            return f"{_three_digits(ns / size)} {unit}"
    return f"{ns:.0f} ns" if ns else "0 s"


def format_size(size: float) -> str:
    """Bytes for people: ``512 B``, ``64 KiB``."""
    for unit in ("GiB", "MiB", "KiB"):
        if abs(size) >= SIZE_UNITS[unit] * 0.9995:
            return f"{_three_digits(size / SIZE_UNITS[unit])} {unit}"
    return f"{size:.0f} B"


def format_share(share: float) -> str:
    """Return a share for people, as a percentage with three significant digits: ``0.5%``, ``75.4%``."""
    return f"{_three_digits(share * 100)}%"


def format_count(count: float) -> str:
    """Return a count with thousands apart: ``12,345``; a fraction keeps three significant digits."""
    return f"{count:,.0f}" if count == int(count) or abs(count) >= 999.5 else _three_digits(count)


def format_rate(per_s: float) -> str:
    """Return a rate for people: ``200/s``, ``0.5/s``."""
    return f"{format_count(per_s)}/s"


def _three_digits(number: float) -> str:
    """Three significant digits of a number below 1024; below 0.0001 as a power of ten, since 0 would be a lie."""
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"
