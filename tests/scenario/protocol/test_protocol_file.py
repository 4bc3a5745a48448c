"""Protocol files: those that loadws has, and what is told of a wrong one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from loadws.scenario.advice.models import models_in
from loadws.scenario.build import load_text
from loadws.scenario.docs.reference import filled
from loadws.scenario.named_files import named_files
from loadws.scenario.protocol.find_protocol import NoSuchProtocol, built_in, load_protocol, read_protocol, text_of
from loadws.scenario.protocol.protocol_file import VERBS, ProtocolFile
from loadws.scenario.yaml.explain import ScenarioError
from loadws.transport.base import Payload
from tests.docs.blocks import PAGES, blocks
from tests.engine.drive import drive
from tests.kit.behaviour import Behaviour, Say

#: How long a protocol may be, in lines: the layer has to carry what is common.
LONGEST = 60
PAGE = (PAGES / "protocols.md").read_text("utf-8")
#: Their keys stand in the tables of others.
WITHOUT_TABLE = {"InText", "Inside", "Sending", "Subscribing"}


@pytest.mark.parametrize("name", built_in())
def test_a_protocol_of_loadws_is_right_and_short(name: str) -> None:
    assert load_protocol(name, Path()).about
    assert len(text_of(name).splitlines()) <= LONGEST


def test_every_verb_has_its_key_in_a_file() -> None:
    assert set(VERBS) <= set(ProtocolFile.model_fields)


def test_the_page_says_what_the_models_say() -> None:
    """If not: ``python -m loadws.scenario.docs.reference loadws/docs/protocols.md > page.md``, and put that there."""
    assert filled(PAGE) == PAGE


def test_the_page_has_a_row_for_every_protocol_and_every_key() -> None:
    assert re.findall(r"^\| `([\w.-]+)` \| .*\|.*\|.*\|.*\|$", PAGE.partition("## Write")[0], re.MULTILINE) == list(
        built_in()
    )
    assert (
        set(re.findall(r"<!-- keys: (\w+) -->", PAGE))
        == {model.__name__ for model in _models(ProtocolFile)} - WITHOUT_TABLE
    )


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for inner in models_in(field.annotation):
            yield from _models(inner)


def test_the_page_s_own_protocol_and_its_scenario_are_right(tmp_path: Path) -> None:
    *_, ours, scenario = blocks(PAGE, "yaml")
    (tmp_path / "ours.yaml").write_text(ours)
    loaded = load_text(scenario, tmp_path / "s.yaml", env={})
    assert loaded.warnings == ()
    document = loaded.scenario.model_dump(by_alias=True, exclude_unset=True, include={"connection", "flow"})
    outcome = drive({**document, "load": [{"users": 1, "iterations": 1}]}, Behaviour(on_message=_ours), base=tmp_path)
    assert outcome.errors == {}
    assert (outcome.ledger.messages.answered, outcome.ledger.messages.one_way) == (2, 1)


def _ours(payload: Payload, number: int) -> list[Say]:
    """The server of the page's own protocol."""
    asked = json.loads(payload)
    if asked["do"] == "hello":
        return [Say(json.dumps({"do": "welcome" if asked["token"] == "secret" else "go_away"}))]
    return [Say(json.dumps({"re": asked["n"], "ok": True, "data": {"said": True}}))] if "n" in asked else []


