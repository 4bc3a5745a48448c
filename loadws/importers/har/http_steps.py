"""``http`` steps of the exchanges whose answers feed a conversation."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from loadws.importers.har.bindings import Bindings
from loadws.importers.har.handshake import Handshakes
from loadws.importers.har.recording import TEXT, Exchange, Frame, header
from loadws.importers.leaves import fits_scenario
from loadws.importers.origins import origin_of, request_target
from loadws.importers.templates import rendered
from loadws.importers.vault import Vault

_METHODS = frozenset("get post put patch delete head options".split())


def http_step(exchange: Exchange, bindings: Bindings, handshakes: Handshakes, target: str) -> dict[str, Any]:
    """Return the step that asks what was asked, and takes the values that the conversation needs."""
    is_ours = origin_of(exchange.url) == target
    address = bindings.address(request_target(exchange.url) if is_ours else exchange.url.partition("#")[0])
    body: dict[str, Any] = {exchange.method.lower(): rendered(address)}
    if headers := handshakes.headers(exchange, bindings):
        body["headers"] = headers
    if cookies := handshakes.cookies(exchange, bindings):
        body.setdefault("headers", {})["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    if exchange.body and exchange.method not in ("GET", "HEAD"):
        body |= _body(exchange, exchange.body, bindings)
        _drop_content_type(body)
    if 200 <= exchange.status < 300:
        body["check"] = {"status": exchange.status}
    if captures := bindings.captured(exchange):
        body["capture"] = captures
    return {"http": body}


def can_be_asked(exchange: Exchange) -> bool:
    return exchange.method.lower() in _METHODS and urlsplit(exchange.url).scheme in ("http", "https")


def _body(exchange: Exchange, body: str, bindings: Bindings) -> dict[str, Any]:
    frame = Frame(True, exchange.at_s, TEXT, body, exchange.line)
    if frame.json is not None and fits_scenario(frame.json):
        return {"json": rendered(bindings.filled(frame.json, frame))}
    if "form-urlencoded" in header(exchange.headers, "content-type"):
        pairs = parse_qsl(body, keep_blank_values=True)
        if len(dict(pairs)) == len(pairs) and pairs:
            return {"form": {name: rendered(bindings.text(value)) for name, value in pairs}}
    return {"text": rendered(bindings.text(body))}


def _drop_content_type(body: dict[str, Any]) -> None:
    """Leave out the header that ``json`` and ``form`` send by themselves."""
    if "text" in body:
        return
    headers = {name: value for name, value in body.get("headers", {}).items() if name.lower() != "content-type"}
    body.pop("headers", None)
    if headers:
        body["headers"] = headers


def demand_authorization(vault: Vault, step: dict[str, Any]) -> None:
    """Put a variable where the recording's program removed the header Authorization."""
    headers = step["http"].setdefault("headers", {})
    headers.setdefault("Authorization", rendered(vault.demand_unknown("authorization")))
