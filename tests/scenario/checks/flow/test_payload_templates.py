"""Every place of a payload takes templates, or says that it does not: none is sent as it is written without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from loadws.scenario.build import load_text
from loadws.scenario.model.steps.http import HttpBody
from loadws.scenario.model.steps.payload import Binary, Payload
from loadws.scenario.yaml.explain import ScenarioError
from tests.engine.drive import drive
from tests.kit.behaviour import echo

UNKNOWN = "{{ nothing_of_that_name }}"
#: Keys of a payload that say something about another key, and what that needs.
BESIDE = {"fragments": {"text": "a"}, "template": {"file": "a.txt"}}


def keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


PLACES: list[dict[str, Any]] = [
    *({key: UNKNOWN, **BESIDE.get(key, {})} for key in keys(Payload) if key != "binary"),
    *({"binary": {key: UNKNOWN}} for key in keys(Binary)),
]
CASES = [
    (verb, place)
    for verb in ("send", "http")
    for place in PLACES
    if verb == "send" or place.keys() <= {*keys(HttpBody)}
]


@pytest.mark.parametrize(("verb", "payload"), CASES, ids=str)
def test_a_template_is_read_or_refused(tmp_path: Path, verb: str, payload: dict[str, Any]) -> None:
    (tmp_path / "a.txt").write_text("a")
    if verb == "http":
        payload = {"post": "http://127.0.0.1:1/", **payload}
    document = {"target": "ws://127.0.0.1:1", "load": [{"users": 1, "for": "1s"}], "flow": [{verb: payload}]}
    with pytest.raises(ScenarioError) as caught:
        load_text(json.dumps(document), tmp_path / "scenario.yaml", env={})
    said = " ".join(f"{problem.message} {problem.advice}" for problem in caught.value.problems)
    assert "unknown variable 'nothing_of_that_name'" in said or "template" in said


def test_what_is_in_a_file_may_hold_templates(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"id": {{ id() }},\r\n "of": "{{ n }}"}')
    flow: list[Any] = [
        {"set": {"n": 5}},
        {"request": {"send": {"file": "a.json", "template": True}, "reply": {"where": {"$.of": "5"}}}},
        {"request": {"send": {"file": "a.json"}}},
    ]
    outcome = drive({"load": [{"users": 1, "iterations": 1}], "flow": flow}, echo(), base=tmp_path)
    assert outcome.errors == {}
    first, second = outcome.seen.payloads
    assert json.loads(first)["of"] == "5"
    assert "\r\n" in str(first)  # byte for byte
    assert second == (tmp_path / "a.json").read_bytes().decode()


def test_a_probe_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("{{ probe }}")
    (tmp_path / "b.txt").write_text("no probe")
    for name, is_right in (("a.txt", True), ("b.txt", False)):
        publish = {"probe": "talk", "send": {"file": name, "template": True}}
        on = {"message": [{"deliver": {"probe": "talk", "id": "text"}, "where": {"regex": "."}}]}
        document = {
            "target": "ws://127.0.0.1:1", "load": [{"users": 1, "for": "1s"}], "flow": [{"publish": publish}], "on": on,
        }  # fmt: skip
        try:
            load_text(json.dumps(document), tmp_path / "scenario.yaml", env={})
        except ScenarioError as error:
            assert not is_right
            assert "does not contain its probe" in str(error)
        else:
            assert is_right
