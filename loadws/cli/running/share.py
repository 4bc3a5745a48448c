"""``loadws shard``: one share of a load on this machine, a run of its own that ``loadws merge`` joins with the others."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from loadws.fleet.shares import Share, Weights
from loadws.terms.errors import UsageError
from loadws.terms.units import format_duration


def share_of(index: int, of: int, run_id: str, start_at: str | None, weights: Weights = ()) -> Share:
    """Return the share that the command line asks for.

    Raises:
        UsageError: The start has passed or is not a date and time, or the weights are wrong.
    """
    start_ns = None if start_at is None else parse_start(start_at)
    if start_ns is not None and (late_ns := time.time_ns() - start_ns) >= 0:
        raise UsageError(
            f"--start-at {start_at} was {format_duration(late_ns)} ago by this machine's clock",
            "name a later moment, the same for all shares; it is UTC",
        )
    if weights == "cores":
        raise UsageError(
            "--shares cores needs to know the cores of all machines, and a share knows its own machine only",
            "write the weights of all shares: --shares 8,4,4",
        )
    return Share(index, of, run_id, start_ns, weights)


def parse_start(text: str) -> int:
    """Return a moment in ns since 1970. Without an offset it is UTC.

    Raises:
        UsageError: The text is not a date and time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--start-at {text!r} is no date and time",
            "write UTC as 2026-07-31T12:00:00Z: date -u -d '+1 minute' +%FT%TZ",
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000) * 1_000
