"""A page of figures that Prometheus scrapes, in the format that it asks for.

``prometheus-client`` writes the text format and OpenMetrics, both with classic histograms. It writes native histograms in
OpenMetrics 2.0 only, which no release of Prometheus asks for. Prometheus reads these from protobuf, which
``prometheus_protobuf`` writes, beside the classic ones. A Prometheus that keeps native histograms asks for protobuf first.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import make_wsgi_app
from prometheus_client.registry import CollectorRegistry

from loadws.metrics.runinfo import RunInfo
from loadws.outputs.destinations import Destination
from loadws.outputs.exporter import DEADLINE_S, Refused
from loadws.outputs.kinds.prometheus_page import Page
from loadws.outputs.kinds.prometheus_protobuf import CONTENT_TYPE, MEDIA_TYPE
from loadws.outputs.receivers import host_and_port
from loadws.outputs.second import Second
from loadws.terms.errors import UsageError

#: How long the page stays after the load for a scrape that is due, in seconds. Less than the patience of the whole output.
LINGER_S = 2.5
#: How often the server looks whether it is to end.
_LOOK_EVERY_S = 0.05


class PrometheusExporter:
    """An exporter that serves the measurements so far. Raises ``UsageError`` where the address cannot be listened on."""

    def __init__(self, destination: Destination) -> None:
        self.name = f"The output {destination}"
        self._page: Page | None = None
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
        self._page = Page(info)

    def take(self, second: Second) -> None:
        """Add a second to what is served."""
        if self._page is not None:
            self._page.add(second)

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

    def collect(self) -> Iterable[Any]:
        """Return the families of metrics as they are now, for ``prometheus_client``; none before the run began."""
        return [] if self._page is None else self._page.collect()

    def protobuf(self) -> bytes:
        """Return the same as protobuf, with native histograms."""
        return b"" if self._page is None else self._page.protobuf()


class Scrapes:
    """The times at which the page was fetched. ``clock`` returns seconds."""

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
