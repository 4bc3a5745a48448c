"""The engine's tests speak to scripted peers, so they need no certificates of the machine."""

from __future__ import annotations

import ssl

import pytest

from loadws.transport.tls.offer import TlsContexts

#: To read the machine's certificates for each load takes 20 ms and more.
_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture(autouse=True)
def no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TlsContexts, "default", lambda _self: _CONTEXT)
