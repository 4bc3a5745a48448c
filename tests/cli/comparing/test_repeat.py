"""``loadws run`` with ``--repeat``, ``--baseline`` and ``--save-baseline``; the load itself is made up, but for one test."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from loadws.cli.comparing import repeat
from loadws.cli.running.run import Finished
from loadws.fleet.signals import Interrupted, Signals
from loadws.metrics import baseline
from loadws.metrics.summary import Summary, to_json
from tests.cli.commands import Result, run
from tests.gate.comparing import made

SCENARIO = "target: builtin:echo\nload: [{users: 1, for: 1s}]\nflow: [{request: hello}]\n"
RULE = ("--rule", "response_time.p50 <= +10%")
Making = Callable[[int], Summary]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Summary]:
    """The runs that ``loadws run`` will make, one by one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chat.yaml").write_text(SCENARIO)
    monkeypatch.setattr(repeat, "plan_hash", lambda _scenario: made.PLAN)
    monkeypatch.setattr(repeat, "machine_name", lambda: made.MACHINE)
    monkeypatch.setattr(repeat, "__version__", made.VERSION)
    waiting: list[Summary] = []
    done: list[Finished] = []

    def run_loaded(_loaded: object, _options: object, signals: Signals) -> Finished:
        heard = _heard.pop(len(done), None)
        if heard is not None:
            signals.heard.append(heard.signal)
            if heard.is_before_the_load:
                raise Interrupted(heard.signal)
        summary = waiting.pop(0)
        verdict = msgspec.structs.replace(summary.verdict, exit_code=_CODES[summary.verdict.outcome])
        summary = msgspec.structs.replace(summary, verdict=verdict)
        folder = tmp_path / "reports" / f"run-{len(done)}"
        folder.mkdir(parents=True)
        (folder / "summary.json").write_bytes(to_json(summary))
        done.append(Finished(_CODES[summary.verdict.outcome], folder, summary))
        return done[-1]

    monkeypatch.setattr(repeat, "run_loaded", run_loaded)
    return waiting


class Heard(NamedTuple):
    """A signal that comes in a run: before its load, or when the load is over and the report is being drawn."""

    signal: str
    is_before_the_load: bool


#: By the number of the run, from 0.
_heard: dict[int, Heard] = {}
_CODES = {"passed": 0, "failed": 1, "inconclusive": 3, "invalid": 4, "interrupted": 130}


def saved(runs: list[Summary], capsys: pytest.CaptureFixture[str], count: int = 8) -> Path:
    """Save a baseline of so many runs, and return its file."""
    runs.extend(made.runs(count))
    result = run(capsys, "run", "chat.yaml", "--repeat", str(count), "--save-baseline", "main")
    assert result.code == 0
    return Path("baselines/made-up/main.json")


def against(runs: list[Summary], summaries: list[Summary], capsys: pytest.CaptureFixture[str], *options: str) -> Result:
    runs[:] = summaries
    name = "baselines/made-up/main.json"
    return run(capsys, "run", "chat.yaml", "--repeat", str(len(summaries)), "--baseline", name, *RULE, *options)


def test_a_baseline_is_saved_whole_and_small(runs: list[Summary], capsys: pytest.CaptureFixture[str]) -> None:
    place = saved(runs, capsys)
    found = baseline.from_json(place.read_bytes())
    assert (found.name, found.plan_hash, found.machine_name) == ("main", made.PLAN, made.MACHINE)
    assert [entry.histogram for run in found.runs for entry in run.metrics if entry.kind == "histogram"]
    assert place.stat().st_size < 8 * 20_000
    assert baseline.from_json(baseline.to_json(found)) == found


