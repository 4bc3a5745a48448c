"""Masking."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.scenario.secrecy.secrets import mask
from loadws.scenario.yaml.explain import Problems, SourceText
from loadws.scenario.yaml.source import read_tree


def masked(text: str) -> str:
    return mask(text, read_tree(Problems(SourceText(Path("s.yaml"), text))))


@pytest.mark.parametrize(
    ("text", "without"),
    [
        # a variable that is marked, and no other
        ("secrets: [a]\nvariables: {a: geheim, b: offen}", "secrets: [a]\nvariables: {a: (masked), b: offen}"),
        # quotes stay quotes, an anchor stays an anchor
        ('secrets: [a]\nvariables: {a: &x "geheim"}', "secrets: [a]\nvariables: {a: &x (masked)}"),
        # everything inside it
        (
            "secrets: [a]\nvariables: {a: [eins1, {b: zwei2}]}",
            "secrets: [a]\nvariables: {a: [(masked), {b: (masked)}]}",
        ),
        # a block, whole
        ("secrets: [a]\nvariables:\n  a: |\n    zeile\n  b: 1", "secrets: [a]\nvariables:\n  a: (masked)\n  b: 1"),
        # the same text elsewhere, comments too
        (
            "secrets: [a]\nvariables: {a: geheim}\nname: geheim # geheim",
            "secrets: [a]\nvariables: {a: (masked)}\nname: (masked) # (masked)",
        ),
        # what a step sets
        ("secrets: [a]\nflow: [{set: {a: geheim}}]", "secrets: [a]\nflow: [{set: {a: (masked)}}]"),
        # headers that carry credentials, whatever their case
        (
            "connection: {headers: {authorization: Bearer x, X: y}}",
            "connection: {headers: {authorization: (masked), X: y}}",
        ),
        ("headers:\n  Cookie: a=b; c=d", "headers:\n  Cookie: (masked)"),
        ("# Authorization: Bearer abc\na: 1", "# Authorization: (masked)\na: 1"),
        # user info of addresses, anywhere
        ("target: wss://ada:pw@h/x # ws://b:c@d", "target: wss://(masked)@h/x # ws://(masked)@d"),
        # also where its user is a template, with blanks
        (
            "connection: {proxy: 'socks5://{{ user }}:{{ env(\"PW\") }}geheim@h:1'}",
            "connection: {proxy: 'socks5://(masked)@h:1'}",
        ),
        # cookies, whatever their names
        ("connection: {cookies: {id: abc, b: 'x y'}}", "connection: {cookies: {id: (masked), b: (masked)}}"),
        ("flow: [{connect: {cookies: {id: abc}}}]", "flow: [{connect: {cookies: {id: (masked)}}}]"),
        # a reference tells nothing
        ("secrets: [a]\nvariables: {a: '${TOKEN}'}", "secrets: [a]\nvariables: {a: '${TOKEN}'}"),
        # but its default does
        ("secrets: [a]\nvariables: {a: '${TOKEN:-abc}'}", "secrets: [a]\nvariables: {a: (masked)}"),
    ],
)
def test_secrets_are_masked(text: str, without: str) -> None:
    assert masked(text) == without
    assert masked(without) == without  # and so it is still YAML


def test_an_excerpt_keeps_its_columns() -> None:
    text = "target: ws://ada:pw@h\nname: x"
    assert mask(text, None, "same length") == "target: ws://******@h\nname: x"
