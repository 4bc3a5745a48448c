"""The command line's word over the file's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from loadws.scenario.build import load_text
from loadws.scenario.model.model import RateRamp, Scenario, UserRamp
from loadws.scenario.overrides import Overrides
from loadws.scenario.yaml.explain import ScenarioError
from loadws.terms.errors import UsageError
from loadws.terms.units import NS_PER_S

CLOSED = "target: ws://h\nload: [{users: 9, for: 5s, warmup: true}, {users: 10, for: 5s}]\nflow: [{request: a}]\n"
TWO_JUDGED = (
    "target: ws://h\nload: [{users: {to: 3}, for: 5s}, {users: 0, arrivals: 5/s, for: 5s}]\nflow: [{request: a}]\n"
)


def load(text: str, overrides: Overrides) -> Scenario:
    return load_text(text, Path("s.yaml"), overrides, {}).scenario


def users(start: int | None, end: int) -> UserRamp:
    return UserRamp.model_validate({"from": start, "to": end})


def test_target_wins_over_what_the_file_says_or_lacks_or_cannot_say() -> None:
    for line in ("target: ws://h\n", "", "target: ${UNSET}\n", "target: http://wrong\n"):
        text = line + CLOSED.partition("\n")[2]
        assert load(text, Overrides(target="builtin:echo")).target == "builtin:echo"


def test_set_gives_a_variable_a_value_as_yaml_would() -> None:
    text = CLOSED + "variables: {n: 1, host: '${UNSET}', s: a, ref: b}\n"
    changed = load(text, Overrides(variables={"n": "5", "host": "h.test", "s": "5 6", "ref": "${X}"}))
    assert changed.variables == {"n": 5, "host": "h.test", "s": "5 6", "ref": "${X}"}


@pytest.mark.parametrize(
    "declared", ["a", '"1"', "''", "1:30", "yes", "'${UNSET}'", "'a {{ id() }}'", "room-${UNSET:-1}", "${UNSET:-a}"]
)
@pytest.mark.parametrize(
    "text",
    ["007", "1e3", "0x1F", "1.0", "true", "null", "", "~", ".inf", "12345678901234567890123", '"7"', " 7 ", "{{ 1 }}"],
)
def test_a_variable_that_is_text_stays_text_exactly_as_it_is_set(declared: str, text: str) -> None:
    changed = load(f"{CLOSED}variables:\n  room: {declared}\n", Overrides(variables={"room": text}))
    assert changed.variables == {"room": text}


@pytest.mark.parametrize(
    "declared", ["1", "1.5", "true", "null", "[a]", "{a: 1}", "'{{ 1 + 1 }}'", "${UNSET}", "${UNSET:-5}"]
)
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("007", 7),
        ("1e3", 1000.0),
        ("true", True),
        ("", None),
        ("ab", "ab"),
        ('"007"', "007"),
        ("'1e3'", "1e3"),
        ('"12345678901234567890123"', "12345678901234567890123"),
        ('""', ""),
        ("'it''s'", "it's"),
        (r'"a\tb"', "a\tb"),
        ('"a" and "b"', '"a" and "b"'),
        ('"', '"'),
    ],
)
def test_any_other_variable_is_set_as_yaml_reads_it_and_quotes_make_text(
    declared: str, text: str, value: object
) -> None:
    changed = load(f"{CLOSED}variables:\n  n: {declared}\n", Overrides(variables={"n": text}))
    assert (changed.variables, type(changed.variables["n"])) == ({"n": value}, type(value))


def test_a_secret_that_is_set_in_quotes_is_secret_without_them() -> None:
    text = CLOSED + "variables: {token: null}\nsecrets: [token]\n"
    loaded = load_text(text, Path("nowhere/scenario.yaml"), Overrides(variables={"token": '"hunter2hunter2"'}), env={})
    assert "hunter2" not in loaded.masker.text("sent hunter2hunter2")


def test_too_close_wins_over_the_file() -> None:
    assert load(CLOSED, Overrides()).too_close == "inconclusive"
    assert load(CLOSED, Overrides(too_close="pass")).too_close == "pass"
    assert load(CLOSED + "too_close: pass\n", Overrides()).too_close == "pass"
    assert load(CLOSED + "too_close: pass\n", Overrides(too_close="inconclusive")).too_close == "inconclusive"


def test_users_rate_and_duration_change_the_one_judged_phase() -> None:
    warmup, judged = load(CLOSED, Overrides(users=3, rate=2.5, duration_ns=NS_PER_S)).load
    assert warmup.users == users(9, 9)
    assert (judged.users, judged.for_) == (users(3, 3), NS_PER_S)
    assert judged.arrivals == RateRamp.model_construct(from_=2.5, to=2.5)


@pytest.mark.parametrize(
    ("scale", "held", "arriving"),
    [
        (0.1, 1, 0.5),  # rounded up: a phase with users keeps one
        (1.5, 5, 7.5),
        (2.0, 6, 10.0),
    ],
)
def test_scale_multiplies_users_and_arrivals_of_all_phases(scale: float, held: int, arriving: float) -> None:
    first, second = load(TWO_JUDGED, Overrides(scale=scale)).load
    assert first.users == users(None, held)
    assert second.users == users(0, 0)
    assert second.arrivals is not None
    assert (second.arrivals.from_, second.arrivals.to) == (arriving, arriving)


def test_scaling_by_a_tenth_does_not_round_ten_up_to_two() -> None:
    assert load(CLOSED, Overrides(scale=0.1)).load[1].users == users(1, 1)


def test_seed() -> None:
    assert load(CLOSED, Overrides(seed=5)).seed == 5
    assert load(CLOSED + "seed: 7\n", Overrides()).seed == 7


@pytest.mark.parametrize(
    ("overrides", "message", "advice"),
    [
        (
            Overrides(users=1),
            "--users changes a scenario with one judged phase, and this has 2",
            "--scale FACTOR multiplies the users and rates of every phase",
        ),
        (Overrides(scale=0), "--scale: must be more than 0", ""),
        (Overrides(scale=float("nan")), "--scale: must be more than 0", ""),
        (Overrides(target="http://h"), "--target: http:// is no WebSocket", "write ws://"),
        (
            Overrides(variables={"nam": "x"}),
            "--set nam: the scenario has no variable 'nam'",
            "did you mean 'name'?",
        ),
        (
            Overrides(variables={"n": ".inf"}),
            "--set n: .inf is not a finite number",
            "if it is text, quote it: --set 'n=\"…\"'",
        ),
        (
            Overrides(variables={"n": "12345678901234567890123"}),
            "--set n: a whole number has at most 64 bits",
            "if it is text, quote it: --set 'n=\"…\"'",
        ),
        (Overrides(transport="pigeon"), "there is no transport 'pigeon'", "say 'native' or 'trio-websocket'"),
    ],
)
def test_overrides_that_do_not_fit_the_file(overrides: Overrides, message: str, advice: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(TWO_JUDGED + "variables: {name: a, n: 1}\n", overrides)
    assert (str(caught.value), caught.value.advice) == (message, advice)


def test_an_option_is_named_as_the_user_wrote_it() -> None:
    """``loadws ab --b nam=x`` writes no ``--set``, and ``--b users=1`` no ``--users``."""
    words = {"--set nam": "--b nam", "--set n": "--b n", "--users": "--b users", "--target": "--b target"}
    for overrides, message, advice in [
        (Overrides(variables={"nam": "x"}), "--b nam: the scenario has no variable 'nam'", "did you mean 'name'?"),
        (
            Overrides(variables={"n": ".inf"}),
            "--b n: .inf is not a finite number",
            "if it is text, quote it: --b 'n=\"…\"'",
        ),
        (Overrides(target="http://h"), "--b target: http:// is no WebSocket", "write ws://"),
        (
            Overrides(users=1),
            "--b users changes a scenario with one judged phase, and this has 2",
            "--scale FACTOR multiplies the users and rates of every phase",
        ),
    ]:
        with pytest.raises(UsageError) as caught:
            load(TWO_JUDGED + "variables: {name: a, n: 1}\n", replace(overrides, said_as=words))
        assert (str(caught.value), caught.value.advice) == (message, advice)


def test_what_an_option_takes_beside_variables_is_told_with_it() -> None:
    for said_as, advice in [
        ({"--set xyzzy": "--b xyzzy"}, "--b changes users, rate, or what stands under variables"),
        ({}, "--set changes what stands under variables"),
    ]:
        overrides = Overrides(variables={"xyzzy": "1"}, said_as=said_as, beside_variables=("users", "rate"))
        with pytest.raises(UsageError) as caught:
            load(CLOSED, overrides)
        assert caught.value.advice == advice


def test_a_phase_without_a_time_takes_no_arrivals() -> None:
    text = "target: ws://h\nload: [{users: 1, iterations: 5}]\nflow: [{request: a}]\n"
    with pytest.raises(UsageError, match="--rate: this phase has no time for arrivals"):
        load(text, Overrides(rate=1.0))
    assert load(text, Overrides(rate=1.0, duration_ns=5)).load[0].for_ == 5
    with pytest.raises(UsageError, match="--duration: must be more than 0 s"):
        load(text, Overrides(duration_ns=0))


# -- times ------------------------------------------------------------------------------------------------------------

TIMED = """
target: ws://h
graceful_stop: 10s
load: [{users: 1, for: 10s, warmup: true}, {users: 5, for: 60s}]
users:
  - flow:
      - every: 1s
        for: 30s
        do: [{request: {send: a, reply: {within: 2s}}}, {think: 5s}, {every: 100ms, for: 1s, do: [{send: b}]}]
      - every: 1s
        do: [{expect_none: {for: 3s}}]
    on: {message: [{where: {$.a: 1}, do: [{every: 10ms, for: 100ms, do: [{send: c}]}]}]}
