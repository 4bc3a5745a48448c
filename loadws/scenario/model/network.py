"""Fields for how a connection reaches its server, and with what identity: addresses, proxy, buffers; cookies and origin."""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from loadws.scenario.model.field_types import Many, Size, Strict, Template, different, header_value, token
from loadws.terms.proxies import parse_proxy


def _numeric(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no address in numbers, as 127.0.0.1 or ::1") from None
    return text


_HOST = re.compile(r"[^\s/:@\[\]{}]+|[0-9A-Fa-f:.]+")


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError(f"{text!r} is no host name: it stands alone, without scheme and port")
    return text


def _different_hosts(hosts: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    different(tuple(host.lower() for host in hosts))
    return hosts


def _proxy(text: str) -> str:
    if "{{" not in text:
        parse_proxy(text)
    return text


def _cookie_value(text: str) -> str:
    header_value(text)
    if "{{" not in text and ";" in text:
        raise ValueError("a cookie's value has no semicolon: it would begin another cookie")
    return text


Address = Annotated[str, AfterValidator(_numeric)]
Addresses = Annotated[Many[Address], AfterValidator(different)]
#: Host -> the addresses to dial in its place.
Resolve = Annotated[
    dict[Annotated[str, AfterValidator(_host)], Annotated[Addresses, Field(min_length=1)]],
    AfterValidator(_different_hosts),
]
Proxy = Annotated[Template, AfterValidator(_proxy)]
Origin = Annotated[Template, AfterValidator(header_value)]
#: Name -> value. Values count as secrets in every output.
Cookies = dict[Annotated[str, AfterValidator(token)], Annotated[Template, AfterValidator(_cookie_value)]]


class SocketOptions(Strict):
    """Sizes of the kernel's buffers. Linux doubles what it is given, up to net.core.wmem_max and rmem_max."""

    send_buffer: Annotated[
        Size | None, Field(ge=1, description="SO_SNDBUF: how much may wait in the kernel to be sent.")
    ] = None
    receive_buffer: Annotated[
        Size | None,
        Field(ge=1, description="SO_RCVBUF: how much may wait in the kernel to be read, and so TCP's window."),
    ] = None
