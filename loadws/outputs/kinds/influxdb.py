"""Live figures for InfluxDB and what speaks its line protocol: over HTTP to version 1 or 2, or over UDP.

A line for each metric, set of labels and second: ``loadws_response_time_seconds,phase=steady,step=join count=412i,p50=0.0029
1785499205102000000``. All lines of a second go in one request.

Token and password come from the environment (``INFLUX_TOKEN``, ``INFLUX_USERNAME``, ``INFLUX_PASSWORD``, as InfluxDB's own
client calls them) or from the address, and are hidden in what the server says.
"""

from __future__ import annotations

import base64
import http.client
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from loadws.metrics.runinfo import RunInfo
from loadws.outputs.base_units import base_unit
from loadws.outputs.bounded_labels import Key
from loadws.outputs.destinations import Destination
from loadws.outputs.exported_names import Names
from loadws.outputs.exporter import DEADLINE_S, Refused
from loadws.outputs.kinds.datagrams import Datagrams
from loadws.outputs.reasons import said
from loadws.outputs.receivers import InfluxAddress, influx_address
from loadws.outputs.second import Catalogue, Second
from loadws.outputs.second_rows import histogram_values
from loadws.terms.masker import Masker

_IN_A_TAG = re.compile(r"([,= ])")
_NOT_IN_A_TAG = re.compile(r"[\x00-\x1f\\\x7f]+")
_LONGEST_SAID = 200
Value = int | float


class InfluxExporter:
    """An exporter that sends each second. Raises ``UsageError`` where the name of a receiver over UDP cannot be
    resolved.
    """

    def __init__(self, destination: Destination, environment: Mapping[str, str] = os.environ) -> None:
        self.name = f"The output {destination}"
        address = influx_address(destination.where)
        self._datagrams = self._http = None
        if address.scheme == "udp":
            self._datagrams = Datagrams(destination, address.host, address.port)
        else:
            self._http = _Http(address, environment)
        self._catalogue: Catalogue | None = None
        self._names: Names | None = None
        self._scenario = ""

    def begin(self, info: RunInfo) -> None:
        """Learn the names of the metrics."""
        self._catalogue = Catalogue(info)
        self._names = Names(self._catalogue)
        self._scenario = info.scenario

    def take(self, second: Second) -> None:
        """Send a second. Raises ``OSError`` or ``Refused``."""
        assert self._catalogue is not None and self._names is not None
        lines = influx_lines(second, self._catalogue, self._names, self._scenario)
        if self._datagrams is not None:
            self._datagrams.send(lines)
        if self._http is not None:
            self._http.post(b"\n".join(lines) + b"\n")

    def close(self) -> None:
        """Close the connection."""
        for sender in (self._datagrams, self._http):
            if sender is not None:
                sender.close()


def influx_lines(second: Second, catalogue: Catalogue, names: Names, scenario: str) -> Iterator[bytes]:
    """Yield the lines of a second, without line ends."""

    def line(name: str, key: Key, values: Mapping[str, Value]) -> bytes:
        tags = "".join(f",{label}={_tag(value)}" for label, value in (*key, ("scenario", scenario)) if _tag(value))
        fields = ",".join(f"{field}={_field(value)}" for field, value in values.items())
        return f"{name}{tags} {fields} {second.unix_ns}".encode("utf-8", "replace")

    for (metric, key), histogram in second.histograms.items():
        yield line(names.of(metric), key, histogram_values(histogram, base_unit(catalogue[metric])))
    for (metric, key), count in second.counts.items():
        failed = {"failed": count.failed} if catalogue[metric].kind == "rate" else {}
        yield line(names.of(metric), key, {"count": count.count, **failed})
    for metric, value in second.gauges.items():
        in_unit = float(value) / base_unit(catalogue[metric]).divisor
        yield line(names.of(metric), (("phase", second.phase),), {"value": in_unit})


def _tag(value: str) -> str:
    """Return a tag's value. A backslash at its end would escape what follows, and a line end would end the line."""
    return _IN_A_TAG.sub(r"\\\1", _NOT_IN_A_TAG.sub("_", value))


def _field(value: Value) -> str:
    return f"{value}i" if isinstance(value, int) else repr(float(value))


class _Http:
    """One connection, opened anew where it was lost."""

    def __init__(self, address: InfluxAddress, environment: Mapping[str, str]) -> None:
        self._address = address
        user, _, password = map(unquote, (address.user_info or "").partition(":"))
        user, password = (
            user or environment.get("INFLUX_USERNAME", ""),
            password or environment.get("INFLUX_PASSWORD", ""),
        )
        token = environment.get("INFLUX_TOKEN", "")
        self._headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "loadws"}
        if user:
            self._headers["Authorization"] = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
        elif token:
            self._headers["Authorization"] = f"Token {token}"
        self._masker = Masker([token, password, self._headers.get("Authorization", "").partition(" ")[2]])
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes) -> None:
        """Send lines.

        Raises:
            ConnectionError: The receiver is not there, or went away.
            OSError: There is no answer in time.
            Refused: The answer says no.
        """
        is_reused = self._connection is not None
        try:
            self._try(body)
        except ConnectionError:
            if not is_reused:
                raise
            self._try(body)  # a server may close a connection between two seconds

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, body: bytes) -> None:
        try:
            self._exchange(body)
        except OSError:
            self.close()
            raise
        except http.client.HTTPException as error:
            self.close()
            raise Refused(said(error, DEADLINE_S)) from error

    def _exchange(self, body: bytes) -> None:
        connection = self._connection = self._connection or self._opened()
        connection.request("POST", self._address.target, body, self._headers)
        with connection.getresponse() as answer:
            said = answer.read(_LONGEST_SAID)
            if not 200 <= answer.status < 300:
                self.close()
                text = self._masker.text(said.decode("utf-8", "replace")).strip()
                raise Refused(f"it answered {answer.status} {answer.reason}" + (f", {text!r}" if text else ""))
            if answer.read(1):  # a long answer, which is not waited for
                self.close()

    def _opened(self) -> http.client.HTTPConnection:
        host, port = self._address.host, self._address.port
        if self._address.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=DEADLINE_S, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, port, timeout=DEADLINE_S)
