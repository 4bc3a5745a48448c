"""``http_time`` beside the simplest possible client: a blocking socket, one write, one read, one connection.

Both ask the same server, in turns, so that the machine's other work affects both alike. The claim is about the median:
within 1 % and 0.3 ms.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from loadws.metrics.summary import MetricEntry
from loadws.terms.units import NS_PER_MS
from tests.truth.running import ROOT, summed_up
from tests.truth.table import Row, count_row, render, time_row

TURNS = 7
REQUESTS_A_TURN = 150
#: A session: this many requests over one connection. The upgrade at its end is refused on purpose.
SCENARIO = """
target: ws://127.0.0.1:%d
load: [{users: 1, iterations: 1}]
flow:
  - repeat: %d
    do: [{http: {get: /page}}]
  - connect: {expect: {status: 403}}
"""
#: (the delay of an answer, bytes of its body)
SETTINGS = ((0, 200), (1 * NS_PER_MS, 200), (14 * NS_PER_MS, 200), (14 * NS_PER_MS, 20_000))


def http() -> Iterator[str]:
    for delay_ns, size in SETTINGS:
        with _target(delay_ns, size) as port:
            yield _compared(f"every answer after {delay_ns / NS_PER_MS:g} ms, {size:,} bytes", port)


def _compared(title: str, port: int) -> str:
    """Return the comparison. Both take turns; each turn has a median, and the medians of those are compared."""
    told: list[float] = []
    truth: list[float] = []
    count, opening_ns = 0, 0.0
    for _ in range(TURNS):
        truth.append(_median_of_a_plain_client(port))
        entries = _entries(port)
        told.append(entries["http_time"].p50 or 0)
        count += entries["http_time"].count
        opening_ns = entries["http_connect_time"].max or 0
    true_ns = statistics.median(truth)
    rows: list[Row] = [
        count_row("http_time: requests", count, TURNS * REQUESTS_A_TURN),
        time_row("http_time p50", statistics.median(told), true_ns, 0.01 * true_ns + 0.3 * NS_PER_MS),
        time_row("http_connect_time of a connection, beside it", opening_ns, 0, None),
    ]
    return render(f"{title}; beside a blocking socket", rows)


def _entries(port: int) -> dict[str, MetricEntry]:
    summary = summed_up(SCENARIO % (port, REQUESTS_A_TURN), f"ws://127.0.0.1:{port}")
    names = ("http_time", "http_connect_time")
    return {name: min(summary.entries(name), key=lambda entry: len(entry.labels)) for name in names}


def _median_of_a_plain_client(port: int) -> float:
    request = b"GET /page HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port
    times: list[int] = []
    with socket.create_connection(("127.0.0.1", port)) as tcp:
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(REQUESTS_A_TURN):
            began_ns = time.monotonic_ns()
            tcp.sendall(request)
            _read_answer(tcp)
            times.append(time.monotonic_ns() - began_ns)
    return statistics.median(times)


def _read_answer(tcp: socket.socket) -> None:
    """Read an answer, in one read where it fits."""
    answer = tcp.recv(1 << 20)
    head, _, body = answer.partition(b"\r\n\r\n")
    left = int(head.rpartition(b"Content-Length: ")[2]) - len(body)
    while left > 0:
        left -= len(tcp.recv(1 << 20))


@contextmanager
def _target(delay_ns: int, size: int) -> Iterator[int]:
    command = [sys.executable, "-m", "tests.truth.http_target", str(delay_ns), str(size)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
