"""The trial of a share's rate before its load: when there is one, what is said of it, and a real one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from loadws.cluster import prepare as preparing
from loadws.cluster.messages import Work
from loadws.cluster.prepare import prepare, tried
from loadws.cluster.trial import SURE_PER_S, Trial, Tried, outcome, trial_of, try_rate
from loadws.fleet.machine.calibrate import MOST_LAG_NS, Paced
from loadws.fleet.machine.calibration import Calibration, Found, Level, this_machine
from loadws.fleet.machine.preflight import Machine
from loadws.fleet.shard import ShardOrder
from loadws.scenario.build import Overrides
from loadws.terms.errors import UsageError

TRIAL = Trial(5_000, 100, 1, "native")
PACED = """
target: ws://127.0.0.1:1
load: [{users: 100, for: 1s}]
flow: [{every: EVERY, do: [{request: hello}]}]
"""
FAST, SLOW = PACED.replace("EVERY", "10ms"), PACED.replace("EVERY", "1s")
CLOSED_LOOP = PACED.replace("every: EVERY, do: [{request: hello}]", "request: hello")
HAND = Machine(descriptors=10_000, ports=28_000, memory_bytes=8 << 30)


@pytest.mark.parametrize(
    ("paced", "checked", "notice"),
    [
        (
            Paced(5_000, MOST_LAG_NS / 2, 5_000),
            "kept up with 5,000 messages per second in a trial, send lag p99 500 µs",
            "",
        ),
        (
            Paced(4_900, 20 * MOST_LAG_NS, 4_900),
            "sent 5,000 messages per second late in a trial, send lag p99 20 ms",
            "it sent 5,000 messages per second late in a trial, send lag p99 20 ms: what it measures will have that lag",
        ),
        (
            Paced(0, None, 2_100),
            "made 2,100 of 5,000 messages per second in a trial",
            "it made 2,100 of 5,000 messages per second in a trial, and cannot make its share of the load: expect",
        ),
    ],
)
def test_the_outcome_of_a_trial(paced: Paced, checked: str, notice: str) -> None:
    found = outcome(TRIAL, paced)
    assert found.checked == checked
    assert found.notice.startswith(notice) and bool(found.notice) == bool(notice)


def test_only_a_rate_that_a_machine_may_not_make_is_tried() -> None:
    assert trial_of(None, 10, 1, "native", 1) is None
    assert trial_of(SURE_PER_S * 2, 10, 2, "native", 1) is None
    assert trial_of(SURE_PER_S * 2 + 1, 1_000, 2, "native", 3) == Trial(SURE_PER_S * 2 + 1, 200, 2, "native", 3)


# -- in a share's preparations ----------------------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of two cores that was never calibrated."""
    monkeypatch.setattr(preparing, "look_at_machine", lambda: HAND)
    monkeypatch.setattr(preparing, "usable_cores", lambda: 2)
    monkeypatch.setattr(preparing, "read_calibration", lambda _transport: None)


def work(text: str, *, neighbours: int = 1, processes: int = 1) -> Work:
    return Work(ShardOrder("trial.yaml", text, Overrides(), {}, 1, "native"), (), "user", processes, neighbours)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SLOW, "not calibrated, and 100 messages per second need no trial"),
        (CLOSED_LOOP, "not calibrated, and how much it will send is not known before the load"),
    ],
)
@pytest.mark.usefixtures("machine")
def test_what_needs_no_trial_says_so(text: str, said: str, tmp_path: Path) -> None:
    ready = prepare(work(text), tmp_path)
    assert (ready.trial, ready.notices) == (None, ())
    assert ready.checked == f"open files for 9,936 users where 100 are planned; {said}"


@pytest.mark.usefixtures("machine")
def test_a_share_says_what_its_trial_came_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = prepare(work(FAST), tmp_path)
    assert ready.trial == Trial(10_000, 100, 1, "native")

    async def try_in_vain(trial: Trial) -> Tried:
        return outcome(trial, Paced(0, None, 2_100))

    monkeypatch.setattr(preparing, "try_rate", try_in_vain)
    after = trio.run(tried, ready)
    assert after.checked.endswith("are planned; made 2,100 of 10,000 messages per second in a trial")
    assert [notice[:14] for notice in after.notices] == ["it made 2,100 "]
    assert trio.run(tried, after) == after


@pytest.mark.usefixtures("machine")
def test_a_calibrated_machine_has_no_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    level = Level(1, {}, 20_000.0, 1e5)
    known = Calibration(this_machine(), "native", False, Found(1.0, 1, 1, (level,)))
    monkeypatch.setattr(preparing, "read_calibration", lambda _transport: known)
    ready = prepare(work(FAST), tmp_path)
    assert ready.trial is None
    assert ready.checked.endswith("; calibrated at 20,000 messages per second for 1 process")
    assert prepare(work(FAST, processes=2), tmp_path).trial is not None  # which were not tried then
    assert prepare(work(FAST, neighbours=2), tmp_path).trial is not None  # the others use its cores too


@pytest.mark.usefixtures("machine")
def test_shares_on_one_machine_have_it_between_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert prepare(work(SLOW, neighbours=2), tmp_path).checked.startswith("open files for 9,936 users")
    crowded = prepare(work(SLOW, neighbours=4), tmp_path)
    assert crowded.checked.startswith(
        "local ports for 7,000 users where 100 are planned; 1 process in each of 4 shares on 2"
    )
    monkeypatch.setattr(preparing, "look_at_machine", lambda: replace(HAND, ports=300))
    prepare(work(SLOW, neighbours=3), tmp_path)
    with pytest.raises(UsageError, match="the plan holds 100 users here, and"):
        prepare(work(SLOW, neighbours=4), tmp_path)


@pytest.mark.cluster
def test_a_real_trial_ends_and_counts() -> None:
    async def main() -> str:
        with trio.fail_after(120):
            return (await try_rate(Trial(600, 20, 1, "native", 2))).checked

    assert re.fullmatch(r"(kept up with|sent|made \d+ of) 600 messages per second .*", trio.run(main))
