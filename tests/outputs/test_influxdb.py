"""Live figures for InfluxDB: lines that its grammar reads, tokens that nothing shows, and InfluxDB itself."""

from __future__ import annotations

import json
import re
import socket
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.outputs.destinations import Destination, parse_destination
from loadws.outputs.exported_names import Names
from loadws.outputs.exporter import Refused
from loadws.outputs.kinds import influxdb
from loadws.outputs.kinds.influxdb import InfluxExporter, influx_lines
from loadws.outputs.reasons import said
from loadws.outputs.second import Catalogue, Second, Seconds
from loadws.terms.errors import UsageError
from tests.metrics.made_up import counted, frame, info, times
from tests.outputs.served import BEGAN_NS, LONG_S, eventually, fetched, free_port, program, running, send, told

SECOND = Second(1.0, 2.0, "steady", False, gauges={"users": 1.0}, unix_ns=BEGAN_NS)


@dataclass
class Receiver:
    """An HTTP server that keeps what it was sent and answers as it is told."""

    port: int = 0
    status: int = 204
    body: bytes = b""
    requests: list[tuple[str, dict[str, str], str]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = LONG_S

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            receiver.requests.append((self.path, dict(self.headers), body))
            self.send_response(receiver.status)
            self.send_header("Content-Length", str(len(receiver.body)))
            self.end_headers()
            self.wfile.write(receiver.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield receiver
        server.shutdown()


# -- the line protocol, read by its grammar ---------------------------------------------------------------------------

_CHARACTER = r"(?:\\[,= \\]|[^,= \n\\]|\\(?![,= \\]))"
_FIELD = rf"({_CHARACTER}+)=(-?\d+i|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
LINE = re.compile(
    rf"((?:\\[, ]|[^, \n\\])+)((?:,{_CHARACTER}+={_CHARACTER}+)*) ({_FIELD}(?:,{_FIELD})*) (\d+)", re.ASCII | re.DOTALL
)


def read(line: str) -> tuple[str, dict[str, str], dict[str, float], int]:
    """Return measurement, tags, fields and time of a line."""
    match = LINE.fullmatch(line)
    assert match, line
    tags = re.findall(rf",({_CHARACTER}+)=({_CHARACTER}+)", match[2])
    fields = {name: float(value.removesuffix("i")) for name, value in re.findall(_FIELD, match[3])}
    return match[1], {_plain(name): _plain(value) for name, value in tags}, fields, int(match[LINE.groups])


def _plain(text: str) -> str:
    assert not text.endswith("\\"), text
    return re.sub(r"\\([,= ])", r"\1", text)


def test_a_second_is_lines(receiver: Receiver) -> None:
    exporter = InfluxExporter(Destination("influxdb", f"http://127.0.0.1:{receiver.port}?db=d"), {})
    send(exporter, told(0), told(1))
    exporter.close()
    assert [path for path, _, _ in receiver.requests] == ["/write?db=d&precision=ns"] * 2
    lines = [read(line) for line in receiver.requests[1][2].splitlines()]
    at_ns = BEGAN_NS + 1_000_000_000
    assert {time for *_, time in lines} == {at_ns}
    found = {name: (tags, fields) for name, tags, fields, _ in lines}
    common = {"phase": "steady", "scenario": "made up"}
    tags, fields = found["loadws_response_time_seconds"]
    assert tags == {**common, "step": "join"}
    assert (fields["count"], fields["missing"], fields["max"]) == (40, 4, 0.04)
    assert "p99" not in fields
    assert found["loadws_tries"] == (
        {**common, "kind": "timeout", "step": 'a "b", c_=_'}, {"count": 9, "failed": 2},
    )  # fmt: skip
    assert found["loadws_users"] == (common, {"value": 3})


@pytest.mark.slow
@given(st.text(max_size=150), st.text(max_size=150))
def test_no_label_breaks_a_line(step: str, scenario: str) -> None:
    told = frame(
        0, counters=(counted("errors", 1, step=step, kind="x"),), histograms=(times("ping_time", [1], step=step),)
    )
    [second] = Seconds(info()).add(told, 5)
    catalogue = Catalogue(info())
    for line in influx_lines(second, catalogue, Names(catalogue), scenario):
        _, tags, _, _ = read(line.decode())
        assert tags.keys() - {"step", "scenario"} <= {"phase", "kind"}


def test_over_udp_the_same_lines_go_in_packets() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(LONG_S)
        exporter = InfluxExporter(Destination("influxdb", f"udp://127.0.0.1:{udp.getsockname()[1]}"), {})
        send(exporter, told(0))
        exporter.close()
        lines = udp.recv(65_536).decode().splitlines()
    assert read(lines[0])[0] == "loadws_response_time_seconds"


# -- addresses and secrets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "environment", "path", "authorization"),
    [
        # version 2, with a token of the environment
        ("{}?org=my+org&bucket=b", {"INFLUX_TOKEN": "tok3n"}, "/api/v2/write?org=my+org&bucket=b&precision=ns",
         "Token tok3n"),
        # version 1 behind a proxy's path, with a retention policy, a user of the environment, and one of the address
        ("{}/influx/?db=d&rp=week", {"INFLUX_USERNAME": "me", "INFLUX_PASSWORD": "pass"},
         "/influx/write?db=d&rp=week&precision=ns", "Basic bWU6cGFzcw=="),
        ("me:p%40ss@{}?db=d", {}, "/write?db=d&precision=ns", "Basic bWU6cEBzcw=="),
        # neither
        ("{}?db=d", {}, "/write?db=d&precision=ns", None),
    ],
)  # fmt: skip
def test_where_and_as_whom_it_writes(
    place: str, environment: dict[str, str], path: str, authorization: str | None, receiver: Receiver
) -> None:
    where = "http://" + place.format(f"127.0.0.1:{receiver.port}")
    exporter = InfluxExporter(Destination("influxdb", where), environment)
    send(exporter, told(0))
    exporter.close()
    [(found, headers, _)] = receiver.requests
    assert (found, headers.get("Authorization")) == (path, authorization)
    assert "p%40ss" not in exporter.name


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("tcp://h?db=d", "InfluxDB is written to over http, https or udp"),
        ("h:8086", "after the scheme of an address come two slashes and a host"),
        ("http://h:8086", "its query says db=NAME for version 1, or org=NAME&bucket=NAME for version 2"),
        ("http://h?db=d&token=secret",
         "its query has names that are not known; a token belongs in the variable INFLUX_TOKEN"),
        ("udp://h?db=d", "behind udp there are only a host and a port"),
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_told(where: str, why: str) -> None:
    with pytest.raises(UsageError) as found:
        parse_destination(f"influxdb={where}")
    assert str(found.value).endswith(f": {why}")
    assert "secret" not in str(found.value)


def test_a_refusal_says_what_the_server_said_without_the_token(receiver: Receiver) -> None:
    receiver.status, receiver.body = 401, b'{"message":"tok3n is no token"}'
    exporter = InfluxExporter(
        Destination("influxdb", f"http://127.0.0.1:{receiver.port}?bucket=b"), {"INFLUX_TOKEN": "tok3n"}
    )
    exporter.begin(info())
    with pytest.raises(Refused) as found:
        exporter.take(SECOND)
    assert str(found.value) == """it answered 401 Unauthorized, '{"message":"*** is no token"}'"""
    receiver.status = 204
    exporter.take(SECOND)  # the next second is tried anew
    exporter.close()


# -- receivers that fail ----------------------------------------------------------------------------------------------


def exporter_to(port: int) -> InfluxExporter:
    exporter = InfluxExporter(Destination("influxdb", f"http://127.0.0.1:{port}?db=d"), {})
    exporter.begin(info())
    return exporter


def test_a_receiver_that_is_not_there_refuses() -> None:
    with pytest.raises(ConnectionRefusedError) as found:
        exporter_to(free_port()).take(SECOND)
    assert said(found.value) == "Connection refused"


def test_a_receiver_that_never_answers_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influxdb, "DEADLINE_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimeoutError):
        exporter_to(silent.getsockname()[1]).take(SECOND)


def test_a_receiver_that_speaks_no_http_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"+OK this is no HTTP\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(Refused, match=r"^it does not answer in HTTP$"):
            exporter_to(server.getsockname()[1]).take(SECOND)


def test_a_connection_that_was_closed_between_two_seconds_is_opened_anew() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        took: list[bytes] = []

        def answer() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    took.append(connection.recv(65_536))
                    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        exporter = exporter_to(server.getsockname()[1])
        exporter.take(SECOND)
        exporter.take(SECOND)
        exporter.close()
    assert len(took) == 2


# -- InfluxDB itself --------------------------------------------------------------------------------------------------


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "udp"])
def test_influxdb_keeps_it(scheme: str, tmp_path: Path) -> None:
    """Version 1, which Debian has."""
    ports, log = {"http": free_port(), "udp": free_port()}, tmp_path / "log"
    config = tmp_path / "influxdb.conf"
    config.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n'
        f'[meta]\ndir = "{tmp_path}/meta"\n'
        f'[data]\ndir = "{tmp_path}/data"\nwal-dir = "{tmp_path}/wal"\n'
        f'[http]\nbind-address = "127.0.0.1:{ports["http"]}"\n'
        f'[[udp]]\nenabled = true\nbind-address = "127.0.0.1:{ports["udp"]}"\ndatabase = "d"\nbatch-timeout = "100ms"\n'
    )

    def ask(query: str, **more: str) -> list[list[object]] | None:
        asked = urllib.parse.urlencode({"q": query, "db": "d", **more})
        answer = json.loads(fetched(f"http://127.0.0.1:{ports['http']}/query?{asked}")[1])
        [result] = answer["results"]
        return result["series"][0]["values"] if "series" in result else None

    def create() -> bool:
        quoted = urllib.parse.urlencode({"q": "CREATE DATABASE d"})
        return bool(fetched(f"http://127.0.0.1:{ports['http']}/query?{quoted}", X_HTTP_Method="GET")[1])

    with running([program("influxd", "influxdb"), "-config", config], log):
        eventually(create, log)
        where = f"http://127.0.0.1:{ports['http']}?db=d" if scheme == "http" else f"udp://127.0.0.1:{ports['udp']}"
        exporter = InfluxExporter(Destination("influxdb", where), {})
        send(exporter, told(0), told(1))
        exporter.close()
        query = "SELECT sum(count), max(max) FROM loadws_response_time_seconds WHERE step = 'join'"
        [[_, count, longest]] = eventually(lambda: rows if (rows := ask(query)) and rows[0][1] == 80 else None, log)
        assert (count, longest) == (80, 0.04)
        [[_, failed]] = ask("SELECT sum(failed) FROM loadws_tries WHERE step = 'a \"b\", c_=_'") or [[0, 0]]
        assert failed == 4
