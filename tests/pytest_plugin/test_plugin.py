"""The plugin as pytest has it: in a session of its own, with real runs, and in a session that does not use it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, blocks
from tests.kit.judged import undisturbed

pytest_plugins = ["pytester"]

WITHIN_S = 300
SCENARIO = """
name: echo
target: builtin:echo
load: [{users: 2, for: 300ms}]
flow: [{request: hello}, {think: 10ms}]
"""


@pytest.fixture
def session(pytester: pytest.Pytester) -> pytest.Pytester:
    """A session in which warnings are errors, and this suite's own options do not hold."""
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = -p no:cacheprovider")
    (pytester.path / "echo.yaml").write_text(SCENARIO)
    return pytester


def run(session: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    session.makepyfile(test_it=test)
    return session.runpytest_subprocess(*options, timeout=WITHIN_S)


@pytest.mark.alone
@pytest.mark.slow
def test_the_example_of_the_page_gates_a_server_of_a_fixture(session: pytest.Pytester) -> None:
    page = (PAGES / "pytest.md").read_text("utf-8")
    (session.path / "echo.yaml").write_text(blocks(page, "yaml")[0])
    kept = session.path / "kept"
    found = undisturbed(lambda: run(session, blocks(page, "python")[0], "--loadws-out", str(kept)))
    found.assert_outcomes(passed=1)
    lines = found.stdout.lines
    [said] = [line for line in lines if line.startswith("test_it.py::test_answers_in_time: ")]
    assert re.match(r".*: echo passed: Both checks held\. .*/kept/.*/report\.html$", said)
    assert re.fullmatch("=+ loadws =+", lines[lines.index(said) - 1])
    assert Path(said.split()[-1]).is_file()


FAILING = """
def test_failed(loadws):
    loadws("echo.yaml", rules=["iterations > 1000000"])

def test_judged_by_the_test(loadws):
    summary = loadws("echo.yaml", rules=["iterations > 1000000"], check=False, options=["--duration", "200ms"])
    assert summary.verdict.outcome == "failed"
    assert summary.ledger.messages.answered > 0

def test_wrong(loadws):
    loadws("echo.yaml", rules=["iteration > 1"])

def test_missing(loadws):
    loadws("nothing.yaml")

def test_settings(loadws):
    loadws("echo.yaml", settings={"nothing": 1})
"""


@pytest.mark.slow
def test_a_check_that_does_not_hold_fails_with_its_sentence(session: pytest.Pytester) -> None:
    found = run(session, FAILING)
    found.assert_outcomes(passed=1, failed=4)
    text = found.stdout.str()
    assert re.search(r"\necho failed: iterations was \d+, at least 1,000,000\.\nThe whole of it: ", text)
    assert "did you mean 'iterations" in text
    assert re.search(r"loadws made no run \(exit code 2\):\nnothing\.yaml: there is no such file\n", text)
    section = text[re.search("=+ loadws =+", text).start() :]  # type: ignore[union-attr]
    assert re.findall("test_it.py::(test_[a-z_]+): echo (failed):", section) == [
        ("test_failed", "failed"),
        ("test_judged_by_the_test", "failed"),
    ]
    assert "loads.py" not in text  # no traceback into the plugin


@pytest.mark.slow
def test_a_run_that_does_not_end_in_time_is_ended(session: pytest.Pytester) -> None:
    (session.path / "echo.yaml").write_text(SCENARIO.replace("300ms", "10m"))
    found = run(session, "def test_it(loadws):\n    loadws('echo.yaml', timeout=4)\n")
    found.assert_outcomes(failed=1)
    text = found.stdout.str()
    assert "loadws did not end within 4 s, and was ended." in text
    assert [word for word in ("TimeoutExpired", "During handling", "Traceback") if word in text] == []


@pytest.mark.slow
def test_runs_of_other_processes_are_in_the_section_too(session: pytest.Pytester) -> None:
    found = run(session, "def test_it(loadws):\n    loadws('echo.yaml')\n", "-n", "1")
    found.assert_outcomes(passed=1)
    assert len(re.findall("test_it.py::test_it: echo passed", found.stdout.str())) == 1


#: Says at the end of a session which modules of loadws, and which of what it needs, were imported.
CONFTEST = """
import sys

def pytest_unconfigure():
    names = {name for name in sys.modules if name.partition(".")[0] in ("loadws", "trio", "msgspec", "pydantic", "rich")}
    print("IMPORTED", *sorted(names))
"""


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--collect-only",), ()])
def test_a_session_that_does_not_use_it_imports_nothing_for_it(
    session: pytest.Pytester, options: tuple[str, ...]
) -> None:
    session.makeconftest(CONFTEST)
    others = ("xdist", "hypothesispytest", "anyio")  # plugins that import some of it themselves
    without = [word for name in others for word in ("-p", f"no:{name}")]
    found = run(session, "def test_it():\n    pass\n", *without, *options)
    [line] = [line for line in found.stdout.lines if line.startswith("IMPORTED")]
    assert line.split()[1:] == ["loadws", "loadws.pytest_plugin", "loadws.pytest_plugin.plugin"]
    assert "= loadws =" not in found.stdout.str()
