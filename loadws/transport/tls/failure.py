"""Translate the failure of a TLS handshake from OpenSSL's words to ``FAILURE_KINDS``.

With TLS 1.3 a client's handshake is over before the server has checked the client's certificate. That the server wants
another one, or any, becomes known only from the alert that comes in place of its first data.
"""

from __future__ import annotations

import re
import ssl

import trio

from loadws.transport.base import ConnectFailed

#: The kinds of X509_V_ERR_ numbers (openssl/x509_vfy.h), the results of a verification; all others are ``untrusted``.
_NOT_YET_VALID, _EXPIRED = 9, 10
_WRONG_HOST, _WRONG_ADDRESS = 62, 64
_UNVERIFIED = {
    _NOT_YET_VALID: "expired",
    _EXPIRED: "expired",
    _WRONG_HOST: "wrong_host",
    _WRONG_ADDRESS: "wrong_host",
}
#: What the server's alert (RFC 8446, 6.2) says, or OpenSSL on our side; OpenSSL's prefixes differ by the alert's age.
_REASONS = (
    (re.compile(r"ALERT_CERTIFICATE_REQUIRED$"), "certificate_required"),
    (
        re.compile(r"ALERT_(BAD|UNSUPPORTED)_CERTIFICATE$|ALERT_CERTIFICATE_\w+$|ALERT_UNKNOWN_CA$"),
        "certificate_rejected",
    ),
    (re.compile(r"ALERT_PROTOCOL_VERSION$|^UNSUPPORTED_PROTOCOL$|^NO_PROTOCOLS_AVAILABLE$"), "version"),
    (re.compile(r"^WRONG_VERSION_NUMBER$|^HTTP_REQUEST$|^PACKET_LENGTH_TOO_LONG$"), "not_tls"),
    (re.compile(r"ALERT_|^TLSV1_UNRECOGNIZED_NAME$"), "refused"),
)
_SAID = {
    "certificate_required": "the server wants a client certificate",
    "certificate_rejected": "the server does not accept the client certificate",
    "version": "client and server have no TLS version in common",
    "not_tls": "what answered was not TLS",
    "refused": "the server refused the TLS handshake",
}


def tls_failure(error: BaseException) -> ConnectFailed:
    """Return the failure for the error of a TLS handshake. The cause of a stream's ``BrokenResourceError`` is used."""
    cause = error.__cause__ if isinstance(error, trio.BrokenResourceError) else error
    detail = str(cause or error) or "the TLS handshake failed"
    match cause:
        case ssl.SSLCertVerificationError():
            kind = _UNVERIFIED.get(cause.verify_code, "untrusted")
            return ConnectFailed("tls", kind, f"the certificate is not trusted: {cause.verify_message}")
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return ConnectFailed("tls", "closed", "the peer closed TCP during the TLS handshake")
        case ssl.SSLError():
            return _of_reason(cause.reason or "", detail)
        case ValueError():
            return ConnectFailed("tls", "failed", detail)
    return ConnectFailed("tls", "closed", detail)


def late_alert(error: BaseException) -> ConnectFailed | None:
    """Return the failure for an alert in place of the server's first data; None where the error is not an alert."""
    cause = error.__cause__ if isinstance(error, trio.BrokenResourceError) else error
    if isinstance(cause, ssl.SSLError) and "ALERT_" in (cause.reason or ""):
        return tls_failure(cause)
    return None


def _of_reason(reason: str, detail: str) -> ConnectFailed:
    for pattern, kind in _REASONS:
        if pattern.search(reason):
            return ConnectFailed("tls", kind, f"{_SAID[kind]}: {reason.lower().replace('_', ' ')}")
    return ConnectFailed("tls", "failed", detail)
