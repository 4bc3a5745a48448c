"""The words of the server as it refused a connection or closed one: each different answer once, with how often it came."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from loadws.metrics.frame import ErrorSample
from loadws.report.course.story import clock
from loadws.report.plain import plain

MOST_ANSWERS = 12
_LONGEST = 1_000
_CLOSED = ("closed.",)
#: Headers that say why, or when to come back.
_TELLING = ("retry-after", "server", "content-type", "www-authenticate", "location", "x-request-id")


class ServerAnswer(msgspec.Struct, frozen=True):
    """A refusal or a close. ``count`` is how many of the kept errors are like it, ``first`` the run's time of the first."""

    what: str
    step: str
    words: str
    headers: str
    count: int
    first: str


def server_answers(samples: Iterable[ErrorSample]) -> list[ServerAnswer]:
    """Return the different answers, the most frequent first, at most ``MOST_ANSWERS``."""
    alike: dict[tuple[str, str, str, str], list[float]] = {}
    for sample in samples:
        if sample.status is not None or sample.kind.startswith(_CLOSED):
            alike.setdefault(_key(sample), []).append(sample.at_s)
    ordered = sorted(alike.items(), key=lambda item: (-len(item[1]), item[0]))
    return [ServerAnswer(*key, len(times), clock(min(times))) for key, times in ordered[:MOST_ANSWERS]]


def _key(sample: ErrorSample) -> tuple[str, str, str, str]:
    what = f"HTTP {sample.status}" if sample.status is not None else sample.kind
    words = sample.body if sample.body else "" if sample.status is not None else sample.detail
    return plain(what, 80), plain(sample.step, 80), plain(words, _LONGEST).strip(), _headers(sample.headers or {})


def _headers(headers: dict[str, str]) -> str:
    return plain(", ".join(f"{name}: {value}" for name, value in headers.items() if name.lower() in _TELLING), 300)
