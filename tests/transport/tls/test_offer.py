"""What a handshake is made with."""

from __future__ import annotations

import ssl

import pytest
import trio
import trio.testing

from loadws.transport.base import ConnectFailed, ConnectRequest
from loadws.transport.tls.contexts import start_session
from loadws.transport.tls.failure import late_alert, tls_failure
from loadws.transport.tls.offer import TlsContexts, TlsOffer, provable
from loadws.transport.tls.stream import start_tls
from loadws.transport.tls_memory import TlsMemory
from loadws.transport.url import parse_url

URL = parse_url("wss://chat.test/")


def test_one_default_context_for_all_that_refuses_to_renegotiate() -> None:
    contexts, request = TlsContexts(), ConnectRequest("wss://chat.test/")
    first, second = contexts.offer(request, URL), contexts.offer(request, URL)
    assert first.context is second.context
    assert ssl.OP_NO_RENEGOTIATION in first.context.options


def test_what_a_request_says_goes_before() -> None:
    own, memory = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), TlsMemory()
    request = ConnectRequest("wss://chat.test/", tls=own, server_name="other.test", tls_memory=memory)
    assert TlsContexts().offer(request, URL) == TlsOffer(own, "other.test", 443, memory)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("chat.test", "chat.test"),
        ("chat.test.", "chat.test"),  # the dot of an absolute name stands in no certificate
        ("fe80::1%eth0", "fe80::1"),  # a zone is this machine's own affair
    ],
)
def test_a_host_as_certificates_name_it(host: str, name: str) -> None:
    assert provable(host) == name


@pytest.mark.parametrize("secure", [start_session, start_tls])
def test_a_name_that_no_certificate_can_have(secure: object) -> None:
    async def main() -> None:
        ours, _ = trio.testing.memory_stream_pair()
        with pytest.raises(ConnectFailed) as failure:
            await secure(ours, TlsOffer(ssl.create_default_context(), ".broken"))  # type: ignore[operator]
        assert failure.value.kind == "tls.failed"

    trio.run(main)


def test_only_an_alert_is_a_late_word_about_the_handshake() -> None:
    assert late_alert(ConnectionResetError("reset")) is None
    assert tls_failure(ConnectionResetError("reset")).kind == "tls.closed"
