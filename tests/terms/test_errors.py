"""Exit codes: their numbers are a contract, and of several the most severe wins."""

from __future__ import annotations

import itertools

import pytest

from loadws.terms.errors import (
    ExitCode,
    LoadwsError,
    OutputError,
    TargetError,
    UnitError,
    UsageError,
    did_you_mean,
    most_severe,
)

PRECEDENCE = [70, 2, 130, 143, 5, 4, 1, 3, 0]


def test_the_codes_of_the_design_in_their_precedence() -> None:
    assert [int(code) for code in ExitCode] == PRECEDENCE


def test_a_code_is_found_by_its_number_and_says_what_it_means() -> None:
    assert ExitCode.INTERRUPTED is ExitCode(130)  # type: ignore[call-arg]
    assert ExitCode(130).meaning == "interrupted by Ctrl-C; the report is still written"  # type: ignore[call-arg]
    assert len(ExitCode) == len({code.meaning for code in ExitCode})


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(ExitCode, 2)))
def test_of_two_codes_the_one_that_stands_first_wins(first: ExitCode, second: ExitCode) -> None:
    assert first is most_severe([second, first]) is most_severe([first, second])


def test_nothing_wrong_is_a_pass() -> None:
    assert ExitCode.PASSED is most_severe([])


def test_errors_carry_their_exit_code_and_advice() -> None:
    assert (str(LoadwsError("no")), LoadwsError("no").advice) == ("no", "")
    assert (str(UnitError("no", "do this")), UnitError("no", "do this").advice) == ("no", "do this")
    codes = {kind: kind.exit_code for kind in (LoadwsError, UsageError, OutputError, UnitError, TargetError)}
    assert {ExitCode.USAGE, ExitCode.UNREACHABLE} == set(codes.values())
    assert ExitCode.UNREACHABLE is codes[TargetError]


def test_the_most_similar_word_is_advised_and_none_that_is_not_similar() -> None:
    assert did_you_mean("withing", ["within", "where"]) == "did you mean 'within'?"
    assert did_you_mean("paths", ["path", "within", "path", "parts"], 2) == "did you mean 'path' or 'parts'?"
    assert did_you_mean("xyz", ["within"]) == ""
