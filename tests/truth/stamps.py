"""A loop that is blocked for 50 ms now and then: kernel stamps keep that out of a service time."""

from __future__ import annotations

from collections.abc import Iterator

from loadws.terms.units import NS_PER_MS
from tests.truth.latency import PACED, ledger_rows, read_lag_row, service_rows
from tests.truth.running import Stamps, blocked, measure
from tests.truth.table import Row, render, time_row
from tests.truth.target import Behaviour

DELAY_NS = 5 * NS_PER_MS


def stamps() -> Iterator[str]:
    """Show that user stamps are up to 50 ms off, and claim that kernel stamps are within 1 ms."""
    kinds: tuple[Stamps, ...] = ("user", "kernel")
    for kind in kinds:
        made = measure(PACED % "6s", Behaviour(delay_ns=DELAY_NS), kind, blocked)
        within_ns = NS_PER_MS if kind == "kernel" else None
        rows: list[Row] = [*ledger_rows(made), *service_rows(made, within_ns)]
        rows[-1] = time_row("service time max", made.entry("service_time").max, max(made.account.held_ns), within_ns)
        rows.append(read_lag_row(made))
        yield render(
            f"every answer after 5 ms, and a loop that is blocked for 50 ms twice a second; {kind} stamps", rows
        )
