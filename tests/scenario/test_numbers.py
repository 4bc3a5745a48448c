"""Whole numbers stay exact, whatever their size: from JSON to conditions, captures, templates, data, and back to JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadws.fleet.wide_numbers import packable, unpacked
from loadws.scenario.build import load_text
from loadws.scenario.data.feed import open_feed
from loadws.scenario.json_reader import read_json
from loadws.scenario.matching.matching import compile_captures, compile_conditions
from loadws.scenario.matching.message import Message
from loadws.scenario.model.model import DataSource
from loadws.scenario.template.scope import Scope
from loadws.scenario.template.template import TemplateError, compile_json, compile_value
from loadws.scenario.template.values import EvaluationError, show
from tests.engine.drive import drive
from tests.kit.behaviour import echo

#: Near powers of two, where floats begin to round, and far beyond.
NUMBERS = st.one_of(
    st.integers(),
    st.builds(lambda bits, off: 2**bits + off, st.integers(50, 200), st.integers(-2, 2)),
    st.builds(lambda bits, off: off - 2**bits, st.integers(50, 200), st.integers(-2, 2)),
)
IN_64_BITS = NUMBERS.filter(lambda number: -(2**63) <= number < 2**64)


def is_exactly(found: Any, number: int) -> bool:
    return type(found) is int and found == number


@given(NUMBERS)
@example(2**53 + 1)
@example(2**64 + 1)
def test_json_is_read_and_written(number: int) -> None:
    text = f'{{"id": {number}, "all": [{number}]}}'
    for payload in (text, text.encode()):
        value = read_json(payload)
        assert is_exactly(value["id"], number)
        assert is_exactly(value["all"][0], number)
    scope = Scope({"n": number}, clock=lambda: 0)
    sent, payload = compile_json({"id": "{{ n }}", "in": "a {{ n }}", "plain": number}).both(scope)
    assert payload == f'{{"id":{number},"in":"a {number}","plain":{number}}}'
    assert is_exactly(sent["id"], number)
    assert show(number) == str(number)[:200]


@given(NUMBERS, st.integers(-1000, 1000))
@example(2**53, 1)
@example(2**64, 1)
def test_conditions_tell_neighbours_apart(number: int, off: int) -> None:
    message, scope, other = Message(f'{{"id": {number}}}', 0), Scope({"n": number + off}, clock=lambda: 0), number + off
    cases: list[tuple[Any, bool]] = [
        (other, off == 0),
        ("{{ n }}", off == 0),
        ({"in": [other]}, off == 0),
        ({"lt": other}, off > 0),
        ({"ge": "{{ n }}"}, off <= 0),
    ]
    for condition, holds in cases:
        conditions = compile_conditions({"$.id": condition})
        assert conditions.bind(scope)(message) is holds
        assert conditions.want(scope).holds(message) is holds


@given(NUMBERS)
def test_captures_and_templates_keep_it(number: int) -> None:
    variables: dict[str, Any] = {}
    assert compile_captures({"n": "$.id"}).take(Message(f'{{"id": {number}}}', 0), variables) is None
    scope = Scope(variables, clock=lambda: 0)
    assert is_exactly(compile_value("{{ n }}")(scope), number)
    for text, expected in (
        ("{{ n | string }}", str(number)),
        ("{{ n | tojson }}", str(number)),
        ("id {{ n }}", f"id {number}"),
        ("{{ n == n }}", True),
        (f"{{{{ '{number}' | fromjson }}}}", number),
    ):
        assert compile_value(text)(scope) == expected


@given(NUMBERS)
@example(2**64)
def test_templates_compute_exactly_or_not_at_all(number: int) -> None:
    """Within 64 bits a result is exact; beyond it is an error, and never rounded."""
    scope = Scope({"n": number}, clock=lambda: 0)
    for text, expected in (
        ("{{ n + 1 }}", number + 1),
        ("{{ n * 1 }}", number),
        ("{{ n - 1 }}", number - 1),
        ("{{ n | int }}", number),
        ("{{ n | string | int }}", number),
        ("{{ n | abs }}", abs(number)),
        ("{{ n | round }}", number),
        ("{{ n % 1000 }}", number % 1000),
        ("{{ n // 7 }}", number // 7),
        (f"{{{{ {number} }}}}", number),
    ):
        try:
            found = compile_value(text)(scope)
        except (EvaluationError, TemplateError):
            assert not (-(2**63) <= number < 2**64 and -(2**63) <= expected < 2**64)
        else:
            assert is_exactly(found, expected)


@pytest.mark.slow
@given(NUMBERS)
def test_data_files_keep_it(tmp_path_factory: pytest.TempPathFactory, number: int) -> None:
    folder = tmp_path_factory.mktemp("numbers")
    (folder / "rows.jsonl").write_text(f'{{"n": {number}}}\n')
    (folder / "rows.json").write_text(f'[{{"n": {number}}}]')
    (folder / "rows.csv").write_text(f"n\n{number}\n")
    for name in ("rows.jsonl", "rows.json"):
        row = open_feed(DataSource(file=name), folder).row(0, 0, 1)
        assert row is not None
        assert is_exactly(row["n"], number)
    assert open_feed(DataSource(file="rows.csv"), folder).row(0, 0, 1) == {"n": str(number)}


@pytest.mark.slow
@given(IN_64_BITS)
def test_a_scenario_says_it(number: int) -> None:
    text = (
        f"target: ws://127.0.0.1:1\nload: [{{users: 1, for: 1s}}]\nvariables:\n  a: {number}\n  b: ${{N}}\n"
        f"flow: [{{request: {{send: {{json: {{id: {number}}}}}, reply: {{check: {{$.id: {number}}}}}}}}}]\n"
    )
    scenario = load_text(text, Path("scenario.yaml"), env={"N": str(number)}).scenario
    assert [is_exactly(scenario.variables[name], number) for name in "ab"] == [True, True]
    [step] = scenario.user_types[0].flow
    assert is_exactly(step.body.send.json_["id"], number)
    assert is_exactly(step.body.reply.check["$.id"], number)


@pytest.mark.slow
@given(st.recursive(NUMBERS | st.text() | st.none() | st.floats(allow_nan=False) | st.binary(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))  # fmt: skip
def test_what_setup_sets_reaches_every_process(value: Any) -> None:
    """MessagePack has no numbers beyond 64 bits: such a capture of setup ended the run."""
    assert unpacked(msgspec.msgpack.decode(msgspec.msgpack.encode(packable(value)))) == value


@pytest.mark.parametrize("number", [2**53 + 1, 2**64 + 1, -(10**30) - 1])
def test_a_check_that_fails_tells_it_exactly(number: int) -> None:
    reply = {"check": {"$.id": number + 1}, "capture": {"n": "$.id"}}
    flow = [
        {"request": {"send": json.dumps({"id": number}), "reply": reply}},
        {"request": {"send": {"json": {"id": "{{ n }}"}}}},
    ]
    outcome = drive({"load": [{"users": 1, "iterations": 1}], "flow": flow}, echo())
    assert outcome.samples[0].detail == f"$.id is {number}, expected {number + 1}"
    assert outcome.seen.payloads[1] == f'{{"id":{number}}}'
