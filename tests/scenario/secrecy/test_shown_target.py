"""How outputs show a target: never with what the environment has put into its path, query or user info."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.scenario.build import load_text
from loadws.scenario.secrecy.shown_target import shown_target

ENV = {
    "HOST": "h.test", "PORT": "8765", "TOKEN": "abc/def", "ROOM": "lobby", "USER": "anna:secret", "PATH_": "/a/b",
    "TARGET": "wss://h.test/x?token=abc", "ALL": "h.test:1/room", "EMPTY": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "shown", "values"),
    [
        ("ws://h/x", "ws://h/x", ()),
        # which server it was must be told
        ("ws://${HOST}:${PORT}/", "ws://h.test:8765/", ()),
        ("${TARGET:-builtin:echo}", "wss://h.test/x?token=(masked)", ()),
        ("wss://${ALL}", "wss://h.test:1/room", ()),
        # and nothing else
        ("ws://h/?t=${TOKEN}", "ws://h/?t=${TOKEN}", ("abc/def",)),
        ("ws://h/?token=${TOKEN}&x=1", "ws://h/?token=${TOKEN}&x=1", ("abc/def",)),
        ("ws://h/?token=x${TOKEN}", "ws://h/?token=(masked)", ("abc/def",)),
        ("ws://h/rooms/${ROOM}/in", "ws://h/rooms/${ROOM}/in", ("lobby",)),
        ("ws://h${PATH_}", "ws://h${PATH_}", ("/a/b",)),
        ("ws://${USER}@${HOST}/", "ws://(masked)@h.test/", ("anna:secret",)),
        ("ws://anna:pw@h/", "ws://(masked)@h/", ()),
        # a default stands in the file for all to see, and is no value of the environment
        ("ws://h/?t=${UNSET:-abc}", "ws://h/?t=${UNSET}", ()),
        ("ws://h/?t=${EMPTY}", "ws://h/?t=", ()),
        ("ws://h/?t=$${TOKEN}", "ws://h/?t=${TOKEN}", ()),
        ("ws+unix:///run/${ROOM}.sock:/x?t=${TOKEN}", "ws+unix:///run/lobby.sock:/x?t=${TOKEN}", ("abc/def",)),
        ("builtin:json?login=/${ROOM}", "builtin:json?login=/${ROOM}", ("lobby",)),
    ],
)
def test_references(written: str, shown: str, values: tuple[str, ...]) -> None:
    target = written
    for name, value in ENV.items():
        target = target.replace(f"$${{{name}}}", "\0").replace(f"${{{name}}}", value).replace("\0", f"${{{name}}}")
    target = target.replace("${UNSET:-abc}", "abc").replace("${TARGET:-builtin:echo}", ENV["TARGET"])
    found = shown_target(written, target, ENV)
    assert (found.text, found.values) == (shown, values)


def test_a_listed_secret_is_in_no_part_of_it() -> None:
    text = "target: ws://${HOST}/lobby?x=1\nsecrets: [room, host]\nvariables: {room: lobby, host: '${HOST}'}\n"
    loaded = load_text(text + "load: [{users: 1, for: 1s}]\nflow: [connect]", Path("s.yaml"), env=ENV)
    assert loaded.scenario.target == "ws://h.test/lobby?x=1"
    assert loaded.shown_target == "ws://(masked)/(masked)?x=1"


def test_a_target_of_the_command_line_is_an_address() -> None:
    found = shown_target("ws://h/?t=${TOKEN}", "ws://u:p@other/?sig=1&x=2", ENV)
    assert (found.text, found.values) == ("ws://(masked)@other/?sig=(masked)&x=2", ())
