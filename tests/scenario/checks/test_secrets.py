"""What ``secrets`` may name, and which secrets are too short to be hidden."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loadws.scenario.build import Overrides, load_text
from loadws.scenario.yaml.explain import ScenarioError

SHORT = "the secret {!r} has fewer than 4 characters, so it is masked only where it is a whole value"


def told(secrets: list[str], base: Path = Path(), overrides: Overrides | None = None, **more: Any) -> list[str]:
    """The messages of errors, or else of warnings."""
    scenario = {
        "target": "ws://h",
        "load": [{"users": 1, "for": "1s"}],
        "flow": ["connect"],
        "secrets": secrets,
        **more,
    }
    try:
        loaded = load_text(json.dumps(scenario), base / "s.yaml", overrides, env={"PIN": "99"})
    except ScenarioError as error:
        return [problem.message for problem in error.problems]
    return [problem.message for problem in loaded.warnings]


CREDS = {"creds": {"user": "anna", "password": "hunter2", "list": ["long enough", "no"]}}
CAPTURE = {"request": {"send": "a", "reply": {"capture": {"token": "$.token"}}}}


@pytest.mark.parametrize(
    ("secrets", "more", "expected"),
    [
        (["creds.user", "creds.password"], {"variables": CREDS}, []),
        (["creds"], {"variables": CREDS}, [SHORT.format("creds.list.1")]),
        (["creds.nobody"], {"variables": CREDS}, ["the variable 'creds' has no 'nobody'"]),
        (["tokn"], {"variables": {"token": "abcd"}}, ["there is no variable 'tokn' to keep secret"]),
        # of what is captured, nothing is known before
        (["token", "token.inner"], {"flow": ["connect", CAPTURE]}, []),
        # nor of what a template makes
        (["a"], {"variables": {"a": "{{ 1 }}"}}, []),
        (["a", "b", "c"], {"variables": {"a": 123, "b": True, "c": ""}}, [SHORT.format("a")]),
        (["a"], {"variables": {"a": "${PIN}"}}, [SHORT.format("a")]),
    ],
)
def test_variables(secrets: list[str], more: dict[str, Any], expected: list[str]) -> None:
    assert told(secrets, **more) == expected


def test_a_setting_is_looked_at_like_the_value_that_it_replaces() -> None:
    assert told(["a"], overrides=Overrides(variables={"a": "xy"}), variables={"a": "long enough"}) == [
        SHORT.format("a")
    ]


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        (["accounts.password"], []),
        (["accounts"], [SHORT.format("accounts.name, accounts.pin")]),
        (["accounts.pin"], [SHORT.format("accounts.pin")]),
        (["accounts.pasword"], ["the data 'accounts' has no column 'pasword'"]),
    ],
)
def test_data_sources_and_their_columns(tmp_path: Path, secrets: list[str], expected: list[str]) -> None:
    (tmp_path / "accounts.csv").write_text("name,password,pin\nanna,hunter2,1234\nbob,hunter3,12\n")
    assert told(secrets, tmp_path, data={"accounts": {"file": "accounts.csv"}}) == expected
