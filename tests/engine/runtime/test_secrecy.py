"""A secret leaves its user in no text, whichever way the text takes; in virtual time. The files are in tests/cli."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from loadws.engine.runtime.secrecy import MOST_VALUES, RunSecrets, UserSecrets
from loadws.metrics.frame import Frame
from loadws.terms.masker import Masker
from loadws.transport.base import Payload
from loadws.transport.http.client import HttpClients
from tests.engine.drive import Outcome, drive
from tests.kit.behaviour import Action, Behaviour, Leave, Say, echo, refusal, silent
from tests.kit.scripted_http import Asked, Reply, ScriptedHttp

#: With signs that JSON, addresses and forms escape, and a core that none of them touches.
SECRET = 'a"TOPSECRET/+ö%b'
CORE = "TOPSECRET"
API = "http://api.test"


def texts_of(frames: Sequence[Frame]) -> str:
    return "\n".join(msgspec.json.encode(frame).decode() for frame in frames)


def assert_is_kept(outcome: Outcome) -> None:
    """In frames, which all files and reports are made of, and in the trace."""
    said = "\n".join([texts_of(outcome.frames), *outcome.said])
    encoded = base64.b64encode(CORE.encode()).decode()[:10]
    for telling in (CORE, CORE.encode().hex(), CORE.encode().hex(" "), encoded):
        assert telling not in said


def tells(payload: Payload, number: int) -> Sequence[Action]:
    """Says what it was told, in several ways."""
    assert isinstance(payload, str)
    return (Say(json.dumps({"you_said": payload, "base64": base64.b64encode(payload.encode()).decode()})),)


def closes(payload: Payload, number: int) -> Sequence[Action]:
    return (Leave(4000, f"no {payload!s}"[:80]),)


TELLS, CLOSES = Behaviour(on_message=tells), Behaviour(on_message=closes)
BYTES = Behaviour(on_message=lambda payload, number: (Say(str(payload).encode()),))
REFUSES = Behaviour(
    refuse=lambda attempt: refusal(
        403, (("X-You-Sent", f"key={SECRET}"), ("Set-Cookie", f"sid={SECRET}"), ("X-Auth-Token", SECRET)),
        json.dumps({"no": SECRET}).encode(),
    )
)  # fmt: skip

#: How a text can leave a user: what it does, and the server that makes it tell.
WAYS_OUT: dict[str, tuple[list[Any], Behaviour]] = {
    "a check's detail": (
        ["connect", {"request": {"send": {"json": {"auth": "{{ token }}"}}, "reply": {"check": {"$.you_said": "x"}}}}],
        TELLS,
    ),
    "what a check expected": (
        ["connect", {"request": {"send": "x", "reply": {"check": {"text": "not {{ token }}"}}}}], TELLS,
    ),
    "a check of bytes": (
        ["connect", {"request": {"send": "{{ token }}", "reply": {"check": {"bytes": {"at": 0, "hex": "00"}}}}}], BYTES,
    ),
    "a capture that finds nothing": (
        ["connect", {"request": {"send": "{{ token }}", "reply": {"capture": {"n": {"regex": "TOPSECRET(.*)!"}}}}}], TELLS,
    ),
    "a message that should not come": (
        ["connect", {"send": "{{ token }}"}, {"expect_none": {"for": "1s"}}], TELLS,
    ),
    "binary that should not come": (
        ["connect", {"send": "{{ token }}"}, {"expect_none": {"for": "1s"}}], BYTES,
    ),
    "a refusal": ([{"connect": {"query": {"key": "{{ token }}"}, "headers": {"X-Api-Key": "{{ token }}"}}}], REFUSES),
    "a close reason": (["connect", {"request": "{{ token }}"}], CLOSES),
    "a close that was waited for": (["connect", {"send": "{{ token }}"}, {"wait_for": {"close": 1000}}], CLOSES),
    "a close that nobody waited for": (["connect", {"send": "{{ token }}"}, {"think": "1s"}], CLOSES),
    "a counter's name": ([{"count": "seen {{ token }}"}, "connect"], silent()),
    "a log line": ([{"log": "{{ token }} {{ token | base64 }}"}, "connect"], silent()),
    "a log line of a variable made of it": (
        [{"set": {"h": "Bearer {{ token }}"}}, {"log": "{{ h }}"}, "connect"], silent(),
    ),
    "a value that is no number": ([{"record": {"name": "n", "value": "{{ token }}"}}, "connect"], silent()),
    "a number of turns that is none": (["connect", {"repeat": "{{ token }}", "do": ["close"]}], silent()),
    "a template that fails": (["connect", {"set": {"known": {}}}, {"log": "{{ known[token] }}"}], silent()),
    "a subprotocol": (
        [{"connect": {"expect": {"subprotocol": "other"}}}], Behaviour(subprotocol=f"x.{CORE}", headers=()),
    ),
    "a header that is not as expected": (
        [{"connect": {"expect": {"headers": {"X-Echo": "other"}}}}], Behaviour(headers=(("X-Echo", SECRET),)),
    ),
    "our own close": (["connect", {"close": {"reason": "bye {{ token }}"}}], silent()),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS_OUT)
def test_a_variable_is_hidden_on_each_way_out(way: str) -> None:
    flow, behaviour = WAYS_OUT[way]
    handlers = {"error": [{"log": "{{ error.kind }}: {{ error.detail }}"}], "close": [{"log": "{{ reason }}"}]}
    document = {
        "load": [{"users": 1, "iterations": 1}], "variables": {"token": SECRET, "other": CORE},
        "secrets": ["token", "other"], "flow": flow, "on": handlers,
    }  # fmt: skip
    for trace in (False, True):
        outcome = drive(document, behaviour, trace=trace)
        assert_is_kept(outcome)
        assert "***" in "\n".join([texts_of(outcome.frames), *outcome.said])


# -- what belongs to one user -----------------------------------------------------------------------------------------


def flow_of(*steps: Any, **more: Any) -> dict[str, Any]:
    return {"load": [{"users": 1, "iterations": 1}], "flow": list(steps), "secrets": ["token"], **more}


LOGIN = {"request": {"name": "login", "send": "login", "reply": {"capture": {"token": "$.token"}}}}


def gives_tokens(*tokens: str) -> Behaviour:
    """The n-th message is answered with the n-th token; what comes after the last is echoed, and closed upon."""

    def answer(payload: Payload, number: int) -> Sequence[Action]:
        if number <= len(tokens):
            return (Say(json.dumps({"token": tokens[number - 1]})),)
        return (Say(f"{payload!s} of {tokens[0]}"), Leave(4000, f"{tokens[0]} has expired"))

    return Behaviour(on_message=answer)


def test_a_captured_secret_is_hidden_in_what_comes_after() -> None:
    check = {"request": {"send": "{{ token }}", "reply": {"check": {"text": "thanks"}}}}
    outcome = drive(flow_of("connect", LOGIN, check, {"think": "1s"}), gives_tokens(SECRET), trace=True)
    assert outcome.errors == {"check": 1, "closed.4000": 1}
    assert_is_kept(outcome)


def test_a_secret_is_hidden_before_it_is_captured() -> None:
    """The check of an answer comes before its capture, and the trace before both."""
    reply = {"check": {"text": "x"}, "capture": {"token": "$.token"}}
    for trace in (False, True):
        outcome = drive(
            flow_of("connect", {"request": {"send": "hi", "reply": reply}}), gives_tokens(SECRET), trace=trace
        )
        assert outcome.errors == {"check": 1}
        assert_is_kept(outcome)


def test_a_message_that_a_secret_could_be_captured_from_hides_it_elsewhere_too() -> None:
    steps = ("connect", {"send": "a"}, {"expect_none": {"for": "1s", "on_failure": "continue"}}, LOGIN)
    outcome = drive(flow_of(*steps), gives_tokens(SECRET, "another"))
    assert outcome.errors == {"unexpected": 1}
    assert_is_kept(outcome)


def test_a_token_that_was_renewed_since_is_still_hidden() -> None:
    outcome = drive(
        flow_of("connect", LOGIN, LOGIN, {"request": "x"}, {"think": "1s"}), gives_tokens(SECRET, "another")
    )
    assert [sample.detail for sample in outcome.samples] == [
        "the peer closed the connection with code 4000: *** has expired"
    ]


def test_an_overlapping_turns_secret_is_its_users() -> None:
    """Turns that overlap have variables of their own; the connection's end is told for the user."""
    every = {"every": "100ms", "for": "100ms", "overlap": True, "do": [LOGIN, {"request": "x"}]}
    outcome = drive(flow_of("connect", every), gives_tokens(SECRET))
    assert outcome.errors["closed.4000"] == 1
    assert_is_kept(outcome)


