"""The one table of metrics: what loadws measures, in which unit, what it means and which way is better.

Reports take their words from here, thresholds are checked against it, and a metric that is not in it (a ``record`` or a
``count`` of the scenario's own) is declared with ``own_trend`` or ``own_counter``.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from loadws.terms.percentiles import PERCENTILES, percentile_name

Kind = Literal["histogram", "counter", "rate", "gauge"]
Better = Literal["lower", "higher", "neither"]

AGGREGATES: dict[Kind, tuple[str, ...]] = {
    "histogram": (*map(percentile_name, PERCENTILES), "max", "min", "mean", "count", "rate"),
    "counter": ("count", "rate"),
    "rate": ("rate", "count"),
    "gauge": ("max", "min", "mean"),
}
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,6})?)", re.ASCII)
DEFAULT_AGGREGATE: dict[Kind, str | None] = {
    "histogram": None,
    "counter": "count",
    "rate": "rate",
    "gauge": "max",
}


class Metric(msgspec.Struct, frozen=True):
    """One row of the table. ``labels`` are the names of labels that its entries may have (``phase`` always may)."""

    name: str
    kind: Kind
    unit: str  # ns, 1, bytes, ratio; an own trend's is what its author says
    meaning: str
    labels: tuple[str, ...] = ()
    better: Better = "lower"
    more_aggregates: tuple[str, ...] = ()
    #: The metric that holds the same samples without the send lag of each, where there is one.
    unlagged: str | None = None

    @property
    def aggregates(self) -> tuple[str, ...]:
        return (*AGGREGATES[self.kind], *self.more_aggregates)

    @property
    def is_of_probes(self) -> bool:
        """Return whether only a scenario that publishes probes measures it. Any other run has no value, rather than 0."""
        return "probe" in self.labels

    @property
    def choices(self) -> str:
        """Return the aggregates as a text; any number is allowed for a percentile."""
        others = [aggregate for aggregate in self.aggregates if percentile_of(aggregate) is None]
        some = ["any percentile (p50, p97.5, p99.9)"] if self.kind == "histogram" else []
        return ", ".join([*some, *others])

    def has_aggregate(self, aggregate: str) -> bool:
        """Return whether a rule may name the aggregate: one of ``aggregates``, or of a histogram any percentile."""
        return aggregate in self.aggregates or (self.kind == "histogram" and percentile_of(aggregate) is not None)


def percentile_of(aggregate: str) -> float | None:
    """Return the number of a percentile (97.5 for ``p97.5``), between 0 and 100; None for any other aggregate."""
    match = _PERCENTILE.fullmatch(aggregate)
    number = float(match[1]) if match else 0.0
    return number if 0 < number < 100 else None


_STEP = ("step",)
_PROBE = ("probe",)
_ROWS = (
    Metric("connect_time", "histogram", "ns", "from the attempt to the open WebSocket", _STEP),
    Metric("dns_time", "histogram", "ns", "the part of connect_time that resolved the name", _STEP),
    Metric("tcp_time", "histogram", "ns", "the part of connect_time that opened TCP", _STEP),
    Metric("proxy_time", "histogram", "ns", "the part of connect_time from TCP with the proxy to its tunnel", _STEP),
    Metric("tls_time", "histogram", "ns", "the part of connect_time that was the TLS handshake", _STEP),
    Metric("upgrade_time", "histogram", "ns", "the part of connect_time from the HTTP request to its 101", _STEP),
    Metric("protocol_time", "histogram", "ns", "the part of connect_time in which the protocol opened", _STEP),
    Metric("response_time", "histogram", "ns", "received − intended: what a user would have felt", _STEP,
           unlagged="unlagged_time"),
    Metric("service_time", "histogram", "ns", "received − sent: what the server took once asked", _STEP),
    Metric("unlagged_time", "histogram", "ns", "response_time without the send lag of each request", _STEP),
    Metric("schedule_lag", "histogram", "ns", "due − intended: a schedule that the server or the flow held up", _STEP),
    Metric("send_lag", "histogram", "ns", "sent − due: what the generator itself added", _STEP),
    Metric("write_wait", "histogram", "ns", "written − sent: back-pressure of the server or the network", _STEP),
    Metric("read_lag", "histogram", "ns", "read − received, by the kernel's stamp: what lay there unread"),
    Metric("first_message_time", "histogram", "ns", "from intended to the first message of a streamed answer", _STEP,
           unlagged="unlagged_first_message_time"),
    Metric("last_message_time", "histogram", "ns", "from intended to the last message of a streamed answer", _STEP,
           unlagged="unlagged_last_message_time"),
    Metric("unlagged_first_message_time", "histogram", "ns", "first_message_time without the send lag of each request",
           _STEP),
    Metric("unlagged_last_message_time", "histogram", "ns", "last_message_time without the send lag of each request",
           _STEP),
    Metric("wait_time", "histogram", "ns", "how long a wait_for waited for what it found, a barrier for its users", _STEP),
    Metric("ping_time", "histogram", "ns", "the round trip of a ping and its pong", _STEP),
    Metric("http_time", "histogram", "ns", "from intended to the last byte of an HTTP answer, redirects included, "
           "without http_connect_time", _STEP),
    Metric("http_connect_time", "histogram", "ns", "the opening of connections for an HTTP request: name, TCP, proxy, TLS",
           _STEP),
    Metric("call_time", "histogram", "ns", "how long a Python function took that did not fail", _STEP),
    Metric("recovery_time", "histogram", "ns", "from the loss of a connection to the next good answer on its successor"),
    Metric("delivery", "histogram", "ns", "from a probe's making to each of its receivers", _PROBE,
           more_aggregates=("completeness",)),
    Metric("delivery_first", "histogram", "ns", "from each probe's making to the first that received it", _PROBE),
    Metric("delivery_median", "histogram", "ns", "from each probe's making to the median of those that received it", _PROBE),
    Metric("delivery_last", "histogram", "ns", "from each probe's making to the last that received it", _PROBE),
    Metric("delivery_same_machine", "histogram", "ns", "delivery from a publisher on the receiver's own machine, in runs of "
           "several machines: one clock measured it", _PROBE),
    Metric("session_time", "histogram", "ns", "from a session's start to its end"),
    Metric("messages_sent", "counter", "1", "messages whose last byte the kernel took", better="neither"),
    Metric("messages_received", "counter", "1", "messages read", better="neither"),
    Metric("values_received", "counter", "1", "values that messages were unpacked into, by a connection or a where",
           better="neither"),
    Metric("bytes_sent", "counter", "bytes", "payload bytes of the messages sent", better="neither"),
    Metric("bytes_received", "counter", "bytes", "payload bytes of the messages received", better="neither"),
    Metric("wire_bytes_sent", "counter", "bytes", "bytes of all frames sent, compressed, before TLS", better="neither"),
    Metric("wire_bytes_received", "counter", "bytes", "bytes of all frames received, compressed, after TLS",
           better="neither"),
    Metric("reconnects", "counter", "1", "connections opened in the place of one that had ended", better="neither"),
    Metric("disconnects", "counter", "1", "connections that the peer closed, or that were lost"),
    Metric("tls_resumed", "counter", "1", "TLS handshakes that took up a session of the user's before", better="neither"),
    Metric("probes_published", "counter", "1", "probes sent whose deliveries have been looked at", _PROBE, "neither"),
    Metric("deliveries_expected", "counter", "1", "deliveries that their probes' receivers should have had", _PROBE,
           "neither"),
    Metric("deliveries_missing", "counter", "1", "expected deliveries that did not come within their time", _PROBE),
    Metric("deliveries_in_doubt", "counter", "1", "not expected: their receiver left before they came or were late", _PROBE,
           "neither"),
    Metric("deliveries_duplicate", "counter", "1", "deliveries that their receiver had already", _PROBE),
    Metric("deliveries_out_of_order", "counter", "1", "deliveries after a later one of the same publisher", _PROBE),
    Metric("deliveries_late", "counter", "1", "deliveries that came after their time was over", _PROBE),
    Metric("deliveries_unexpected", "counter", "1", "deliveries to connections that were none of their receivers", _PROBE),
    Metric("deliveries_unrecognised", "counter", "1", "deliveries with a probe that this run has not published", _PROBE),
    Metric("deliveries_let_go", "counter", "1", "deliveries that there was no room to follow", _PROBE),
    Metric("iterations", "counter", "1", "flows begun and completed", better="higher"),
    Metric("sessions", "counter", "1", "sessions of held and arrived users that completed or failed", better="higher"),
    Metric("sessions_failed", "counter", "1", "sessions of held and arrived users that failed"),
    Metric("arrivals", "counter", "1", "arrivals whose intended time passed, dropped ones included", better="neither"),
    Metric("arrivals_dropped", "counter", "1", "arrivals that max_users or a phase's iterations left no place for"),
    Metric("turns", "counter", "1", "turns of every that were due", better="neither"),
    Metric("turns_skipped", "counter", "1", "turns of every that were left out by late: skip"),
    Metric("turns_not_begun", "counter", "1",
           "turns of every that were due and never began, because the turn before took longer than the interval",
           ("every",)),
    Metric("tries_not_begun", "counter", "1",
           "tries of turns_not_begun: never made, and among the failed tries of error_rate", ("kind", "step")),
    Metric("stray_messages", "counter", "1",
           "unclaimed and late messages on connections where the step, a request without where, takes the next one", _STEP),
    Metric("measures_cut_off", "counter", "1",
           "times of measure that a close of ours, or the end of their session, cut off before they were over"),
    Metric("generator_failures", "counter", "1",
           "connections that failed for want of files, ports or memory on the machine of loadws itself"),
    Metric("errors", "counter", "1", "everything that went wrong, by kind", ("kind", "step")),
    Metric("error_rate", "rate", "ratio",
           "failed tries of all tries: connects, requests, waits, pings, HTTP steps, calls, free checks, lost connections",
           ("kind", "step")),
    Metric("open_connections", "gauge", "1", "connections open at once; min, mean: in whole seconds of a phase",
           better="neither"),
    Metric("users", "gauge", "1", "virtual users alive at once; min, mean: in whole seconds of a phase",
           better="neither"),
)  # fmt: skip
TABLE: dict[str, Metric] = {row.name: row for row in _ROWS}

#: Times that end at the kernel's stamp of received data, where there is one.
KERNEL_STAMPED = frozenset({
    "response_time", "service_time", "unlagged_time", "first_message_time", "last_message_time",
    "unlagged_first_message_time", "unlagged_last_message_time", "wait_time", "delivery", "delivery_first",
    "delivery_median", "delivery_last", "delivery_same_machine", "schedule_lag", "send_lag", "write_wait",
})  # fmt: skip


#: Endings that Prometheus and OpenMetrics give to samples of a metric, and that no name of a metric may have.
_RESERVED = re.compile(r"(?:_(?:total|count|sum|bucket|created|info|gcount|gsum))+$")
_NO_NAME = re.compile(r"[^a-zA-Z0-9_]")


def exported_name(name: str, unit: str) -> str:
    """Return a metric's name by the rules of Prometheus and OpenMetrics: ``loadws_response_time_seconds``.

    ``unit`` is the word of its base unit (seconds, bytes, ratio), which stands at the end; empty where it has none. A
    counter's samples also end with ``_total``.
    """
    plain, word = (_NO_NAME.sub("_", text) for text in (name, unit))
    if word == "bytes":  # bytes_sent: the unit goes to the end
        plain = plain.replace("bytes_", "", 1)
    plain = _RESERVED.sub("", f"_{plain}")
    return _RESERVED.sub("", f"loadws{plain}" + (f"_{word}" if word and not plain.endswith(f"_{word}") else ""))


def own_trend(name: str, unit: str) -> Metric:
    """Return the metric that ``record:`` declares: a histogram of the scenario's own."""
    return Metric(name, "histogram", unit, "recorded by the scenario", _STEP, better="neither")


def own_counter(name: str) -> Metric:
    """Return the metric that ``count:`` declares: a counter of the scenario's own."""
    return Metric(name, "counter", "1", "counted by the scenario", better="neither")
