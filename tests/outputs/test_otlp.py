"""OTLP: what a receiver decodes from the protobuf that it is sent, and what becomes of one that fails."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs loadws[otlp]")

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from loadws.outputs.destinations import Destination, parse_destination
from loadws.outputs.exporter import Refused
from loadws.outputs.kinds import otlp
from loadws.outputs.kinds.otlp import OtlpExporter
from loadws.outputs.receivers import otlp_endpoint
from loadws.outputs.second import Second
from loadws.terms.errors import UsageError
from tests.metrics.made_up import info
from tests.outputs.served import BEGAN_NS, LONG_S, free_port, send, told

SECOND = Second(0.0, 1.0, "steady", False, gauges={"users": 1.0}, unix_ns=BEGAN_NS)


class Receiver:
    """A collector that keeps each request, decoded, with its path and headers, and answers with ``status``."""

    def __init__(self) -> None:
        self.status = 200
        self.reason = ""
        self.location = ""  # where a redirect leads
        self.requests: list[tuple[str, Mapping[str, str], Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = LONG_S

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                request = ExportMetricsServiceRequest.FromString(body)
                receiver.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, request))
                self.send_response(receiver.status, receiver.reason or None)
                self.send_header("Content-Length", "0")
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of the last request by name."""
        [resource] = self.requests[-1][2].resource_metrics
        [scope] = resource.scope_metrics
        assert scope.scope.name == "loadws"
        return {metric.name: metric for metric in scope.metrics}

    def resource(self) -> dict[str, str]:
        [resource] = self.requests[-1][2].resource_metrics
        return {each.key: each.value.string_value for each in resource.resource.attributes}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENDPOINT", "METRICS_ENDPOINT", "HEADERS", "METRICS_HEADERS"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def attributes(point: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in point.attributes}


def sent(receiver: Receiver, environment: Mapping[str, str]) -> dict[str, Any]:
    exporter = OtlpExporter(Destination("otlp", receiver.url), environment)
    send(exporter, told(0), told(1))
    exporter.close()
    assert len(receiver.requests) == 2
    return receiver.metrics()


def test_a_second_is_cumulative_sums_gauges_and_exponential_histograms(receiver: Receiver) -> None:
    found = sent(receiver, {})
    assert receiver.requests[0][0] == "/v1/metrics"
    times = found["loadws.response_time_seconds"]
    assert (times.unit, times.description) == ("s", "received − intended: what a user would have felt")
    [point] = times.exponential_histogram.data_points
    assert times.exponential_histogram.aggregation_temporality == 2  # cumulative
    assert attributes(point) == {"phase": "steady", "step": "join"}
    assert (point.count, point.min, point.max, point.sum) == (80, 0.001, 0.04, pytest.approx(1.64))
    assert (point.start_time_unix_nano, point.time_unix_nano) == (BEGAN_NS, BEGAN_NS + 2_000_000_000)
    assert sum(point.positive.bucket_counts) + point.zero_count == 80
    assert median(point) == pytest.approx(0.0205, rel=0.05)
    [missing] = found["loadws.response_time_missing"].sum.data_points
    assert missing.as_int == 8
    [tries] = found["loadws.tries"].sum.data_points
    assert (tries.as_int, attributes(tries)["kind"]) == (18, "timeout")
    assert found["loadws.failed_tries"].sum.is_monotonic
    assert (found["loadws.sent_bytes"].unit, found["loadws.sent_bytes"].sum.data_points[0].as_int) == ("By", 140)
    assert found["loadws.users"].gauge.data_points[0].as_double == 3


def median(point: Any) -> float:
    """Return the upper bound of the bucket that holds it: base^(index + 1), with base = 2^(2^-scale)."""
    seen = point.zero_count
    for index, count in enumerate(point.positive.bucket_counts, point.positive.offset):
        seen += count
        if seen * 2 >= point.count:
            return float(2 ** (2**-point.scale * (index + 1)))
    raise AssertionError("no median")


