"""``call``: what a function can do with its user, and what becomes of it when it fails."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from loadws.engine.steps import call as calling
from tests.engine.drive import Outcome, drive
from tests.kit.behaviour import Behaviour, Leave, Say, echo, refusal, silent
from tests.kit.plain import MS, S

HEAD = """
import trio
from loadws import StepFailed, User
"""


def call(tmp_path: Path, body: str, behaviour: Behaviour | None = None, **more: Any) -> Outcome:
    """One whole user in Python, ``main``, in one session; ``flow`` among ``more`` is another flow."""
    (tmp_path / "flows.py").write_text(HEAD + body)
    document = {"load": [{"users": 1, "iterations": 1}], "flow": {"call": "flows:main"}, **more.pop("document", {})}
    return drive(document, behaviour or echo(5 * MS), base=tmp_path, **more)


def test_a_whole_user_connects_asks_and_closes(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect("/room", query={"n": "1"})
    answer = await user.request({"id": 7, "x": [1]}, name="ask", where={"$.id": "{{ sent.id }}"}, within=1)
    assert answer.json == {"id": 7, "x": [1]} and answer.received_ns > 0
    assert (await user.request(b"\\x00\\x01", name="bytes")).payload == b"\\x00\\x01"
    assert (await user.request("{{ as it is }}", name="text")).payload == "{{ as it is }}"
    await user.send("bye")
    await user.ping(within=1)
    user.count("done", 2)
    user.log(f"user {user.index} in {user.iteration}")
    await user.close(4001, "bye")
""")  # fmt: skip
    assert outcome.errors == {}
    assert list(outcome.seen.urls) == ["ws://scripted.test/room?n=1"]
    assert outcome.ledger.close_codes == {"us.4001": 1}
    assert outcome.ledger.sessions.completed == 1
    assert outcome.ledger.messages.answered == 3
    assert outcome.values("response_time", step="ask").count == 1
    assert outcome.values("call_time").count == 1
    assert outcome.count("done") == 2
    assert outcome.failed("call") == (0, 1)
    assert [line.text for line in outcome.logs] == ["user 0 in 0"]


def test_a_step_among_others_takes_args_and_sets_variables(tmp_path: Path) -> None:
    flow = [
        {"set": {"n": 3}},
        {"call": {"function": "flows:main", "args": {"times": "{{ n }}", "word": "a{{ n }}"}, "sets": ["said"]}},
        {"log": "{{ said }}"},
    ]
    outcome = call(tmp_path, """
async def main(user: User, times: int, word: str) -> None:
    for _ in range(times):
        user.variables["said"] = (await user.request(word)).payload * times
""", document={"flow": flow})  # fmt: skip
    assert [line.text for line in outcome.logs] == ["a3a3a3"]
    assert outcome.ledger.messages.answered == 3
    assert outcome.ledger.connections.closed_by_us == 1


def test_what_fails_inside_can_be_caught_and_is_counted_once(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    try:
        await user.request("no answer", name="lost", within=0.25)
    except StepFailed as failed:
        user.count(f"caught {failed.kind}")
    user.check(False, "by hand")
""", Behaviour(on_message=lambda payload, number: ()))  # fmt: skip
    assert outcome.errors == {"timeout": 1, "check": 1}
    assert outcome.count("caught timeout") == 1
    assert outcome.failed("call") == (0, 1)
    assert outcome.failed("request") == (1, 1)
    assert outcome.ledger.sessions.completed == 1


def test_what_fails_inside_and_is_not_caught_fails_the_call_and_the_session(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
""", Behaviour(refuse=lambda attempt: refusal(503)))  # fmt: skip
    assert outcome.errors == {"http.503": 1}
    assert outcome.failed("call") == (1, 1)
    assert outcome.ledger.sessions.failed == 1
    assert outcome.values("call_time").count == 0


def test_the_end_of_a_connection_is_a_failure_of_its_kind(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    try:
        await user.request("x")
    except StepFailed as failed:
        user.count(failed.kind)
""", Behaviour(on_message=lambda payload, number: (Leave(1011),)))  # fmt: skip
    assert outcome.errors == {"closed.1011": 1}
    assert outcome.count("closed.1011") == 1


def test_a_function_that_crashes_is_told_with_its_line(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    await user.request("x")
    raise KeyError("price")
""")  # fmt: skip
    [sample] = outcome.samples
    assert (sample.kind, sample.step, sample.detail) == ("call.crashed", "call", "KeyError: 'price' (flows.py:8)")
    assert outcome.failed("call") == (1, 1)
    assert outcome.ledger.sessions.failed == 1


