from __future__ import annotations

from importlib.resources import files

from loadws.metrics.ledger import EQUATIONS, Arrivals, Connections, Ledger, Messages
from loadws.report import ledger_table as balance
from tests.report import example


def test_an_equation_leaves_out_what_is_nothing() -> None:
    ledger = Ledger(connections=Connections(attempted=10, opened=9, refused=1, closed_by_us=9))
    attempted, opened = balance.equations(ledger)
    assert attempted.text() == "attempted 10 = opened 9 + refused 1"
    assert opened.text() == "opened 9 = closed by us 9"


def test_an_equation_that_does_not_hold_says_so() -> None:
    (arrivals,) = balance.equations(Ledger(arrivals=Arrivals(expected=9, planned=10, completed=8)))
    assert not arrivals.holds
    assert arrivals.text() == "planned 10 ≠ completed 8"
    assert arrivals.aside_text() == "expected 9"


def test_side_counters_stand_beside_the_messages() -> None:
    (messages,) = balance.equations(Ledger(messages=Messages(sent=5, received=7, answered=5, late=1, unclaimed=1)))
    assert messages.holds
    assert messages.aside_text() == "received 7, late 1, unclaimed 1"


def test_nothing_is_said_of_what_there_was_nothing_of() -> None:
    assert balance.equations(Ledger()) == []


def test_every_part_of_the_ledger_is_in_an_equation_or_beside_one() -> None:
    ledger = Ledger()
    for part in ("arrivals", "sessions", "turns", "connections", "messages", "http"):
        record = getattr(ledger, part)
        for name in record.__struct_fields__:
            setattr(record, name, 1)
    named = {
        (equation.subject, part.name.replace("ended with the load", "cut off").replace(" ", "_"))
        for equation in balance.equations(ledger)
        for part in (equation.whole, *equation.parts, *equation.aside)
    }
    counted = {
        (part, name)
        for part in ("arrivals", "sessions", "turns", "connections", "messages", "http")
        for name in getattr(ledger, part).__struct_fields__
    }
    assert counted - {("connections", "held")} == named  # a unit of work, which the verdict names


def test_how_connections_ended_with_the_most_frequent_first() -> None:
    found = balance.ending_rows(example.summary().ledger)
    assert [(what, count) for what, count, _ in found] == [
        ("closed by us 1000", 2_811),
        ("closed by the server 1001", 42),
        ("closed by the server 1013", 18),
        ("lost reset", 9),
        ("refused with 503", 12),
        ("failed: tcp.refused", 3),
    ]


def test_the_document_of_the_numbers_has_the_same_equations() -> None:
    _, _, table = (
        (files("loadws") / "docs" / "measurement.md").read_text("utf-8").partition("| whole | parts |\n| --- | --- |\n")
    )
    documented = [row.split(" | ")[1].removesuffix(" |") for row in table.partition("\n\n")[0].splitlines()]
    ledger = Ledger()
    for equation in EQUATIONS:
        setattr(getattr(ledger, equation.record), equation.whole, 1)
    shown = [" + ".join(part.name for part in equation.parts) for equation in balance.equations(ledger)]
    assert documented == shown
