"""``loadws plan``: the page as a whole, and what changes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.cli.planning import plan
from loadws.fleet.machine import process_count as count
from loadws.fleet.machine.preflight import UNKNOWN, Machine
from tests.cli.commands import Result, run

SCENARIO = """\
name: chat
target: ws://127.0.0.1:8765
seed: 7
load:
  - {name: warm-up, users: {from: 0, to: 8}, for: 2s, warmup: true}
  - {name: rush, users: 8, arrivals: {from: 0/s, to: 20/s}, for: 4s, max_users: 30}
  - {name: last, users: 8, iterations: 100}
flow: [{request: hi}]
"""
MACHINE = Machine(descriptors=1000, ports=28232, memory_bytes=2**33)
PAGE = """\
chat against ws://127.0.0.1:8765, seed 7
mixed model: some users are held, others arrive by the clock

phase    from  for  users  arrivals            expected
warm-up  0 s   2 s  0 → 8                                warm-up, not judged
rush     2 s   4 s  8      0/s → 20/s poisson  40 users  at most 30 arrived users at once
last     6 s   ?    8                                    ends after 100 iterations

"""


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "look_at_machine", lambda: MACHINE)
    monkeypatch.setattr(count, "usable_cores", lambda: 2)


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "chat.yaml"
    path.write_text(SCENARIO)
    return str(path)


def _lines(found: Result) -> list[str]:
    return [line.rstrip() for line in found.out.splitlines()]


def test_the_page(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "plan", scenario)
    assert (found.code, found.err) == (0, "")
    lines = _lines(found)
    assert lines[: PAGE.count("\n")] == PAGE.splitlines()
    assert lines[-6:] == [
        "How long the load lasts, its iterations decide.",
        "",
        "for at most 38 connections at once, this machine needs",
        "  open files          102 of 1,000",
        "  local ports          38 of 28,232",
        "  memory         97.2 MiB of 8 GiB",
    ]


def test_users_and_arrivals_are_drawn_over_time(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = _lines(run(capsys, "plan", scenario))
    users, arrivals = lines.index(f"{'':12}users held"), lines.index(f"{'':12}arrivals per second")
    assert lines[users + 1].startswith("         8 ┤")
    assert lines[users + 6].startswith("         0 ┤")
    assert lines[arrivals + 1].startswith("      20/s ┤")
    assert lines[arrivals + 1].endswith("█")  # the rush ends at its highest
    assert lines[arrivals + 6].startswith("       0/s ┤")
    times, names = lines[arrivals + 7 : arrivals + 9]
    assert times.split() == "0 s 2 s 6 s".split()
    assert names.split() == ["warm-up", "rush"]
    assert times.index("2 s") == names.index("rush")


@pytest.mark.slow
def test_it_changes_with_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.yaml"
    path.write_text("target: ws://127.0.0.1:1\nload: [{name: all, users: 5, for: 1s}]\nflow: [{request: hi}]\n")
    for options, row in (
        ((), "all    0 s   1 s  5"),
        (("--users", "7"), "all    0 s   1 s  7"),
        (("--duration", "3s"), "all    0 s   3 s  5"),
        (("--scale", "10"), "all    0 s   1 s  50"),
        (("--rate", "4/s"), "all    0 s   1 s  5      4/s poisson  4 users"),
    ):
        assert row in _lines(run(capsys, "plan", str(path), *options))
    assert _lines(run(capsys, "plan", str(path)))[0] == "small against ws://127.0.0.1:1, a new seed each run"
    assert _lines(run(capsys, "plan", str(path), "--seed", "3", "--target", "builtin:json"))[0] == (
        "small against builtin:json, seed 3"
    )


def test_the_targets_user_info_is_masked(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "plan", scenario, "--target", "ws://ada:lovelace@127.0.0.1/")
    assert _lines(found)[0] == "chat against ws://(masked)@127.0.0.1/, seed 7"
    assert "lovelace" not in found.out + found.err


@pytest.mark.parametrize("columns", ["1", "40", "500"])
def test_any_width_of_a_terminal_will_do(
    columns: str, scenario: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    found = run(capsys, "plan", scenario)
    assert (found.code, found.err) == (0, "")
    assert max(len(line) for line in _lines(found) if "┤" in line) == min(max(int(columns), 40), 100)


def test_overrides_that_do_not_fit_are_refused(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "plan", scenario, "--users", "7")
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("loadws: --users changes a scenario with one judged phase")


def test_what_cannot_fit_is_shown_and_ends_with_2(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "plan", scenario, "--scale", "10000")
    assert found.code == 2
    assert "  local ports      80,030 of 28,232: too few" in _lines(found)
    assert found.err.startswith("loadws: the plan holds 80,000 users here, and ")
    assert "the open files of 16 processes (ulimit -n) allow 14,976" in found.err
    assert "; the local ports to one address (net.ipv4.ip_local_port_range) allow 28,232" in found.err


def test_what_one_process_cannot_hold_several_can(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "plan", scenario, "--scale", "1000")
    assert found.code == 0, found.err
    assert "for at most 8,030 connections at once, made by 9 processes, this machine needs" in _lines(found)
    assert "  open files        8,606 of 9,000" in _lines(found)


def test_what_might_not_fit_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "open.yaml"
    path.write_text("target: ws://127.0.0.1:1\nload: [{arrivals: 500/s, for: 10s}]\nflow: [{request: hi}]\n")
    found = run(capsys, "plan", str(path))
    assert found.code == 0
    assert found.err.startswith("warning: up to 5,000 users may be there at once if none leaves early")


def test_a_machine_that_does_not_say_is_no_obstacle(
    scenario: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "look_at_machine", lambda: Machine(UNKNOWN, UNKNOWN, UNKNOWN))
    found = run(capsys, "plan", scenario)
    assert (found.code, found.err) == (0, "")
    assert _lines(found)[-1] == "  memory         97.2 MiB of an unknown number"


def test_a_scenario_that_is_wrong_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("target: 5\n")
    found = run(capsys, "plan", str(path))
    assert (found.code, found.out) == (2, "")
    assert f"{path}:1:9: target: " in found.err
