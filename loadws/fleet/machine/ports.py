"""How many connections this machine's local ports allow: each pair of a source and a target address has all ports for
itself.

The scenario tells the addresses. A name counts as one address, which may be too few: the limit is then the one that
certainly holds. Behind a proxy, the proxy is the target.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from loadws.scenario.model.model import Scenario
from loadws.scenario.model.steps import ConnectStep, walk
from loadws.terms.addresses import BUILTIN
from loadws.terms.proxies import parse_proxy
from loadws.terms.units import format_count
from loadws.transport.platform import MEANS

_UNIX = "ws+unix:"


class Pairs(msgspec.Struct, frozen=True):
    """Pairs of the addresses that connections begin at and go to. Without targets no port is used."""

    sources: int = 1
    targets: int = 1

    def fitting(self, ports: int) -> int:
        """Return how many connections fit. Where ports are picked before the target is known, more targets add none."""
        return ports * self.sources * (self.targets if self.sources == 1 or MEANS.late_ports else 1)

    def ports(self, range_: int) -> int:
        """Return how many ports there are in all, with ``range_`` for each address; those of one address where none is
        needed.
        """
        return self.fitting(range_) if self.targets else range_

    def __str__(self) -> str:
        if (self.sources, self.targets) == (1, 1):
            return "the local ports to one address (net.ipv4.ip_local_port_range)"
        sources = f"{format_count(self.sources)} source address" + "es" * (self.sources > 1)
        targets = f"{format_count(self.targets)} target address" + "es" * (self.targets > 1)
        return f"the local ports of {sources} to {targets} (net.ipv4.ip_local_port_range)"


def pairs_of(scenario: Scenario) -> Pairs:
    if scenario.target.startswith(_UNIX):
        return Pairs(targets=0)
    resolve = {host.lower(): addresses for host, addresses in scenario.connection.resolve.items()}
    hosts = _dialled(scenario)
    targets = {address for host in hosts for address in resolve.get(host, (host,))}
    return Pairs(max(1, len(scenario.connection.source_addresses)), max(1, len(targets)))


def _dialled(scenario: Scenario) -> set[str]:
    """Return the hosts that every connection may go to, in lower case."""
    said = [scenario.connection.proxy]
    for user_type in scenario.user_types:
        said += [step.connect.proxy for _, step in walk(user_type.flow) if isinstance(step, ConnectStep)]
    proxies = [None if "{{" in text else parse_proxy(text) for text in said if text is not None]
    if proxies and all(proxy is not None for proxy in proxies):
        return {proxy.host.lower() for proxy in proxies if proxy is not None}
    host = None if scenario.target.startswith(BUILTIN) else urlsplit(scenario.target).hostname
    return {host or ""}
