"""How many connections local ports allow, and what is said where they do not suffice."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from loadws.fleet.machine import ports
from loadws.fleet.machine.ports import Pairs, pairs_of
from loadws.fleet.machine.preflight import UNKNOWN, Machine, check_fit
from loadws.scenario.model.model import Scenario
from loadws.terms.errors import UsageError
from loadws.transport.platform import MEANS
from tests.fleet.machine.made_up import figures_of_users

#: Enough of everything but ports.
MACHINE = Machine(descriptors=UNKNOWN, ports=1000, memory_bytes=UNKNOWN)


def _scenario(target: str = "ws://chat.test", connect: dict[str, Any] | None = None, **connection: Any) -> Scenario:
    document = {
        "target": target,
        "load": [{"users": 1, "for": "1s"}],
        "flow": [{"connect": connect or {}}],
        "connection": connection,
    }
    return Scenario.model_validate(document)


@pytest.mark.parametrize(
    ("scenario", "pairs"),
    [
        (_scenario(), Pairs(1, 1)),
        (_scenario("builtin:echo"), Pairs(1, 1)),
        # addresses that the scenario names
        (_scenario(source_addresses=["127.0.0.2", "127.0.0.3"]), Pairs(2, 1)),
        (_scenario(resolve={"Chat.Test": ["10.0.0.1", "10.0.0.2", "10.0.0.3"]}), Pairs(1, 3)),
        (_scenario(resolve={"other.test": ["10.0.0.1", "10.0.0.2"]}), Pairs(1, 1)),
        # behind a proxy it is the proxy that is dialled, unless somebody goes past it
        (_scenario(proxy="http://p.test", resolve={"p.test": ["10.0.0.1", "10.0.0.2"]}), Pairs(1, 2)),
        (
            _scenario(proxy="http://p.test", connect={"proxy": "direct"}, resolve={"p.test": ["10.0.0.1", "10.0.0.2"]}),
            Pairs(1, 1),
        ),
        (_scenario(proxy="http://{{ p }}", resolve={"p.test": ["10.0.0.1", "10.0.0.2"]}), Pairs(1, 1)),
        # a unix socket has no ports
        (_scenario("ws+unix:///run/s:/"), Pairs(1, 0)),
    ],
)
def test_pairs(scenario: Scenario, pairs: Pairs) -> None:
    assert pairs_of(scenario) == pairs


def test_each_pair_has_all_ports_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "MEANS", replace(MEANS, late_ports=True))
    assert [Pairs(*pair).fitting(1000) for pair in ((1, 1), (3, 1), (1, 2), (3, 2))] == [1000, 3000, 2000, 6000]


def test_where_ports_are_picked_early_more_targets_bring_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """But without a source address nobody binds, and the kernel picks late everywhere."""
    monkeypatch.setattr(ports, "MEANS", replace(MEANS, late_ports=False))
    assert [Pairs(*pair).fitting(1000) for pair in ((1, 2), (3, 2))] == [2000, 3000]


def test_what_does_not_fit_says_what_there_is() -> None:
    with pytest.raises(UsageError) as error:
        check_fit(figures_of_users(1001), MACHINE)
    assert str(error.value) == (
        "the plan holds 1,001 users here, and the local ports to one address (net.ipv4.ip_local_port_range) allow 1,000"
    )
    assert error.value.advice == "name more source_addresses, or widen the range"


def test_more_addresses_let_more_fit() -> None:
    assert check_fit(figures_of_users(2000), MACHINE, Pairs(sources=2)) == []
    with pytest.raises(UsageError, match="the local ports of 2 source addresses to 1 target address "):
        check_fit(figures_of_users(2001), MACHINE, Pairs(sources=2))


def test_a_unix_socket_needs_none() -> None:
    assert check_fit(figures_of_users(100_000), MACHINE, Pairs(targets=0)) == []
