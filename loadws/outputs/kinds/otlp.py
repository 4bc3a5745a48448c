"""Live figures for OpenTelemetry: OTLP over HTTP, with the data model and the exporter of its Python SDK.

Every second, what was measured since the run began goes out as cumulative sums, gauges and exponential histograms, so that a
second that could not be sent is made up for by the next. The instruments of the SDK are not used: they would record each
value anew, where loadws has whole histograms already. Names are those of Prometheus with a dot behind ``loadws``.

The usual variables of OpenTelemetry hold: endpoint, headers, certificates, compression, resource attributes, and
``OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=explicit_bucket_histogram`` for receivers that know only these.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from loadws.metrics.runinfo import RunInfo
from loadws.outputs.base_units import BaseUnit, base_unit
from loadws.outputs.bounded_labels import Key
from loadws.outputs.cumulative import SCHEMA, Cumulative, Distribution
from loadws.outputs.destinations import Destination
from loadws.outputs.exported_names import PREFIX, Names
from loadws.outputs.exporter import DEADLINE_S, Refused
from loadws.outputs.reasons import said
from loadws.outputs.receivers import otlp_endpoint
from loadws.outputs.second import Catalogue, Second
from loadws.terms.masker import Masker
from loadws.terms.secrets import shown_address

_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS")
_AGGREGATION = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
#: Units in UCUM, where they differ from ours.
_UCUM = {"bytes": "By"}
_LONGEST_SAID = 300


class _Direct(requests.Session):
    """A session that follows no redirect: figures, and the keys in their headers, go only where they are sent to.

    ``problem`` is why the last exchange failed, in words; empty where it did not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.problem = ""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request and note why it failed, if it did.

        Raises:
            RequestException: There is no answer.
            TooManyRedirects: There is one that leads elsewhere.
        """
        self.problem = ""
        try:
            answer = super().send(request, **{**options, "allow_redirects": False})
        except requests.RequestException as error:
            self.problem = said(error, DEADLINE_S)
            raise
        if answer.is_redirect:
            self.problem = f"it answered {answer.status_code} {answer.reason}, which leads elsewhere"
            answer.close()
            raise requests.TooManyRedirects(self.problem)
        if not answer.ok:
            self.problem = f"it answered {answer.status_code} {answer.reason}{_told(answer)}"
        return answer


def _told(answer: requests.Response) -> str:
    """Return the beginning of a refusal's text, quoted; empty where it has none that can be read."""
    text = answer.text[:_LONGEST_SAID].strip() if answer.text.isprintable() else ""
    return f", {text!r}" if text else ""