@pytest.mark.slow
@pytest.mark.parametrize(("median_ms", "code"), [(10.0, 0), (14.0, 1), (11.0, 3)])
def test_runs_are_compared_with_a_saved_baseline(
    median_ms: float, code: int, runs: list[Summary], capsys: pytest.CaptureFixture[str]
) -> None:
    before = saved(runs, capsys).read_bytes()
    result = against(runs, made.runs(8, median_ms, 300), capsys)
    assert result.code == code
    assert "8 runs, " in result.err
    assert json.loads(Path("reports/run-15/comparison.json").read_bytes())["exit_code"] == code
    assert Path("baselines/made-up/main.json").read_bytes() == before  # --baseline never writes


@pytest.mark.slow
def test_a_run_of_its_own_thresholds_fails_all_the_same(
    runs: list[Summary], capsys: pytest.CaptureFixture[str]
) -> None:
    saved(runs, capsys)
    assert against(runs, [*made.runs(7), made.run(outcome="failed")], capsys).code == 1


@pytest.mark.parametrize(("options", "code"), [((), 3), (("--allow-no-baseline",), 0)])
def test_without_a_baseline(
    options: tuple[str, ...], code: int, runs: list[Summary], capsys: pytest.CaptureFixture[str]
) -> None:
    runs.append(made.run())
    result = run(capsys, "run", "chat.yaml", "--baseline", "main", *options)
    assert result.code == code
    assert "NO BASELINE  main" in result.out
    runs.append(made.run(outcome="failed"))
    assert run(capsys, "run", "chat.yaml", "--baseline", "main", *options).code == 1


@pytest.mark.parametrize("outcome", ["failed", "invalid", "interrupted", "inconclusive"])
def test_no_baseline_is_saved_from_a_run_that_did_not_pass(
    outcome: str, runs: list[Summary], capsys: pytest.CaptureFixture[str]
) -> None:
    runs.extend([made.run(), made.run(outcome=outcome)])  # type: ignore[arg-type]
    result = run(capsys, "run", "chat.yaml", "--repeat", "2", "--save-baseline", "main")
    assert result.code == _CODES[outcome]
    assert "no baseline was saved" in result.err
    assert not Path("baselines").exists()


@pytest.mark.slow
def test_no_baseline_is_saved_where_the_comparison_failed(
    runs: list[Summary], capsys: pytest.CaptureFixture[str]
) -> None:
    before = saved(runs, capsys).read_bytes()
    result = against(runs, made.runs(8, 14.0, 300), capsys, "--save-baseline", "main")
    assert result.code == 1
    assert "no baseline was saved: the comparison did not pass" in result.err
    assert Path("baselines/made-up/main.json").read_bytes() == before


