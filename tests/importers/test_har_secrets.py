"""Secrets of a recording are in no output: not in the scenario, and not in what the import says."""

from __future__ import annotations

import base64
import json

import pytest

from loadws.importers.credentials import is_random, is_secret_name
from loadws.importers.notes import Imported
from tests.importers.har_files import (
    RECEIVED,
    SENT,
    exchange,
    flow_of,
    header,
    imported,
    loaded,
    message,
    notes_of,
    socket,
)

TOKEN = "q7Zt4Lx9Wv2Kb8Rm5Nc3Hp6Y"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.c2lnbmF0dXJlLW9mLWl0"
PASSWORD = "hunter2 & more"


def variables_of(found: Imported) -> list[str]:
    return [each.name for each in found.required]


def is_told(found: Imported, secret: str) -> bool:
    return secret in found.text or any(secret in note for note in notes_of(found))


@pytest.mark.parametrize(
    ("sent", "secret", "variable"),
    [
        ({"type": "login", "password": PASSWORD}, PASSWORD, "password"),  # by its name
        ({"type": "login", "accessToken": "short"}, "short", "access_token"),
        ({"auth": {"credentials": {"pin": 4711}}}, "4711", "pin"),  # a number
        ({"type": "hello", "who": JWT}, JWT, "who"),  # by the shape of a JWT
        ({"type": "hello", "x": TOKEN}, TOKEN, "x"),  # because it is random
        (f"AUTH {JWT}", JWT, "token"),  # in text
        (f"login user=anna;password={TOKEN}", TOKEN, "password"),
        ({"inner": json.dumps({"password": "in-json-in-json"})}, "in-json-in-json", "password"),
        ({"headers": f"Authorization: Bearer {TOKEN}"}, TOKEN, "authorization"),
    ],
)
def test_secrets_in_messages_become_required_variables(sent: object, secret: str, variable: str) -> None:
    found = imported(socket(message(SENT, 0, sent), message(RECEIVED, 0.1, {"type": "ok", "you_said": sent})))
    assert variables_of(found) == [variable]
    assert not is_told(found, secret)
    assert variable in loaded(found).scenario.secrets
    assert "{{ " + variable + " }}" in flow_of(found)


def test_secrets_in_the_handshake_become_required_variables() -> None:
    names = [
        header("Authorization", f"Bearer {TOKEN}"),
        header("X-Api-Key", "k-0815"),
        header("Cookie", "sid=s-0816; theme=dark"),
    ]
    found = imported(socket(message(SENT, 0, "hi"), url=f"ws://127.0.0.1:8766/ws?token={JWT}&v=2", headers=names))
    for secret in (TOKEN, "k-0815", "s-0816", JWT):
        assert not is_told(found, secret)
    flow = flow_of(found)
    assert 'path: "/ws?token={{ token }}&v=2"' in flow
    assert 'X-Api-Key: "{{ x_api_key }}"' in flow
    assert 'cookies: {sid: "{{ sid }}", theme: "{{ theme }}"}' in flow


SHORT = "f8o"


@pytest.mark.parametrize(
    "value", [f"Bearer {SHORT}", f"Bearer  {SHORT}", f"Basic {SHORT}", SHORT, f"{SHORT} {SHORT}", "x"]
)
@pytest.mark.parametrize("name", ["Authorization", "Proxy-Authorization", "X-Api-Key", "X-Auth-Token"])
def test_a_secret_header_is_replaced_however_short_it_is(name: str, value: str) -> None:
    login = exchange("POST", "http://127.0.0.1:8766/in", "{}", json.dumps({"jwt": JWT}), headers=[header(name, value)])
    found = imported(login, socket(message(SENT, 0, {"with": JWT}), headers=[header(name, value)]))

    flow = flow_of(found)
    assert SHORT not in found.text
    lines = [line for line in flow.splitlines() if f"{name}: " in line]
    assert len(lines) == 2  # of the http step, and of the connect
    assert all("{{ " in line.partition(f"{name}: ")[2] for line in lines)
    assert len(found.required) == 1


@pytest.mark.parametrize(
    "query", [f"token={SHORT}", f"a=1&token={SHORT}&b=2", "token=f8o%2Ff8o", f"access_token={SHORT}"]
)
def test_a_secret_in_a_query_is_replaced_however_short_it_is(query: str) -> None:
    login = exchange("POST", f"http://127.0.0.1:8766/in?{query}", "{}", json.dumps({"jwt": JWT}))
    found = imported(login, socket(message(SENT, 0, {"with": JWT}), url=f"ws://127.0.0.1:8766/ws?{query}"))

    assert SHORT not in flow_of(found)
    assert len(found.required) == 1


