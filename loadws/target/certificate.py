"""A certificate that the target makes itself, so that ``wss://`` can be tried without a certificate authority."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


def make_tls(host: str, ca_file: Path) -> ssl.SSLContext:
    """Return a TLS context for ``host`` and loopback, and write the certificate to trust to ``ca_file``. Raises
    ``OSError``.
    """
    authority = trustme.CA()
    names = dict.fromkeys((host, "localhost", "127.0.0.1", "::1"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    authority.cert_pem.write_to_path(ca_file)
    return context