def test_a_handlers_secret_is_its_users() -> None:
    handler = {"where": {"$.token": {"exists": True}}, "capture": {"token": "$.token"}, "do": [{"log": "{{ token }}"}]}
    document = flow_of(
        "connect", {"send": "a"}, {"think": "1s"}, {"send": "b"}, {"think": "1s"}, on={"message": [handler]}
    )
    outcome = drive(document, gives_tokens(SECRET), trace=True)
    assert [line.text for line in outcome.logs] == ["***"]
    assert_is_kept(outcome)


def test_a_token_that_a_handler_has_renewed_is_still_hidden() -> None:
    handler = {"where": {"$.token": {"exists": True}}, "capture": {"token": "$.token"}}
    sends = [{"send": "a"}, {"think": "1s"}, {"send": "b"}, {"think": "1s"}, {"send": "c"}, {"think": "1s"}]
    outcome = drive(flow_of("connect", *sends, on={"message": [handler]}), gives_tokens(SECRET, "another"))
    assert [sample.detail for sample in outcome.samples] == [
        "the peer closed the connection with code 4000: *** has expired"
    ]


def test_of_a_row_and_a_mapping_every_part_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("name,password\nanna,TOPSECRET-row\n")
    document = {
        **flow_of(
            {"log": "{{ creds.user }} {{ creds.keys[1] }} {{ creds.pin }} {{ accounts.password }} {{ accounts.name }}"}
        ),
        "variables": {"creds": {"user": "anna-lena", "keys": ["x", CORE], "pin": 271828, "is_new": True}},
        "data": {"accounts": {"file": "accounts.csv"}},
        "secrets": ["creds", "accounts.password"],
    }
    outcome = drive(document, silent(), base=tmp_path)
    assert [line.text for line in outcome.logs] == ["*** *** *** *** anna"]
    whole = drive({**document, "secrets": ["creds", "accounts"]}, silent(), base=tmp_path)
    assert [line.text for line in whole.logs] == ["*** *** *** *** ***"]


