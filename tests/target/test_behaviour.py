"""What the target does, without a socket: the same seed brings the same faults, in the share that was asked for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.target.behaviour import (
    ANSWERS,
    LONGEST_STREAM,
    delay_ns,
    is_dropped,
    is_duplicated,
    is_held_back,
    json_answers,
    refused_with,
    resumes_ns,
)
from loadws.target.options import MODES, Refusal, Stall, TargetOptions
from loadws.target.speaking.servers import TALKS
from loadws.terms.errors import UsageError
from loadws.terms.units import NS_PER_MS, NS_PER_S

STALL = Stall(length_ns=2 * NS_PER_S, period_ns=10 * NS_PER_S)


def _refusals(seed: int, share: float = 0.1) -> list[int | None]:
    options = TargetOptions(refusal=Refusal(503, share), seed=seed)
    return [refused_with(options, connection) for connection in range(4000)]


def test_the_same_seed_refuses_the_same_connections() -> None:
    assert _refusals(seed=7) == _refusals(seed=7)
    assert _refusals(seed=7) != _refusals(seed=8)


def test_the_share_that_was_asked_for_is_refused() -> None:
    assert 0.08 < _refusals(seed=7).count(503) / 4000 < 0.12
    assert _refusals(seed=7, share=1.0) == [503] * 4000
    assert _refusals(seed=7, share=0.0) == [None] * 4000


def test_answers_are_dropped_in_the_share_that_was_asked_for() -> None:
    options = TargetOptions(drop_share=0.25, seed=3)
    dropped = sum(is_dropped(options, connection, answer) for connection in range(40) for answer in range(100))
    assert 900 < dropped < 1100


def test_connections_do_not_share_their_faults() -> None:
    options = TargetOptions(drop_share=0.5)
    first, second = ([is_dropped(options, connection, answer) for answer in range(64)] for connection in (0, 1))
    assert first != second


def test_to_switch_one_fault_on_moves_no_other() -> None:
    dropping = TargetOptions(drop_share=0.5, seed=1)
    both = TargetOptions(drop_share=0.5, seed=1, delay_ns=10, jitter_ns=10, refusal=Refusal(503, 0.5))
    assert [is_dropped(dropping, 5, n) for n in range(64)] == [is_dropped(both, 5, n) for n in range(64)]


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**20), st.integers(0, 2**20))
def test_a_delay_is_within_its_jitter(seed: int, connection: int, answer: int) -> None:
    options = TargetOptions(delay_ns=20 * NS_PER_MS, jitter_ns=5 * NS_PER_MS, seed=seed)
    assert 15 * NS_PER_MS <= delay_ns(options, connection, answer) <= 25 * NS_PER_MS


def test_without_jitter_every_delay_is_the_same() -> None:
    assert {delay_ns(TargetOptions(delay_ns=20), 0, answer) for answer in range(100)} == {20}


def test_with_jitter_the_mean_stays() -> None:
    options = TargetOptions(delay_ns=1000, jitter_ns=1000)
    mean = sum(delay_ns(options, 0, answer) for answer in range(4000)) / 4000
    assert 970 < mean < 1030


@pytest.mark.parametrize(
    ("elapsed_s", "leaves_s"),
    [
        (0, 0),  # no stall at the start
        (9, 9),
        (10, 12),  # the first stall begins
        (11, 12),  # in its middle
        (12, 12),  # it is over
        (19, 19),
        (20, 22),  # and again
        (31, 32),
    ],
)
def test_a_stall_holds_answers_until_it_ends(elapsed_s: int, leaves_s: int) -> None:
    assert resumes_ns(STALL, elapsed_s * NS_PER_S) == leaves_s * NS_PER_S


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_stall_keeps_the_order(one: int, other: int) -> None:
    first, second = sorted((one, other))
    assert first <= resumes_ns(STALL, first) <= resumes_ns(STALL, second)


def test_every_mode_has_an_answer() -> None:
    assert (*ANSWERS, *TALKS) == MODES


@given(st.one_of(st.text(), st.binary()))
def test_an_echo_is_the_same_payload_of_the_same_kind(message: str | bytes) -> None:
    assert ANSWERS["echo"](message) == (message,)


@pytest.mark.parametrize(
    ("message", "answers"),
    [
        # an id comes back, of whatever type it is
        ('{"id": 7}', [{"id": 7, "ok": True, "echo": {"id": 7}}]),
        ('{"id": null}', [{"id": None, "ok": True, "echo": {"id": None}}]),
        # so does op
        ('{"id": "a", "op": "join"}', [{"id": "a", "op": "join", "ok": True, "echo": {"id": "a", "op": "join"}}]),
        # no id is none of ours to invent
        ("{}", [{"ok": True, "echo": {}}]),
        # binary JSON is JSON
        (b"{}", [{"ok": True, "echo": {}}]),
        # a streamed answer: only the last part is done
        (
            '{"id": 1, "stream": 2}',
            [
                {"id": 1, "ok": True, "echo": {"id": 1, "stream": 2}, "part": 0, "done": False},
                {"id": 1, "ok": True, "echo": {"id": 1, "stream": 2}, "part": 1, "done": True},
            ],
        ),
        # what asks for no stream gets none
        ('{"stream": 0}', [{"ok": True, "echo": {"stream": 0}}]),
        ('{"stream": true}', [{"ok": True, "echo": {"stream": True}}]),
    ],
)
def test_json_is_answered_with_its_id(message: str | bytes, answers: list[object]) -> None:
    assert [json.loads(answer) for answer in json_answers(message)] == answers


@given(st.one_of(st.text(), st.binary()))
def test_anything_is_answered_in_json(message: str | bytes) -> None:
    (answer,) = json_answers(message)
    assert isinstance(json.loads(answer)["ok"], bool)


@pytest.mark.parametrize("message", ["hello", "[1]", "3", "", b"\xff"])
def test_what_is_no_object_is_told_so(message: str | bytes) -> None:
    (answer,) = map(json.loads, json_answers(message))
    assert answer["ok"] is False
    assert answer["error"].startswith("this target wants a JSON object: ")


def test_a_stream_is_bounded() -> None:
    assert len(json_answers('{"stream": 1000000000}')) == LONGEST_STREAM


def test_shares_of_a_broadcast_are_duplicated_or_held_back_and_never_both() -> None:
    options = TargetOptions(mode="broadcast", duplicate_share=0.2, reorder_share=0.3, seed=5)
    places = [(connection, answer) for connection in range(40) for answer in range(50)]
    duplicated = {place for place in places if is_duplicated(options, *place)}
    held_back = {place for place in places if is_held_back(options, *place)}
    assert 300 < len(duplicated) < 500 < len(held_back) < 700
    assert not duplicated & held_back


def test_no_share_is_none() -> None:
    options = TargetOptions(mode="broadcast")
    assert not any(is_duplicated(options, 0, n) or is_held_back(options, 0, n) for n in range(1000))


def test_only_a_broadcast_duplicates_and_reorders() -> None:
    with pytest.raises(UsageError, match="only a broadcast"):
        TargetOptions(mode="echo", duplicate_share=0.1)
    with pytest.raises(UsageError, match="only a broadcast"):
        TargetOptions(mode="json", reorder_share=0.1)
