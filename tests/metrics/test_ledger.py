"""The ledger adds up, says where it does not, and two of them are one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.metrics.ledger import (
    BY_KEY,
    EQUATIONS,
    Arrivals,
    Bytes,
    Connections,
    Equation,
    Http,
    Ledger,
    Messages,
    Sessions,
    Turns,
)

counts = st.integers(0, 10**9)
by_name = st.dictionaries(st.sampled_from(["503", "tcp.refused", "peer.1000", "us.1000"]), counts, max_size=3)


def records(kind: type[Any]) -> st.SearchStrategy[Any]:
    return st.builds(kind, **dict.fromkeys(kind.__struct_fields__, counts))


ledgers = st.builds(
    Ledger,
    arrivals=records(Arrivals),
    sessions=records(Sessions),
    turns=records(Turns),
    connections=records(Connections),
    messages=records(Messages),
    http=records(Http),
    bytes=records(Bytes),
    refusals=by_name,
    failures=by_name,
    close_codes=by_name,
    sent_by_step=by_name,
    bytes_by_step=by_name,
)


def total(*together: Ledger) -> Ledger:
    whole = Ledger()
    for ledger in together:
        whole.add(ledger)
    return whole


def balanced() -> Ledger:
    return Ledger(
        arrivals=Arrivals(expected=12, planned=10, completed=4, failed=3, dropped=2, cut_off=1),
        sessions=Sessions(started=6, completed=3, failed=2, cut_off=1),
        turns=Turns(due=10, done=4, failed=3, skipped=2, cut_off=1),
        connections=Connections(
            attempted=13, opened=10, refused=2, failed=1, closed_by_us=4, closed_by_peer=3, lost=2, open_at_end=1
        ),
        messages=Messages(sent=10, received=9, answered=4, timed_out=3, unanswered=2, one_way=1, late=5, duplicate=6),
        http=Http(requests=10, answered=4, failed=3, timed_out=2, cut_off=1),
        refusals={"503": 1, "401": 1},
        failures={"tcp.refused": 1},
        close_codes={"us.1000": 4, "peer.1001": 3, "lost.reset": 2},
    )


def test_an_empty_ledger_and_one_that_adds_up_have_no_imbalance() -> None:
    assert Ledger().imbalances() == []
    assert balanced().imbalances() == []


@pytest.mark.parametrize(
    ("part", "field", "imbalance"),
    [
        ("arrivals", "planned", "arrivals.planned is 11, its parts are 10"),
        ("arrivals", "cut_off", "arrivals.planned is 10, its parts are 11"),
        ("sessions", "failed", "sessions.started is 6, its parts are 7"),
        ("turns", "skipped", "turns.due is 10, its parts are 11"),
        ("connections", "attempted", "connections.attempted is 14, its parts are 13"),
        ("connections", "open_at_end", "connections.opened is 10, its parts are 11"),
        ("messages", "one_way", "messages.sent is 10, its parts are 11"),
        ("http", "cut_off", "http.requests is 10, its parts are 11"),
    ],
)
def test_one_too_many_is_told_by_name(part: str, field: str, imbalance: str) -> None:
    ledger = balanced()
    record = getattr(ledger, part)
    setattr(record, field, getattr(record, field) + 1)
    assert [imbalance] == ledger.imbalances()


@pytest.mark.parametrize(
    ("table", "imbalance"),
    [
        ("refusals", "refusals is 2, its parts are 3"),
        ("failures", "failures is 1, its parts are 2"),
        ("close_codes", "close_codes is 9, its parts are 10"),
    ],
)
def test_a_table_holds_as_many_as_its_count(table: str, imbalance: str) -> None:
    ledger = balanced()
    getattr(ledger, table)["another"] = 1
    assert [imbalance] == ledger.imbalances()


@pytest.mark.parametrize("field", ["late", "duplicate", "unclaimed", "unfinished_writes", "received"])
def test_side_counters_are_in_no_equation(field: str) -> None:
    ledger = balanced()
    setattr(ledger.messages, field, 1_000)
    assert ledger.imbalances() == []


@pytest.mark.slow
@given(ledgers, ledgers, ledgers)
def test_ledgers_add_in_any_order(one: Ledger, two: Ledger, three: Ledger) -> None:
    assert total(one, two, three) == total(three, total(two, one))


@pytest.mark.slow
@given(ledgers)
def test_adding_to_nothing_is_a_copy_that_stands_alone(ledger: Ledger) -> None:
    copy = total(ledger)
    assert ledger == copy
    copy.messages.sent += 1
    copy.refusals["503"] = copy.refusals.get("503", 0) + 1
    assert ledger.messages.sent + 1 == copy.messages.sent
    assert ledger.refusals != copy.refusals


@pytest.mark.slow
@given(ledgers)
def test_json_keeps_every_number(ledger: Ledger) -> None:
    assert ledger == msgspec.json.decode(msgspec.json.encode(ledger), type=Ledger)


@pytest.mark.parametrize("equation", EQUATIONS, ids=str)
def test_a_record_says_its_equations(equation: Equation) -> None:
    assert str(equation) in str(type(getattr(Ledger(), equation.record)).__doc__)


def test_every_record_is_in_an_equation_or_counts_what_has_none() -> None:
    summed = {equation.record for equation in EQUATIONS} | BY_KEY.keys()
    assert set(Ledger.__struct_fields__) - summed == {"users", "bytes", "sent_by_step", "bytes_by_step"}


@pytest.mark.slow
@given(ledgers)
def test_what_was_under_way_in_a_lost_process_has_an_end(ledger: Ledger) -> None:
    """Also HTTP requests: a copy of the equations had forgotten them, and the run said that its ledger does not add up."""
    before = {equation: equation.missing(getattr(ledger, equation.record)) for equation in EQUATIONS}
    ledger.close()
    for equation, missing in before.items():
        assert equation.missing(getattr(ledger, equation.record)) == min(0, missing)


def test_nothing_changes_where_everything_had_its_end() -> None:
    ledger = balanced()
    ledger.close()
    assert ledger == balanced()
