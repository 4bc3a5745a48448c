"""``set``, ``check``, ``record``, ``count``, ``log``, and where variables come from."""

from __future__ import annotations

from pathlib import Path

from tests.engine.drive import drive
from tests.kit.behaviour import Behaviour, Say, echo, silent
from tests.kit.plain import MS, once_connected


def test_set_keeps_the_type_of_a_value_that_is_one_template() -> None:
    outcome = drive(
        once_connected({"set": {"n": 2, "m": "{{ n * 2 }}"}}, {"send": {"json": {"m": "{{ m }}"}}}), silent()
    )

    assert list(outcome.seen.payloads) == ['{"m":4}']


def test_a_check_counts_whether_it_holds_or_not() -> None:
    outcome = drive(once_connected({"check": "{{ 1 == 1 }}"}, {"check": {"that": "{{ 1 == 2 }}"}}), silent())

    assert outcome.failed("check") == (1, 2)
    assert outcome.samples[0].detail == "{{ 1 == 2 }} is not true"


def test_record_makes_a_trend_of_its_own_in_nanoseconds_where_its_unit_is_a_time() -> None:
    record = {"record": {"name": "age", "value": "{{ message.ms }}", "unit": "ms"}}
    plain = {"record": {"name": "items", "value": "{{ message.ms }}", "unit": "items"}}
    outcome = drive(
        once_connected({"request": "x"}, record, plain), Behaviour(on_message=lambda p, n: (Say('{"ms": 12.5}'),))
    )

    assert outcome.values("age").total == 12.5 * MS
    assert outcome.values("items").total == 12.5


def test_a_value_that_is_no_number_is_an_error_and_the_flow_goes_on() -> None:
    outcome = drive(once_connected({"record": {"name": "age", "value": "{{ 'old' }}"}}, {"count": "after"}), silent())

    assert outcome.errors == {"record": 1}
    assert outcome.count("after") == 1


def test_log_masks_secrets() -> None:
    document = {"variables": {"token": "hunter2"}, "secrets": ["token"]}
    outcome = drive({**document, **once_connected({"log": "token={{ token }} {{ token ~ '!' }}"})}, silent())

    assert [line.text for line in outcome.logs] == ["token=*** ***!"]


def test_variables_begin_anew_with_every_session() -> None:
    document = {"load": [{"users": 1, "iterations": 2}], "variables": {"n": 1}}
    flow = ["connect", {"send": "{{ n }}"}, {"set": {"n": 5}}, {"send": "{{ n }}"}]
    outcome = drive({**document, "flow": flow}, silent())

    assert list(outcome.seen.payloads) == ["1", "5", "1", "5"]


def test_variables_may_be_templates_of_the_user() -> None:
    outcome = drive(
        {**once_connected({"send": "{{ name }}"}), "variables": {"name": "user-{{ user.index }}"}}, silent()
    )

    assert list(outcome.seen.payloads) == ["user-0"]


def test_each_user_gets_its_row(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("user,room\nada,1\nbob,2\n")
    document = {"load": [{"users": 2, "iterations": 2}], "data": {"accounts": {"file": "accounts.csv"}}}
    flow = ["connect", {"send": "{{ accounts.user }}/{{ accounts.room }}"}, {"think": "1s"}]
    outcome = drive({**document, "flow": flow}, silent(), base=tmp_path)

    assert sorted(map(str, outcome.seen.payloads)) == ["ada/1", "bob/2"]


def test_a_user_for_whom_there_is_no_row_stops(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("user\nada\n")
    source = {"file": "accounts.csv", "order": "unique", "when_exhausted": "stop"}
    document = {"load": [{"users": 3, "for": "2s"}], "data": {"accounts": source}}
    outcome = drive({**document, "flow": [{"request": "x"}, {"think": "1s"}]}, echo(), base=tmp_path)

    assert outcome.errors == {"data_exhausted": 2}
    assert outcome.ledger.connections.opened == 1


def test_env_is_what_the_run_was_given() -> None:
    outcome = drive(once_connected({"send": "{{ env('ROOM') }}"}), silent(), env={"ROOM": "blue"})

    assert list(outcome.seen.payloads) == ["blue"]


def test_iteration_counts_on_over_a_users_sessions() -> None:
    """Whole sessions, one after another: each is one flow of the same user."""
    document = {"load": [{"users": 1, "iterations": 3}], "flow": ["connect", {"log": "{{ iteration }}"}]}
    outcome = drive(document, echo())

    assert [line.text for line in outcome.logs] == ["0", "1", "2"]