def test_another_plan_is_refused_before_the_load(
    runs: list[Summary], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(runs, capsys)
    monkeypatch.setattr(repeat, "plan_hash", lambda _scenario: "0123456789ab")
    result = against(runs, made.runs(8), capsys)
    assert result.code == 2
    assert "planned another load" in result.err
    assert len(runs) == 8  # none was made


@pytest.mark.slow
def test_another_machine_is_told_before_the_load_and_gates_nothing(
    runs: list[Summary], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(runs, capsys)
    monkeypatch.setattr(repeat, "machine_name", lambda: "another")
    slow = [made.run(14.0, seed, machine="another") for seed in range(8)]
    result = against(runs, slow, capsys)
    assert (result.code, "watched: response_time.p50" in result.out) == (3, True)
    assert "warning: Both sides must have one machine" in result.err
    assert against(runs, slow, capsys, "--across-machines").code == 1


def test_an_interrupted_series_keeps_what_it_has(runs: list[Summary], capsys: pytest.CaptureFixture[str]) -> None:
    saved(runs, capsys)
    result = against(runs, [made.run(), made.run(outcome="interrupted"), made.run()], capsys)
    assert result.code == 130
    assert "2 of 3 runs were begun; kept: " in result.err
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("number", "heard", "code", "kept"),
    [
        (0, Heard("SIGTERM", is_before_the_load=False), 143, 1),  # the first run is whole, and no second is begun
        (1, Heard("Ctrl-C", is_before_the_load=True), 130, 1),
        (2, Heard("SIGTERM", is_before_the_load=False), 0, 3),  # all are whole: there is nothing to miss
    ],
)
def test_a_signal_outside_of_a_load_ends_the_series_too(
    number: int, heard: Heard, code: int, kept: int, runs: list[Summary], capsys: pytest.CaptureFixture[str]
) -> None:
    _heard[number] = heard
    runs[:] = made.runs(3)
    result = run(capsys, "run", "chat.yaml", "--repeat", "3")
    assert (result.code, len(runs)) == (code, 3 - kept)
    assert (f"{kept} of 3 runs were begun; kept: " in result.err) == (kept < 3)


def test_no_baseline_is_saved_of_a_series_that_a_signal_ended(
    runs: list[Summary], capsys: pytest.CaptureFixture[str]
) -> None:
    _heard[1] = Heard("SIGTERM", is_before_the_load=False)
    runs[:] = made.runs(3)
    result = run(capsys, "run", "chat.yaml", "--repeat", "3", "--save-baseline", "main")
    assert (result.code, Path("baselines").exists()) == (143, False)
    assert "no baseline was saved: 2 of 3 runs came to their end" in result.err


def test_a_signal_before_the_first_load_leaves_nothing(runs: list[Summary], capsys: pytest.CaptureFixture[str]) -> None:
    _heard[0] = Heard("SIGTERM", is_before_the_load=True)
    result = run(capsys, "run", "chat.yaml", "--repeat", "3")
    assert (result.code, "interrupted by SIGTERM before the load began" in result.err) == (143, True)


def test_what_cannot_go_together_is_refused(runs: list[Summary], capsys: pytest.CaptureFixture[str]) -> None:
    assert "name one with --baseline" in run(capsys, "run", "chat.yaml", *RULE).err
    assert "--trace judges nothing" in run(capsys, "run", "chat.yaml", "--trace", "--repeat", "2").err
    Path("torn.json").write_text('{"baseline_version": 1')
    long = run(capsys, "run", "chat.yaml", "--baseline", "n" * 300)
    assert (long.code, "cannot be read: File name too long" in long.err) == (2, True)
    torn = run(capsys, "run", "chat.yaml", "--baseline", "torn.json")
    assert (torn.code, "torn.json is no baseline that this version knows" in torn.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("folder/", "this is a folder"),
        ("chat.yaml/main.json", "cannot be written: File exists"),
        ("chat.yaml/deep/main.json", "cannot be written: Not a directory"),
        (f"new/{'n' * 300}.json", "cannot be written: File name too long"),
        (f"{'n' * 300}/main.json", "cannot be written: File name too long"),
        ("/proc/no/main.json", "cannot be written: "),
        ("chat.yaml/", "this file is no baseline"),
        ("pipe.json", "this file is no baseline"),
    ],
)
def test_a_place_where_no_baseline_can_be_saved_is_refused_before_the_load(
    name: str, why: str, runs: list[Summary], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder").mkdir()
    os.mkfifo("pipe.json")
    before = sorted(Path.cwd().rglob("*"))
    runs[:] = made.runs(2)
    result = run(capsys, "run", "chat.yaml", "--repeat", "2", "--save-baseline", name)
    assert (result.code, why in result.err, "--save-baseline" in result.err) == (2, True, True), result.err
    assert len(runs) == 2  # none was made
    assert sorted(Path.cwd().rglob("*")) == before  # and nothing is left of the trial


@pytest.mark.slow
def test_a_real_run_is_compared_with_itself_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A count of errors is the one value that a busy machine does not move."""
    monkeypatch.chdir(tmp_path)
    Path("chat.yaml").write_text(SCENARIO.replace("1s", "300ms"))
    rules = ("--rule", "errors <= +0", "--too-close", "pass")
    first = run(capsys, "run", "chat.yaml", "-q")
    again = run(capsys, "run", "chat.yaml", "-q", "--baseline", "reports/chat/*", *rules)
    assert "NO BASELINE" not in again.out
    assert "errors.count did not change" in again.out
    assert {first.code, again.code} <= {0, 3, 4}
