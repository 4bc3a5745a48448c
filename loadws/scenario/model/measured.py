"""What each verb can measure: the metrics that carry its steps' names, and the kinds of try that it counts.

A rule on anything else would find no data however long the run is. A test runs an example of every verb and asks for every
metric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """``metrics`` have a step label; ``tries`` are the kinds of ``error_rate`` that steps of the verb count."""

    metrics: frozenset[str] = frozenset()
    tries: frozenset[str] = frozenset()


_PARTS_OF_CONNECTING = frozenset({"dns_time", "tcp_time", "proxy_time", "tls_time", "upgrade_time"})
_CONNECTING = Measured(_PARTS_OF_CONNECTING | {"connect_time", "schedule_lag"}, frozenset({"connect"}))
_SENDING = frozenset({"schedule_lag", "send_lag", "write_wait"})
_ANSWERS = frozenset({"response_time", "unlagged_time", "service_time"})
_STREAMED = frozenset({"first_message_time", "last_message_time"})
_UNLAGGED = frozenset({"unlagged_first_message_time", "unlagged_last_message_time"})
_STRAYS = frozenset({"stray_messages"})
#: A verb that is not here measures nothing of its own.
VERBS: Mapping[str, Measured] = {
    "connect": _CONNECTING,
    "reconnect": _CONNECTING,
    "send": Measured(_SENDING, frozenset({"send"})),
    "publish": Measured(_SENDING, frozenset({"send"})),
    "request": Measured(_SENDING | _ANSWERS | _STREAMED | _UNLAGGED | _STRAYS, frozenset({"request"})),
    "wait_for": Measured(frozenset({"wait_time"}), frozenset({"wait_for"})),
    "expect_none": Measured(tries=frozenset({"wait_for"})),
    "barrier": Measured(frozenset({"wait_time"}), frozenset({"barrier"})),
    "ping": Measured(frozenset({"ping_time"}), frozenset({"ping"})),
    "http": Measured(frozenset({"http_time", "http_connect_time"}), frozenset({"http"})),
    "call": Measured(frozenset({"call_time"}), frozenset({"call"})),
    "check": Measured(tries=frozenset({"check"})),
    "stall": Measured(tries=frozenset({"stall"})),
    "read_slowly": Measured(tries=frozenset({"read_slowly"})),
}
#: Every kind of try: what ``error_rate{kind=...}`` may name beside the kinds of ends, ``closed`` and ``lost``.
TRIES = sorted(frozenset[str]().union(*(each.tries for each in VERBS.values())))


def verbs_measuring(metric: str) -> frozenset[str]:
    """Return the verbs whose steps the metric measures; none where the metric is no single step's."""
    return frozenset(verb for verb, measured in VERBS.items() if metric in measured.metrics)


def verbs_trying(kind: str) -> frozenset[str]:
    """Return the verbs that count tries of this kind."""
    return frozenset(verb for verb, measured in VERBS.items() if kind in measured.tries)
