"""The target: a WebSocket address, or one of the servers that loadws brings."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from loadws.scenario.checks.findings import Findings
from loadws.scenario.explain import any_of, nearest

BUILTIN_MODES = ("echo", "broadcast", "json")
_BUILTIN = "builtin:"
_EXAMPLE = "write ws://host:port/path, wss://..., or builtin:echo"


def check_target(findings: Findings) -> None:
    if wrong := wrong_target(findings.scenario.target):
        findings.error(("target",), *wrong)


def wrong_target(target: str) -> tuple[str, str] | None:
    """Message and advice, or None where it is a target. The message does not show the address: it may hold a password."""
    if target.startswith(_BUILTIN):
        return _wrong_builtin(target.removeprefix(_BUILTIN))
    if "{{" in target:
        return "the target is the same for everyone: templates have no place in it", "use path or query of connect"
    if re.search(r"[\s\x00-\x1f\x7f]", target):
        return "an address has no blanks", _EXAMPLE
    return _wrong_url(target)


def _wrong_builtin(mode: str) -> tuple[str, str] | None:
    if mode in BUILTIN_MODES:
        return None
    advice = nearest(mode, BUILTIN_MODES) or f"there are {any_of(_BUILTIN + mode for mode in BUILTIN_MODES)}"
    return f"there is no built-in target {mode!r}", advice


def _wrong_url(target: str) -> tuple[str, str] | None:
    try:
        url = urlsplit(target)
        host, port = url.hostname, url.port
    except ValueError as error:
        return f"not an address: {_without_values(str(error))}", _EXAMPLE
    if url.scheme in ("http", "https"):
        return f"{url.scheme}:// is no WebSocket", f"write {url.scheme.replace('http', 'ws')}://"
    if url.scheme not in ("ws", "wss"):
        return "an address begins with ws:// or wss://", _EXAMPLE
    if not host:
        return "the address has no host", _EXAMPLE
    if port == 0:
        return "port 0 is no port to connect to", _EXAMPLE
    if url.fragment or target.endswith("#"):
        return "a WebSocket address has no fragment (#)", "write %23 for a # in the path"
    return None


def _without_values(message: str) -> str:
    return message.partition(":")[0] if "'" in message else message
