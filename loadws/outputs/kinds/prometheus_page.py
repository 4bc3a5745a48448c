"""What a run measured so far, as families of metrics of ``prometheus_client``, and as protobuf."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from prometheus_client.core import Metric as Family
from prometheus_client.utils import floatToGoString

from loadws.metrics.runinfo import RunInfo
from loadws.outputs.base_units import base_unit
from loadws.outputs.bounded_labels import Key
from loadws.outputs.cumulative import Cumulative, Distribution
from loadws.outputs.exported_names import RUN, Names
from loadws.outputs.kinds.prometheus_protobuf import written
from loadws.outputs.second import Catalogue, Second

_INFINITE = "+Inf"


class Page:
    """The figures of a run. It may be read in one thread while another adds to it."""

    def __init__(self, info: RunInfo) -> None:
        self._lock = threading.Lock()
        self._catalogue = Catalogue(info)
        self._names = Names(self._catalogue)
        self._so_far = Cumulative(self._catalogue)
        self._run = {
            "scenario": info.scenario, "target": info.target, "started_at": info.started_at,
            "version": info.loadws_version,
        }  # fmt: skip

    def add(self, second: Second) -> None:
        """Add a second."""
        with self._lock:
            self._so_far.add(second)

    def collect(self) -> Iterable[Family]:
        """Return the families of metrics as they are now, for ``prometheus_client``."""
        with self._lock:
            return list(self._families())

    def protobuf(self) -> bytes:
        """Return the same as protobuf, with native histograms."""
        with self._lock:
            natives = {self._names.of(name): by_key for name, by_key in self._so_far.distributions.items()}
            return written(self._families(), natives)

    def _families(self) -> Iterator[Family]:
        info = Family(RUN, "the run that is measured", "info")
        info.add_sample(f"{RUN}_info", self._run, 1)
        yield info
        for name, by_key in self._so_far.distributions.items():
            yield _histogram(self._names.of(name), self._catalogue, name, by_key)
            if any(each.missing for each in by_key.values()):
                counts = {key: each.missing for key, each in by_key.items()}
                yield _counter(self._names.of(name, "missing"), f"requests without an answer in {name}", "", counts)
        for name, counted in self._so_far.counts.items():
            metric = self._catalogue[name]
            counts = {key: count.count for key, count in counted.items()}
            yield _counter(self._names.of(name), metric.meaning, base_unit(metric).word, counts)
            if metric.kind == "rate":
                failed = {key: count.failed for key, count in counted.items()}
                yield _counter(self._names.of(name, "failed"), f"those that failed of {metric.meaning}", "", failed)
        for name, value in self._so_far.gauges.items():
            metric = self._catalogue[name]
            unit = base_unit(metric)
            gauge = Family(self._names.of(name), metric.meaning, "gauge", _unit(self._names.of(name), unit.word))
            gauge.add_sample(gauge.name, {}, value / unit.divisor)
            yield gauge


def _histogram(name: str, catalogue: Catalogue, metric: str, by_key: dict[Key, Distribution]) -> Family:
    meaning, word = catalogue[metric].meaning, base_unit(catalogue[metric]).word
    family = Family(name, meaning, "histogram", _unit(name, word))
    for key, values in by_key.items():
        labels = dict(key)
        bounds = [*map(floatToGoString, values.bounds), _INFINITE]
        for bound, count in zip(bounds, values.up_to, strict=True):
            family.add_sample(f"{name}_bucket", {**labels, "le": bound}, count)
        family.add_sample(f"{name}_count", labels, values.count)
        family.add_sample(f"{name}_sum", labels, values.sum)
    return family


def _counter(name: str, meaning: str, word: str, counts: dict[Key, int]) -> Family:
    family = Family(name, meaning, "counter", _unit(name, word))
    for key, count in counts.items():
        family.add_sample(f"{name}_total", dict(key), count)
    return family


def _unit(name: str, word: str) -> str:
    """Return the unit that OpenMetrics shall state: the library would add one that the name does not end with."""
    return word if word and name.endswith(f"_{word}") else ""
