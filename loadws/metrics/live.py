"""The state of a run at one moment: the summariser makes it, the live view draws it."""

from __future__ import annotations

import msgspec

from loadws.metrics.ledger import Ledger


class LiveView(msgspec.Struct, frozen=True):
    """The run at this moment. Rates and percentiles are of the last seconds, everything else of the run so far.

    Percentiles are None where the last seconds had too few answers for them.
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