def test_another_users_secret_is_none_of_this_ones(tmp_path: Path) -> None:
    """Nothing is kept of all users together."""
    (tmp_path / "accounts.csv").write_text("password\nfirst-password\nsecond-password\n")
    document = {
        "load": [{"users": 2, "iterations": 2}], "data": {"accounts": {"file": "accounts.csv"}}, "secrets": ["accounts"],
        "flow": [{"log": "first-password second-password"}, {"think": "1s"}],
    }  # fmt: skip
    outcome = drive(document, silent(), base=tmp_path)
    assert {line.text for line in outcome.logs} == {"*** second-password", "first-password ***"}


def test_a_user_remembers_a_bounded_number_of_values() -> None:
    secrets = UserSecrets(RunSecrets(Masker(), (("token",),)))
    for number in range(100):
        secrets.remember({"token": f"token-{number}"})
    assert len(secrets.masker().values) == MOST_VALUES
    assert secrets.masker().text("token-99, token-96, token-95") == "***, ***, token-95"
    assert secrets.name("of token-99") == "of ***"
    secrets.remember({"token": "another"})
    assert secrets.name("of another") == "of ***"


# -- what is secret without being declared ----------------------------------------------------------------------------


async def tells_all(asked: Asked) -> Reply:
    """Set a cookie, and repeat the request."""
    said = {"url": asked.url, "headers": dict(asked.headers), "cookie": "sid=TOPSECRET-cookie"}
    headers = (("Set-Cookie", "sid=TOPSECRET-cookie; Path=/"), ("X-Auth-Token", "TOPSECRET-given"))
    return Reply(500 if "/fails" in asked.url else 200, headers, json=said)


