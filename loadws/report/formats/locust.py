"""``stats.csv``: the figures of each step in the columns of Locust's statistics, which many tools that draw trends read.

The last row is of all steps. Times are in milliseconds. A percentile or median that its samples do not support, or that
never ended, is ``N/A``, as Locust writes it. The mean, the minimum and the maximum are of the answers; without any they are
``NaN``, which the plugin reads as a number and which is no time, as 0 would be. The sizes of contents are not
counted by step, and 0.

Source: https://docs.locust.io/en/stable/retrieving-stats.html; ``LocustParser`` of Jenkins' Performance plugin.
"""

from __future__ import annotations

import csv
import io
import re

from loadws.metrics.summary import Summary
from loadws.report.formats.requests import Requests, all_requests, requests_of_steps
from loadws.report.plain import plain

_PERCENTILES = {"50%": "p50", "75%": "p75", "90%": "p90", "95%": "p95", "99%": "p99", "99.9%": "p999", "100%": "max"}
HEAD = (
    "Type", "Name", "Request Count", "Failure Count", "Median Response Time", "Average Response Time", "Min Response Time",
    "Max Response Time", "Average Content Size", "Requests/s", "Failures/s", *_PERCENTILES,
)  # fmt: skip
#: The name of the row of all steps.
ALL = "Aggregated"
#: What a spreadsheet would take for a formula.
_FORMULA = re.compile(r"^[=+\-@\t]")


def render(summary: Summary) -> bytes:
    """Return Locust's CSV file of statistics, in UTF-8."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(HEAD)
    table.writerows(_row("WS", _name(each.step), each) for each in requests_of_steps(summary))
    if whole := all_requests(summary):
        table.writerow(_row("", ALL, whole))
    return text.getvalue().encode("utf-8", "replace")


def _name(step: str) -> str:
    name = plain(step)
    return f"'{name}" if _FORMULA.match(name) else name


def _row(kind: str, name: str, requests: Requests) -> tuple[object, ...]:
    failed_per_s = requests.per_s * requests.failed / requests.asked
    answered = (requests.milliseconds("mean"), requests.milliseconds("min"), requests.slowest_ms)
    times = [_or_absent(requests, "p50"), *("NaN" if value is None else f"{value:.3f}" for value in answered)]
    percentiles = [_or_absent(requests, field) for field in _PERCENTILES.values()]
    rates = (f"{requests.per_s:.3f}", f"{failed_per_s:.3f}")
    return (kind, name, requests.asked, requests.failed, *times, 0, *rates, *percentiles)


def _or_absent(requests: Requests, field: str) -> str:
    value = requests.milliseconds(field)
    return "N/A" if value is None else f"{value:.3f}"
