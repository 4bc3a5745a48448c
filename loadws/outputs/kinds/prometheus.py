"""A page of figures that Prometheus scrapes, in the format that it asks for.

``prometheus-client`` writes the text format and OpenMetrics, both with classic histograms. It writes native histograms in
OpenMetrics 2.0 only, which no release of Prometheus asks for. Prometheus reads these from protobuf, which
``prometheus_protobuf`` writes, beside the classic ones. A Prometheus that keeps native histograms asks for protobuf first.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import make_wsgi_app
from prometheus_client.core import Metric as Family
from prometheus_client.registry import CollectorRegistry
from prometheus_client.utils import floatToGoString

from loadws.metrics.runinfo import RunInfo
from loadws.outputs.base_units import base_unit
from loadws.outputs.bounded_labels import Key
from loadws.outputs.cumulative import Cumulative, Distribution
from loadws.outputs.destinations import Destination
from loadws.outputs.exported_names import PREFIX, Names
from loadws.outputs.exporter import DEADLINE_S, Refused
from loadws.outputs.kinds.prometheus_protobuf import CONTENT_TYPE, MEDIA_TYPE, written
from loadws.outputs.receivers import host_and_port
from loadws.outputs.second import Catalogue, Second
from loadws.terms.errors import UsageError

_INFINITE = "+Inf"
#: How long the page stays after the load for a scrape that is due, in seconds. Less than the patience of the whole output.
LINGER_S = 2.5
#: How often the server looks whether it is to end.
_LOOK_EVERY_S = 0.05


class PrometheusExporter:
    """Serves what was measured so far. Raises ``UsageError`` where the address cannot be listened on."""

    def __init__(self, destination: Destination) -> None:
        self.name = f"The output {destination}"
        self._lock = threading.Lock()
        self._catalogue: Catalogue | None = None
        self._names: Names | None = None
        self._so_far: Cumulative | None = None
        self._run: dict[str, str] = {}
        self.scrapes = Scrapes()
        registry = CollectorRegistry()
        registry.register(self)
        self._server = _listening(destination, partial(_answer, self, make_wsgi_app(registry)))
        threading.Thread(target=self._server.serve_forever, args=(_LOOK_EVERY_S,), name=self.name, daemon=True).start()

    @property
    def port(self) -> int:
        """Return the port that is listened on."""
        return self._server.server_port

    def begin(self, info: RunInfo) -> None:
        """Begin with nothing measured."""
        with self._lock:
            self._catalogue = Catalogue(info)
            self._names = Names(self._catalogue)
            self._so_far = Cumulative(self._catalogue)
            self._run = {
                "scenario": info.scenario, "target": info.target, "started_at": info.started_at,
                "version": info.loadws_version,
            }  # fmt: skip

    def take(self, second: Second) -> None:
        """Add a second to what is served."""
        with self._lock:
            if self._so_far is not None:
                self._so_far.add(second)

    def close(self) -> None:
        """Wait for a scrape that is due soon, so that it has the last seconds, and listen no more.

        Raises:
            Refused: There was no scrape at all.
        """
        self.scrapes.wait_for_next(LINGER_S)
        self._server.shutdown()
        self._server.server_close()
        if not self.scrapes.count:
            raise Refused("nothing has fetched its page")

    def collect(self) -> Iterable[Family]:
        """Return the families of metrics as they are now, for ``prometheus_client``."""
        with self._lock:
            return list(self._families())

    def protobuf(self) -> bytes:
        """Return the same as protobuf, with native histograms."""
        with self._lock:
            natives = {}
            if self._names is not None and self._so_far is not None:
                natives = {self._names.of(name): by_key for name, by_key in self._so_far.distributions.items()}
            return written(self._families(), natives)

    def _families(self) -> Iterator[Family]:
        if self._names is None or self._so_far is None or self._catalogue is None:
            return
        info = Family(f"{PREFIX}run", "the run that is measured", "info")
        info.add_sample(f"{PREFIX}run_info", self._run, 1)
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


class Scrapes:
    """When the page was fetched. ``clock`` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._came = threading.Condition()
        self._last_s = self._interval_s = 0.0
        self.count = 0

    def note(self) -> None:
        """Note a scrape, when it was answered."""
        with self._came:
            now_s = self._clock()
            self._interval_s, self._last_s = now_s - self._last_s, now_s
            self.count += 1
            self._came.notify_all()

    def due_in_s(self) -> float | None:
        """Return when the next is due, by the last two; None where these do not tell."""
        return self._last_s + self._interval_s - self._clock() if self.count > 1 else None

    def wait_for_next(self, most_s: float) -> None:
        """Wait for the next scrape where it is due within so many seconds, and no longer."""
        with self._came:
            due_s, before = self.due_in_s(), self.count
            if due_s is not None and due_s <= most_s:
                self._came.wait_for(lambda: self.count > before, most_s)


def _answer(
    exporter: PrometheusExporter,
    in_text: Callable[..., Any],
    environ: dict[str, Any],
    start_response: Callable[..., Any],
) -> Any:
    """Answer a scrape, in protobuf where that is asked for first."""
    first = environ.get("HTTP_ACCEPT", "").split(",")[0].split(";")[0].strip()
    if first == MEDIA_TYPE and environ["REQUEST_METHOD"] == "GET":
        start_response("200 OK", [("Content-Type", CONTENT_TYPE)])
        page: Any = [exporter.protobuf()]
    else:
        page = in_text(environ, start_response)
    exporter.scrapes.note()
    return page


class _Handler(WSGIRequestHandler):
    timeout = DEADLINE_S  # of a client that sends or reads nothing

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind without the look-up of the host's name that the library does, which may wait for a resolver."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[0], self.server_address[1]  # type: ignore[assignment]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


def _listening(destination: Destination, app: Any) -> _Server:
    host, port = host_and_port(destination.where)
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        server_class = type("Server", (_Server,), {"address_family": family})
        server: _Server = server_class((host, port), _Handler)
    except OSError as error:
        raise UsageError(
            f"--output {destination}: cannot be listened on: {error.strerror or error}",
            "name another port, or end the program that has this one",
        ) from error
    server.set_app(app)
    return server
