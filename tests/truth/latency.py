"""Targets that delay, jitter, stall, drop and reorder; with an idle generator and at 80 % CPU."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from loadws.terms.units import NS_PER_MS, NS_PER_S
from tests.truth.running import Burden, Measured, Stamps, busy, idle, measure
from tests.truth.table import Row, count_row, render, time_row
from tests.truth.target import Behaviour

#: 40 users, a message each 100 ms at a random offset: 400 messages per second.
PACED = """
target: ws://127.0.0.1:1
graceful_stop: 20s
load: [{users: 40, for: %s}]
flow: [{every: 100ms, do: [{request: hello}]}]
"""
#: The same with 100 users: 1,000 messages per second.
THOUSAND = PACED.replace("40", "100")
#: Each request is answered by its own text, so that no answer is taken for another's.
TOLD_APART = """
target: ws://127.0.0.1:1
graceful_stop: 20s
load: [{users: 20, for: %s}]
flow:
  - every: 100ms
    overlap: true
    do: [{request: {send: "{{ uuid() }}", reply: {within: 2s, where: {text: "{{ sent }}"}}}}]
"""

Setting = tuple[str, Burden, Stamps]
SETTINGS: tuple[Setting, ...] = (
    ("idle, user stamps", idle, "user"),
    ("idle, kernel stamps", idle, "kernel"),
    ("80 % CPU, user stamps", busy, "user"),
    ("80 % CPU, kernel stamps", busy, "kernel"),
)
#: The network's part and the target's own loop, which the target's account does not include.
NETWORK_NS = 1 * NS_PER_MS


def delay() -> Iterator[str]:
    yield from _in_each_setting("every answer after 10 ms", Behaviour(delay_ns=10 * NS_PER_MS), PACED)


def jitter() -> Iterator[str]:
    behaviour = Behaviour(delay_ns=5 * NS_PER_MS, jitter_ns=20 * NS_PER_MS)
    yield from _in_each_setting("every answer after 5 to 25 ms, evenly spread", behaviour, PACED)


def _in_each_setting(title: str, behaviour: Behaviour, scenario: str) -> Iterator[str]:
    for setting, burden, stamps in SETTINGS:
        made = measure(scenario % "6s", behaviour, stamps, burden)
        within_ns = NETWORK_NS if stamps == "kernel" else None
        rows = [*ledger_rows(made), *service_rows(made, within_ns), read_lag_row(made)]
        yield render(f"{title}; {setting}", rows)


def stall() -> Iterator[str]:
    """Send 1,000 messages per second for 10 s; from the fourth second on there is no answer for two.

    A message that was intended s seconds before the end of the stall is answered s seconds after that, so a fifth of
    all are late, spread evenly from 0 to 2 s.
    """
    behaviour = Behaviour(stall_after_ns=4 * NS_PER_S, stall_ns=2 * NS_PER_S)
    for setting, burden, stamps in SETTINGS:
        made = measure(THOUSAND % "10s", behaviour, stamps, burden)
        response, service = made.entry("response_time"), made.entry("service_time")
        rows = [*ledger_rows(made)]
        for name, share in (("p90", 0.9), ("p95", 0.95), ("p99", 0.99)):
            truth_ns = (share - 0.8) / 0.2 * 2 * NS_PER_S
            rows.append(time_row(f"response time {name}", getattr(response, name), truth_ns, 0.05 * truth_ns))
        rows.append(
            time_row("service time p95: few messages saw it", service.p95, _percentile(made, 95), 50 * NS_PER_MS)
        )
        rows.append(time_row("service time max", service.max, max(made.account.held_ns), 50 * NS_PER_MS))
        yield render(f"a stall of 2 s in 10 s at 1,000 messages per second; {setting}", rows)


def order() -> Iterator[str]:
    """Distinguish each message's answer from the others by its text."""
    for setting, burden, stamps in SETTINGS:
        made = measure(TOLD_APART % "4s", Behaviour(swaps=True), stamps, burden)
        yield render(f"of two messages the second is answered first; {setting}", ledger_rows(made))


def drop() -> Iterator[str]:
    for setting, burden, stamps in SETTINGS:
        made = measure(TOLD_APART % "5s", Behaviour(drop_every=100), stamps, burden)
        missing = made.entry("response_time").missing
        rows = [*ledger_rows(made), count_row("missing, and above every percentile", missing, made.account.dropped)]
        yield render(f"1 % of the answers are never sent; {setting}", rows)


# -- rows -------------------------------------------------------------------------------------------------------------


def ledger_rows(made: Measured) -> list[Row]:
    """Yield what no noise can change, except at the very end: what was under way then."""
    ledger, account = made.summary.ledger, made.account
    return [
        count_row("ledger's imbalances", len(ledger.imbalances()), 0),
        count_row("messages sent", ledger.messages.sent, account.received),
        count_row("answers received", ledger.messages.received, account.answered),
    ]


def service_rows(made: Measured, within_ns: float | None) -> list[Row]:
    entry = made.entry("service_time")
    percentiles = (("p50", 50), ("p90", 90), ("p99", 99))
    rows = [
        time_row(f"service time {name}", getattr(entry, name), _percentile(made, p), within_ns)
        for name, p in percentiles
    ]
    return [*rows, time_row("service time max", entry.max, max(made.account.held_ns), None)]


def read_lag_row(made: Measured) -> Row:
    lag = made.summary.generator.processes[0].read_lag_p99_ns
    return time_row("read lag p99 (kernel stamps)", lag, 0, None)


def _percentile(made: Measured, percentile: float) -> int:
    held = sorted(made.account.held_ns)
    return held[max(0, ceil(len(held) * percentile / 100) - 1)]
