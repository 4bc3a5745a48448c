"""Which party a failure to connect or to fetch points to: the one table of how far an attempt came.

The verdict uses it twice. A target is *unreachable* only where no attempt received an HTTP response
(``had_http_response``), and a resource that this machine ran out of is not the server's failure (``is_ours``).
"""

from __future__ import annotations

from enum import Enum


class Party(Enum):
    """How far an attempt came, by the kind of its failure."""

    GENERATOR = "this machine ran out of something, and the server was not asked"
    SCENARIO = "what the scenario wants to send cannot be sent, and the server was not asked"
    NETWORK = "no HTTP response was received: name, TCP, proxy, TLS, or a connection that ended without one"
    SERVER = "an HTTP response was received, whatever it said"


_NOT_ANSWERED = (
    # Families: every member that is not named below.
    *("dns", "tcp", "proxy", "tls", "lost", "timeout", "cut_off"),
    # Of the upgrade: what came was not HTTP, or nothing came.
    *("upgrade.closed", "upgrade.not_http", "upgrade.tls_port", "upgrade.timeout", "upgrade.failed", "upgrade.cut_off"),
    "http.not_http",
)
_OURS = ("tcp.file_limit", "tcp.no_ports", "tcp.no_memory", "lost.no_memory")
_THE_SCENARIOS = ("tcp.source_address", "upgrade.request", "http.request")

#: By kind, or by the family of kinds. All other kinds had a response: ``http.503``, ``upgrade.bad_accept``, ``check``.
PARTIES: dict[str, Party] = {
    **dict.fromkeys(_NOT_ANSWERED, Party.NETWORK),
    **dict.fromkeys(_OURS, Party.GENERATOR),
    **dict.fromkeys(_THE_SCENARIOS, Party.SCENARIO),
}


def party_of(kind: str) -> Party:
    """Return the entry of a kind, else of its family."""
    front = kind
    while front:
        if front in PARTIES:
            return PARTIES[front]
        front = front.rpartition(".")[0]
    return Party.SERVER


def had_http_response(kind: str) -> bool:
    """Return whether an attempt with this failure had received an HTTP response.

    The kinds are those of the ledger's ``failures``, of refusals (``http.503``) and of ``http`` steps, to which a
    ``timeout`` is assumed to belong.
    """
    return party_of(kind) is Party.SERVER


def is_ours(kind: str) -> bool:
    """Return whether an attempt failed because this machine had no files, ports or memory left."""
    return party_of(kind) is Party.GENERATOR


def is_unreachable(kind: str) -> bool:
    """Return whether the network, or the target's end of it, failed before any HTTP response."""
    return party_of(kind) is Party.NETWORK
