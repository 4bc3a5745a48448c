"""Every fault of conditions and captures is told at once: what several have together is what each has alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from loadws.scenario.checks.flow.every_fault import MOST, faults_of
from loadws.scenario.matching.capture import compile_captures
from loadws.scenario.matching.extract import Path
from loadws.scenario.matching.matching import compile_answer_conditions, compile_conditions

#: Right and wrong conditions, and those that are wrong twice, by keys that differ.
CONDITIONS: dict[str, JsonValue] = {
    "$.right": 1,
    "$.also": {"gt": 1, "le": 5},
    "$.a[*]": 1,
    "$..b": 2,
    "$.c": {"gtt": 5},
    "$.d": {"regex": "("},
    "$.e": {"type": "int"},
    "$.f": {"gtt": 1, "le": True, "regex": 5},
    "$.g": {"exists": False, "gt": 1},
    "$.h": "{{ 1 + }}",
    "$.i": {"in": ["{{ a", "{{ b"]},
    "$.j": {"equals": {"x": ["{{ a"]}},
    "text": {"lt": 1},
    "regex": {"pattern": "(", "groop": 1},
    "bytes": {"at": "x", "hex": "zz", "lenght": 2},
    "event": {"lt": 1},
    "envelope": {"$.a": {"gtt": 1}, "$.b[*]": 1, "$.c": 1},
    "unknown": 1,
}
ANSWERS: dict[str, JsonValue] = {
    "$.a": {"gtt": 1},
    "status": {"regex": 1},
    "headers": {"A": {"gtt": 1}, "B": {"regex": "("}, "C": 1},
    "text": {"lt": 1},
}
CAPTURES: dict[str, JsonValue] = {
    "right": "$.a",
    "a": "$.a[*]",
    "b": {"regex": "("},
    "c": {"bytes": {"at": -1, "as": "word"}},
    "d": "id",
    "e": {"header": 5},
    "f": {"envelope": 1},
}
Compile = Callable[[Mapping[str, JsonValue]], object]


def told(mapping: Mapping[str, JsonValue], compile_it: Compile) -> list[tuple[Path, str]]:
    return [(error.path, str(error)) for error in faults_of(mapping, compile_it)]


@pytest.mark.parametrize(
    ("table", "compile_it"),
    [(CONDITIONS, compile_conditions), (ANSWERS, compile_answer_conditions), (CAPTURES, compile_captures)],
)
def test_what_several_have_together_is_what_each_has_alone(table: dict[str, JsonValue], compile_it: Compile) -> None:
    @given(st.lists(st.sampled_from(sorted(table)), unique=True, min_size=1))
    def check(keys: list[str]) -> None:
        alone = [told({key: table[key]}, compile_it) for key in keys]
        assert told({key: table[key] for key in keys}, compile_it) == [fault for faults in alone for fault in faults]

    check()


def test_each_fault_within_a_condition_is_told_and_no_consequence_of_a_cut() -> None:
    faults = {
        key: [path[1:] for path, _ in told({key: value}, compile_conditions)] for key, value in CONDITIONS.items()
    }
    assert faults == {
        "$.right": [],
        "$.also": [],
        "$.a[*]": [()],
        "$..b": [()],
        "$.c": [()],
        "$.d": [("regex",)],
        "$.e": [("type",)],
        "$.f": [("gtt",), ("le",), ("regex",)],
        "$.g": [("exists",)],
        "$.h": [()],
        "$.i": [("in", 0), ("in", 1)],
        "$.j": [("equals", "x", 0)],
        "text": [("lt",)],
        "regex": [("groop",)],  # that of the pattern has the place of the whole, as a consequence of the cut would have
        "bytes": [("lenght",), ("at",), ("hex",)],
        "event": [("lt",)],
        "envelope": [("$.a",), ("$.b[*]",)],
        "unknown": [()],
    }


def test_no_condition_at_all_is_one_fault() -> None:
    assert told({}, compile_conditions) == [((), "here a condition is missing")]


def test_the_faults_of_one_condition_are_bounded() -> None:
    many: JsonValue = {"in": ["{{" for _ in range(200)]}
    assert len(told({"$.a": many, "$.b": {"gtt": 1}}, compile_conditions)) == MOST + 1
