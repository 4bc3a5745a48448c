"""Check addresses, proxies and the offers of the handshake for contradictions, as far as they show without a network."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from loadws.scenario.checks.connecting.target import UNIX
from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.connection import ConnectionOptions
from loadws.scenario.model.step_names import walk_around, walk_steps
from loadws.scenario.model.steps import AnyStep, ConnectBody, ConnectStep, HttpStep
from loadws.scenario.yaml.explain import Where, any_of
from loadws.terms.errors import did_you_mean
from loadws.terms.proxies import DIRECT, parse_proxy

_CONNECTION: Where = ("connection",)


def check_network(findings: Findings) -> None:
    _check_resolve(findings)
    _check_sources(findings)
    _check_unix(findings)
    for where, part in _parts(findings):
        if part.origin is not None and any(name.lower() == "origin" for name in part.headers):
            findings.error((*where, "origin"), "Origin stands among the headers too", "say it once", at_key=True)
        if isinstance(part, ConnectBody):
            _check_subprotocol(findings, where, part)


def _parts(findings: Findings) -> Iterator[tuple[Where, ConnectionOptions | ConnectBody]]:
    yield _CONNECTION, findings.scenario.connection
    for where, step in walk_steps(findings.scenario):
        if isinstance(step, ConnectStep):
            yield (*where, "connect"), step.connect


def _dialled_hosts(findings: Findings) -> set[str]:
    """Return the hosts that are connected to, in lower case.

    The result is empty where they are not known, because a proxy or an ``http`` step has a template in its address.
    """
    fetched = [step.http for _, step in _all_steps(findings) if isinstance(step, HttpStep)]
    said = [part.proxy for _, part in _parts(findings) if part.proxy is not None]
    said += [body.proxy for body in fetched if body.proxy is not None]
    if any("{{" in text for text in (*said, *(_authority(body.url) for body in fetched))):
        return set()
    proxies = [parse_proxy(text) for text in said]
    hosts = {proxy.host.lower() for proxy in proxies if proxy is not None}
    is_direct = findings.scenario.connection.proxy is None
    if is_direct or any(proxy is None or proxy.scheme == "socks5" for proxy in proxies):
        addresses = (findings.scenario.target, *(body.url for body in fetched))
        hosts |= {host for address in addresses if (host := _host_of(address)) is not None}
    return hosts


def _all_steps(findings: Findings) -> Iterator[tuple[Where, AnyStep]]:
    yield from walk_steps(findings.scenario)
    yield from walk_around(findings.scenario)


def _authority(url: str) -> str:
    """Return the part of an address that has host and port, with its templates."""
    return url if url.startswith("{{") else url.partition("://")[2].partition("/")[0]


def _host_of(target: str) -> str | None:
    try:
        return urlsplit(target).hostname
    except ValueError:
        return None


def _check_resolve(findings: Findings) -> None:
    """Warn of a host in ``resolve`` that nothing connects to. It is probably misspelt, unless a redirect leads there."""
    dialled = _dialled_hosts(findings)
    for host in findings.scenario.connection.resolve:
        if dialled and host.lower() not in dialled:
            message = f"nothing connects to {host!r}, unless a redirect leads there"
            advice = did_you_mean(host, dialled) or f"hosts here are {any_of(sorted(dialled))}"
            findings.warning(("connection", "resolve", host), message, advice, at_key=True)


def _check_sources(findings: Findings) -> None:
    """Check that some source address has the family of a host whose addresses are all known."""
    options = findings.scenario.connection
    ours = {ipaddress.ip_address(source).version for source in options.source_addresses}
    given = {host.lower(): addresses for host, addresses in options.resolve.items()}
    for host in sorted(_dialled_hosts(findings)):
        theirs = {version for address in given.get(host, (host,)) if (version := _version(address)) is not None}
        if ours and theirs and not ours & theirs:
            family = f"IPv{theirs.pop()}"
            message = f"no source address is of the family of {host!r}, which is {family}"
            findings.error(("connection", "source_addresses"), message, f"name {family} addresses of this machine")
            return


def _version(address: str) -> int | None:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None


def _check_unix(findings: Findings) -> None:
    if not findings.scenario.target.startswith(UNIX):
        return
    for where, part in _parts(findings):
        if part.proxy is not None and part.proxy != DIRECT:
            findings.error((*where, "proxy"), "a unix socket is not reached through a proxy", at_key=True)
    if findings.scenario.connection.source_addresses:
        where = ("connection", "source_addresses")
        findings.error(where, "a connection to a unix socket has no source address", at_key=True)


def _check_subprotocol(findings: Findings, where: Where, body: ConnectBody) -> None:
    wanted = body.expect.subprotocol if body.expect is not None else None
    offered = findings.scenario.connection.subprotocols if body.subprotocols is None else body.subprotocols
    if wanted is None or wanted in offered:
        return
    advice = did_you_mean(wanted, offered) or "name it in subprotocols"
    findings.error((*where, "expect", "subprotocol"), f"the subprotocol {wanted!r} is not offered", advice)
