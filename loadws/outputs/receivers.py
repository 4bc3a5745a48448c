"""Addresses of receivers, read and checked. Each function raises ``ValueError`` with a reason that shows no secret."""

from __future__ import annotations

from loadws.terms.addresses import split_authority


def host_and_port(where: str) -> tuple[str, int]:
    """Return host and port of ``127.0.0.1:9464`` or ``[::1]:9464``."""
    found = split_authority(where)
    if found.port is None or found.user_info is not None:
        raise ValueError("this is not HOST:PORT")
    return found.host, found.port


def shown_host(host: str, port: int) -> str:
    """Return ``HOST:PORT``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