class OtlpExporter:
    """An exporter that sends the measurements so far, every second."""

    def __init__(self, destination: Destination, environment: Mapping[str, str] = os.environ) -> None:
        endpoint = otlp_endpoint(destination.where, environment)
        self.name = f"The output otlp={shown_address(endpoint)}"
        self._session = _Direct()
        self._exporter = OTLPMetricExporter(endpoint, timeout=DEADLINE_S, session=self._session)
        _be_silent()
        self._masker = Masker(_secrets(environment))
        self._is_explicit = environment.get(_AGGREGATION, "").strip().lower() == "explicit_bucket_histogram"
        self._resource = Resource.get_empty()
        self._catalogue: Catalogue | None = None
        self._so_far: Cumulative | None = None
        self._names: Names | None = None

    def begin(self, info: RunInfo) -> None:
        """Describe the run: the environment's attributes of the resource replace those given here."""
        self._catalogue = Catalogue(info)
        self._names = Names(self._catalogue)
        self._so_far = Cumulative(self._catalogue)
        ours = {SERVICE_NAME: "loadws", SERVICE_VERSION: info.loadws_version, "loadws.scenario": info.scenario,
                "loadws.target": info.target, "loadws.started_at": info.started_at}  # fmt: skip
        theirs = Resource.create().attributes
        named = {key: value for key, value in theirs.items() if not str(value).startswith("unknown_service")}
        self._resource = Resource({**ours, **named})

    def take(self, second: Second) -> None:
        """Send what was measured up to the end of a second.

        Raises:
            Refused: The receiver did not take it, or is not there.
        """
        assert self._so_far is not None and self._catalogue is not None and self._names is not None
        self._so_far.add(second)
        began_ns = second.unix_ns - round(second.start_s * 1e9)
        page = _Page(
            self._so_far, self._catalogue, self._names, began_ns, second.unix_ns + round(second.duration_s * 1e9)
        )
        scope = InstrumentationScope("loadws", str(self._resource.attributes.get(SERVICE_VERSION, "")))
        metrics = ScopeMetrics(scope, list(page.metrics(self._is_explicit)), "")
        try:
            result = self._exporter.export(MetricsData([ResourceMetrics(self._resource, [metrics], "")]))
        except requests.RequestException as error:
            raise Refused(self._masked(said(error, DEADLINE_S))) from None
        if result is not MetricExportResult.SUCCESS:
            raise Refused(self._masked(self._session.problem or f"it did not answer within {DEADLINE_S:g} s"))

    def _masked(self, text: str) -> str:
        return self._masker.text(shown_address(text))[:_LONGEST_SAID]

    def close(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()


class _Page:
    """The metrics so far, as OpenTelemetry has them; times in nanoseconds since 1970."""

    def __init__(self, so_far: Cumulative, catalogue: Catalogue, names: Names, began_ns: int, now_ns: int) -> None:
        self._so_far = so_far
        self._catalogue = catalogue
        self._names = names
        self._times = began_ns, now_ns

    def metrics(self, is_explicit: bool) -> Iterator[Metric]:
        """Yield each metric; histograms with explicit bounds or with exponential ones."""
        for name, by_key in self._so_far.distributions.items():
            unit, meaning = base_unit(self._catalogue[name]), self._catalogue[name].meaning
            yield Metric(_dotted(self._names.of(name)), meaning, _ucum(unit), self._histogram(by_key, is_explicit))
            missing = {key: each.missing for key, each in by_key.items() if each.missing}
            if missing:
                meaning = f"requests without an answer in {name}"
                yield Metric(_dotted(self._names.of(name, "missing")), meaning, "1", self._sum(missing))
        for name, counts in self._so_far.counts.items():
            metric = self._catalogue[name]
            counted = self._sum({key: count.count for key, count in counts.items()})
            yield Metric(_dotted(self._names.of(name)), metric.meaning, _ucum(base_unit(metric)), counted)
            if metric.kind == "rate":
                failed = self._sum({key: count.failed for key, count in counts.items()})
                yield Metric(
                    _dotted(self._names.of(name, "failed")), f"those that failed of {metric.meaning}", "1", failed
                )
        for name, value in self._so_far.gauges.items():
            metric = self._catalogue[name]
            point = NumberDataPoint({}, *self._times, value / base_unit(metric).divisor)
            yield Metric(_dotted(self._names.of(name)), metric.meaning, _ucum(base_unit(metric)), Gauge([point]))

    def _sum(self, counts: Mapping[Key, int]) -> Sum:
        points = [NumberDataPoint(_attributes(key), *self._times, count) for key, count in counts.items()]
        return Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)

    def _histogram(self, by_key: Mapping[Key, Distribution], is_explicit: bool) -> Histogram | ExponentialHistogram:
        if is_explicit:
            explicit = [
                HistogramDataPoint(
                    _attributes(key),
                    *self._times,
                    values.count,
                    values.sum,
                    values.in_bucket,
                    values.bounds,
                    *_extremes(values),
                )
                for key, values in by_key.items()
            ]
            return Histogram(explicit, AggregationTemporality.CUMULATIVE)
        points = [
            ExponentialHistogramDataPoint(
                _attributes(key), *self._times, values.count, values.sum, SCHEMA, values.zeros, _buckets(values.exponential),
                _buckets({}), 0, *_extremes(values),
            )
            for key, values in by_key.items()
        ]  # fmt: skip
        return ExponentialHistogram(points, AggregationTemporality.CUMULATIVE)


def _be_silent() -> None:
    """Keep the exporter's log from stderr: what it says is reported once, at the end of the run, and in our words."""
    logger = logging.getLogger("opentelemetry")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())


def _attributes(key: Key) -> dict[str, str]:
    """Return labels as attributes. Half a character, which UTF-8 cannot write, becomes a question mark."""
    return {name: value.encode("utf-8", "replace").decode() for name, value in key}


def _extremes(values: Distribution) -> tuple[float, float]:
    return (values.min, values.max) if values.count else (0.0, 0.0)


def _buckets(counts: Mapping[int, int]) -> Buckets:
    """Return buckets without a gap. OpenTelemetry's bucket i begins above the power i, ours ends with it."""
    if not counts:
        return Buckets(0, [])
    first, last = min(counts), max(counts)
    return Buckets(first - 1, [counts.get(index, 0) for index in range(first, last + 1)])


def _dotted(name: str) -> str:
    return name.replace(PREFIX, "loadws.", 1)


def _ucum(unit: BaseUnit) -> str:
    """Return a unit in UCUM; a word that is none of its units is an annotation."""
    return _UCUM.get(unit.sign) or (unit.sign if unit.sign in ("s", "1") else f"{{{unit.sign}}}")


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the values of headers that the environment names."""
    for variable in _HEADERS:
        for pair in environment.get(variable, "").split(","):
            value = unquote(pair.partition("=")[2].strip())
            yield value
            yield value.partition(" ")[2]
