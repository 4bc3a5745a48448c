"""What a HAR file can look like: every spelling of messages, and files that are not what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loadws.importers.har.importing import import_har
from loadws.importers.har.reading import read_har
from loadws.importers.notes import ImportFailed, Notes
from tests.importers.har_files import (
    RECEIVED,
    SENT,
    START_S,
    flow_of,
    har,
    header,
    imported,
    loaded,
    message,
    notes_of,
    socket,
)

FILE = Path("recording.har")


def frames_of(entry: dict[str, Any]) -> list[tuple[bool, float, str | bytes]]:
    recording = read_har(har(entry), FILE, Notes())
    return [(each.is_sent, each.at_s, each.payload) for each in recording.sockets[0].frames]


@pytest.mark.parametrize(
    ("key", "written"),
    [
        # Chrome, Edge, Proxyman
        ("_webSocketMessages", {"type": "send", "time": START_S, "opcode": 1, "data": "hi"}),
        # milliseconds
        ("_webSocketMessages", {"type": "send", "time": START_S * 1000, "opcode": 1, "data": "hi"}),
        # without the underscore, with other names
        ("webSocketMessages", {"direction": "outgoing", "timestamp": START_S, "payload": "hi"}),
        ("_webSocketFrames", {"from_client": True, "time": "2026-01-01T10:00:00Z", "opcode": "text", "content": "hi"}),
        ("_wsMessages", {"direction": "client-to-server", "ts": START_S, "opCode": "1", "payloadData": "hi"}),
    ],
)
def test_spellings_of_messages(key: str, written: dict[str, Any]) -> None:
    entry = socket()
    del entry["_webSocketMessages"]
    assert frames_of(entry | {key: [written]}) == [(True, START_S, "hi")]


def test_binary_messages_are_base64() -> None:
    assert frames_of(socket(message(SENT, 0, b"\x00\xff"))) == [(True, START_S, b"\x00\xff")]


def test_a_binary_message_that_is_no_base64_is_left_out_and_said() -> None:
    entry = socket(message(SENT, 0, "hello"), message(SENT, 1, "so?", opcode=2))
    found = imported(entry)
    assert "hello" in flow_of(found)
    assert notes_of(found) == ["this message was left out: its binary content is not base64"]


def test_addresses_of_proxies_are_http() -> None:
    """mitmproxy and HTTP Toolkit write the address of the upgrade."""
    scenario = loaded(imported(socket(message(SENT, 0, "hi"), url="https://example.test:8443/ws?a=1"))).scenario
    assert scenario.target == "wss://example.test:8443"


def test_http_toolkit_says_how_the_socket_closed() -> None:
    entry = socket(message(SENT, 0, "hi"), _webSocketClose={"code": 4001, "reason": "bye"})
    assert flow_of(imported(entry)).endswith("  - close: {code: 4001}\n")


def test_messages_are_in_the_order_of_their_times() -> None:
    entry = socket(message(SENT, 2, "second"), message(SENT, 1, "first"))
    assert [payload for _, _, payload in frames_of(entry)] == ["first", "second"]


def test_errors_that_chrome_writes_as_opcode_minus_one_are_said() -> None:
    found = imported(
        socket(message(SENT, 0, "hi"), {"type": "error", "time": START_S + 1, "opcode": -1, "data": "oops"})
    )
    assert notes_of(found) == ["the page saw an error here; an error cannot be replayed"]
    assert "oops" not in found.text


def test_sockets_that_never_opened_are_said() -> None:
    never = socket(startedDateTime="1969-12-31T23:59:59.999Z", status=0)
    found = imported(never, socket(message(SENT, 0, "hi")))
    assert notes_of(found) == ["this WebSocket was left out: it never opened, or had not when the file was written"]
    loaded(found)


def test_a_refused_socket_is_said_with_its_status() -> None:
    found = imported(socket(status=403), socket(message(SENT, 0, "hi")))
    assert notes_of(found) == ["this WebSocket was left out: the server refused it with 403"]


def test_a_recording_whose_sockets_never_opened_cannot_be_imported() -> None:
    with pytest.raises(ImportFailed, match=r"^made-up.har:10: no WebSocket of this recording was open"):
        imported(socket(status=0))


def test_firefox_writes_no_messages() -> None:
    entry = socket()
    del entry["_webSocketMessages"]
    found = imported(entry, program="Firefox")
    assert notes_of(found) == [
        "Firefox writes no WebSocket messages into recordings: only the connection was carried over; use Chrome"
    ]
    assert flow_of(found) == "  - connect: {path: /ws}\n  - close\n"


def test_a_torn_file_gives_what_stands_before_the_tear() -> None:
    content = har(socket(message(SENT, 0, "hi")), socket(message(SENT, 0, "never read")))
    found = import_har(content[: content.index(b"never")], FILE)
    assert "hi" in flow_of(found)
    (note,) = found.notes
    assert note.text.startswith("the file breaks off within entry 2 (")
    assert note.line == content[: content.index(b"never")].count(b"\n") + 1


def test_a_file_torn_in_its_first_entry_is_refused_with_the_place() -> None:
    content = har(socket(message(SENT, 0, "never read")))
    with pytest.raises(ImportFailed, match=r"^recording.har:27:15: the file breaks off within its first entry"):
        import_har(content[: content.index(b"never") - 1], FILE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "recording.har:1:1: this is no HAR file: the file ends here"),
        (b"config:\n  target: x\n", "recording.har:1:1: this is no HAR file: '{' should be here"),
        (b'{"version": 1}', "recording.har:1:1: there is no `log`, so this is no HAR file"),
        (b'{"log": {"version": "1.2"}}', "recording.har:1:9: there are no `entries`, so this is no HAR file"),
        (b'{"log": {"entries": 5}}', "recording.har:1:21: `entries` is not a list, so this is no HAR file"),
        (b'{"log": {"entries": []}}', "recording.har:1: there is no WebSocket in this recording"),
        (b"\xff\x00\x01 not text", "recording.har: byte 0 is not UTF-8, so this is no HAR file"),
    ],
)
def test_what_is_no_har_is_refused_with_its_place(content: bytes, said: str) -> None:
    with pytest.raises(ImportFailed) as refused:
        import_har(content, FILE)
    assert str(refused.value) == said
    assert refused.value.advice


def test_a_message_that_cannot_be_understood_is_left_out_with_its_line() -> None:
    found = imported(socket(message(SENT, 0, "hi"), {"type": "send"}, {"type": "sideways", "time": 1, "data": ""}))
    lines = har(socket(message(SENT, 0, "hi"), {"type": "send"}, {"type": "sideways", "time": 1, "data": ""})).decode()
    at = lines[: lines.index('"sideways"')].count("\n")  # the brace is on the line above
    assert [(note.line, note.text) for note in found.notes][1] == (
        at,
        "this message was left out: it does not say whether it was sent or received",
    )
    assert "hi" in flow_of(found)


def test_the_handshake_keeps_its_headers() -> None:
    names = [
        header("Host", "example.test"),
        header("Origin", "http://example.test"),
        header("X-Room", "lobby"),
        header("X-Room", "hall"),
        header("Sec-WebSocket-Key", "abc"),
        header("Sec-WebSocket-Protocol", "chat.v2, chat.v1"),
        header(":path", "/ws"),
    ]
    answer = [header("Sec-WebSocket-Extensions", "permessage-deflate")]
    found = imported(socket(message(SENT, 0, "hi"), headers=names, answer_headers=answer))
    expected = {
        "path": "/ws",
        "subprotocols": ("chat.v2", "chat.v1"),
        "origin": "http://example.test",
        "headers": {"X-Room": "lobby, hall"},
        "compression": {"level": 6, "context_takeover": True},
    }
    connect = loaded(found).scenario.flow[0].connect  # type: ignore[index, union-attr]
    assert connect.model_dump(include=set(expected)) == expected
    assert found.notes == ()


def test_another_server_is_said() -> None:
    found = imported(
        socket(message(SENT, 0, "hi"), message(RECEIVED, 1, "ho")),
        socket(message(SENT, 0, "x"), url="ws://other.test/"),
    )
    assert notes_of(found) == ["this WebSocket was left out: it is on another server, and a scenario has one target"]


def test_equal_sockets_are_one_user_type() -> None:
    one = socket(message(SENT, 1, {"type": "hi"}), message(RECEIVED, 1.01, {"type": "ho"}))
    scenario = loaded(imported(one, one, socket(message(SENT, 1, "other")))).scenario
    assert [(each.name, each.weight) for each in scenario.user_types] == [("socket-1", 2), ("socket-2", 1)]
    assert scenario.load[0].iterations == 3


def test_a_file_in_utf_16_is_read() -> None:
    content = har(socket(message(SENT, 0, "hi"))).decode().encode("utf-16")
    assert "hi" in import_har(content, FILE).text


def test_json_that_the_scenario_cannot_hold_stays_text() -> None:
    deep = "[" * 60 + "]" * 60
    large = json.dumps({"n": 2**70})
    twice = '{"lone": "\\ud83d"}'
    flow = flow_of(imported(socket(*(message(SENT, 0, each) for each in (deep, large, twice)))))
    assert flow.count("json:") == 0
    assert flow.count("- send: ") == 3
