"""Made-up HAR files, and the scenarios that become of them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from loadws.importers.har.importing import import_har
from loadws.importers.notes import Imported
from loadws.scenario.build import Loaded, load_text

START_S = 1_767_261_600.0
SENT, RECEIVED = "send", "receive"


def message(kind: str, after_s: float, data: Any, **more: Any) -> dict[str, Any]:
    """A message as Chrome writes it; what is no text or bytes is JSON."""
    if isinstance(data, bytes):
        return {"type": kind, "time": START_S + after_s, "opcode": 2, "data": base64.b64encode(data).decode(), **more}
    text = data if isinstance(data, str) else json.dumps(data)
    return {"type": kind, "time": START_S + after_s, "opcode": 1, "data": text, **more}


def socket(*messages: dict[str, Any], url: str = "ws://127.0.0.1:8766/ws", **more: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "_resourceType": "websocket",
        "startedDateTime": "2026-01-01T10:00:00.000Z",
        "request": {"method": "GET", "url": url, "headers": more.pop("headers", [])},
        "response": {"status": more.pop("status", 101), "headers": more.pop("answer_headers", [])},
        "_webSocketMessages": list(messages),
    }
    return entry | more


def exchange(method: str, url: str, body: str | None = None, answer: str | None = None, **more: Any) -> dict[str, Any]:
    """An HTTP exchange five seconds before the sockets."""
    request: dict[str, Any] = {"method": method, "url": url, "headers": more.pop("headers", [])}
    if body is not None:
        request["postData"] = {"mimeType": more.pop("mime", "application/json"), "text": body}
    response: dict[str, Any] = {"status": 200, "headers": more.pop("answer_headers", []), "content": {}}
    if answer is not None:
        response["content"] = {"text": answer}
    return {"startedDateTime": "2026-01-01T09:59:55.000Z", "request": request, "response": response} | more


def header(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def har(*entries: dict[str, Any], program: str = "mitmproxy") -> bytes:
    log = {"version": "1.2", "creator": {"name": program, "version": "1"}, "pages": [], "entries": list(entries)}
    return json.dumps({"log": log}, indent=1).encode()


def imported(
    *entries: dict[str, Any], program: str = "mitmproxy", speed: float = 1.0, raw_frames: bool = False
) -> Imported:
    return import_har(har(*entries, program=program), Path("made-up.har"), speed, raw_frames=raw_frames)


def loaded(scenario: Imported) -> Loaded:
    """The scenario as loadws reads it, with a value for each variable that it wants. Raises ``ScenarioError``."""
    return load_text(scenario.text, Path("made-up.yaml"), env={each.environment: "5555" for each in scenario.required})


def flow_of(scenario: Imported) -> str:
    """The flow as it is written, without what stands before it; and it must be valid."""
    loaded(scenario)
    return scenario.text.partition("\nflow:\n")[2]


def notes_of(scenario: Imported) -> list[str]:
    return [note.text for note in scenario.notes]