def refused_with(said: dict[str, str]) -> HttpClients:
    """Return clients of a server that answers every request with 401 and this."""

    async def answer(asked: Asked) -> Reply:
        return Reply(401, json=said)

    return HttpClients(ScriptedHttp(answer))


def with_http(document: dict[str, Any], **more: Any) -> Outcome:
    return drive(document, more.pop("behaviour", echo()), http=HttpClients(ScriptedHttp(tells_all)), **more)


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize(
    "asked",
    [
        {"headers": {"X-Api-Key": "TOPSECRET-key"}},
        {"headers": {"Authorization": "Bearer TOPSECRET-bearer"}},
        {"headers": {"Authorization": "Basic {{ 'anna:TOPSECRET' | base64 }}"}},
        {"headers": {"Cookie": "a=TOPSECRET-a; b=TOPSECRET-b"}},
        {"headers": {"X-Acme-Token": "TOPSECRET-token"}},
        {"query": {"access_token": "TOPSECRET-query"}},
    ],
)
def test_what_a_secret_header_or_parameter_carries_is_hidden(asked: dict[str, Any], trace: bool) -> None:
    fails = {"http": {"get": f"{API}/fails", **asked, "on_failure": "continue"}}
    outcome = with_http({**flow_of(fails, "connect"), "secrets": []}, trace=trace)
    assert outcome.errors == {"http.500": 1}
    assert_is_kept(outcome)


@pytest.mark.parametrize("trace", [False, True])
def test_cookies_of_the_jar_are_hidden_also_when_the_upgrade_repeats_them(trace: bool) -> None:
    refuses = Behaviour(refuse=lambda attempt: refusal(401, (), b"your sid is TOPSECRET-cookie"))
    login = {"http": {"get": f"{API}/login"}}
    outcome = with_http({**flow_of(login, "connect"), "secrets": []}, behaviour=refuses, trace=trace)
    assert outcome.errors == {"http.401": 1}
    assert_is_kept(outcome)


def test_a_cookie_of_a_redirect_is_hidden() -> None:
    async def redirects(asked: Asked) -> Reply:
        if asked.target == "/login":
            return Reply(302, [("Location", "/in"), ("Set-Cookie", "sid=TOPSECRET-cookie")])
        return Reply()

    refuses = Behaviour(refuse=lambda attempt: refusal(401, (), b"your sid is TOPSECRET-cookie"))
    document = {**flow_of({"http": {"get": f"{API}/login"}}, "connect"), "secrets": []}
    outcome = drive(document, refuses, http=HttpClients(ScriptedHttp(redirects)))
    assert outcome.errors == {"http.401": 1}
    assert_is_kept(outcome)


@pytest.mark.parametrize("header", [("Set-Cookie", "sid=TOPSECRET-given; Secure"), ("X-Auth-Token", "TOPSECRET-given")])
def test_what_the_handshake_sets_is_hidden(header: tuple[str, str]) -> None:
    behaviour = replace(CLOSES, headers=(header,))
    outcome = drive({**flow_of("connect", {"send": "TOPSECRET-given"}, {"think": "1s"}), "secrets": []}, behaviour)
    assert [sample.detail for sample in outcome.samples] == ["the peer closed the connection with code 4000: no ***"]


