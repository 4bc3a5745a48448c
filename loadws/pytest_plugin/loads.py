"""The value of the fixture: makes runs, notes their results in the test, and fails it where a check does not hold."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from loadws.metrics.summary import Summary
from loadws.pytest_plugin import PROPERTY
from loadws.report import facts
from loadws.report.folder import REPORT, read_run, slug
from loadws.report.plain import plain
from loadws.terms.errors import ExitCode, OutputError

#: How long a run that was asked to end may need, before it is killed.
_PATIENCE_S = 30.0
_WIDTH = 100


class _Made(NamedTuple):
    """A process that has ended: its exit code, and what it printed."""

    code: int
    printed: str


class Loads:
    """A maker of runs for one test.

    Each run is a process of its own. In the process of the test it would share the interpreter with a server that a
    fixture started, and measure its own load; it would also take over the signals and the garbage collector.
    """

    def __init__(self, item: pytest.Item, out: Path) -> None:
        """Keep the runs below ``out``, each in a folder of its own."""
        self._item = item
        self._out = out

    def __call__(
        self,
        scenario: str | os.PathLike[str],
        *,
        target: str | None = None,
        rules: Sequence[str] = (),
        settings: Mapping[str, object] | None = None,
        options: Sequence[str] = (),
        timeout: float = 600.0,
        check: bool = True,
    ) -> Summary:
        """Make one run and return its summary.

        Args:
            scenario: The file, relative to the test's file, or else to the working directory.
            target: Where to connect, whatever the file says.
            rules: Thresholds beside those of the file, as ``response_time.p95 < 200ms``.
            settings: Values of variables.
            options: More options of ``loadws run``, as ``["--users", "20", "--duration", "5s"]``.
            timeout: After so many seconds the run is ended, and the test fails.
            check: Whether the test fails where a check does not hold or the run could not tell; a run without a summary
                fails it in any case.
        """
        __tracebackhide__ = True
        words = [*_words(target, rules, settings or {}), *options]
        out = self._new_folder()
        made = self._run([str(self._place_of(scenario)), *words, "--out", str(out)], timeout)
        folder = next((path.parent for path in out.glob("*/*/run.json") if not path.parent.is_symlink()), None)
        summary = None if folder is None else _read(folder)
        if summary is None or folder is None:
            pytest.fail(f"loadws made no run (exit code {made.code}):\n{made.printed}", pytrace=False)
        self._item.add_report_section("call", "loadws", made.printed)
        said = _said(summary)
        page = folder / REPORT
        self._item.user_properties.append((PROPERTY, f"{' '.join(said)} {page if page.exists() else folder}"))
        if check and made.code != ExitCode.PASSED:
            pytest.fail("\n".join((*said, f"The whole of it: {page}")), pytrace=False)
        return summary

    def _new_folder(self) -> Path:
        """Return a folder for one run; processes of pytest-xdist may make others beside it."""
        self._out.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{slug(self._item.name)[:60]}-", dir=self._out))

    def _place_of(self, scenario: str | os.PathLike[str]) -> Path:
        beside = self._item.path.parent / scenario
        return beside if beside.exists() else Path(scenario)

    def _run(self, words: Sequence[str], timeout: float) -> _Made:
        """Run ``loadws run``, which never outlives the test. Fail the test where it does not end in time."""
        __tracebackhide__ = True
        command = [sys.executable, "-m", "loadws", "run", *words, "--quiet", "--ci", "none"]
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": str(_WIDTH), "PYTHONUTF8": "1"}
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
            text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        with process:
            printed = _printed(process, timeout)
            if printed is None:  # not in the handler of an exception, which pytest would show with the failure
                self._item.add_report_section("call", "loadws", _ended(process))
                pytest.fail(f"loadws did not end within {timeout:g} s, and was ended.", pytrace=False)
        return _Made(process.returncode, printed)


def _printed(process: subprocess.Popen[str], timeout: float) -> str | None:
    """Return what a process printed until its end; None where it does not end in time."""
    try:
        return process.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        return None
    except BaseException:
        _ended(process)
        raise


def _words(target: str | None, rules: Sequence[str], settings: Mapping[str, object]) -> list[str]:
    words = [] if target is None else ["--target", target]
    for rule in rules:
        words += ["--rule", rule]
    for name, value in settings.items():
        words += ["--set", f"{name}={value}"]
    return words


def _read(folder: Path) -> Summary | None:
    try:
        return read_run(folder).summary
    except OutputError:
        return None


def _said(summary: Summary) -> list[str]:
    """Return the verdict with the sentences that it rests on; the first line is what pytest shows where it has only one."""
    word, _, [first, *others] = facts.headline(summary)
    return [f"{plain(summary.run.scenario, 60)} {word.lower()}: {first}", *others]


def _ended(process: subprocess.Popen[str]) -> str:
    """End a process, by force where it does not heed; return what it had printed."""
    process.terminate()
    try:
        return process.communicate(timeout=_PATIENCE_S)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]
