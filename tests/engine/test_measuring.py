"""``measure``: from a step or a message to another, and what never comes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.engine.drive import Outcome, drive
from tests.kit.behaviour import Behaviour, Leave, Say, Vanish, echo, pushes, silent
from tests.kit.plain import MS, S

ASK: dict[str, Any] = {"send": {"text": "ask"}, "name": "ask"}


def run(measure: Any, flow: list[Any], behaviour: Behaviour, **more: Any) -> Outcome:
    return drive({"load": [{"users": 1, "iterations": 1}], "measure": measure, "flow": flow, **more}, behaviour)


def says(*payloads: str, every_ns: int = 10 * MS) -> Behaviour:
    """Each message is answered with all of these, one every ``every_ns``."""
    return Behaviour(on_message=lambda _, number: [Say(text, n * every_ns) for n, text in enumerate(payloads, 1)])


def counts(outcome: Outcome, name: str = "first") -> tuple[int, int, int]:
    """Measured, missing, cut off."""
    values = outcome.values(name)
    return values.count, values.missing, outcome.count("measures_cut_off")


def test_from_a_step_to_the_first_message_that_matches() -> None:
    measure = {"name": "first", "from": {"step": "ask"}, "to": {"where": {"text": "delta"}}}
    outcome = run(measure, [ASK, {"think": "1s"}], says("created", "delta", "delta"))
    assert counts(outcome) == (1, 0, 0)
    assert outcome.values("first", step="ask").least == pytest.approx(20 * MS, abs=MS)
    assert outcome.ledger.messages.received == 3
    assert outcome.ledger.messages.unclaimed == 3  # what is measured is received by others, or nothing, as before


def test_from_a_message_to_another_that_a_handler_claims() -> None:
    measure = [{"name": "first", "from": {"where": {"text": "stopped"}}, "to": {"where": {"text": "audio"}}}]
    on = {"message": [{"where": {"text": "audio"}, "do": [{"count": "claimed"}]}]}
    outcome = run(measure, [ASK, {"think": "1s"}], says("stopped", "other", "audio"), on=on)
    assert counts(outcome) == (1, 0, 0)
    assert outcome.values("first", step="message").least == pytest.approx(20 * MS, abs=MS)
    assert outcome.count("claimed") == 1


def test_from_a_message_or_step_to_a_step() -> None:
    measures = [
        {"name": "first", "from": {"where": {"text": "a"}}, "to": {"step": "got"}},
        {"name": "whole", "from": {"step": "ask"}, "to": {"step": "got"}},
    ]
    flow = [ASK, {"wait_for": {"where": {"text": "c"}}, "name": "got"}]
    outcome = run(measures, flow, says("a", "b", "c"))
    assert outcome.values("first").least == pytest.approx(20 * MS, abs=MS)
    assert outcome.values("whole").least == pytest.approx(30 * MS, abs=MS)


def test_gaps_between_messages_end_and_begin_at_each() -> None:
    delta = {"where": {"text": "delta"}}
    measure = {"name": "first", "from": delta, "to": delta}
    outcome = run(measure, [ASK, {"think": "1s"}], says(*["delta"] * 5))
    assert counts(outcome) == (4, 0, 1)  # no gap follows the last
    assert outcome.values("first").greatest == pytest.approx(10 * MS, abs=MS)


def test_each_asking_is_measured_and_one_message_may_end_many() -> None:
    """A server that stands still for a second is measured as often as it was asked, and not once."""
    measure = {"name": "first", "from": {"step": "ask"}, "to": {"where": {"text": "now"}}}
    behaviour = Behaviour(on_message=lambda _, number: [Say("now", 500 * MS)] if number == 1 else [])
    outcome = run(measure, [{"repeat": 5, "do": [ASK, {"think": "100ms"}]}, {"think": "1s"}], behaviour)
    assert counts(outcome) == (5, 0, 0)
    assert outcome.values("first").least == pytest.approx(100 * MS, abs=2 * MS)
    assert outcome.values("first").greatest == pytest.approx(500 * MS, abs=MS)


@pytest.mark.parametrize("step", ["send", "request"])
def test_templates_of_the_end_are_those_of_its_beginning(step: str) -> None:
    """Each measurement waits for the message of its own ``sent``, also where another is sent meanwhile."""
    measure = {"name": "first", "from": {"step": "ask"}, "to": {"where": {"$.id": "{{ sent.id }}", "$.final": True}}}
    body: dict[str, Any] = {"json": {"id": "{{ iteration_id }}"}}
    ask = {step: {"send": body, "reply": {"where": {"$.ack": True}}} if step == "request" else body, "name": "ask"}
    flow = [
        {"set": {"iteration_id": 0}},
        {"repeat": 3, "do": [{"set": {"iteration_id": "{{ iteration_id + 1 }}"}}, ask, {"think": "1ms"}]},
        {"think": "1s"},
    ]

    def answer(payload: Any, number: int) -> list[Say]:
        return [Say('{"ack": true}', MS), Say(f'{{"id": {number}, "final": true}}', (400 - 100 * number) * MS)]

    outcome = run(measure, flow, Behaviour(on_message=answer))
    assert counts(outcome) == (3, 0, 0)
    assert outcome.values("first").least == pytest.approx(100 * MS, abs=2 * MS)
    assert outcome.values("first").greatest == pytest.approx(300 * MS, abs=2 * MS)


def test_a_message_that_begins_may_say_what_ends() -> None:
    measure = {"name": "first", "from": {"where": {"$.op": "begin"}},
               "to": {"where": {"$.op": "end", "$.id": "{{ message.id }}"}}}  # fmt: skip
    told = ['{"op": "begin", "id": 1}', '{"op": "end", "id": 2}', '{"op": "end", "id": 1}']
    outcome = run(measure, [{"think": "1s"}], pushes(told, 10 * MS))
    assert outcome.values("first").least == pytest.approx(20 * MS, abs=MS)


# -- what never comes -------------------------------------------------------------------------------------------------

TO_NEVER = {"name": "first", "from": {"step": "ask"}, "to": {"where": {"text": "never"}}, "within": "1s"}


def test_what_never_comes_is_missing_when_its_time_is_over() -> None:
    outcome = run(TO_NEVER, [ASK, {"think": "3s"}], echo())
    assert counts(outcome) == (0, 1, 0)
    frames = [number for number, frame in enumerate(outcome.frames) if any(p.name == "first" for p in frame.histograms)]
    assert frames == [0]  # of the first second, and not only at the session's end


def test_what_comes_too_late_is_missing() -> None:
    outcome = run(TO_NEVER, [ASK, {"think": "3s"}], replace(echo(), on_message=lambda *_: [Say("never", 2 * S)]))
    assert counts(outcome) == (0, 1, 0)


@pytest.mark.parametrize("end", [Leave(1000), Leave(1011), Vanish("eof"), Vanish("reset")])
def test_a_lost_connection_leaves_it_missing(end: Any) -> None:
    behaviour = Behaviour(on_message=lambda *_: [replace(end, after_ns=100 * MS)])
    outcome = run(TO_NEVER, ["connect", ASK, {"think": "3s"}], behaviour, load=[{"users": 1, "iterations": 1}])
    assert counts(outcome) == (0, 1, 0)


@pytest.mark.parametrize("flow", [["connect", ASK, "close"], ["connect", ASK, {"think": "10ms"}]])
def test_what_our_own_end_cuts_off_is_counted_apart(flow: list[Any]) -> None:
    assert counts(run(TO_NEVER, flow, silent())) == (0, 0, 1)


def test_the_end_of_the_load_cuts_off() -> None:
    outcome = run(TO_NEVER, [ASK, {"think": "1h"}], silent(), load=[{"users": 3, "for": "500ms"}])
    assert counts(outcome) == (0, 0, 3)


def test_a_step_that_fails_ends_nothing() -> None:
    measure = {"name": "first", "from": {"step": "ask"}, "to": {"step": "got"}, "within": "2s"}
    flow = ["connect", ASK, {"wait_for": {"where": {"text": "never"}, "within": "1s"}, "name": "got"}, {"think": "5s"}]
    outcome = run(measure, flow, silent())
    assert counts(outcome)[0] == 0
    assert sum(counts(outcome)) == 1


def test_another_connection_is_another_matter() -> None:
    measure = {"name": "first", "from": {"step": "ask"}, "to": {"where": {"text": "x"}}, "on": "feed", "within": "1s"}
    flow = [{"connect": {"as": "feed"}}, "connect", ASK, {"think": "2s"}]
    outcome = run(measure, flow, replace(echo(), on_message=lambda *_: [Say("x", MS)]))
    assert counts(outcome) == (0, 1, 0)


def test_values_of_an_unpacked_message_are_measured_each() -> None:
    measure = {"name": "first", "from": {"where": {"text": "a"}}, "to": {"where": {"text": "b"}}}
    outcome = run(measure, [ASK, {"think": "1s"}], says("a\nb", "a\nb"), connection={"unpack": "lines"})
    assert counts(outcome) == (2, 0, 0)
    assert outcome.ledger.messages.values == 4


def test_a_trace_shows_a_whole_message_once() -> None:
    measure = {"name": "first", "from": {"step": "ask"}, "to": {"where": {"text": "b"}}}
    document = {"load": [{"users": 1, "iterations": 1}], "flow": [{"request": {"send": "ask"}}]}
    plain = drive(document, echo(), trace=True).said
    assert drive({**document, "measure": measure, "flow": document["flow"]}, echo(), trace=True).said == plain


@pytest.mark.parametrize("behaviour", [echo(), silent(), says("a", "b", "c")])
def test_a_measure_changes_nothing_else(behaviour: Behaviour) -> None:
    measure = {"name": "first", "from": {"step": "ask"}, "to": {"where": {"text": "b"}}}
    flow = [{"request": {"send": "ask", "reply": {"within": "1s"}}, "name": "ask"}, {"wait_for": {"within": "1s"}}]
    with_it, without = run(measure, flow, behaviour), run([], flow, behaviour)
    assert with_it.ledger == without.ledger
    assert with_it.errors == without.errors


def test_received_ms_is_when_a_message_was_read_and_not_when_a_step_looks_at_it() -> None:
    """A handler's is that of its message, and a wait's that of its own, however late the flow gets round to it."""
    flow = [
        ASK,
        {"think": "500ms"},
        {"wait_for": {"where": {"text": "b"}}},
        {"record": {"name": "gap", "value": "{{ received_ms - seen_ms }}", "unit": "ms"}},
    ]
    on = {"message": [{"where": {"text": "a"}, "do": [{"set": {"seen_ms": "{{ received_ms }}"}}]}]}
    outcome = run([], flow, says("a", "b", every_ns=7 * MS // 2), on=on, variables={"seen_ms": 0})
    assert outcome.errors == {}
    assert outcome.values("gap").least == pytest.approx(7 * MS // 2, abs=1000)


def test_received_ms_counts_from_1970_as_now_ms_does() -> None:
    flow = [
        {"request": {"send": "ask", "reply": {"where": {"text": "a"}}}},
        {"record": {"name": "age", "value": "{{ now_ms() - received_ms }}", "unit": "ms"}},
    ]
    outcome = run([], flow, says("a"))
    assert outcome.errors == {}
    assert outcome.values("age").greatest < S