def told(text: str) -> str:
    with pytest.raises(ScenarioError) as raised:
        read_protocol(text.encode(), Path("ours.yaml"))
    return "\n".join(line for line in str(raised.value).splitlines() if line.startswith("ours.yaml"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a key that is missing
        ("separator: x\n", "ours.yaml:1:1: missing key 'about'; what it is: its name and version, for people"),
        # a misspelt key, at the top and inside
        ("about: x\nreplys: 1\n", "ours.yaml:2:1: unknown key 'replys'; did you mean 'replies'?"),
        (
            "about: x\nreplies: {id: $.id, erors: []}\n",
            "ours.yaml:2:21: replies: unknown key 'erors'; did you mean 'errors'?",
        ),
        # in a union: the rule of a verb's own
        (
            "about: x\ncall_method: {send: 1, reply: {where: {$.a: 1}, idd: $.id}}\n",
            "ours.yaml:2:49: call_method.reply: unknown key 'idd'; did you mean 'id'?",
        ),
        # a wrong type
        ("about: x\nbatches: 5\n", "ours.yaml:2:10: batches: expected true or false, got 5"),
        # a place that is none
        (
            "about: x\nreplies: {id: id}\n",
            "ours.yaml:2:15: replies.id: a path begins with $; a path is written like $.a.b[0] or $['a b']",
        ),
        # conditions on what no record has
        (
            "about: x\npushed: [{where: {text: x}}]\n",
            "ours.yaml:2:11: pushed[0].where: conditions of a protocol are JSONPaths and constant values: {$.type: ping}",
        ),
        # an argument that no one gives
        (
            "about: x\nnotify: {needs: [a], send: [<b>]}\n",
            "ours.yaml:2:18: notify.needs[0]: the argument 'a' is sent nowhere; write <a> in \"send\", or leave it out\n"
            "ours.yaml:2:29: notify.send[0]: <b> is no argument of notify; add it to needs: needs: [b]",
        ),
        (
            "about: x\nopen: {send: [<b>]}\n",
            "ours.yaml:2:15: open.send[0]: <b> is no option; add it to options: {b: null}",
        ),
        # an argument with the name of a key that steps have
        (
            "about: x\nnotify: {needs: [on], send: 1}\n",
            "ours.yaml:2:10: notify.needs: 'on' is a key of every step; choose another name",
        ),
        # a template that is wrong, and one that reads the environment
        (
            'about: x\nnotify: {send: "{{ 1 + }}"}\n',
            "ours.yaml:2:16: notify.send: unexpected",
        ),
        (
            "about: x\nnotify: {send: \"{{ env('A') }}\"}\n",
            "ours.yaml:2:16: notify.send: a protocol file does not read the environment; give the value as an argument",
        ),
        # heartbeats that are none
        (
            "about: x\nheartbeats: [{send: 1}]\n",
            "ours.yaml:2:14: heartbeats[0]: a heartbeat has every, received, or both",
        ),
        (
            "about: x\nheartbeats: [{every: 1s, timeout: 1s, send: 1}]\n",
            "ours.yaml:2:26: heartbeats[0].timeout: a timeout is of a heartbeat that loadws sends and the server answers; "
            "add what the server answers: received: {$.type: pong}",
        ),
        # a verb with an answer, and no word on answers
        (
            "about: x\ncall_method: {send: 1}\n",
            "ours.yaml:2:1: call_method: call_method is answered, and nothing says what a reply is; "
            "add replies: {id: $.id}, or write reply: false here",
        ),
    ],
)
def test_a_wrong_file_is_told_at_its_place(text: str, expected: str) -> None:
    assert told(text).startswith(expected)


# -- in a scenario ----------------------------------------------------------------------------------------------------

SCENARIO = """\
target: ws://127.0.0.1:1
connection: {protocol: ./ours.yaml}
load: [{users: 1, for: 1s}]
flow: [{notify: {text: hi}}]
"""
OURS = "about: ours\nnotify: {needs: [text], send: [<text>]}\n"


def problems(text: str, folder: Path) -> list[str]:
    try:
        load_text(text, folder / "s.yaml", env={})
    except ScenarioError as error:
        return [f"{problem.path.name}:{problem.line}:{problem.column}: {problem.message}" for problem in error.problems]
    return []


