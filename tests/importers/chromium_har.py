"""A recording of a page in Chromium, as its developer tools export one, made of events of the DevTools protocol."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.report.browser import Browser, Page

#: Headers that the developer tools leave out of a HAR file, unless they are asked for sensitive data.
_SENSITIVE = frozenset(["cookie", "set-cookie", "authorization"])


def har_of(browser: Browser, page: Page) -> bytes:
    """Return the HAR file of what a page has done so far."""
    events = [event for event in browser.events if str(event.get("method", "")).startswith("Network.")]
    entries = [*_exchanges(page, events), *_sockets(events)]
    log = {
        "version": "1.2",
        "creator": {"name": "WebInspector", "version": "537.36"},
        "pages": [],
        "entries": sorted(entries, key=lambda entry: str(entry["startedDateTime"])),
    }
    return json.dumps({"log": log}, indent=2).encode()


def _exchanges(page: Page, events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    answers = {
        event["params"]["requestId"]: event["params"]["response"] for event in _named(events, "responseReceived")
    }
    finished = {event["params"]["requestId"] for event in _named(events, "loadingFinished")}
    entries = []
    for event in _named(events, "requestWillBeSent"):
        asked = event["params"]
        request, answer = asked["request"], answers.get(asked["requestId"])
        entry: dict[str, Any] = {
            "_resourceType": asked.get("type", "other").lower(),
            "startedDateTime": _date(asked["wallTime"]),
            "request": {"method": request["method"], "url": request["url"], "headers": _headers(request["headers"])},
            "response": {"status": 0, "headers": [], "content": {}},
        }
        if "postData" in request:
            entry["request"]["postData"] = {"mimeType": "text/plain", "text": request["postData"]}
        if answer is not None:
            content = {"mimeType": answer["mimeType"]}
            if asked["requestId"] in finished:
                content["text"] = page.call("Network.getResponseBody", requestId=asked["requestId"])["body"]
            entry["response"] = {"status": answer["status"], "headers": _headers(answer["headers"]), "content": content}
        entries.append(entry)
    return entries


def _sockets(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    entries = []
    for created in _named(events, "webSocketCreated"):
        mine = [event for event in events if event["params"].get("requestId") == created["params"]["requestId"]]
        (asked,) = (event["params"] for event in _named(mine, "webSocketWillSendHandshakeRequest"))
        answers = [event["params"]["response"] for event in _named(mine, "webSocketHandshakeResponseReceived")]
        wall_s = asked["wallTime"] - asked["timestamp"]
        entries.append(
            {
                "_resourceType": "websocket",
                "startedDateTime": _date(asked["wallTime"]),
                "request": {
                    "method": "GET",
                    "url": created["params"]["url"],
                    "headers": _headers(asked["request"]["headers"]),
                },
                "response": {
                    "status": answers[0]["status"] if answers else 0,
                    "headers": _headers(answers[0]["headers"]) if answers else [],
                    "content": {},
                },
                "_webSocketMessages": [
                    {
                        "type": "send" if event["method"].endswith("Sent") else "receive",
                        "time": event["params"]["timestamp"] + wall_s,
                        "opcode": event["params"]["response"]["opcode"],
                        "data": event["params"]["response"]["payloadData"],
                    }
                    for event in mine
                    if event["method"] in ("Network.webSocketFrameSent", "Network.webSocketFrameReceived")
                ],
            }
        )
    return entries


def _named(events: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in events if event["method"] == f"Network.{name}"]


def _headers(headers: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers.items() if name.lower() not in _SENSITIVE]


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
