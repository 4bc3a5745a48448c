"""How long to wait before each attempt to reconnect.

Before attempt n, counted from 0, the wait is at most w = min(most, least * 2^n). With ``full`` jitter it is anywhere in
[0, w), with ``equal`` in [w/2, w), with ``none`` it is w. What jitter is for, and that full jitter costs the server least:
Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

from loadws.scenario.model.connection import ReconnectOptions
from loadws.terms.chance import fraction

#: Doubled this many times, the shortest backoff is longer than the longest one allowed.
_MOST_DOUBLINGS = 62


def backoff_ns(options: ReconnectOptions, attempt: int, bits: int) -> int:
    """Return the time to wait before an attempt, in ns. ``bits`` are 64 random bits."""
    most_ns = min(options.backoff.most, options.backoff.least << min(attempt, _MOST_DOUBLINGS))
    match options.jitter:
        case "full":
            return int(most_ns * fraction(bits))
        case "equal":
            return int(most_ns * (1 + fraction(bits)) / 2)
        case "none":
            return most_ns
