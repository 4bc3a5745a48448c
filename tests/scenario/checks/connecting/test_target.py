"""Targets that are none are in ../invalid; these are."""

from __future__ import annotations

import pytest

from loadws.scenario.checks.connecting.target import wrong_target


@pytest.mark.parametrize(
    "target",
    [
        "ws://127.0.0.1:8765",
        "wss://chat.test/rooms/1?token=a%23b",
        "WS://chat.test",
        "ws://ada:pw@chat.test:80/",
        "ws://[::1]:8765/chat",
        "builtin:echo",
        "builtin:broadcast",
        "builtin:json",
        "ws+unix:///run/app.sock:/chat?room=1",
        "ws+unix:///run/app.sock",
    ],
)
def test_targets(target: str) -> None:
    assert wrong_target(target) is None


@pytest.mark.parametrize(
    "target", ["ws://ada:hunter2@", "http://ada:hunter2@h", "ws://ada:hunter2@h:x", "ada:hunter2@h"]
)
def test_what_is_said_of_a_wrong_one_does_not_show_a_password(target: str) -> None:
    wrong = wrong_target(target)
    assert wrong is not None
    assert "hunter2" not in "".join(wrong)