def test_on_failure_goes_on_after_a_crash(tmp_path: Path) -> None:
    flow = [{"call": "flows:main", "on_failure": "continue"}, {"count": "went on"}]
    outcome = call(tmp_path, "async def main(user: User) -> None: raise ValueError", document={"flow": flow})
    assert outcome.errors == {"call.crashed": 1}
    assert outcome.count("went on") == 1
    assert outcome.ledger.sessions.completed == 1


TIMES_OUT = """
async def main(user: User) -> None:
    await user.request("x", name="pyreq", where={"text": "never"}, within=0.05)
"""
NOT_CONNECTED = """
async def main(user: User) -> None:
    await user.request("x", name="pyreq", on="nowhere")
"""
IN_A_NURSERY = """
import trio
async def main(user: User) -> None:
    async with trio.open_nursery() as nursery:
        for name in ("a", "b"):
            nursery.start_soon(ask, user, name)
async def ask(user: User, name: str) -> None:
    await user.request("x", name=name, where={"text": "never"}, within=0.05)
"""


@pytest.mark.parametrize("source", [TIMES_OUT, NOT_CONNECTED, IN_A_NURSERY], ids=["timeout", "unconnected", "nursery"])
@pytest.mark.parametrize(
    ("policy", "in_turn", "after", "turns", "sessions"),
    [("continue", 2, 1, (2, 0), (1, 0)), ("end_turn", 0, 1, (0, 2), (1, 0)), ("end_session", 0, 0, (0, 1), (0, 1))],
)
def test_on_failure_says_what_a_failed_step_of_a_function_ends(
    tmp_path: Path,
    source: str,
    policy: str,
    in_turn: int,
    after: int,
    turns: tuple[int, int],
    sessions: tuple[int, int],
) -> None:
    steps = [{"call": "flows:main", "on_failure": policy}, {"count": "in turn"}]
    flow = ["connect", {"every": "1s", "for": "2s", "align": True, "do": steps}, {"count": "after"}]
    document = {"load": [{"users": 1, "iterations": 1}], "flow": flow}
    outcome = call(tmp_path, source, silent(), document=document)

    assert (outcome.count("in turn"), outcome.count("after")) == (in_turn, after)
    assert (outcome.ledger.turns.done, outcome.ledger.turns.failed) == turns
    assert (outcome.ledger.sessions.completed, outcome.ledger.sessions.failed) == sessions
    failed, tried = outcome.failed("call")
    assert failed == tried == sum(turns)


def test_a_function_that_holds_up_its_process_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "BLOCKED_NS", -1)
    outcome = call(tmp_path, "async def main(user: User) -> None: pass")
    [sample] = outcome.samples
    assert sample.kind == "call.blocked"
    assert sample.detail.startswith("flows:main held up its process for ")
    assert outcome.ledger.sessions.completed == 1


@pytest.mark.parametrize(
    ("wall_ms", "cpu_ms", "waits", "held_up_ms"),
    [
        (80, 80, 0, 80),  # it computed
        (80, 1, 1, 80),  # it slept
        (80, 1, 0, 1),  # another program had the core
        (40, 1, 0, 40),
    ],
)
def test_only_what_a_function_does_itself_holds_up_its_process(
    wall_ms: int, cpu_ms: int, waits: int, held_up_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "perf_counter_ns", lambda: 1_000 + wall_ms * MS)
    monkeypatch.setattr(time, "thread_time_ns", lambda: 1_000 + cpu_ms * MS)
    monkeypatch.setattr(calling, "_voluntary_waits", lambda: 7 + waits)
    assert calling._Moment(1_000, 1_000, 7).held_up_ns() == held_up_ms * MS


