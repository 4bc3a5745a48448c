"""``final-stats.xml``: the figures of each step in the shape of Taurus' final statistics.

Jenkins' Performance plugin finds out by itself that a file is one of these, and draws a trend of each step. Times are in
seconds. The plugin reads a median, a 90th percentile, a minimum and a maximum; those that the samples do not support, or
that never ended, are left out. The mean must be there: without an answer it is ``NaN``, which is no time, as 0 would be.

Source: https://gettaurus.org/docs/Reporting (``dump-xml``); ``TaurusParser`` of the Performance plugin.
"""

from __future__ import annotations

from xml.etree import ElementTree

from loadws.metrics.summary import Summary
from loadws.report.formats.requests import Requests, all_requests, requests_of_steps
from loadws.report.plain import plain

_PERCENTILES = {
    "0.0": "min",
    "50.0": "p50",
    "90.0": "p90",
    "95.0": "p95",
    "99.0": "p99",
    "99.9": "p999",
    "100.0": "max",
}


def render(summary: Summary) -> bytes:
    """Return the whole file, UTF-8."""
    root = ElementTree.Element("FinalStatus")
    ElementTree.SubElement(root, "TestDuration").text = f"{summary.run.judged_s:.3f}"
    whole = all_requests(summary)
    for requests in ([whole] if whole else []) + requests_of_steps(summary):
        _group(root, requests)
    ElementTree.indent(root)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _group(root: ElementTree.Element, requests: Requests) -> None:
    """Add a step, or all of them, whose label is empty."""
    group = ElementTree.SubElement(root, "Group", label=plain(requests.step))
    mean_ms = requests.milliseconds("mean")
    values = {
        "throughput": requests.asked,  # Taurus' word for the number of samples
        "succ": requests.asked - requests.failed,
        "fail": requests.failed,
        "avg_rt": "NaN" if mean_ms is None else f"{mean_ms / 1e3:.6f}",
        "bytes": 0,
    }
    for name, value in values.items():
        ElementTree.SubElement(group, name, value=str(value))
    for percentile, field in _PERCENTILES.items():
        if (value := requests.milliseconds(field)) is not None:
            ElementTree.SubElement(group, "perc", param=percentile, value=f"{value / 1e3:.6f}")
