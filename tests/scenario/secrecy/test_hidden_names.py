"""A name stands in every output, so no secret stands in a name; and what refers to it still does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from loadws.scenario.build import Loaded, load_text
from loadws.scenario.model.step_names import walk_steps

SECRET = "hunter2"


def load(**more: Any) -> Loaded:
    scenario = {
        "target": "builtin:echo", "load": [{"users": 1, "for": "1s"}], "flow": ["connect"],
        "variables": {"token": "${TOKEN}"}, "secrets": ["token"], **more,
    }  # fmt: skip
    scenario = {key: value for key, value in scenario.items() if value is not None}
    return load_text(json.dumps(scenario), Path("s.yaml"), env={"TOKEN": SECRET})


def test_names_are_masked_and_those_that_refer_to_them_too() -> None:
    loaded = load(
        name=f"chat {SECRET}",
        flow=None,
        load=[{"name": f"up {SECRET}", "users": 1, "for": "1s"}],
        users=[
            {
                "name": f"type {SECRET}",
                "flow": [
                    {"connect": {}, "name": f"in {SECRET}"},
                    {"request": {"name": f"ask {SECRET}", "send": "a"}},
                    {"publish": {"probe": f"p {SECRET}", "send": {"json": {"p": "{{ probe }}"}}}},
                    {"record": {"name": f"r {SECRET}", "value": 1}},
                    {"repeat": 2, "do": [{"count": f"c {SECRET}"}]},
                ],
                "on": {"message": [{"deliver": {"probe": f"p {SECRET}", "id": "$.p", "after": f"ask {SECRET}"}}]},
            }
        ],
        setup=[{"log": "x", "name": f"first {SECRET}"}],
        thresholds=[
            f"response_time{{step=ask {SECRET}}}.p99 < 1s",
            f"'c {SECRET}' > 0",
            {"rule": f"delivery{{probe=p {SECRET}}}.completeness == 100%"},
        ],
    )
    scenario = loaded.scenario
    assert SECRET not in str(scenario.model_copy(update={"variables": {}}))
    assert (scenario.name, scenario.load[0].name, scenario.user_types[0].name) == ("chat ***", "up ***", "type ***")
    assert [rule.rule for rule in scenario.thresholds] == [
        "response_time{step=ask ***}.p99 < 1s",
        "'c ***' > 0",
        "delivery{probe=p ***}.completeness == 100%",
    ]
    assert set(loaded.own_metrics) == {"r ***", "c ***"}


def test_a_literal_text_that_becomes_a_name_is_masked_and_sent_as_it_is() -> None:
    scenario = load(flow=["connect", {"request": f"login {SECRET} {'x' * 60}"}]).scenario
    [(_, _), (_, request)] = walk_steps(scenario)
    assert request.label.startswith("login *** xxx")
    assert scenario.variables == {"token": SECRET}
    assert SECRET in str(request.model_dump()["request"])


def test_numbers_keys_and_words_of_the_language_stay() -> None:
    loaded = load(
        variables={"token": "users", "five": 5000}, secrets=["token", "five"], thresholds=["iterations > 5000"]
    )
    assert loaded.scenario.thresholds[0].rule == "iterations > 5000"
    assert loaded.scenario.load[0].users is not None
    assert '"users": 1' in loaded.masked_text
    assert '{"token": (masked), "five": (masked)}' in loaded.masked_text


def test_without_secrets_nothing_is_changed() -> None:
    assert load(variables={}, secrets=[], name="hunter2").scenario.name == "hunter2"
