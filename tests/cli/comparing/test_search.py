"""``loadws search``: a short real search, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from loadws.cli.comparing import search
from loadws.cli.comparing.slices import Slice
from loadws.fleet.machine import process_count
from loadws.fleet.signals import Signals
from loadws.metrics.summary import Outcome, Verdict
from loadws.terms.errors import UsageError
from loadws.terms.thresholds import parse_threshold
from tests.cli.commands import run
from tests.gate.comparing import made
from tests.outputs.served import free_port
from tests.report import example

SCENARIO = "name: find\ntarget: builtin:echo\nload: [{users: 1, for: 200ms}]\nflow: [{request: hello}]\n"


@pytest.fixture(autouse=True)
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("find.yaml").write_text(SCENARIO)


@pytest.mark.slow
def test_a_rule_that_no_load_keeps(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(
        capsys, "search", "find.yaml", "--vary", "users", "--from", "2", "--to", "4", "--settle", "50ms",
        "--until", "response_time.max < 1us", "--json", "found.json", "--html", "found.html",
    )  # fmt: skip
    found = json.loads(Path("found.json").read_bytes())
    assert (found["found"], [level["load"] for level in found["levels"]]) == (None, [2.0])
    assert found["exit_code"] == result.code
    assert (found["outcome"] == "passed") == (result.code == 0)
    assert result.code in (1, 3)  # 3 where the machine stood still meanwhile
    assert "<h1>find: search by users</h1>" in Path("found.html").read_text()
    [kept] = Path("reports/find").glob("*-search")
    assert (kept / "search.json").read_bytes() == Path("found.json").read_bytes()
    assert (kept / "search.html").read_bytes() == Path("found.html").read_bytes()
    assert [path.name for path in kept.glob("slices/*")] == ["001-2-users"]
    assert [line.split(":")[0] for line in result.out.splitlines()] == [
        "2 users", "response_time.max < 1us held up to no load", f"Search  {kept / 'search.html'}"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "5", "--to", "2", "--until", "errors == 0"), "--from must be above 0 and below --to"),
        (("--from", "1.5", "--to", "2", "--until", "errors == 0"), "--from 1.5 is no number of users"),
        (("--from", "1", "--to", "20/s", "--until", "errors == 0"), "--to 20/s is no number of users"),
        (("--from", "1", "--to", "2"), "there is no rule to search by"),
        (
            ("--from", "1", "--to", "2", "--until", "call_time.p99 < 1s"),
            "--until:1:1: this scenario has no 'call' step",
        ),
        (("--from", "1", "--to", "2", "--until", "errors <= +1"), "compares with a baseline"),
        (("--from", "1", "--to", "2", "--until", "nonsense < 1"), "--until:1:1: unknown metric 'nonsense'"),
    ],
)
def test_bad_input_is_refused(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "search", "find.yaml", "--vary", "users", *arguments)
    assert (result.code, message in result.err) == (2, True)


def test_a_load_that_does_not_fit_the_scenario_is_refused_before_setup(capsys: pytest.CaptureFixture[str]) -> None:
    two = SCENARIO.replace("[{users: 1, for: 200ms}]", "[{users: 1, for: 200ms}, {users: 2, for: 200ms}]")
    for text, vary, message in [
        (two, "users", "--vary users changes a scenario with one judged phase, and this has 2"),
        (SCENARIO.replace("for: 200ms", "iterations: 9"), "rate", "--vary rate: this phase has no time for arrivals"),
    ]:
        Path("find.yaml").write_text(text)
        result = run(
            capsys, "search", "find.yaml", "--vary", vary, "--from", "2", "--to", "4", "--until", "errors == 0"
        )
        assert (result.code, result.err.splitlines()[0]) == (2, f"loadws: {message}")
    assert not Path("reports").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "all levels run in the same 3 processes"),  # as for the largest load, and not for the one user of the file
        (("--to", "4"), "all levels run in this one process"),
        (("--processes", "2"), "all levels run in the same 2 processes"),
    ],
)
def test_there_are_processes_for_the_largest_load(
    options: tuple[str, ...], said: str, benches: Callable[..., None], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(process_count, "usable_cores", lambda: 3)
    benches({2: 30.0})
    to = () if "--to" in options else ("--to", "1000")
    result = run(
        capsys, "search", "find.yaml", "--vary", "users", "--from", "2", *to, *options, "--until",
        "response_time.p50 < 20ms", "--target", "ws://192.0.2.1",
    )  # fmt: skip
    assert (result.code, result.err.splitlines()[0]) == (1, said)


@pytest.mark.slow
def test_a_target_that_is_not_there_is_no_broken_rule(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(
        capsys, "search", "find.yaml", "--vary", "users", "--from", "2", "--to", "4", "--until", "errors == 0",
        "--target", f"ws://127.0.0.1:{free_port()}",
    )  # fmt: skip
    assert (result.code, "could not be reached" in result.err, result.out) == (5, True, "")


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_place_that_cannot_be_written_is_told_before_the_load(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(
        capsys, "search", "find.yaml", "--vary", "users", "--from", "2", "--to", "4", "--until", "errors == 0",
        option, "none/found",
    )  # fmt: skip
    assert (result.code, result.err.splitlines()[0]) == (2, f"loadws: {option} none/found: there is no folder none")


class FakeBench:
    """A side whose slices measure what they are told, and hear a signal at one of them."""

    def __init__(self, medians_ms: dict[float, float], signal_at: int, signals: Signals) -> None:
        self._medians_ms = medians_ms
        self._signal_at = signal_at
        self._signals = signals
        self._count = 0

    async def slice(self, seed: int, _signals: object, _say: object, **load: float) -> Slice:
        [value] = load.values()
        if value not in self._medians_ms:
            raise UsageError("the plan holds too many users here", "raise the hard limit")
        summary = made.run(self._medians_ms[value], seed=seed)
        summary = msgspec.structs.replace(summary, verdict=Verdict("passed", 0))
        if self._count == self._signal_at:
            self._signals.heard.append("SIGTERM")
            about = msgspec.structs.replace(summary.run, interrupted="SIGTERM")
            summary = msgspec.structs.replace(summary, run=about)
        self._count += 1
        return Slice(summary, example.info(), 1.0)


@pytest.fixture
def benches(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def measuring(medians_ms: dict[float, float], signal_at: int = -1) -> None:
        @asynccontextmanager
        async def open_benches(_sides: object, signals: Signals, _say: object) -> AsyncIterator[list[FakeBench]]:
            yield [FakeBench(medians_ms, signal_at, signals)]

        monkeypatch.setattr(search, "open_benches", open_benches)

    return measuring


@pytest.mark.parametrize(("signal_at", "loads", "kept"), [(2, [10.0, 20.0], 3), (0, [], 1)])
def test_an_interrupted_search_keeps_what_it_has_and_says_so(
    signal_at: int, loads: list[float], kept: int, benches: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    benches({10: 5.0, 20: 8.0, 40: 30.0}, signal_at)
    result = run(
        capsys, "search", "find.yaml", "--vary", "rate", "--from", "10", "--to", "100", "--out", "there",
        "--until", "response_time.p50 < 20ms",
    )  # fmt: skip
    [folder] = Path("there/find").glob("*-search")
    record = json.loads((folder / "search.json").read_bytes())
    assert (result.code, record["interrupted"], [level["load"] for level in record["levels"]]) == (
        143,
        "SIGTERM",
        loads,
    )
    assert len(list(folder.glob("slices/*/summary.json"))) == kept
    said = "response_time.p50 < 20ms held up to 20/s" if loads else "nothing is known of the rules"
    assert f"Interrupted by SIGTERM after {len(loads)} whole levels: " in result.out
    assert said in result.out
    assert f"Search  {folder / 'search.html'}" in result.out


@pytest.mark.slow
def test_each_level_is_printed_once_with_its_unit(
    benches: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    benches({10: 5.0, 20: 8.0, 40: 30.0, 30: 25.0, 25: 22.0, 22.5: 19.0, 23.75: 21.0, 23.125: 21.0})
    result = run(
        capsys, "search", "find.yaml", "--vary", "rate", "--from", "10", "--to", "100", "--until",
        "response_time.p50 < 20ms", "--json", "found.json",
    )  # fmt: skip
    assert result.code == 0
    words = [line.split(" (")[0] for line in result.out.splitlines()]
    assert words[:3] == ["10/s: held", "20/s: held", "40/s: not kept"]
    assert "held up to 22.5/s." in result.out
    levels = json.loads(Path("found.json").read_bytes())["levels"]
    assert len(levels) == len(words) - 2
    assert "/s: " not in result.err
    assert levels[0]["values"] == [pytest.approx(5e6, rel=0.05)]


@pytest.mark.slow
def test_a_load_that_this_machine_cannot_hold_is_its_limit(
    benches: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The levels before it are not lost; a least load that it cannot hold is refused."""
    arguments = (
        "search",
        "find.yaml",
        "--vary",
        "users",
        "--to",
        "100",
        "--until",
        "response_time.p50 < 20ms",
        "--from",
    )
    benches({10: 5.0, 20: 8.0})
    result = run(capsys, *arguments, "10")
    assert result.code == 3
    assert result.out.splitlines()[2:4] == [
        "40 users: loadws itself was the limit (the plan holds too many users here; raise the hard limit)",
        "response_time.p50 < 20ms held up to 20 users; at 40 users loadws itself was the limit: the plan holds too many "
        "users here; raise the hard limit",
    ]
    refused = run(capsys, *arguments, "11")
    assert (refused.code, refused.err.splitlines()[1]) == (2, "loadws: the plan holds too many users here")