def test_steps_side_by_side_are_the_same_user_s(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    await user.connect(name="feed")
    async with trio.open_nursery() as nursery:
        for on in (None, "feed"):
            for number in range(3):
                nursery.start_soon(ask, user, number, on)

async def ask(user: User, number: int, on: str | None) -> None:
    answer = await user.request({"n": number}, name=f"ask {on}", where={"$.n": "{{ sent.n }}"}, on=on)
    assert answer.json == {"n": number}
""")  # fmt: skip
    assert outcome.errors == {}
    assert outcome.ledger.messages.answered == 6
    assert outcome.values("response_time").greatest <= 6 * MS  # side by side, not one after another


@pytest.mark.parametrize(
    ("raised", "errors"),
    [
        ("await user.request('x', within=0.1)", {"timeout": 1}),  # a step, on its way through a nursery
        ("raise ValueError('odd')", {"call.crashed": 1}),
        ("raise SystemExit(0)", {"call.crashed": 1}),  # which would end the run, and quietly
    ],
)
def test_what_comes_out_of_a_nursery_is_what_went_wrong_in_it(
    tmp_path: Path, raised: str, errors: dict[str, int]
) -> None:
    outcome = call(tmp_path, f"""
async def main(user: User) -> None:
    await user.connect()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inner, user)
        nursery.start_soon(trio.sleep, 5)

async def inner(user: User) -> None:
    {raised}
""", Behaviour(on_message=lambda payload, number: ()))  # fmt: skip
    assert outcome.errors == errors
    assert outcome.ledger.sessions.failed == 1


def test_a_user_without_end_leaves_when_the_load_is_over(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    while True:
        try:
            await user.request("x")
            await user.think(0.1)
        except Exception:
            user.count("caught")
""", document={"load": [{"users": 3, "for": "1s"}]})  # fmt: skip
    assert outcome.errors == {}
    assert outcome.count("caught") == 0
    assert outcome.ledger.sessions.cut_off == 3  # a whole session that was left midway
    assert outcome.ledger.connections.closed_by_us == 3
    assert outcome.ending.ended_at_s < 1.2


def test_a_function_that_waits_for_ever_is_cut_off(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    await trio.sleep_forever()
""", document={"load": [{"users": 1, "for": "1s"}], "graceful_stop": "2s"})  # fmt: skip
    assert outcome.ledger.sessions.cut_off == 1
    assert outcome.ledger.close_codes == {"us.1001": 1}  # its connection got a close frame all the same
    assert 2.9 < outcome.ending.ended_at_s < 3.2


def test_a_user_that_leaves_in_a_loop_of_steps_has_not_crashed(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    await user.step({"repeat": 1000, "do": [{"think": "100ms"}]})
""", document={"load": [{"users": 1, "for": "1s"}]})  # fmt: skip
    assert outcome.errors == {}
    assert outcome.failed("call") == (0, 1)
    assert outcome.ledger.sessions.cut_off == 1


def test_a_session_that_a_handler_ends_has_failed(tmp_path: Path) -> None:
    fails = {"check": "{{ false }}", "on_failure": "end_session"}
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    await user.request("x")
    await user.think(60)
    user.count("went on")
""", document={"on": {"close": [], "open": [{"think": "1s"}], "message": [{"where": {"text": "y"}, "do": [fails]}]}},
        behaviour=Behaviour(on_message=lambda payload, number: (Say(payload), Say("y", 50 * MS))))  # fmt: skip
    assert outcome.errors == {"check": 1}
    assert outcome.count("went on") == 0
    assert outcome.ledger.sessions.failed == 1
    assert outcome.ending.ended_at_s < 2


def test_a_function_that_catches_everything_is_given_up(tmp_path: Path) -> None:
    """It would catch its cancellation too, and the run would never end."""
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    while True:
        try:
            await user.request("x")
            await user.think(0.1)
        except:
            pass
""", document={"load": [{"users": 2, "for": "1s"}]})  # fmt: skip
    assert outcome.errors == {"call.given_up": 2}
    assert outcome.ledger.sessions.cut_off == 2
    assert outcome.ledger.connections.closed_by_us == 2
    assert outcome.ending.ended_at_s < 1.2


def test_a_step_in_a_finally_does_not_hold_up_who_leaves(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    try:
        await user.think(60)
    finally:
        await user.close(4000)
""", document={"load": [{"users": 1, "for": "1s"}]})  # fmt: skip
    assert outcome.errors == {}
    assert outcome.ledger.close_codes == {
        "us.1000": 1
    }  # the user's own end; a function that leaves begins no further step


def test_pauses_and_steps_side_by_side_all_end(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(user.think, 3)
        nursery.start_soon(user.think, 1)
        await user.request("x")
    user.count("all")
""")  # fmt: skip
    assert outcome.count("all") == 1
    assert outcome.values("call_time").greatest == 3 * S


