"""Live figures for StatsD: every packet is read by the grammar and fits a network's packets; StatsD itself reads them."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.outputs.destinations import Destination
from loadws.outputs.exported_names import Names
from loadws.outputs.exporter import Refused
from loadws.outputs.kinds.datagrams import LARGEST, Datagrams, packets
from loadws.outputs.kinds.statsd import StatsdExporter, statsd_lines
from loadws.outputs.second import Catalogue, Second, Seconds
from loadws.terms.errors import UsageError
from tests.metrics.made_up import counted, frame, info, times
from tests.outputs.served import LONG_S, eventually, free_port, program, running, send, told

#: StatsD's grammar, with the tags of DogStatsD.
LINE = re.compile(r"(?P<name>[A-Za-z0-9_.-]+):(?P<value>\d+(?:\.\d+)?)\|(?P<kind>[cg])(?:\|#(?P<tags>[^|\n]+))?")
TAG = re.compile(r"[a-z]+:[^\s,:|#]+")


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(LONG_S)
        yield receiver


def received(receiver: socket.socket, until: str) -> dict[tuple[str, str], tuple[float, str]]:
    """Return value and kind by name and tags, of all packets up to the one that holds ``until``."""
    found: dict[tuple[str, str], tuple[float, str]] = {}
    while (until, "") not in found:
        packet = receiver.recv(65_536)
        assert len(packet) <= LARGEST
        assert packet.endswith(b"\n")
        for line in packet.decode().splitlines():
            match = LINE.fullmatch(line)
            assert match, line
            key = match["name"], match["tags"] or ""
            assert key not in found
            found[key] = float(match["value"]), match["kind"]
    return found


def sent_to(receiver: socket.socket, kind: str) -> dict[tuple[str, str], tuple[float, str]]:
    exporter = StatsdExporter(Destination(kind, f"127.0.0.1:{receiver.getsockname()[1]}"))
    send(exporter, told(0))
    exporter.close()
    return received(receiver, "loadws.generator_loop_lag_seconds")


def test_statsd_has_labels_in_the_name(receiver: socket.socket) -> None:
    found = sent_to(receiver, "statsd")
    assert {name: found[name, ""] for name, _ in found if "p99" not in name} == {
        "loadws.response_time_seconds.join.count": (40, "c"),
        "loadws.response_time_missing.join": (4, "c"),
        "loadws.response_time_seconds.join.min": (0.001, "g"),
        "loadws.response_time_seconds.join.mean": (0.0205, "g"),
        "loadws.response_time_seconds.join.p50": (pytest.approx(0.02, rel=1e-3), "g"),
        "loadws.response_time_seconds.join.p75": (pytest.approx(0.03, rel=1e-3), "g"),
        "loadws.response_time_seconds.join.max": (0.04, "g"),
        "loadws.tries.timeout.a_b_c_": (9, "c"),
        "loadws.failed_tries.timeout.a_b_c_": (2, "c"),
        "loadws.sent_bytes": (70, "c"),
        "loadws.greeted": (1, "c"),
        "loadws.users": (3, "g"),
        "loadws.open_connections": (2, "g"),
        "loadws.generator_cpu_ratio": (0, "g"),
        "loadws.generator_loop_lag_seconds": (0, "g"),
    }


def test_dogstatsd_has_labels_as_tags(receiver: socket.socket) -> None:
    found = sent_to(receiver, "dogstatsd")
    assert found["loadws.response_time_seconds.count", "phase:steady,step:join"] == (40, "c")
    assert found["loadws.failed_tries", 'kind:timeout,phase:steady,step:a_"b"_c\\=_'] == (2, "c")
    assert [tag for _, tags in found for tag in tags.split(",") if tags and not TAG.fullmatch(tag)] == []


@pytest.mark.slow
@given(st.text(max_size=300), st.text(max_size=300), st.booleans())
def test_no_label_breaks_a_line(step: str, kind: str, has_tags: bool) -> None:
    told = frame(
        0, counters=(counted("errors", 1, step=step, kind=kind),), histograms=(times("ping_time", [1], step=step),)
    )
    [second] = Seconds(info()).add(told, 0)
    catalogue = Catalogue(info())
    for line in statsd_lines(second, catalogue, Names(catalogue), has_tags):
        assert LINE.fullmatch(line.decode()), line


@pytest.mark.slow
@given(st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\n", b" ")), max_size=40), st.integers(1, 80))
def test_packets_hold_all_lines_that_fit_in_order(lines: list[bytes], largest: int) -> None:
    found = list(packets(lines, largest))
    assert all(0 < len(packet) <= largest for packet in found)
    assert b"".join(found) == b"".join(line + b"\n" for line in lines if len(line) < largest)


def test_a_receiver_that_is_not_there_is_told_and_used_when_it_comes(receiver: socket.socket) -> None:
    """The system tells with the next packet that nothing listened to the last."""
    port = free_port()
    exporter = StatsdExporter(Destination("statsd", f"127.0.0.1:{port}"))
    send(exporter, told(0))
    second = Second(1.0, 2.0, "steady", False, gauges={"users": 1.0})
    with pytest.raises(ConnectionRefusedError):
        exporter.take(second)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.bind(("127.0.0.1", port))
        late.settimeout(LONG_S)
        exporter.take(second)
        assert late.recv(100) == b"loadws.users:1|g\n"
    exporter.close()


def test_a_line_that_fits_into_no_packet_is_told_and_the_others_are_sent(receiver: socket.socket) -> None:
    datagrams = Datagrams(Destination("statsd", "here"), "127.0.0.1", receiver.getsockname()[1])
    with pytest.raises(Refused, match=r"^a line of 1,400 bytes is longer than a packet; use shorter names of steps$"):
        datagrams.send([b"a:1|c", b"x" * LARGEST, b"b:1|c"])
    datagrams.close()
    assert receiver.recv(100) == b"a:1|c\nb:1|c\n"


def test_a_name_that_cannot_be_resolved_is_told_before_the_load() -> None:
    with pytest.raises(UsageError, match=r"^--output statsd=no\.invalid:1: cannot be reached: "):
        StatsdExporter(Destination("statsd", "no.invalid:1"))


@pytest.mark.servers
@pytest.mark.slow
def test_statsd_counts_it(tmp_path: Path) -> None:
    """Etsy's StatsD, by its management interface."""
    port, management, config, log = free_port(), free_port(), tmp_path / "config.js", tmp_path / "log"
    config.write_text(
        f'{{port: {port}, mgmt_port: {management}, address: "127.0.0.1", mgmt_address: "127.0.0.1", '
        "backends: [], flushInterval: 600000}"
    )

    def ask(what: str) -> str:
        with socket.create_connection(("127.0.0.1", management), LONG_S) as connection:
            connection.sendall(what.encode() + b"\n")
            answer = b""
            while b"END\n" not in answer:
                answer += connection.recv(65_536)
        return answer.decode()

    with running([program("statsd", "none; npm: statsd"), config], log):
        eventually(lambda: ask("counters"), log)
        exporter = StatsdExporter(Destination("statsd", f"127.0.0.1:{port}"))
        send(exporter, told(0), told(1))
        exporter.close()
        gauges = eventually(lambda: found if "generator_loop_lag" in (found := ask("gauges")) else None, log)
        counters = ask("counters")
    assert "'loadws.response_time_seconds.join.count': 80" in counters
    assert "'loadws.failed_tries.timeout.a_b_c_': 4" in counters
    assert "'loadws.response_time_seconds.join.max': 0.04" in gauges
    assert "'statsd.bad_lines_seen': 0" in counters