@pytest.mark.slow
def test_too_few_samples_at_the_least_load_are_no_failure(
    benches: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """No rule was broken, so that exit code 1 would be wrong."""
    benches({10: 20.0})
    result = run(
        capsys, "search", "find.yaml", "--vary", "users", "--from", "10", "--to", "100", "--until",
        "response_time.p50 < 20.05ms", "--seed", "4",
    )  # fmt: skip
    assert (result.code, "at 10 users it was too close to call" in result.out) == (3, True)


def test_a_search_that_could_not_begin_leaves_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(
        capsys, "search", "find.yaml", "--vary", "users", "--from", "10", "--to", "100", "--until", "errors == 0",
        "--target", "builtin:nonsense",
    )  # fmt: skip
    assert result.code != 0
    assert not list(Path().glob("reports/*/*"))


UNFIT = [
    ("passed", 0, 0.0, "held"),
    ("failed", 0, 0.0, "failed"),  # half or more failed, and quickly
    ("unreachable", 0, 0.0, "failed"),
    ("inconclusive", 0, 0.0, "failed"),  # arrivals were dropped: the users of before were still there
    ("inconclusive", 0, 0.5, "limit"),  # loadws stood still
    ("inconclusive", 9, 0.0, "limit"),  # no files or ports
    ("invalid", 0, 0.0, "limit"),
]


@pytest.mark.parametrize(("outcome", "lacking", "stalled", "held"), UNFIT)
def test_only_a_load_that_was_made_and_passed_can_hold(
    outcome: Outcome, lacking: int, stalled: float, held: str
) -> None:
    """The rule itself is kept in each."""
    of_run = made.run(10.0)
    applied = msgspec.structs.replace(of_run.applied, generator_failures=lacking, stalled_share=stalled)
    summary = msgspec.structs.replace(of_run, applied=applied, verdict=Verdict(outcome, 0, reasons=("why",)))
    rule = parse_threshold("response_time.p50 < 1s")
    assert search._judged(20.0, summary, (rule,)).held == held