def test_pushes_are_kept_for_who_waits_for_them_later(tmp_path: Path) -> None:
    behaviour = Behaviour(
        on_open=lambda connection: (Say('{"op":"ready"}', 1 * MS),), on_message=lambda p, n: (Say(p),)
    )
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    await user.request("x")
    assert (await user.wait_for({"$.op": "ready"}, within=1)).json == {"op": "ready"}
""", behaviour)  # fmt: skip
    assert outcome.errors == {}


def test_records_have_the_unit_that_the_call_names(tmp_path: Path) -> None:
    body = """
async def main(user: User) -> None:
    user.record("age", 12)
    user.record("km", 3.5)
"""
    flow = [{"call": {"function": "flows:main", "records": {"age": "ms", "km": "km"}}}]
    outcome = call(tmp_path, body, document={"flow": flow})
    assert outcome.values("age").greatest == 12 * MS
    assert outcome.values("km").greatest == 3.5
    undeclared = call(tmp_path, body, document={"flow": [{"call": "flows:main"}]})
    assert [sample.detail for sample in undeclared.samples] == [
        "ValueError: 'age' is not among the records of this call: records: {age: ms} (flows.py:6)"
    ]


@pytest.mark.parametrize("value", ["float('nan')", "'12'", "True", "None"])
def test_what_is_no_number_is_not_recorded(tmp_path: Path, value: str) -> None:
    flow = [{"call": {"function": "flows:main", "records": {"age": "ms"}}}]
    outcome = call(
        tmp_path, f"async def main(user: User) -> None: user.record('age', {value})", document={"flow": flow}
    )
    assert outcome.errors == {"record": 1}
    assert outcome.values("age").count == 0
    assert outcome.failed("call") == (0, 1)


@pytest.mark.parametrize("counted", ["'iterations'", "'age'", "'mine', 0.5", "'mine', -1"])
def test_a_count_is_of_its_own_and_whole(tmp_path: Path, counted: str) -> None:
    flow = [{"call": {"function": "flows:main", "records": {"age": "ms"}}}]
    outcome = call(tmp_path, f"async def main(user: User) -> None: user.count({counted})", document={"flow": flow})
    assert outcome.errors == {"call.crashed": 1}
    assert outcome.count("iterations") == outcome.count("mine") == 0


def test_values_of_secrets_are_in_no_log_and_no_error(tmp_path: Path) -> None:
    secret = {"variables": {"token": "hunter2", "both": ["hunter", {"a": 7777}]}, "secrets": ["token", "both"]}
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    user.log("as " + user.variables["token"] + " and 7777")
    raise ValueError(user.variables["token"])
""", document=secret, trace=True)  # fmt: skip
    assert [line.text for line in outcome.logs] == ["as *** and ***"]
    assert outcome.samples[0].detail == "ValueError: *** (flows.py:7)"
    assert not [line for line in outcome.said if "hunter" in line]


def test_a_module_in_a_folder_imports_what_stands_beside_it_and_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "words_beside.py").write_text("WORD = 'outer'")
    (tmp_path / "inner" / "more_beside.py").write_text("WORD = 'inner'")
    (tmp_path / "inner" / "flows.py").write_text(
        "import more_beside, words_beside\nasync def main(user): user.log(more_beside.WORD + words_beside.WORD)"
    )
    outcome = call(tmp_path, "", document={"flow": [{"call": "inner.flows:main"}]})
    assert [line.text for line in outcome.logs] == ["innerouter"]


def test_an_open_connection_is_not_opened_again(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    await user.connect()
""")  # fmt: skip
    assert outcome.errors == {"call.crashed": 1}
    assert outcome.ledger.connections.opened == outcome.ledger.connections.closed_by_us == 1


def test_time_that_the_function_takes_for_itself_is_nobody_s_lag(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    for _ in range(3):
        await trio.sleep(1)
        await user.request("x")
""")  # fmt: skip
    assert outcome.values("send_lag").greatest < 1 * MS
    assert outcome.values("schedule_lag").greatest < 1 * MS
    assert outcome.values("call_time").least > 3 * S


def test_any_step_of_the_language_can_be_said(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    await user.step({"repeat": 3, "do": [{"request": {"send": "x"}}]})
""")  # fmt: skip
    assert outcome.ledger.messages.answered == 3


def test_a_trace_shows_the_steps_inside(tmp_path: Path) -> None:
    outcome = call(tmp_path, """
async def main(user: User) -> None:
    await user.connect()
    await user.request("x", name="ask")
""", trace=True)  # fmt: skip
    said = "\n".join(outcome.said)
    assert "request ask" in said and "call took" in said
