"""``load-performance.json``: the run in the shape of k6's summary export, which GitLab's load performance widget reads.

The widget knows ``http_reqs.rate``, ``http_req_waiting`` (p90 and p95) and ``checks``; these are the requests of loadws,
their response times and the tries that succeeded. A percentile that its samples do not support leaves out its metric: the
widget would compute with a number that is not there. Times are in milliseconds.

Source: https://k6.io/docs/results-output/end-of-test (``--summary-export``); GitLab, ``load_performance`` in
``vue_merge_request_widget``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from loadws.metrics.summary import Summary
from loadws.report.formats.requests import Requests, all_requests
from loadws.report.timings import overall

_TREND = {"avg": "mean", "min": "min", "med": "p50", "max": "max", "p(90)": "p90", "p(95)": "p95"}
_COUNTERS = {
    "ws_msgs_sent": "messages_sent",
    "ws_msgs_received": "messages_received",
    "data_sent": "wire_bytes_sent",
    "data_received": "wire_bytes_received",
}
_NO_GROUP_ID = "d41d8cd98f00b204e9800998ecf8427e"  # k6 names the group of all by the MD5 of nothing


def render(summary: Summary) -> bytes:
    """Return the whole file."""
    group = {"name": "", "path": "", "id": _NO_GROUP_ID, "groups": {}, "checks": {}}
    content = {"metrics": _metrics(summary), "root_group": group}
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _metrics(summary: Summary) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if requests := all_requests(summary):
        found["http_reqs"] = {"count": requests.asked, "rate": round(requests.per_s, 3)}
        if (trend := _trend(requests)) is not None:
            found["http_req_waiting"] = found["http_req_duration"] = trend
    for name, ours in _COUNTERS.items():
        if entry := overall(summary, ours):
            found[name] = {"count": entry.count, "rate": round(entry.per_s or 0.0, 3)}
    if (tries := overall(summary, "error_rate")) and tries.count:
        passes = tries.count - tries.failed
        found["checks"] = {"passes": passes, "fails": tries.failed, "value": round(passes / tries.count, 6)}
    return found


def _trend(requests: Requests) -> dict[str, float] | None:
    """Return the values of a trend; None where the samples do not support all of them."""
    values = {name: requests.milliseconds(field) for name, field in _TREND.items()}
    known = {name: round(value, 3) for name, value in values.items() if value is not None}
    return known if len(known) == len(values) else None
