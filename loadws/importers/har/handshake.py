"""The ``connect`` step of a socket, and the headers of an ``http`` step, as they were recorded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from loadws.importers.har.bindings import Bindings
from loadws.importers.har.recording import Exchange, header
from loadws.importers.notes import Notes
from loadws.importers.origins import request_target
from loadws.importers.templates import Expression, rendered
from loadws.importers.vault import Vault, is_secret

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: Headers that loadws or the connection itself decides.
_LEFT_TO_LOADWS = re.compile(
    r"(:.*|host|connection|upgrade|content-length|transfer-encoding|sec-.*|accept.*|cache-control|pragma|te|priority|dnt|referer"
    r"|if-.*|upgrade-insecure-requests|cookie2?|origin|keep-alive|access-control-.*)",
    re.IGNORECASE,
)


class Handshakes:
    """A maker of the steps that open connections; ``is_stripped``: the recording has no cookies and credentials."""

    def __init__(self, vault: Vault, notes: Notes, is_stripped: bool) -> None:
        self._vault, self._notes, self._is_stripped = vault, notes, is_stripped

    def connect(self, handshake: Exchange, bindings: Bindings) -> dict[str, Any]:
        """Return the step that opens a socket."""
        body: dict[str, Any] = {"path": rendered(bindings.address(request_target(handshake.url)))}
        body |= self._subprotocols(handshake)
        if origin := header(handshake.headers, "origin"):
            body["origin"] = rendered(origin)
        if headers := self.headers(handshake, bindings):
            body["headers"] = headers
        if cookies := self.cookies(handshake, bindings):
            body["cookies"] = cookies
        if self._is_stripped:
            body.setdefault("headers", {})["Cookie"] = rendered(self._vault.demand_unknown("cookie"))
        if "permessage-deflate" in header(handshake.answer_headers, "sec-websocket-extensions"):
            body["compression"] = True
        return {"connect": body}

    def _subprotocols(self, handshake: Exchange) -> dict[str, list[str]]:
        offered = [each.strip() for each in header(handshake.headers, "sec-websocket-protocol").split(",")]
        tokens = list(dict.fromkeys(each for each in offered if _TOKEN.fullmatch(each)))
        kept = [each for each in tokens if not is_secret("", each)]
        if len(kept) < len(tokens):
            text = "a subprotocol that looks like a secret was left out: subprotocols cannot hold variables"
            self._notes.loss(handshake.line, text)
        return {"subprotocols": kept} if kept else {}

    def headers(self, request: Exchange, bindings: Bindings) -> dict[str, str]:
        """Return the headers that a scenario should send, with variables in place of secrets."""
        found: dict[str, str] = {}
        for name, value in _joined(request.headers):
            if _LEFT_TO_LOADWS.fullmatch(name):
                continue
            if not _TOKEN.fullmatch(name) or not value.isprintable():
                self._notes.loss(request.line, f"the header {_shown(name)} was left out: HTTP does not allow it")
                continue
            found[name] = rendered(self._header(name, value, bindings))
        return found

    def _header(self, name: str, value: str, bindings: Bindings) -> Any:
        """Return a header's value, with variables in place of secrets."""
        return bindings.credentials(name, value) if is_secret(name, value) else bindings.text(value)

    def cookies(self, request: Exchange, bindings: Bindings) -> dict[str, str]:
        """Return the cookies of a request that no exchange of the flow sets; their values are variables."""
        set_by_server = {name for exchange in bindings.needed for name, _ in _cookies_set(exchange)}
        found: dict[str, str] = {}
        for pair in header(request.headers, "cookie").split(";"):
            name, equals, value = pair.strip().partition("=")
            if not equals or not _TOKEN.fullmatch(name) or name in set_by_server:
                continue
            bound = bindings.variable(value)
            found[name] = rendered(Expression(bound) if bound else self._vault.demand(name, value or f"\0{name}"))
        return found


def sets_cookie_for(exchange: Exchange, request: Exchange) -> bool:
    """Return whether an answer sets a cookie that a later request sends."""
    sent = {tuple(pair.strip().split("=", 1)) for pair in header(request.headers, "cookie").split(";")}
    return any(cookie in sent for cookie in _cookies_set(exchange))


def _cookies_set(exchange: Exchange) -> Iterator[tuple[str, str]]:
    for name, value in exchange.answer_headers:
        if name.lower() == "set-cookie":
            for line in value.split("\n"):
                cookie, _, content = line.partition(";")[0].strip().partition("=")
                yield cookie, content


def _joined(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield each header once: values of one name are joined, as HTTP joins them."""
    names: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in headers:
        names.setdefault(name.lower(), name)
        values.setdefault(name.lower(), []).append(value)
    yield from ((names[key], ", ".join(found)) for key, found in values.items())


def _shown(name: str) -> str:
    return repr(name[:40]) if name.isprintable() else "with control characters"