def test_a_receiver_may_want_explicit_buckets(receiver: Receiver) -> None:
    variable = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
    found = sent(receiver, {variable: "explicit_bucket_histogram"})
    [point] = found["loadws.response_time_seconds"].histogram.data_points
    assert sum(point.bucket_counts) == point.count == 80
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert sum(point.bucket_counts[: list(point.explicit_bounds).index(0.025) + 1]) == pytest.approx(50, abs=2)


def test_the_environment_says_where_as_whom_and_how(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=s3cr3t%20key")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop-load,team=checkout")
    exporter = OtlpExporter(parse_destination("otlp"))
    assert exporter.name == f"The output otlp={receiver.url}/v1/metrics"
    send(exporter, told(0))
    exporter.close()
    [(path, headers, _)] = receiver.requests
    assert (path, headers["x-key"], headers["content-encoding"]) == ("/v1/metrics", "s3cr3t key", "gzip")
    found = receiver.resource()
    assert found["service.name"] == "shop-load"
    assert (found["team"], found["loadws.scenario"]) == ("checkout", "made up")


@pytest.mark.parametrize(
    ("where", "environment", "endpoint"),
    [
        # an address, with OTLP's path or without
        ("https://c.example", {}, "https://c.example/v1/metrics"),
        ("http://h:4318/otlp/", {}, "http://h:4318/otlp/v1/metrics"),
        ("http://h:4318/v1/metrics", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other"}, "http://h:4318/v1/metrics"),
        # the environment: that of metrics stands as it is
        ("environment", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1"}, "http://h:1/v1/metrics"),
        ("environment", {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://h:1/x"}, "http://h:1/x"),
        # nothing
        ("environment", {}, "http://localhost:4318/v1/metrics"),
    ],
)
def test_endpoints(where: str, environment: Mapping[str, str], endpoint: str) -> None:
    assert otlp_endpoint(where, environment) == endpoint


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("grpc://h:4317", "OTLP goes over http or https here; port 4318 is usual (4317 is gRPC's)"),
        ("h:4318", "after the scheme of an address come two slashes and a host"),
        ("http://h?key=secret", "a collector's address has no query; a token belongs in OTEL_EXPORTER_OTLP_HEADERS"),
    ],
)
def test_an_address_that_is_none_is_told(where: str, why: str) -> None:
    with pytest.raises(UsageError) as found:
        parse_destination(f"otlp={where}")
    assert str(found.value).endswith(f": {why}")
    assert "secret" not in str(found.value)


def exporter_to(url: str, environment: Mapping[str, str]) -> OtlpExporter:
    exporter = OtlpExporter(Destination("otlp", url), environment)
    exporter.begin(info())
    return exporter


def test_a_refusal_is_told_without_a_secret_and_the_next_second_has_it_all(receiver: Receiver) -> None:
    receiver.status, receiver.reason = 403, "no such key s3cr3t-key"
    exporter = exporter_to(receiver.url, {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer s3cr3t-key"})
    with pytest.raises(Refused) as found:
        exporter.take(SECOND)
    assert "403" in str(found.value)
    assert "s3cr3t" not in str(found.value)
    receiver.status, receiver.reason = 200, ""
    exporter.take(SECOND)
    exporter.close()


def test_an_answer_that_leads_elsewhere_is_a_refusal(receiver: Receiver) -> None:
    """requests would follow it without the figures, and with the keys that stand in their headers."""
    receiver.status, receiver.reason = 302, "Found"
    receiver.location = receiver.url
    exporter = exporter_to(receiver.url, {})
    with pytest.raises(Refused, match=r"^it answered 302 Found, which leads elsewhere$"):
        exporter.take(SECOND)
    exporter.close()


@pytest.mark.slow
def test_a_receiver_that_is_not_there_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    exporter = exporter_to(f"http://127.0.0.1:{free_port()}", {})
    with pytest.raises(Refused, match=r"^Connection refused$"):
        exporter.take(SECOND)
    exporter.close()
    assert capfd.readouterr().err == ""


def test_a_receiver_that_never_answers_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "DEADLINE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        exporter = exporter_to(f"http://127.0.0.1:{silent.getsockname()[1]}", {})
        with pytest.raises(Refused, match=r"^it did not answer within 0\.1 s$"):
            exporter.take(SECOND)
        exporter.close()
