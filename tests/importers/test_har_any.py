"""Whatever a recording holds: the scenario is valid once its variables are set, and tells no secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.importers.har_files import RECEIVED, SENT, exchange, header, imported, loaded, message, notes_of, socket

NAMES = st.sampled_from(
    ["id", "type", "ref", "op", "sessionId", "room", "ts", "items", "a b", "${x}", "{{", "", "$", "é", "on"]
)
WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["ping", "{{ x }}", "${HOME}", "$", "{", "{%", "a: b", "# c", "null", "1e5", "0x1", "~", "s-12345678"]
    ),
    st.uuids().map(str),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), WORDS)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
DATA = st.one_of(VALUES, st.binary(max_size=30), st.text(max_size=30), WORDS)
KINDS = st.sampled_from([SENT, RECEIVED])
TIMES = st.floats(0, 300)
#: Long, random, and never by chance a part of anything else.
SECRETS = st.text("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789", min_size=24, max_size=32)
SECRET_NAMES = st.sampled_from(["password", "token", "accessToken", "client_secret", "apiKey"])


@st.composite
def secret_data(draw: st.DrawFn) -> tuple[Any, str]:
    """A message with a secret in it, under a telling name."""
    secret, name = draw(SECRETS), draw(SECRET_NAMES)
    beside = draw(st.dictionaries(NAMES, VALUES, max_size=3))
    written: list[Any] = [
        {**beside, name: secret},
        {"inner": {name: secret}, "text": f"it is {secret}"},
        [1, {name: secret}],
        f"{name}={secret}",
        json.dumps({"args": json.dumps({name: secret})}),
    ]
    return draw(st.sampled_from(written)), secret


@pytest.mark.slow
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(KINDS, TIMES, DATA), max_size=14),
    st.lists(st.tuples(KINDS, TIMES, secret_data()), max_size=3),
    st.text(max_size=20),
    st.text("abc-: \x00é", max_size=10),
    st.sampled_from(["WebInspector", "mitmproxy"]),
    st.floats(0.1, 100),
)
def test_any_recording_becomes_a_valid_scenario_without_secrets(
    said: list[tuple[str, float, Any]],
    secret: list[tuple[str, float, tuple[Any, str]]],
    query: str,
    value: str,
    program: str,
    speed: float,
) -> None:
    messages = [message(kind, at, data) for kind, at, data in said]
    messages += [message(kind, at, data) for kind, at, (data, _) in secret]
    entry = socket(*messages, url=f"ws://127.0.0.1:8766/ws?q={query}", headers=[header("X-Any", value)])
    answer = {
        "of": [data for _, _, (data, _) in secret],
        "said": [each for _, _, each in said if not isinstance(each, bytes)],
    }
    login = exchange("POST", "http://127.0.0.1:8766/login", json.dumps({"q": query}), json.dumps(answer))
    found = imported(login, entry, program=program, speed=speed)
    loaded(found)
    for _, _, (_, hidden) in secret:
        assert hidden not in found.text
        assert not any(hidden in note for note in notes_of(found))
