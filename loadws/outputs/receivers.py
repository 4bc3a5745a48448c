"""Addresses of receivers, read and checked. The reason why one is not valid is reported without its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from loadws.terms.addresses import split_address, split_authority

#: The scheme's port of InfluxDB: that of its HTTP interface, and that of the UDP service in its example configuration.
_INFLUX_PORTS = {"http": 8086, "https": 8086, "udp": 8089}


def host_and_port(where: str) -> tuple[str, int]:
    """Return host and port of ``127.0.0.1:9464`` or ``[::1]:9464``.

    Raises:
        ValueError: It has another form.
    """
    found = split_authority(where)
    if found.port is None or found.user_info is not None:
        raise ValueError("this is not HOST:PORT")
    return found.host, found.port


@dataclass(frozen=True, slots=True)
class InfluxAddress:
    """Where lines are written. ``target`` is what the request line of HTTP holds, ``user_info`` as it was written."""

    scheme: str
    host: str
    port: int
    target: str
    user_info: str | None


def influx_address(where: str) -> InfluxAddress:
    """Return where lines are written: ``http://h:8086?db=NAME``, ``http://h:8086?org=NAME&bucket=NAME``, ``udp://h:8089``.

    Raises:
        ValueError: It is none of these.
    """
    address = split_address(where, "http://")
    if address.scheme not in _INFLUX_PORTS:
        raise ValueError("InfluxDB is written to over http, https or udp")
    authority = split_authority(address.authority)
    query = dict(parse_qsl(address.target.partition("?")[2]))
    if address.scheme == "udp":
        target = ""
        if query or address.path != "/":
            raise ValueError("behind udp there are only a host and a port")
    else:
        target = address.path.rstrip("/") + _write_target(query)
    port = authority.port or _INFLUX_PORTS[address.scheme]
    return InfluxAddress(address.scheme, authority.host, port, target, authority.user_info)


def _write_target(query: dict[str, str]) -> str:
    if "db" in query and query.keys() <= {"db", "rp"}:
        return f"/write?{urlencode({**query, 'precision': 'ns'})}"
    if "bucket" in query and query.keys() <= {"org", "bucket"}:
        return f"/api/v2/write?{urlencode({**query, 'precision': 'ns'})}"
    if query.keys() - {"db", "rp", "org", "bucket"}:
        raise ValueError("its query has names that are not known; a token belongs in the variable INFLUX_TOKEN")
    raise ValueError("its query says db=NAME for version 1, or org=NAME&bucket=NAME for version 2")


#: The place of OTLP that means: what the variables of OpenTelemetry say, else ``localhost``.
ENVIRONMENT = "environment"
_OTLP_PATH = "/v1/metrics"


def otlp_endpoint(where: str, environment: Mapping[str, str]) -> str:
    """Return the URL of OTLP's metrics. ``where`` is a collector's address, with that path or without."""
    if where == ENVIRONMENT:
        if whole := environment.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"):
            _check_http(whole)
            return whole
        where = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") or "http://localhost:4318"
    _check_http(where)
    return where if where.endswith(_OTLP_PATH) else where.rstrip("/") + _OTLP_PATH


def _check_http(where: str) -> None:
    address = split_address(where, "http://")
    if address.scheme not in ("http", "https"):
        raise ValueError("OTLP goes over http or https here; port 4318 is usual (4317 is gRPC's)")
    split_authority(address.authority)
    if "?" in address.target:
        raise ValueError("a collector's address has no query; a token belongs in OTEL_EXPORTER_OTLP_HEADERS")
