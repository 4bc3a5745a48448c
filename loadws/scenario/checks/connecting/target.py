"""Check the target: a WebSocket address, or one of the servers that loadws contains."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

from loadws.scenario.checks.findings import Findings
from loadws.scenario.yaml.explain import any_of
from loadws.terms.addresses import BUILTIN, split_authority
from loadws.terms.errors import did_you_mean

UNIX = "ws+unix:"
#: What fits into a sockaddr_un of Linux with its closing zero.
LONGEST_SOCKET_PATH = 107
BUILTIN_MODES = (
    "echo",
    "broadcast",
    "json",
    "feed",
    "json-rpc",
    "graphql-transport-ws",
    "graphql-ws",
    "phoenix",
    "action-cable",
    "pusher",
    "centrifugo",
    "signalr",
    "ocpp1.6",
    "ocpp2.0.1",
    "socket.io",
    "mqtt",
    "stomp",
    "voice",
)
BUILTIN_OPTIONS = (
    "close-after",
    "close-all",
    "delay",
    "drop",
    "duplicate",
    "jitter",
    "login",
    "reject",
    "reorder",
    "stall",
    "tick",
)
_EXAMPLE = "write ws://host:port/path, wss://..., or builtin:echo"


def check_target(findings: Findings) -> None:
    if wrong := wrong_target(findings.scenario.target):
        findings.error(("target",), *wrong)


def wrong_target(target: str) -> tuple[str, str] | None:
    """Return message and advice for a wrong target; None for a right one.

    The message does not show the address, because it may contain a password.
    """
    if target.startswith(BUILTIN):
        return _wrong_builtin(target.removeprefix(BUILTIN))
    if "{{" in target:
        return "the target is the same for everyone: templates have no place in it", "use path or query of connect"
    if target.startswith(UNIX):
        return _wrong_unix(target)
    if re.search(r"[\s\x00-\x1f\x7f]", target):
        return "an address has no blanks", _EXAMPLE
    return _wrong_url(target)


def _wrong_builtin(name: str) -> tuple[str, str] | None:
    mode, _, query = name.partition("?")
    if mode in BUILTIN_MODES:
        return _wrong_options(query)
    advice = did_you_mean(mode, BUILTIN_MODES) or f"there are {any_of(BUILTIN + mode for mode in BUILTIN_MODES)}"
    return f"there is no built-in target {mode!r}", advice


def _wrong_options(query: str) -> tuple[str, str] | None:
    """Return message and advice for a wrong option of a built-in target. Its values are checked by the target itself."""
    for option, _ in parse_qsl(query, keep_blank_values=True):
        if option not in BUILTIN_OPTIONS:
            advice = did_you_mean(option, BUILTIN_OPTIONS) or f"there are {any_of(BUILTIN_OPTIONS)}"
            return f"a built-in target has no option {option!r}", advice
    return None


def _wrong_unix(target: str) -> tuple[str, str] | None:
    parts = urlsplit(target)
    path, _, _ = parts.path.partition(":")
    advice = f"write {UNIX}///path/to.sock:/path?query"
    if parts.netloc or not path.startswith("/") or path.endswith("/"):
        return "a unix socket is named by its whole path", advice
    if len(unquote(path).encode()) > LONGEST_SOCKET_PATH:
        return f"the path of a unix socket has at most {LONGEST_SOCKET_PATH} bytes", "place it in a shorter directory"
    if re.search(r"[\s\x00-\x1f\x7f]", target) or parts.fragment:
        return "an address has no blanks and no fragment (#)", "write %20 and %23"
    return None


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
    if (wrong := _wrong_authority(url.netloc)) is not None:
        return wrong, _EXAMPLE
    if url.fragment or target.endswith("#"):
        return "a WebSocket address has no fragment (#)", "write %23 for a # in the path"
    return None


def _wrong_authority(authority: str) -> str | None:
    try:
        split_authority(authority)
    except ValueError as error:
        return str(error)
    return None


def _without_values(message: str) -> str:
    """Return urllib's message without the parts of the address that it quotes."""
    return re.sub(r"(?: as)? ?'.*'", "", message, flags=re.DOTALL).strip()
