"""``${NAME}`` in a scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.scenario.build import Loaded, load_text
from loadws.scenario.yaml.explain import ScenarioError

ENV = {"HOST": "chat.test", "N": "7", "ZERO": "010", "EMPTY": "", "FLAG": "true", "WORD": "seven", "SECRET": "hunter2"}


def load(text: str) -> Loaded:
    return load_text(
        f"target: ws://${{HOST}}/\nload: [{{users: 1, for: 1s}}]\nflow: [connect]\n{text}", Path("s.yaml"), env=ENV
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${HOST}", "chat.test"),
        ("${NOBODY:-default}", "default"),
        ("${EMPTY:-default}", "default"),  # as in a shell, :- also stands in for what is empty
        ("${EMPTY}", ""),
        ("a ${HOST} b ${N}", "a chat.test b 7"),
        ("$${HOST}", "${HOST}"),
        ("$.a $HOST", "$.a $HOST"),  # no reference without braces
        ("${N}", 7),  # a number where it stands alone and unquoted ...
        ("'${N}'", "7"),  # ... and text where it does not
        ("${ZERO}", "010"),  # no character is lost
        ("${FLAG}", True),
    ],
)
def test_references(text: str, value: object) -> None:
    assert load(f"variables:\n  a: {text}").scenario.variables == {"a": value}


def test_a_number_fits_where_a_number_is_wanted_and_where_text_is() -> None:
    loaded = load_text(
        "target: ws://h\nload:\n  - users: ${N}\n    for: 1s\nname: ${N}\nflow:\n  - send: ${N}\n",
        Path("s.yaml"),
        env=ENV,
    )
    assert loaded.scenario.load[0].users is not None
    assert (loaded.scenario.load[0].users.to, loaded.scenario.name) == (7, "7")


def test_what_came_from_the_environment_is_not_shown() -> None:
    for text in ("graceful_stop: ${SECRET}", "seed: ${SECRET}", "connection: {close_timeout: '${SECRET}'}"):
        with pytest.raises(ScenarioError) as caught:
            load(text)
        assert "hunter2" not in str(caught.value)


def test_the_environment_is_the_process_own_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADWS_TEST_HOST", "here.test")
    text = "target: ws://${LOADWS_TEST_HOST}\nload: [{users: 1, for: 1s}]\nflow: [connect]\n"
    assert load_text(text, Path("s.yaml")).scenario.target == "ws://here.test"
