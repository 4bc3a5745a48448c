"""``loadws ab``: its course from the pilots to the record, with slices that are made up, and one short real comparison."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadws.cli.comparing import ab, kept
from loadws.cli.comparing.slices import Slice
from loadws.metrics.summary import Outcome, Summary, Verdict
from tests.cli.commands import Result, run
from tests.gate.comparing import made
from tests.report import example

SCENARIO = "name: chat\ntarget: builtin:echo\nload: [{users: 1, for: 2s}]\nflow: [{request: hello}]\n"
RULE = ("--rule", "response_time.p50 <= +5%")
#: side, seed, length
Call = tuple[str, int, int | None]


class Course:
    """What the slices measure, and what was asked of them."""

    def __init__(self) -> None:
        self.medians: dict[str, Callable[[int], float]] = {"A": lambda _n: 10.0, "B": lambda _n: 10.0}
        self.calls: list[Call] = []
        self.outcomes: dict[int, Outcome] = {}  # by the number of the slice, from 0
        self.interrupt_at: int | None = None
        self.failing = ""  # the side whose slices fail, after its pilot
        self.clock_s = 0.0
        self._chance = random.Random(5)

    def slice(self, letter: str, seed: int, length_ns: int | None, signals: Any) -> Slice:
        number = len(self.calls)
        self.calls.append((letter, seed, length_ns))
        self.clock_s += 1.0
        summary = made.run(self.medians[letter](number) * self._chance.lognormvariate(0, 0.005), seed=number)
        summary = self._judged(summary, number)
        if self.interrupt_at == number:
            signals.heard.append("Ctrl-C")
            about = msgspec.structs.replace(summary.run, interrupted="Ctrl-C")
            summary = msgspec.structs.replace(summary, run=about)
        return Slice(summary, example.info(), 1.0)

    def _judged(self, summary: Summary, number: int) -> Summary:
        outcome = self.outcomes.get(number, "passed")
        if number >= 2 and self.calls[number][0] == self.failing:
            outcome = "failed"
        return msgspec.structs.replace(summary, verdict=Verdict(outcome, 0, reasons=("loadws stood still",)))

    @property
    def pairs(self) -> list[str]:
        """The order within each pair, without the pilots."""
        letters = [letter for letter, _, _ in self.calls[2:]]
        return ["".join(pair) for pair in zip(letters[::2], letters[1::2], strict=False)]


class FakeBench:
    def __init__(self, letter: str, course: Course) -> None:
        self._letter = letter
        self._course = course

    async def slice(self, seed: int, signals: Any, _say: object, duration_ns: int | None = None) -> Slice:
        return self._course.slice(self._letter, seed, duration_ns, signals)


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    made_up = Course()

    @asynccontextmanager
    async def open_benches(_sides: object, _signals: object, _say: object) -> AsyncIterator[list[FakeBench]]:
        yield [FakeBench("A", made_up), FakeBench("B", made_up)]

    monkeypatch.chdir(tmp_path)
    Path("chat.yaml").write_text(SCENARIO)
    monkeypatch.setattr(ab, "open_benches", open_benches)
    monkeypatch.setattr(ab, "now_s", lambda: made_up.clock_s)
    return made_up


def compared(capsys: pytest.CaptureFixture[str], *options: str) -> Result:
    given = options if "--rule" in options else (*RULE, *options)
    return run(capsys, "ab", "chat.yaml", "--b", "target=ws://127.0.0.1:1", "--seed", "4", *given)


def record() -> Any:
    return json.loads(next(Path("reports/chat").glob("*-ab/comparison.json")).read_bytes())


@pytest.mark.slow
def test_equal_sides_end_early_and_pass(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    result = compared(capsys)
    assert (result.code, len(course.pairs)) == (0, 8)
    assert result.out.split()[0] == "PASSED"
    page = next(Path("reports/chat").glob("*-ab/comparison.html")).read_text("utf-8")
    assert 'data-chart="each-0"' in page
    assert (record()["method"], record()["rules"][0]["first"]["n"]) == ("pairs", 8)


@pytest.mark.slow
def test_a_slower_side_fails_and_is_confirmed_by_a_second_set(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    course.medians["B"] = lambda _n: 11.0
    result = compared(capsys)
    assert (result.code, len(course.pairs)) == (1, 24)
    assert record()["rules"][0]["second"]["n"] == 12
    assert "confirms it" in " ".join(result.out.split())


@pytest.mark.slow
def test_a_failure_that_is_not_confirmed_is_inconclusive(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    course.medians["B"] = lambda number: 11.0 if number < 2 + 24 else 10.0
    result = compared(capsys)
    assert (result.code, len(course.pairs)) == (3, 24)
    assert "does not confirm it" in " ".join(result.out.split())


@pytest.mark.slow
def test_the_order_is_abba_or_baab_and_a_pair_shares_its_seed(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    course.medians["B"] = lambda _n: 11.0
    compared(capsys)
    twos = ["".join(two) for two in zip(course.pairs[::2], course.pairs[1::2], strict=True)]
    assert set(twos) == {"ABBA", "BAAB"}
    seeds = [seed for _, seed, _ in course.calls[2:]]
    assert seeds[::2] == seeds[1::2]
    assert len(set(seeds)) == 24


@pytest.mark.slow
def test_the_total_time_is_told_before_the_first_pair(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    told = compared(capsys, "--budget", "5m").err.split("first set, pair 1")[0]
    assert "12 slices a side of 2.7 s: 40.8 s in all" in told
    assert "1 m 22 s where a failure has to be confirmed; at most 5 m (--budget)" in told
    assert "all slices run in this one process" in told


@pytest.mark.slow
def test_the_pilot_finds_how_long_a_slice_must_be(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    """The made-up pilot has 2,000 samples in 180 s, and p99 needs 1,000."""
    result = compared(capsys, "--rule", "response_time.p99 <= +10%", "--slice", "3m")
    assert {length for _, _, length in course.calls[2:]} == {135_000_000_000}
    assert "warning" not in result.err
    course.calls.clear()
    short = compared(capsys, "--rule", "response_time.p99 <= +10%", "--slice", "20s")
    assert {length for _, _, length in course.calls[2:]} == {20_000_000_000}
    assert "response_time.p99 needs slices of 2 m 15 s for its samples, and they last 20 s (--slice)" in short.err


@pytest.mark.parametrize(("number", "letters", "code"), [(2, "B", 1), (2, "A", 3)])
def test_a_side_that_fails_is_never_compared_by_its_latencies(
    number: int, letters: str, code: int, course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    """The slices with these numbers had nothing but failures; their latencies are as good as ever."""
    course.failing = letters
    result = compared(capsys)
    assert result.code == code
    assert f"Side {letters}: loadws stood still" in " ".join(result.out.split())
    assert len(course.pairs) == number - 1


def test_a_place_that_cannot_be_written_is_told_before_the_load(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    result = compared(capsys, "--json", "none/found.json")
    assert (result.code, course.calls) == (2, [])
    assert result.err.startswith("loadws: --json none/found.json: there is no folder none")


@pytest.mark.slow
def test_without_rules_what_short_slices_cannot_tell_is_left_out_and_said(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(capsys, "ab", "chat.yaml", "--b", "target=ws://127.0.0.1:1", "--seed", "4", "--slice", "20s")
    assert result.code == 0
    assert "response_time.p99 is not compared: slices of 20 s have too few samples (--slice)" in result.err


@pytest.mark.slow
def test_what_a_side_differs_by_is_masked_where_it_is_a_secret(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("chat.yaml").write_text(SCENARIO + "variables: {password: hunter2}\nsecrets: [password]\n")
    sides = ("--a", "password=planted-one", "--b", "password=planted-two", "--json", "out.json")
    result = run(capsys, "ab", "chat.yaml", *sides, *RULE)
    files = [path.read_text() for path in Path().rglob("*") if path.is_file() and path.name != "chat.yaml"]
    assert (result.code, "A: password=***" in result.out) == (0, True)
    assert [text for text in (result.out, result.err, *files) if "planted" in text or "hunter2" in text] == []


@pytest.mark.slow
def test_two_that_begin_in_one_second_get_two_folders(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Stopped:
            return cls(2026, 1, 1, tzinfo=tz)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "datetime", Stopped)
        assert [compared(capsys).code for _ in range(2)] == [0, 0]
    assert len(list(Path("reports/chat").glob("*-ab*/comparison.json"))) == 2


@pytest.mark.slow
def test_a_budget_ends_it_undecided(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    course.medians["B"] = lambda _n: 11.0
    result = compared(capsys, "--budget", "14s")
    assert (result.code, len(course.pairs)) == (3, 5)
    assert "The budget of 14 s was spent" in " ".join(result.out.split())


def test_a_budget_without_room_for_a_pair_never_passes(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    result = compared(capsys, "--budget", "3s")
    assert (result.code, len(course.pairs), record()["outcome"]) == (3, 0, "inconclusive")
    assert "No pair of slices was completed, so that nothing was compared." in record()["reasons"]
    assert (
        "the budget has room for 0 whole pairs, and to find both sides equal takes 8, which need about " in result.err
    )


@pytest.mark.slow
def test_ctrl_c_keeps_what_there_is_and_says_so(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    course.interrupt_at = 9
    result = compared(capsys)
    assert (result.code, record()["outcome"]) == (130, "interrupted")
    assert "Interrupted by Ctrl-C after 3 whole pairs" in " ".join(result.out.split())
    assert len(list(Path("reports/chat").glob("*-ab/slices/*/summary.json"))) == 10


@pytest.mark.slow
def test_a_slice_that_is_no_sample_is_run_again_with_its_pair(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    course.outcomes[5] = "inconclusive"
    result = compared(capsys)
    assert (result.code, len(course.pairs)) == (0, 9)
    assert "a pair is run again: side" in result.err


@pytest.mark.slow
def test_too_many_of_those_make_it_invalid(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    course.outcomes = dict.fromkeys(range(2, 60), "invalid")
    assert compared(capsys).code == 4
    assert "were no samples" in record()["reasons"][0]


def test_a_side_that_is_not_there(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    course.outcomes[1] = "unreachable"
    result = compared(capsys)
    assert (result.code, result.err.splitlines()[-1]) == (
        5, "loadws: side B (target=ws://127.0.0.1:1): loadws stood still"
    )  # fmt: skip


@pytest.mark.slow
def test_the_slices_can_be_compared_again(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    course.medians["B"] = lambda _n: 12.0
    compared(capsys)
    slices = next(Path("reports/chat").glob("*-ab/slices"))
    assert run(capsys, "compare", f"{slices}/*-a", "--", f"{slices}/*-b", *RULE).code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "both sides are the same"),
        (("--b", "target"), "--b 'target' changes nothing"),
        (("--b", "users=many"), "--b users: 'many' is no whole number"),
        (("--b", "transport=smoke"), "there is no transport 'smoke'"),
        (("--b", "nonsense=1"), "--b nonsense: the scenario has no variable 'nonsense'"),
        (("--b", "user=2"), "did you mean 'users'?"),
        (("--a", "target=foo"), "--a target: an address begins with ws:// or wss://"),
        (("--set", "nonsense=1", "--b", "users=2"), "--set nonsense: the scenario has no variable 'nonsense'"),
        (("--b", "users=2", "--rule", "respnse_time.p99 <= +1%"), "unknown metric 'respnse_time'"),
        (("--b", "users=2", "--rule", "call_time.p99 <= +1%"), "--rule:1:1: this scenario has no 'call' step"),
    ],
)
def test_bad_input_is_refused_before_any_slice(
    arguments: tuple[str, ...], message: str, course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(capsys, "ab", "chat.yaml", *arguments)
    assert (result.code, course.calls) == (2, [])
    assert message in result.err


@pytest.mark.slow
def test_two_real_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A target of 5 ms against one of 150 ms: no noise of a machine hides that. Two slices a side decide nothing."""
    monkeypatch.chdir(tmp_path)
    Path("chat.yaml").write_text(SCENARIO.replace("2s", "300ms").replace("users: 1", "users: 5"))
    result = run(
        capsys, "ab", "chat.yaml", "--a", "target=builtin:echo?delay=5ms", "--b", "target=builtin:echo?delay=150ms",
        "--slices", "2", "--slice", "300ms", "--settle", "50ms", "--rule", "response_time.mean <= +5%",
    )  # fmt: skip
    found = record()
    assert (result.code, found["method"]) == (3, "pairs")
    assert found["rules"][0]["after"] > 2 * found["rules"][0]["before"]
    infos = [json.loads(path.read_bytes()) for path in sorted(Path("reports").rglob("run.json"))]
    assert {tuple(phase["name"] for phase in info["phases"]) for info in infos} == {("settling", "phase-1")}
