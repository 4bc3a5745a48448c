"""The command line's word over the file's."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.scenario.build import load_text
from loadws.scenario.model import RateRamp, Scenario, UserRamp
from loadws.scenario.overrides import Overrides
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
            "--users, --rate and --duration change a scenario with one judged phase, and this has 2",
            "use --scale, which changes every phase",
        ),
        (Overrides(scale=0), "--scale: must be more than 0", ""),
        (Overrides(scale=float("nan")), "--scale: must be more than 0", ""),
        (Overrides(target="http://h"), "--target: http:// is no WebSocket", "write ws://"),
        (
            Overrides(variables={"nam": "x"}),
            "--set nam: the scenario has no variable 'nam'",
            "did you mean 'name'?",
        ),
        (Overrides(variables={"name": ".inf"}), "--set name: .inf is not a finite number", ""),
        (Overrides(transport="pigeon"), "there is no transport 'pigeon'", "say 'native' or 'trio-websocket'"),
    ],
)
def test_overrides_that_do_not_fit_the_file(overrides: Overrides, message: str, advice: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(TWO_JUDGED + "variables: {name: a}\n", overrides)
    assert (str(caught.value), caught.value.advice) == (message, advice)


def test_a_phase_without_a_time_takes_no_arrivals() -> None:
    text = "target: ws://h\nload: [{users: 1, iterations: 5}]\nflow: [{request: a}]\n"
    with pytest.raises(UsageError, match="--rate: this phase has no time for arrivals"):
        load(text, Overrides(rate=1.0))
    assert load(text, Overrides(rate=1.0, duration_ns=5)).load[0].for_ == 5
    with pytest.raises(UsageError, match="--duration: must be more than 0 s"):
        load(text, Overrides(duration_ns=0))