@pytest.mark.parametrize("sent", [f"login user=anna;password={SHORT}", {"headers": f"Authorization: Bearer {SHORT}"}])
def test_a_named_secret_in_a_text_is_replaced_however_short_it_is(sent: object) -> None:
    found = imported(socket(message(SENT, 0, sent)))

    assert SHORT not in flow_of(found)
    assert len(found.required) == 1


def test_a_secret_that_the_server_gave_is_captured_and_masked() -> None:
    login = exchange(
        "POST",
        "http://127.0.0.1:8766/login",
        json.dumps({"user": "anna", "password": PASSWORD}),
        json.dumps({"jwt": JWT}),
    )
    found = imported(login, socket(message(SENT, 0, {"type": "auth", "with": JWT})))
    assert variables_of(found) == ["password"]
    assert set(loaded(found).scenario.secrets) == {"password", "jwt"}
    assert "capture: {jwt: $.jwt}" in flow_of(found)
    assert not is_told(found, JWT)


def test_one_secret_in_several_places_is_one_variable() -> None:
    found = imported(socket(message(SENT, 0, {"token": TOKEN}), message(SENT, 0, {"text": f"it is {TOKEN}."})))
    assert variables_of(found) == ["token"]
    assert flow_of(found).count("{{ token }}") == 2


def test_a_secret_in_a_binary_message_leaves_the_message_out() -> None:
    hidden = b"\x01\x02" + TOKEN.encode() + b"\x03"
    found = imported(socket(message(SENT, 0, {"token": TOKEN}), message(SENT, 0, hidden), message(SENT, 0, b"\x01")))
    assert base64.b64encode(hidden).decode() not in found.text
    assert "this message was left out: it holds a secret in a form that a variable cannot replace" in notes_of(found)
    assert "AQ==" in flow_of(found)


def test_a_secret_subprotocol_is_left_out_and_said() -> None:
    offered = [header("Sec-WebSocket-Protocol", f"chat.v1, {TOKEN}")]
    found = imported(socket(message(SENT, 0, "hi"), headers=offered))
    assert not is_told(found, TOKEN)
    assert notes_of(found) == [
        "a subprotocol that looks like a secret was left out: subprotocols cannot hold variables"
    ]


def test_what_chrome_strips_becomes_required_variables_and_is_said() -> None:
    login = exchange("POST", "http://127.0.0.1:8766/ticket", "{}", json.dumps({"ticket": "t-4711"}))
    entry = socket(message(SENT, 0, "hi"), url="ws://127.0.0.1:8766/ws?ticket=t-4711")
    found = imported(login, entry, program="WebInspector")
    assert variables_of(found) == ["cookie", "authorization"]
    assert notes_of(found)[0].startswith("Chrome leaves cookies and the header Authorization out of a recording")
    assert 'Cookie: "{{ cookie }}"' in flow_of(found)
    assert 'Authorization: "{{ authorization }}"' in flow_of(found)


def test_a_chrome_recording_with_sensitive_data_has_its_cookies() -> None:
    entry = socket(message(SENT, 0, "hi"), headers=[header("Cookie", "sid=s-0816")])
    assert variables_of(imported(entry, program="WebInspector")) == ["sid"]


def test_a_number_that_is_secret_stays_a_number() -> None:
    found = imported(socket(message(SENT, 0, {"pin": 4711})))
    assert "pin: ${PIN}" in found.text
    assert loaded(found).scenario.variables == {"pin": 5555}


def test_an_environment_variable_that_mostly_exists_is_not_used() -> None:
    found = imported(socket(message(SENT, 0, {"path": TOKEN})))
    assert [each.environment for each in found.required] == ["PATH_VALUE"]


@pytest.mark.parametrize(
    "text",
    [TOKEN, "0123456789abcdef0123456789abcdef", "AKIAIOSFODNN7EXAMPLEKEY12", "dGhpcyBpcyBhIHNlY3JldCBrZXk5"],
)
def test_random_texts(text: str) -> None:
    assert is_random(text)


@pytest.mark.parametrize(
    "text",
    [
        "a sentence with several words in it",
        "8f14e45f-ceea-467f-9d0c-1b8f6b7a2d01",
        "user-list-of-room-42-updated",
        "2026-01-01T10:00:00.000Z",
        "com.example.chat.MessageReceived2",
        "1234567890123456789012",
        "aaaaaaaaaaaaaaaaaaaaaaaa1A",
        "short1A",
    ],
)
def test_texts_that_are_not_random(text: str) -> None:
    assert not is_random(text)


def test_names_of_secrets() -> None:
    assert all(map(is_secret_name, ["password", "accessToken", "Authorization", "api_key", "sid", "client_secret"]))
    assert not any(map(is_secret_name, ["user", "room", "text", "author", "tokens_left_x", "id"][:4]))
