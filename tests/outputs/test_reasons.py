"""What is said of a receiver that fails: words of ours, whatever library the exception is of."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import trustme

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs loadws[otlp]")
import requests
import urllib3

from loadws.outputs.destinations import Destination
from loadws.outputs.exporter import Exporter, Refused
from loadws.outputs.kinds.influxdb import InfluxExporter
from loadws.outputs.kinds.otlp import OtlpExporter
from loadws.outputs.reasons import said
from tests.outputs.served import free_port, send, told

Act = Callable[[socket.socket], None]
_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
trustme.CA().issue_cert("127.0.0.1").configure_cert(_CONTEXT)


def answering(answer: bytes) -> Act:
    def act(connection: socket.socket) -> None:
        connection.recv(1_000_000)
        connection.sendall(answer)

    return act


def close_at_once(connection: socket.socket) -> None:
    connection.recv(1_000_000)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.recv(1)


def speak_tls(connection: socket.socket) -> None:
    with _CONTEXT.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as wrapped:
        wrapped.do_handshake()


@contextmanager
def server(act: Act) -> Iterator[int]:
    """Serve connections one after another, until the end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    act(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


REASONS = [
    ("http", close_at_once, {"it closed the connection without an answer", "Connection reset by peer"}),
    ("http", reset, {"it closed the connection without an answer", "Connection reset by peer"}),
    ("http", answering(b"SSH-2.0-OpenSSH\r\n"), {"it does not answer in HTTP", "Connection reset by peer"}),
    (
        "http",
        answering(b"HTTP/1.1 500 Oops\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad"),
        {"it answered 500 Oops, 'bad'"},
    ),
    ("http", answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), {"its answer is not whole"}),
    ("https", answering(b"SSH-2.0-OpenSSH\r\n"), {"it does not speak TLS", "Connection reset by peer"}),
    ("https", speak_tls, {"its certificate is not accepted: unable to get local issuer certificate"}),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["influxdb", "otlp"])
@pytest.mark.parametrize(("scheme", "act", "reasons"), REASONS, ids=map(str, range(len(REASONS))))
def test_both_clients_of_http_say_the_same(kind: str, scheme: str, act: Act, reasons: set[str]) -> None:
    with server(act) as port:
        exporter: Exporter
        if kind == "otlp":
            exporter = OtlpExporter(Destination("otlp", f"{scheme}://127.0.0.1:{port}"), {})
        else:
            exporter = InfluxExporter(Destination("influxdb", f"{scheme}://127.0.0.1:{port}?db=d"), {})
        with pytest.raises((OSError, Refused)) as found:
            send(exporter, told(0))
        exporter.close()
    assert said(found.value) in reasons


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (TimeoutError("timed out"), "it did not answer within 2 s"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (ssl.SSLError(1, "[SSL: BAD] tlsv1 alert"), "TLS failed"),
        (http.client.IncompleteRead(b"abc"), "its answer is not whole"),
        (http.client.RemoteDisconnected("Remote end closed"), "it closed the connection without an answer"),
        # what libraries wrap, in arguments, as a reason, and as a cause
        (
            requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted", ConnectionResetError(104, "Reset"))),
            "Reset",
        ),
        (
            requests.ConnectionError(
                urllib3.exceptions.MaxRetryError(
                    urllib3.connectionpool.HTTPConnectionPool("h"), "/v1", TimeoutError("timed out")
                )
            ),
            "it did not answer within 2 s",
        ),
        (Refused("it answered 503."), "it answered 503"),
        (OSError(), "OSError"),
    ],
)
def test_words(failure: Exception, words: str) -> None:
    assert said(failure, 2.0).startswith(words)
    assert [name for name in ("Error(", "Pool", "urllib3", "[SSL") if name in said(failure, 2.0)] == []


def test_exceptions_in_a_circle_come_to_an_end() -> None:
    one, other = ValueError(), ValueError("the other")
    one.__cause__, other.__cause__ = other, one
    assert said(one) == "ValueError"


def test_a_receiver_that_is_not_there_is_told_by_both_alike() -> None:
    with pytest.raises(ConnectionRefusedError) as found:
        send(InfluxExporter(Destination("influxdb", f"http://127.0.0.1:{free_port()}?db=d"), {}), told(0))
    assert said(found.value) == "Connection refused"
