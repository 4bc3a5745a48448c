"""Live figures for StatsD: counters, and gauges of each second's percentiles.

A timer would need a packet for each value, or a sample of them that has other percentiles; so the count of a histogram
goes as a counter, and its percentiles, mean and extremes as gauges, in the base unit. A gauge without a value in a second
keeps its last one, as gauges of StatsD do.

``statsd`` has the labels in the name (``loadws.response_time_seconds.join.p99``), for StatsD knows no labels; the phase is
left out. ``dogstatsd`` has them as tags (``|#phase:steady,step:join``), which Datadog's agent, Telegraf and others read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from loadws.metrics.runinfo import RunInfo
from loadws.outputs.base_units import base_unit
from loadws.outputs.bounded_labels import Key
from loadws.outputs.destinations import Destination
from loadws.outputs.exported_names import PREFIX, Names
from loadws.outputs.kinds.datagrams import Datagrams
from loadws.outputs.receivers import host_and_port
from loadws.outputs.second import Catalogue, Second
from loadws.outputs.second_rows import histogram_values

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
_NOT_IN_A_TAG = re.compile(r"[\x00-\x20,:|#\x7f]+")
_LONGEST_NAME = 200


class StatsdExporter:
    """An exporter that sends each second in UDP packets. Raises ``UsageError`` where the receiver's name cannot be
    resolved.
    """

    def __init__(self, destination: Destination) -> None:
        self.name = f"The output {destination}"
        self._has_tags = destination.kind == "dogstatsd"
        self._datagrams = Datagrams(destination, *host_and_port(destination.where))
        self._catalogue: Catalogue | None = None
        self._names: Names | None = None

    def begin(self, info: RunInfo) -> None:
        """Learn the names of the metrics."""
        self._catalogue = Catalogue(info)
        self._names = Names(self._catalogue)

    def take(self, second: Second) -> None:
        """Send a second. Raises ``OSError``."""
        assert self._catalogue is not None and self._names is not None
        self._datagrams.send(statsd_lines(second, self._catalogue, self._names, self._has_tags))

    def close(self) -> None:
        """Close the socket."""
        self._datagrams.close()


def statsd_lines(second: Second, catalogue: Catalogue, names: Names, has_tags: bool) -> Iterator[bytes]:
    """Yield the lines of a second."""

    def line(name: str, key: Key, aggregate: str, value: float, kind: str) -> bytes:
        path = [_path(name), *([] if has_tags else _in_name(key)), *([aggregate] if aggregate else [])]
        tags = ",".join(f"{label}:{_NOT_IN_A_TAG.sub('_', value)}" for label, value in key) if has_tags else ""
        return f"loadws.{'.'.join(path)}:{_number(value)}|{kind}{'|#' if tags else ''}{tags}".encode("utf-8", "replace")

    for (metric, key), histogram in second.histograms.items():
        values = histogram_values(histogram, base_unit(catalogue[metric]))
        yield line(names.of(metric), key, "count", values.pop("count"), "c")
        if missing := values.pop("missing", 0):
            yield line(names.of(metric, "missing"), key, "", missing, "c")
        for aggregate, value in values.items():
            yield line(names.of(metric), key, aggregate, value, "g")
    for (metric, key), count in second.counts.items():
        yield line(names.of(metric), key, "", count.count, "c")
        if catalogue[metric].kind == "rate":
            yield line(names.of(metric, "failed"), key, "", count.failed, "c")
    for metric, value in second.gauges.items():
        yield line(names.of(metric), (), "", value / base_unit(catalogue[metric]).divisor, "g")


def _path(name: str) -> str:
    return name.removeprefix(PREFIX)[:_LONGEST_NAME]


def _in_name(key: Key) -> list[str]:
    return [_NOT_IN_A_NAME.sub("_", value) or "_" for label, value in key if label != "phase"]


def _number(value: float) -> str:
    """Return a number without an exponent, which not every receiver reads."""
    return str(value) if isinstance(value, int) else f"{value:.9f}".rstrip("0").rstrip(".")
