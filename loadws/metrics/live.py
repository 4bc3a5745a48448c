"""The state of a run at one moment: the summariser makes it, the live view and the dashboard draw it."""

from __future__ import annotations

import msgspec

from loadws.metrics.ledger import Ledger
from loadws.metrics.summary import ErrorCount


class Second(msgspec.Struct, frozen=True):
    """One second of the run, of all processes together. ``second`` counts from the start of the run.

    ``response_p99_ns`` is the 99th percentile of the responses that came in it; where they are too few to carry it, the
    slowest of them; None where none came. ``users`` are those at its end.
    """

    second: int
    sent: int
    received: int
    errors: int
    response_p50_ns: float | None
    response_p99_ns: float | None
    users: int = 0


class GeneratorNow(msgspec.Struct, frozen=True):
    """The generator's health in the last seconds, of its worst process. Shares are of the time, lags in nanoseconds."""

    cpu_share: float = 0.0
    loop_lag_max_ns: int = 0
    waited_share: float = 0.0
    steal_share: float = 0.0
    send_lag_p99_ns: float | None = None


class LiveView(msgspec.Struct, frozen=True):
    """The run at this moment. Rates, percentiles and ``spread`` are of the last ``recent_s`` seconds, everything else of
    the run so far.

    Percentiles are None where the last seconds had too few answers to carry them. ``spread`` counts the responses up to
    each limit (in nanoseconds) and above the limit before. ``seconds`` are the newest seconds, oldest first. ``begun`` are
    the phases that have begun: (name, seconds since the start).
    """

    at_s: float
    phase: str
    warmup: bool
    users: int
    open_connections: int
    sent_per_s: float
    received_per_s: float
    response_p50_ns: float | None
    response_p99_ns: float | None
    response_max_ns: float | None
    errors: int
    ledger: Ledger
    recent_s: float = 0.0
    spread: tuple[tuple[float, int], ...] = ()
    seconds: tuple[Second, ...] = ()
    begun: tuple[tuple[str, float], ...] = ()
    kinds: tuple[ErrorCount, ...] = ()
    generator: GeneratorNow = GeneratorNow()
