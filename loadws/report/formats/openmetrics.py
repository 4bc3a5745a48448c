"""``metrics.txt``: the figures of the judged time in the OpenMetrics text format, as GitLab's metrics report reads them.

Times are summaries in seconds with quantiles, shares are ratios, counts are counters, levels are gauges. GitLab reads each
line as a shell would and takes ``#`` for the beginning of a comment, so that sign is written ``%23`` in values of labels.

Source: https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md; GitLab,
``Gitlab::Ci::Parsers::Metrics::Generic``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from loadws.metrics.summary import MetricEntry, Summary
from loadws.report.plain import plain
from loadws.report.timings import judged_value
from loadws.terms.metrics import TABLE, exported_name

#: Of one metric, so many sets of labels: the first hundred steps and the whole.
_MOST_SETS = 101
#: How many sets of labels there may be in all: a file of about a MiB.
_MOST_IN_ALL = 1_500
_QUANTILES = {"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99", "max": "1"}
_NO_NAME = re.compile(r"[^a-zA-Z0-9_]")


def render(summary: Summary) -> bytes:
    """Return the whole file."""
    lines = [*_verdict(summary), *_checks(summary)]
    families: dict[str, list[MetricEntry]] = {}
    for entry in summary.metrics:
        if "phase" not in entry.labels:
            families.setdefault(_family(entry), []).append(entry)
    room = _MOST_IN_ALL
    for name, entries in families.items():
        shown = entries[: min(_MOST_SETS, room)]
        room -= len(shown)
        lines += _of_family(name, shown) if shown else ()
    return "\n".join([*lines, "# EOF", ""]).encode("utf-8", "replace")


def _verdict(summary: Summary) -> Iterator[str]:
    yield from ("# TYPE loadws_exit_code gauge", f"# HELP loadws_exit_code {_help('The exit code of the verdict')}")
    yield f"loadws_exit_code{_labels({'outcome': summary.verdict.outcome})} {summary.verdict.exit_code}"


def _checks(summary: Summary) -> Iterator[str]:
    """Yield 1 for each rule that holds and 0 for each that does not."""
    held = {_labels({"rule": check.rule}): check.holds for check in summary.verdict.checks[:_MOST_SETS]}
    if held:
        yield from ("# TYPE loadws_check_holds gauge", "# HELP loadws_check_holds Whether the rule holds: 1 or 0")
    for labels, holds in held.items():
        yield f"loadws_check_holds{labels} {int(holds)}"


def _family(entry: MetricEntry) -> str:
    """Return the name of the metric's family, which ends with its unit."""
    return exported_name(entry.name, _unit(entry))


def _unit(entry: MetricEntry) -> str:
    if entry.kind == "rate":
        return "ratio"
    return {"ns": "seconds", "bytes": "bytes"}.get(entry.unit, "")


def _of_family(name: str, entries: list[MetricEntry]) -> Iterator[str]:
    first = entries[0]
    kind = {"histogram": "summary", "counter": "counter"}.get(first.kind, "gauge")
    yield f"# TYPE {name} {kind}"
    if unit := _unit(first):
        yield f"# UNIT {name} {unit}"
    if first.name in TABLE:
        yield f"# HELP {name} {_help(TABLE[first.name].meaning)}"
    seen = set()
    for entry in entries:
        if entry.kind == first.kind and (labels := _labels(entry.labels)) not in seen:
            seen.add(labels)
            yield from _samples(name, entry)


def _samples(name: str, entry: MetricEntry) -> Iterator[str]:
    labels = _labels(entry.labels)
    if entry.kind == "counter":
        yield f"{name}_total{labels} {entry.count}"
    elif entry.kind != "histogram":
        if entry.value is not None:  # a rate of nothing has no value
            yield f"{name}{labels} {_number(entry.value)}"
    else:
        yield from _summary(name, entry)


def _summary(name: str, entry: MetricEntry) -> Iterator[str]:
    """Yield the quantiles that the samples support, the count and the sum; an answer that never came is ``+Inf``."""
    scale = 1e-9 if entry.unit == "ns" else 1.0
    for field, quantile in _QUANTILES.items():
        if (value := judged_value(entry, field)) is not None and value >= 0:
            yield f"{name}{_labels({**entry.labels, 'quantile': quantile})} {_number(value * scale)}"
    yield f"{name}_count{_labels(entry.labels)} {entry.count}"
    if entry.mean is not None and entry.mean >= 0:
        yield f"{name}_sum{_labels(entry.labels)} {_number(entry.mean * entry.count * scale)}"


def _labels(labels: dict[str, str]) -> str:
    inner = ",".join(f'{_NO_NAME.sub("_", name)}="{_value(value)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _value(text: str) -> str:
    return plain(text, 200).replace("\\", "\\\\").replace('"', '\\"').replace("#", "%23")


def _help(text: str) -> str:
    return plain(text).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    return f"{value:.9g}" if math.isfinite(value) else "+Inf"