def test_short_cookies_are_no_secrets() -> None:
    behaviour = replace(CLOSES, headers=(("Set-Cookie", "lang=en"),))
    outcome = drive({**flow_of("connect", {"log": "en"}, {"send": "x"}), "secrets": []}, behaviour)
    assert [line.text for line in outcome.logs] == ["en"]


def test_a_proxys_password_is_hidden() -> None:
    connect = {"connect": {"proxy": "http://anna:{{ env('PW') }}@proxy.test:3128"}}
    document = {**flow_of(connect, {"send": "TOPSECRET"}, {"think": "1s"}), "secrets": []}
    outcome = drive(document, CLOSES, env={"PW": "TOPSECRET"})
    assert outcome.errors == {"closed.4000": 1}
    assert_is_kept(outcome)


def test_an_answers_secret_is_hidden_where_the_step_fails_before_its_capture() -> None:
    """A failed status is told with the answer beside it, and nothing is captured then."""
    login = {"http": {"get": API, "capture": {"token": "$.token", "more": {"header": "X-More"}}}}
    outcome = drive(flow_of(login), echo(), http=refused_with({"more": "x" * 200_000, "token": SECRET}))
    assert outcome.errors == {"http.401": 1}
    outcome = drive(flow_of(login), echo(), http=refused_with({"token": SECRET, "more": "x" * 200_000}))
    assert outcome.samples[0].body is not None and '{"token":"***","more":"xxx' in outcome.samples[0].body
    assert_is_kept(outcome)


# -- Python -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "raise ValueError(token)",
        "raise ExceptionGroup('no', [ValueError(token)])",
        "user.check(False, 'of ' + token)",
        "user.count('of ' + token)",
        "user.log('of ' + token)",
        "user.record('n', token)",
        "await user.request('x', name='of ' + token)",
        "await user.request(token, check={'text': 'y'})",
        "await user.request(token, within=0.001)",
        "await user.step({'count': 'of ' + token})",
        "await user.wait_for({'text': token}, within=0.001)",
        "(await user.request(token)).json",
    ],
)
def test_a_functions_secret_leaves_it_in_no_text(tmp_path: Path, line: str) -> None:
    """Also one that the function alone has set."""
    (tmp_path / "flows.py").write_text(
        "from loadws import User\n"
        "async def main(user: User) -> None:\n"
        "    await user.connect()\n"
        f"    token = user.variables['token'] = {SECRET!r}\n"
        f"    {line}\n"
    )
    flow = [{"call": {"function": "flows:main", "records": {"n": "ms"}, "sets": ["token"]}}]
    document = {**flow_of(*flow), "secrets": ["token"]}
    for trace in (False, True):
        assert_is_kept(drive(document, TELLS, base=tmp_path, trace=trace))


@pytest.mark.parametrize(
    "line", ["user.log(token)", "user.count(token)", "raise ValueError(token)", "await user.ping()"]
)
def test_a_functions_secret_in_a_turn_that_overlaps_others_is_its_users(tmp_path: Path, line: str) -> None:
    """Such a turn has variables of its own."""
    (tmp_path / "flows.py").write_text(
        "from loadws import User\n"
        "async def main(user: User) -> None:\n"
        f"    token = user.variables['token'] = {SECRET!r}\n"
        f"    {line}\n"
        f"    await user.send(token)\n"
    )
    call = {"call": {"function": "flows:main", "sets": ["token"]}}
    every = {"every": "100ms", "for": "100ms", "overlap": True, "do": [call]}
    outcome = drive(flow_of("connect", every, {"think": "1s"}), CLOSES, base=tmp_path)
    assert outcome.samples or outcome.logs
    assert_is_kept(outcome)