thresholds: [{rule: error_rate < 1%, abort: true, after: 20s}]
"""


def test_time_scale_multiplies_phases_loops_and_after_and_nothing_else() -> None:
    plain, short = load(TIMED, Overrides()), load(TIMED, Overrides(time_scale=0.1))
    assert [phase.for_ for phase in short.load] == [NS_PER_S, 6 * NS_PER_S]
    assert short.thresholds[0].after == 2 * NS_PER_S
    expected = plain.model_dump()
    expected["load"][0]["for_"], expected["load"][1]["for_"] = NS_PER_S, 6 * NS_PER_S
    expected["thresholds"][0]["after"] = 2 * NS_PER_S
    turns, handler = expected["users"][0]["flow"][0], expected["users"][0]["on"]["message"][0]
    turns["for_"], turns["do"][2]["for_"], handler["do"][0]["for_"] = 3 * NS_PER_S, NS_PER_S // 10, NS_PER_S // 100
    assert short.model_dump() == expected


def test_time_scale_leaves_no_phase_without_time_and_a_duration_is_what_it_is() -> None:
    assert load(CLOSED, Overrides(time_scale=1e-12)).load[0].for_ == 1
    assert [phase.for_ for phase in load(CLOSED, Overrides(time_scale=0.1, duration_ns=NS_PER_S)).load] == [
        NS_PER_S // 2,
        NS_PER_S,
    ]
    with pytest.raises(UsageError, match="--time-scale: must be more than 0"):
        load(CLOSED, Overrides(time_scale=0.0))


@pytest.mark.parametrize(
    ("overrides", "message", "advice"),
    [
        (Overrides(duration_ns=NS_PER_S), "--duration changes a scenario with one judged phase, and this has 2",
         "--time-scale FACTOR multiplies the times of every phase: 0.1 is a tenth"),
        (Overrides(users=3), "--users changes a scenario with one judged phase, and this has 2",
         "--scale FACTOR multiplies the users and rates of every phase"),
        (Overrides(rate=3.0, duration_ns=NS_PER_S),
         "--rate and --duration change a scenario with one judged phase, and this has 2",
         "--time-scale FACTOR multiplies the times of every phase: 0.1 is a tenth; "
         "--scale FACTOR multiplies the users and rates of every phase"),
    ],
)  # fmt: skip
def test_what_changes_one_phase_names_what_changes_all(overrides: Overrides, message: str, advice: str) -> None:
    with pytest.raises(UsageError) as error:
        load(TWO_JUDGED, overrides)
    assert (str(error.value), error.value.advice) == (message, advice)


# -- rules ------------------------------------------------------------------------------------------------------------


def test_a_rule_from_outside_stands_behind_those_of_the_file() -> None:
    loaded = load_text(
        CLOSED + "thresholds: [error_rate < 1%]\n", Path("s.yaml"), Overrides(rules=("response_time.p95 < 1s",)), {}
    )
    assert [rule.rule for rule in loaded.scenario.thresholds] == ["error_rate < 1%", "response_time.p95 < 1s"]
    assert [threshold.metric for threshold in loaded.thresholds] == ["error_rate", "response_time"]


def test_a_rule_from_outside_is_checked_like_any_other() -> None:
    rules = ("error_rate < 1%", "response_time{step=b}.p95 < 1s", "errors{kind=timeouts} == 0", "http_time.max < 1s")
    with pytest.raises(ScenarioError) as error:
        load_text(CLOSED + "nonsense: 1\n", Path("s.yaml"), Overrides(rules=rules), {})
    assert str(error.value).splitlines()[3:] == [
        "--rule:2:20: there is no step 'b'; the steps are 'connect' and 'a'",
        "    2 | response_time{step=b}.p95 < 1s",
        "      |                    ^",
        "--rule:3:13: there is no kind of error 'timeouts'; did you mean 'timeout'?",
        "    3 | errors{kind=timeouts} == 0",
        "      |             ^",
        "--rule:4:1: this scenario has no 'http' step, so 'http_time' will have no data; a rule without data fails",
        "    4 | http_time.max < 1s",
        "      | ^",
    ]
    assert str(error.value).startswith("s.yaml:4:1: unknown key 'nonsense'")
