"""``publish`` and ``deliver``: who is a receiver, from when, and what is counted of a probe's way."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from loadws.metrics.runinfo import ProbeInfo
from loadws.metrics.summarising.delivery import Deliveries
from loadws.metrics.summarising.totals import Totals
from tests.engine.drive import Outcome, drive
from tests.kit.behaviour import Behaviour, Say, echo, silent
from tests.kit.plain import MS

PUBLISH = {"publish": {"probe": "talk", "send": {"json": {"op": "say", "id": "{{ probe }}"}}}}
MOMENT = {"think": "1ms"}  # without one, nothing takes time here: what was before and what after would be one moment
DELIVER = {"probe": "talk", "id": "$.id", "within": "1s"}


def scenario(*steps: Any, deliver: dict[str, Any] | None = None, users: int = 1) -> dict[str, Any]:
    handler = {"where": {"$.op": "say"}, "deliver": DELIVER | (deliver or {})}
    return {
        "load": [{"name": "all", "users": users, "iterations": users}],
        "flow": ["connect", {"think": "10ms"}, *steps, {"think": "3s"}],
        "on": {"message": [handler]},
    }


def delivered(outcome: Outcome) -> dict[str, int]:
    """What is not 0 of the counts, from the frames alone, as the summary has it."""
    deliveries, totals = Deliveries((ProbeInfo("talk", 1_000_000),), ("all",), range(1)), Totals({})
    for frame in outcome.frames:
        for _ in deliveries.adding(frame, totals):
            pass
        for part in frame.counters:
            if "probe" in part.labels:
                totals.add_counter(part)
    for _ in deliveries.settling_all(totals):
        pass
    found = {entry.name.removeprefix("deliveries_"): entry.count for entry in totals.entries({"all"}, 1.0)}
    found["delivered"] = outcome.values("delivery", probe="talk").count
    return {name: count for name, count in found.items() if count and not name.startswith("delivery")}


def some(published: int, expected: int, received: int, **more: int) -> dict[str, int]:
    counts = {"probes_published": published, "expected": expected, "delivered": received, **more}
    return {name: count for name, count in counts.items() if count}


def test_a_delivery_is_as_old_as_its_probe() -> None:
    outcome = drive(scenario(PUBLISH), echo(delay_ns=20 * MS))

    assert delivered(outcome) == some(1, 1, 1)
    assert outcome.values("delivery", probe="talk").least == pytest.approx(20 * MS, abs=MS)
    assert outcome.ledger.messages.one_way == 1


def test_who_never_gets_it_misses_it() -> None:
    assert delivered(drive(scenario(PUBLISH, users=3), echo())) == some(3, 9, 3, missing=6)  # each hears only itself
    assert delivered(drive(scenario(PUBLISH), silent())) == some(1, 1, 0, missing=1)


def test_a_delivery_after_its_time_is_late() -> None:
    outcome = drive(scenario(PUBLISH), echo(delay_ns=1_100 * MS))

    assert delivered(outcome) == some(1, 1, 0, missing=1, late=1)


def test_what_comes_twice_is_a_duplicate() -> None:
    behaviour = Behaviour(on_message=lambda payload, number: (Say(payload), Say(payload, MS)))

    assert delivered(drive(scenario(PUBLISH), behaviour)) == some(1, 1, 1, duplicate=1)


def test_what_overtakes_another_is_seen_where_order_is_asked_for() -> None:
    behaviour = Behaviour(on_message=lambda payload, number: (Say(payload, (10 - number) * 100 * MS),))
    steps = (PUBLISH, PUBLISH, PUBLISH)

    assert delivered(drive(scenario(*steps), behaviour)) == some(3, 3, 3)
    assert delivered(drive(scenario(*steps, deliver={"ordered": True}), behaviour)) == some(3, 3, 3, out_of_order=2)


def test_a_receiver_is_one_after_the_step_that_joins() -> None:
    join = {"name": "join", "request": {"send": "join", "reply": {"where": {"text": "join"}}}}
    document = scenario(PUBLISH, join, MOMENT, PUBLISH, deliver={"after": "join"})

    assert delivered(drive(document, echo())) == some(2, 1, 1, unexpected=1)


def test_a_step_that_failed_does_not_join() -> None:
    join = {"name": "join", "request": {"send": "join", "reply": {"where": {"text": "no"}, "within": "10ms"}}}
    document = scenario({**join, "on_failure": "continue"}, PUBLISH, deliver={"after": "join"})

    assert delivered(drive(document, echo())) == some(1, 0, 0, unexpected=1)


def test_a_receiver_is_none_from_the_step_that_leaves() -> None:
    document = scenario(
        PUBLISH, {"think": "2s"}, {"send": "bye", "name": "part"}, MOMENT, PUBLISH, deliver={"until": "part"}
    )

    assert delivered(drive(document, echo())) == some(2, 1, 1, unexpected=1)


def test_an_audience_may_be_a_variable_s() -> None:
    to_own = {"publish": PUBLISH["publish"] | {"to": "room-{{ room }}"}}
    to_other = {"publish": PUBLISH["publish"] | {"to": "room-3"}}
    enter = {"set": {"room": 2}, "name": "enter"}
    document = scenario(enter, MOMENT, to_own, to_other, deliver={"in": "room-{{ room }}", "after": "enter"})

    assert delivered(drive(document, echo())) == some(2, 1, 1, unexpected=1)


def test_its_own_publisher_may_be_no_receiver() -> None:
    alone = {"publish": PUBLISH["publish"] | {"include_self": False}}

    assert delivered(drive(scenario(alone), silent())) == some(1, 0, 0)
    assert delivered(drive(scenario(alone), echo())) == some(1, 0, 0, unexpected=1)


def test_a_handler_publishes_too() -> None:
    document = scenario({"send": "go"})
    document["on"]["message"].append({"where": {"text": "go"}, "do": [PUBLISH]})

    assert delivered(drive(document, echo())) == some(1, 1, 1)


def test_what_a_server_makes_up_is_unrecognised() -> None:
    lies = ('{"op": "say", "id": "%s"}' % ("A" * 40), '{"op": "say"}', '{"op": "say", "id": 7}')
    behaviour = replace(echo(), on_open=lambda connection: [Say(lie, MS) for lie in lies])

    assert delivered(drive(scenario(PUBLISH), behaviour)) == some(1, 1, 1, unrecognised=3)


def test_the_steps_of_its_handler_run_as_well() -> None:
    document = scenario(PUBLISH)
    document["on"]["message"][0]["do"] = [{"count": "heard"}]
    outcome = drive(document, echo())

    assert (outcome.count("heard"), delivered(outcome)) == (1, some(1, 1, 1))
