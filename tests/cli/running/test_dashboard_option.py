"""``--dashboard`` as the command line has it; the dashboard itself is tested in tests/dashboard."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from tests.cli.commands import run

SCENARIO = "target: builtin:echo\nload: [{users: 2, iterations: 20}]\nflow: [{request: {send: hi}}]\n"


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    (tmp_path / "a.yaml").write_text(SCENARIO)
    return str(tmp_path / "a.yaml")


@pytest.mark.slow
def test_a_run_says_where_its_dashboard_is(scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "run", scenario, "--out", str(tmp_path / "reports"), "--dashboard")
    assert result.code == 0, result.out + result.err
    assert re.search(r"^Dashboard  http://127\.0\.0\.1:\d+/$", result.err, re.MULTILINE)
    assert "The dashboard" not in result.err  # it missed nothing


@pytest.mark.slow
def test_a_busy_port_ends_the_run_before_it_begins(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        place = f"127.0.0.1:{busy.getsockname()[1]}"
        result = run(capsys, "run", scenario, "--out", str(tmp_path / "reports"), "--dashboard", place)
    assert (result.code, result.out) == (2, "")
    assert f"loadws: {place} cannot be listened on" in result.err
    assert "--dashboard 127.0.0.1:0 takes a free one" in result.err
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--dashboard", "--trace"), "--trace measures nothing"),
        (("--dashboard", "--repeat", "3"), "a dashboard shows one run"),
        (("--dashboard=somewhere",), "'somewhere' is not an address to listen on"),
    ],
)
def test_what_does_not_go_with_it(
    scenario: str, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    result = run(capsys, "run", scenario, *options)
    assert result.code == 2
    assert said in result.err
