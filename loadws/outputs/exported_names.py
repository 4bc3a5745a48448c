"""What metrics are called outside of loadws, by the rules of Prometheus: ``loadws_response_time_seconds``.

A name is the metric's own behind ``loadws_``, with its base unit at its end. Counters also end with ``_total``
in formats that want it. A rate (``error_rate``) is two counters, what was tried and what failed of it. Two metrics never
share a name.
"""

from __future__ import annotations

from loadws.outputs.base_units import base_unit
from loadws.outputs.second import Catalogue
from loadws.terms.metrics import Metric, exported_name

PREFIX = "loadws_"
#: The facts about the run itself.
RUN = f"{PREFIX}run"
#: The counters that a rate is made of: all, and those that failed.
_RATES = {"error_rate": ("tries", "failed_tries")}


class Names:
    """The names of a run's metrics."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._names: dict[tuple[str, str], str] = {}
        taken = {RUN}
        for metric in catalogue:
            for part, name in _parts(metric):
                while name in taken:
                    name += "_"
                taken.add(name)
                self._names[metric.name, part] = name

    def of(self, metric: str, part: str = "") -> str:
        """Return the name of a metric. ``part`` is ``failed`` of a rate, and ``missing`` of a histogram."""
        return self._names[metric, part]


def _parts(metric: Metric) -> list[tuple[str, str]]:
    if metric.kind == "rate":
        tries, failed = _RATES.get(metric.name, (f"{metric.name}_tries", f"{metric.name}_failed_tries"))
        return [("", exported_name(tries, "")), ("failed", exported_name(failed, ""))]
    name = exported_name(metric.name, base_unit(metric).word)
    missing = [("missing", exported_name(f"{metric.name}_missing", ""))] if metric.kind == "histogram" else []
    return [("", name), *missing]