def test_a_file_of_the_users_own_is_beside_the_scenario_and_travels_with_it(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(OURS)
    loaded = load_text(SCENARIO, tmp_path / "s.yaml", env={})
    assert list(named_files(loaded.scenario)) == [(("connection", "protocol", "name"), "./ours.yaml")]


def test_problems_of_it_are_told_in_it(tmp_path: Path) -> None:
    assert problems(SCENARIO, tmp_path) == ["s.yaml:2:24: the file './ours.yaml': there is no such file"]
    (tmp_path / "ours.yaml").write_text("about: ours\nnotfy: 1\n")
    assert problems(SCENARIO, tmp_path) == ["ours.yaml:2:1: unknown key 'notfy'"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        # verbs and conditions of a protocol need one
        (("connection: {protocol: ./ours.yaml}\n", ""), ["s.yaml:3:9: 'notify' needs a protocol"]),
        (
            ("connection: {protocol: ./ours.yaml}\n", "on: {message: [{where: {subscription: a}, do: []}]}\n"),
            ["s.yaml:2:25: the condition 'subscription' needs a protocol", "s.yaml:4:9: 'notify' needs a protocol"],
        ),
        # a name that is none
        (("./ours.yaml", "json-rp"), ["s.yaml:2:24: there is no protocol 'json-rp'"]),
        # an option that it has not
        (
            ("./ours.yaml", "{name: ./ours.yaml, token: x}"),
            ["s.yaml:2:44: the protocol './ours.yaml' has no option 'token'"],
        ),
        (
            ("./ours.yaml", "{name: ./ours.yaml, heartbeat: 1s}"),
            ["s.yaml:2:44: the protocol './ours.yaml' lets the server begin its heartbeats"],
        ),
        # a verb that it has not, and arguments
        (("notify: {text: hi}", "call_method: {text: hi}"), ["s.yaml:4:9: ours has no 'call_method'"]),
        (
            ("{text: hi}", "{txt: hi}"),
            ["s.yaml:4:9: missing key 'text'", "s.yaml:4:18: ours has no 'txt' in 'notify'"],
        ),
        # calls of a batch
        (
            ("notify: {text: hi}", "call_method: {batch: [{metod: a}], method: b}"),
            ["s.yaml:4:9: ours has no 'call_method'"],
        ),
        # a name in an argument, and in an option
        (("{text: hi}", '{text: "{{ nobody }}"}'), ["s.yaml:4:28: unknown variable 'nobody'"]),
    ],
)
def test_what_does_not_fit_it_is_told(change: tuple[str, str], expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(OURS)
    assert problems(SCENARIO.replace(*change), tmp_path) == expected


def test_calls_of_a_batch_are_checked_each_at_its_place(tmp_path: Path) -> None:
    text = SCENARIO.replace("./ours.yaml", "json-rpc").replace(
        "notify: {text: hi}", "call_method: {batch: [{metod: a}], method: b}"
    )
    assert problems(text, tmp_path) == [
        "s.yaml:4:31: missing key 'method'",
        "s.yaml:4:32: JSON-RPC 2.0 has no 'metod' in 'call_method'",
        "s.yaml:4:44: 'method' stands in each call of the batch",
    ]


def test_arguments_with_secret_names_are_shown_nowhere(tmp_path: Path) -> None:
    text = """\
target: ws://127.0.0.1:1
connection: {protocol: {name: centrifugo, token: hunter2222, data: {token: hunter3333, room: lobby}}}
load: [{users: 1, for: 1s}]
flow: [{subscribe: {channel: news, token: hunter4444}}]
"""
    loaded = load_text(text, tmp_path / "s.yaml", env={})
    assert "hunter" not in loaded.masked_text
    assert "lobby" in loaded.masked_text
    assert "hunter" not in loaded.masker.text("hunter2222 hunter3333 hunter4444")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("graphql", "did you mean 'graphql-transport-ws'? ('graphql-ws' is the legacy one)"),
        ("GraphQL", "did you mean 'graphql-transport-ws'? ('graphql-ws' is the legacy one)"),
        ("ocpp", "did you mean 'ocpp1.6' or 'ocpp2.0.1'?"),  # the part that all of them begin with
        ("socketio", "did you mean 'socket.io'?"),
        ("jsonrpc", "did you mean 'json-rpc'?"),
    ],
)
def test_a_name_that_is_nearly_that_of_a_protocol(name: str, advice: str) -> None:
    assert NoSuchProtocol(name).advice == advice
