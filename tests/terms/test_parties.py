"""Every kind of failure is in the table of parties on purpose, and what the verdict asks of it is right."""

from __future__ import annotations

import pytest

from loadws.terms.parties import PARTIES, Party, had_http_response, is_ours, is_unreachable, party_of
from loadws.transport.base import FAILURE_KINDS, LOSS_KINDS

#: Kinds of the upgrade that had an HTTP response: they are in no table, so a new kind has to be put here or there.
ANSWERED = {
    "malformed", "too_large", "no_upgrade", "no_connection", "bad_accept", "bad_subprotocol", "bad_extension",
}  # fmt: skip


def test_every_kind_of_a_failed_upgrade_was_judged() -> None:
    for kind in FAILURE_KINDS["upgrade"]:
        assert (f"upgrade.{kind}" in PARTIES) != (kind in ANSWERED), kind
        assert had_http_response(f"upgrade.{kind}") == (kind in ANSWERED)


@pytest.mark.parametrize("phase", ["dns", "tcp", "proxy", "tls"])
def test_before_the_upgrade_there_is_no_http_response(phase: str) -> None:
    for kind in FAILURE_KINDS[phase]:  # type: ignore[index]
        assert not had_http_response(f"{phase}.{kind}")


def test_what_this_machine_lacks_is_ours_and_nothing_else_is() -> None:
    kinds = [f"{phase}.{kind}" for phase, names in FAILURE_KINDS.items() for kind in names]
    kinds += [f"lost.{kind}" for kind in LOSS_KINDS]
    ours = {"tcp.file_limit", "tcp.no_ports", "tcp.no_memory", "lost.no_memory"}
    assert {kind for kind in kinds if is_ours(kind)} == ours
    assert not any(is_unreachable(kind) or had_http_response(kind) for kind in ours)


@pytest.mark.parametrize(
    ("kind", "party"),
    [
        ("http.503", Party.SERVER),
        ("http.url", Party.SERVER),  # of a Location
        ("http.request", Party.SCENARIO),
        ("handshake", Party.SERVER),
        ("tls.new", Party.NETWORK),  # by its family
        ("timeout", Party.NETWORK),
        ("lost.eof", Party.NETWORK),
        ("cut_off", Party.NETWORK),
        ("tcp.source_address", Party.SCENARIO),
    ],
)
def test_parties(kind: str, party: Party) -> None:
    assert party_of(kind) is party
