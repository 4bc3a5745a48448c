"""``loadws search``: a short real search, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import run

SCENARIO = "name: find\ntarget: builtin:echo\nload: [{users: 1, for: 200ms}]\nflow: [{request: hello}]\n"


@pytest.fixture(autouse=True)
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("find.yaml").write_text(SCENARIO)


def test_a_rule_that_no_load_keeps(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(
        capsys, "search", "find.yaml", "--vary", "users", "--from", "2", "--to", "4", "--settle", "50ms",
        "--until", "response_time.max < 1us", "--json", "found.json", "--html", "found.html",
    )  # fmt: skip
    found = json.loads(Path("found.json").read_bytes())
    assert (found["found"], [level["load"] for level in found["levels"]]) == (None, [2.0])
    assert result.code in (1, 3)  # 3 where the machine stood still meanwhile
    assert "<h1>Search by users</h1>" in Path("found.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "5", "--to", "2", "--until", "errors == 0"), "--from must be above 0 and below --to"),
        (("--from", "1", "--to", "2"), "there is no rule to search by"),
        (("--from", "1", "--to", "2", "--until", "errors <= +1"), "compares with a baseline"),
        (("--from", "1", "--to", "2", "--until", "nonsense < 1"), "--until:1:1: unknown metric 'nonsense'"),
    ],
)
def test_bad_input_is_refused(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "search", "find.yaml", "--vary", "users", *arguments)
    assert (result.code, message in result.err) == (2, True)
