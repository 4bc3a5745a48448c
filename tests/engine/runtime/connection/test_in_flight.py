"""Requests in flight found by key, against the scan that they replace."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from loadws.engine.runtime.connection.in_flight import REMEMBERED, ByKey, InFlight
from loadws.scenario.matching.index import Wanted
from loadws.scenario.matching.matching import compile_conditions
from loadws.scenario.matching.message import Message
from loadws.scenario.template.scope import Scope

CONDITIONS: list[dict[str, JsonValue]] = [
    {"$.id": "{{ n }}"},
    {"$.id": "{{ n }}", "$.ok": True},  # a key and more
    {"$.id": {"gt": "{{ n }}"}},  # no key
    {"$.other": "{{ n }}"},
    {"$.ok": True},  # the same key for all
    {"regex": {"pattern": r"^(\d)$", "equals": "{{ n }}"}},
    {"regex": "{{ n }}"},
    {"text": "{{ n }}"},
    {"bytes": {"at": 1, "text": "{{ n }}"}},
]
COMPILED = [compile_conditions(conditions) for conditions in CONDITIONS]
IDS = st.integers(1, 3)
PAYLOADS: st.SearchStrategy[str | bytes] = st.one_of(
    st.builds('{{"id": {}, "ok": {}}}'.format, IDS, st.sampled_from(["true", "1"])),
    st.builds('{{"other": {}}}'.format, IDS),
    IDS.map(str),
    st.builds("x{}".format, IDS).map(str.encode),
)


@dataclass(eq=False)
class Asked:
    wanted: Wanted
    number: int = 0
    came: list[Message] = field(default_factory=list)


def wanted(kind: int, id_: int) -> Wanted:
    return COMPILED[kind].want(Scope({"n": id_}, clock=lambda: 0))


def always(message: Message, item: object) -> bool:
    return True


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, len(CONDITIONS) - 1), IDS),
        st.tuples(st.just("hear"), PAYLOADS, st.none()),
        st.tuples(st.sampled_from(["time out", "forget"]), st.integers(0, 5), st.none()),
    ),
    max_size=30,
)


@pytest.mark.slow
@given(ACTIONS)
def test_each_message_goes_to_the_one_that_a_scan_would_find(actions: list[tuple[str, object, int | None]]) -> None:
    """The oracle is two lists: those that wait, and those that were settled, each with what it is owed."""
    in_flight: InFlight[Asked] = InFlight()
    waiting: list[Asked] = []
    settled: list[list[object]] = []
    for what, value, id_ in actions:
        if what == "ask":
            assert isinstance(value, int)
            assert id_ is not None
            asked = Asked(wanted(value, id_))
            waiting.append(asked)
            in_flight.add(asked)
        elif what == "hear":
            assert isinstance(value, str | bytes)
            message = Message(value, 0)
            expected = next((each for each in waiting if each.wanted.holds(message)), None)
            assert in_flight.answered_by(message, always) is expected
            if expected is not None:
                waiting.remove(expected)
                settled.append([expected.wanted, False])
                in_flight.settle(expected, is_owed=False)
            else:
                assert in_flight.came_again(message) == came_again(settled, message)
        elif waiting:
            assert isinstance(value, int)
            asked = waiting.pop(value % len(waiting))
            if what == "time out":
                settled.append([asked.wanted, True])
                in_flight.settle(asked, is_owed=True)
            else:
                in_flight.forget(asked)
        assert list(in_flight) == waiting
        assert in_flight.waits == len(waiting)


def came_again(settled: list[list[object]], message: Message) -> str | None:
    of_message = [entry for entry in settled if isinstance(entry[0], Wanted) and entry[0].holds(message)]
    for entry in of_message:
        if entry[1]:
            entry[1] = False
            return "late"
    return "duplicate" if of_message else None


def test_what_may_not_have_a_message_is_passed_over() -> None:
    in_flight: InFlight[Asked] = InFlight()
    first, second = Asked(wanted(0, 1)), Asked(wanted(0, 1))
    in_flight.add(first)
    in_flight.add(second)

    assert in_flight.answered_by(Message('{"id": 1}', 0), lambda message, item: item is second) is second


def test_the_oldest_are_no_longer_remembered() -> None:
    in_flight: InFlight[Asked] = InFlight()
    for id_ in range(REMEMBERED + 2):
        asked = Asked(wanted(0, id_))
        in_flight.add(asked)
        in_flight.settle(asked, is_owed=True)

    assert in_flight.came_again(Message('{"id": 0}', 0)) is None
    assert in_flight.came_again(Message('{"id": 1}', 0)) == "late"
    assert in_flight.came_again(Message('{"id": 1}', 0)) == "duplicate"


def test_a_connection_that_had_hundreds_in_flight_remembers_hundreds() -> None:
    in_flight: InFlight[Asked] = InFlight()
    all_asked = [Asked(wanted(0, id_)) for id_ in range(500)]
    for asked in all_asked:
        in_flight.add(asked)
    for asked in all_asked:
        in_flight.settle(asked, is_owed=False)

    assert in_flight.came_again(Message('{"id": 0}', 0)) == "duplicate"


def test_a_message_is_looked_at_once_however_many_wait() -> None:
    looked: list[int] = []

    def extract(message: Message) -> int:
        looked.append(1)
        return 500

    by_key: ByKey[Asked] = ByKey()
    for id_ in range(1000):
        by_key.add(Asked(Wanted(extract, id_, None), id_))
    found = by_key.oldest(Message("", 0), always)

    assert found is not None
    assert (found.number, len(looked)) == (500, 1)
