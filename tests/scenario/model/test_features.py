"""Which features a scenario uses, and what is said where the transport lacks one."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.scenario.build import Overrides, load_text
from loadws.scenario.model.connection import CompressionOptions
from loadws.scenario.model.features import Feature, features_of
from loadws.scenario.yaml.explain import ScenarioError

PLAIN = "target: ws://127.0.0.1:1\nload: [{users: 1, for: 1s}]\n"
USES = (
    PLAIN
    + """\
connection: {compression: {level: 1}}
flow:
  - connect: {compression: true}
  - send: {text: abc, fragments: 3}
  - repeat: 2
    do: [{request: {send: {json: {}, fragments: 2}}}]
"""
)


def test_every_use_is_found_with_its_place() -> None:
    assert list(features_of(load_text(USES, Path("x.yaml")).scenario)) == [
        Feature("compression", ("connection", "compression")),
        Feature("compression", ("flow", 0, "connect", "compression")),
        Feature("fragments", ("flow", 1, "send", "fragments")),
        Feature("fragments", ("flow", 2, "do", 0, "request", "send", "fragments")),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "flow: [{request: hello}]\n",
        "connection: {compression: false}\nflow: [{connect: {compression: false}}]\n",  # said, but not asked for
        "flow: [{send: {text: a, fragments: 1}}]\n",  # a message is one frame anyway
    ],
)
def test_what_every_transport_does_is_no_feature(text: str) -> None:
    assert list(features_of(load_text(PLAIN + text, Path("x.yaml")).scenario)) == []


def test_what_the_transport_lacks_is_said_at_every_place_at_once() -> None:
    lacking = Overrides(transport="trio-websocket")
    with pytest.raises(ScenarioError) as caught:
        load_text(USES, Path("x.yaml"), lacking)
    assert [(each.line, each.column, each.message, each.advice) for each in caught.value.problems] == [
        (line, column, f"--transport trio-websocket has no {feature!r}", "use --transport native")
        for line, column, feature in (
            (3, 14, "compression"),
            (5, 15, "compression"),
            (6, 23, "fragments"),
            (8, 38, "fragments"),
        )
    ]


def test_another_transport_is_not_asked_for_what_it_has() -> None:
    assert load_text(USES, Path("x.yaml"), Overrides(transport="native"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("false", False),
        ("true", CompressionOptions(level=6, context_takeover=True)),  # short for the defaults
        ("{level: 9}", CompressionOptions(level=9, context_takeover=True)),
        ("{context_takeover: false}", CompressionOptions(level=6, context_takeover=False)),
    ],
)
def test_compression(written: str, meant: object) -> None:
    text = f"{PLAIN}connection: {{compression: {written}}}\nflow: [{{request: a}}]\n"
    assert load_text(text, Path("x.yaml")).scenario.connection.compression == meant
