"""Protocol Buffers by a file of descriptors: read, written, checked before the run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.scenario.build import load_text
from loadws.scenario.template.values import EvaluationError
from loadws.scenario.unpacking import protobuf
from loadws.scenario.unpacking.protobuf import MessageType, NotProtobuf, ProtobufError, message_type
from loadws.scenario.yaml.explain import ScenarioError
from tests.cli.commands import run as run_command
from tests.engine.drive import drive
from tests.kit.behaviour import Behaviour, Say, echo
from tests.scenario.unpacking import descriptors

NOTHING = {"id": 0, "text": "", "kind": "PLAIN", "parts": [], "counts": {}, "weight": 0.0, "marks": []}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return descriptors.write(tmp_path_factory.mktemp("protobuf") / "chat.desc").parent


@pytest.fixture(scope="module")
def say(folder: Path) -> MessageType:
    return message_type(folder, "chat.desc", "chat.Say")


PARTS = st.fixed_dictionaries({"data": st.binary()}, optional={"note": st.text()})
SAYS = st.fixed_dictionaries(
    {
        "id": st.integers(0, 2**64 - 1),
        "text": st.text(),
        "kind": st.sampled_from(["PLAIN", "LOUD"]),
        "parts": st.lists(PARTS, max_size=3),
        "counts": st.dictionaries(st.text(), st.integers(-(2**63), 2**63 - 1), max_size=3),
        "weight": st.floats(allow_nan=False),
        "marks": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3),
    },
    optional={"best_part": PARTS},
)


@given(SAYS, st.sampled_from([{}, {"room": "lobby"}, {"user": 0}, {"user": 7}]))
def test_what_is_written_is_read(say: MessageType, value: dict[str, Any], to: dict[str, Any]) -> None:
    """All of it exactly: numbers of 64 bits, bytes, and which of several fields was set."""
    assert say.read(say.write({**value, **to})) == {**value, **to}


def test_what_was_not_set_has_its_default_or_is_left_out(say: MessageType) -> None:
    assert say.read(b"") == NOTHING


def test_the_bytes_are_those_of_the_specification(say: MessageType) -> None:
    assert say.write({"id": 150, "text": "testing"}) == bytes.fromhex("089601 1207") + b"testing"
    assert say.write({"bestPart": {"data": "yv4="}}) == bytes.fromhex("4a040a02cafe")  # as its JSON has it


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_an_error(say: MessageType, payload: bytes) -> None:
    try:
        say.read(payload)
    except NotProtobuf as error:
        assert "no chat.Say" in str(error)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"txt": "a"}, 'no field named "txt"'),
        ({"id": -1}, "id"),
        ({"id": 2**64}, "id"),
        ({"id": "many"}, "id"),
        ({"kind": "SOFT"}, "kind"),
        ({"room": "a", "user": 1}, "room"),
        (["a"], "is a mapping of its fields"),
    ],
)
def test_what_the_type_has_not_is_no_message(say: MessageType, value: Any, says: str) -> None:
    with pytest.raises(EvaluationError, match=r"chat\.Say") as caught:
        say.write(value)
    assert says in str(caught.value) or "oneof" in str(caught.value)


def test_a_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    path = descriptors.write(tmp_path / "chat.desc")
    assert message_type(tmp_path, "chat.desc", "chat.Say") is message_type(tmp_path, "chat.desc", "chat.Say")
    path.write_bytes(path.read_bytes().replace(b"text", b"body"))
    with pytest.raises(ProtobufError, match="no field 'text'"):
        message_type(tmp_path, "chat.desc", "chat.Say").check_names({"text": "a"})


def test_it_is_matched_captured_and_sent(folder: Path) -> None:
    of = {"file": "chat.desc", "message": "chat.Say"}
    value = {
        "id": "{{ id() }}",
        "text": "hi {{ user.index }}",
        "best_part": {"data": "{{ 'cafe' | fromhex }}"},
        "kind": "LOUD",
    }
    flow: list[Any] = [
        {"request": {
            "send": {"protobuf": {**of, "value": value}},
            "reply": {
                "where": {"$.id": "{{ sent.id }}"},
                "check": {"$.kind": "LOUD", "$.text": "hi 0", "$.room": {"exists": False}},
                "capture": {"data": "$.best_part.data"},
            },
        }},
        {"log": "{{ data | hex }}"},
    ]  # fmt: skip
    document = {"load": [{"users": 1, "iterations": 1}], "connection": {"unpack": {"protobuf": of}}, "flow": flow}
    outcome = drive(document, echo(), base=folder)
    assert outcome.errors == {}
    assert outcome.logs[0].text == "cafe"


def test_what_is_none_of_the_type_is_an_error(folder: Path) -> None:
    of = {"file": "chat.desc", "message": "chat.Say"}
    document = {"load": [{"users": 1, "iterations": 1}], "connection": {"unpack": [{"protobuf": of}]}}
    behaviour = Behaviour(on_open=lambda _: [Say(b"\xff\xff"), Say("ping")])
    outcome = drive({**document, "flow": [{"wait_for": {"where": {"text": "ping"}}}]}, behaviour, base=folder)
    assert outcome.errors == {"unpack.protobuf": 1}


def test_a_value_of_a_template_that_does_not_fit_fails_the_step(folder: Path) -> None:
    of = {"file": "chat.desc", "message": "chat.Say"}
    flow = [{"send": {"protobuf": {**of, "value": {"id": "{{ 'a' ~ user.index }}"}}}}]
    outcome = drive({"load": [{"users": 1, "iterations": 1}], "flow": flow}, echo(), base=folder)
    assert outcome.errors == {"template": 1}


# -- before the run ---------------------------------------------------------------------------------------------------


def problems(folder: Path, payload: dict[str, Any], unpack: Any = ()) -> list[tuple[str, str]]:
    document = {
        "target": "ws://127.0.0.1:1", "load": [{"users": 1, "for": "1s"}], "connection": {"unpack": unpack},
        "flow": [{"send": {"protobuf": payload}}],
    }  # fmt: skip
    try:
        load_text(json.dumps(document), folder / "scenario.yaml", env={})
    except ScenarioError as error:
        return [(problem.message, problem.advice) for problem in error.problems]
    return []


SAY = {"file": "chat.desc", "message": "chat.Say", "value": {"text": "a"}}


@pytest.mark.parametrize(
    ("change", "message", "advice"),
    [
        ({"file": "none.desc"}, "the file 'none.desc' cannot be read: no such file or directory", ""),
        ({"file": "wrong.desc"}, "wrong.desc is no whole set of descriptors", "protoc --include_imports"),
        ({"file": "empty.desc"}, "empty.desc describes nothing", "protoc --include_imports"),
        ({"message": "chat.Sya"}, "chat.desc has no message 'chat.Sya'", "did you mean 'chat.Say'?"),
        ({"value": {"txet": "a"}}, "chat.Say has no field 'txet'", "did you mean 'text'?"),
        ({"value": {"parts": [{"dat": "{{ 1 }}"}]}}, "chat.Part has no field 'dat'", "did you mean 'data'?"),
        ({"value": {"id": "many"}}, "this is no chat.Say: Failed to parse id field", ""),
        ({"value": {"text": "{{ unknown }}"}}, "unknown variable 'unknown'", "declare it"),
    ],
)
def test_a_mistake_is_told_in_validate(folder: Path, change: dict[str, Any], message: str, advice: str) -> None:
    (folder / "wrong.desc").write_bytes(b"\xff\xff")
    (folder / "empty.desc").write_bytes(b"")
    found = problems(folder, {**SAY, **change})
    assert any(said.startswith(message) and advice in advised for said, advised in found), found


def test_a_right_one_has_no_problem(folder: Path) -> None:
    assert problems(folder, SAY, {"protobuf": {"file": "chat.desc", "message": "chat.Part"}}) == []
    [(message, _)] = problems(folder, SAY, {"protobuf": {"file": "chat.desc", "message": "chat.Prat"}})
    assert message == "chat.desc has no message 'chat.Prat'"


def test_without_the_package_validate_says_how_to_install_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    protobuf._message_type.cache_clear()
    path = folder / "scenario.yaml"
    path.write_text(json.dumps({
        "target": "ws://127.0.0.1:1", "load": [{"users": 1, "for": "1s"}], "flow": [{"send": {"protobuf": SAY}}],
    }))  # fmt: skip
    done = run_command(capsys, "validate", str(path))
    assert done.code == 2
    assert "protobuf needs the package protobuf; pip install 'loadws[protobuf]'" in done.out
