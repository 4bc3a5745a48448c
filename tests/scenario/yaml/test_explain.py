"""How a problem is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.scenario.yaml.explain import (
    EXCERPT_BEFORE,
    EXCERPT_WIDTH,
    SHOWN_PROBLEMS,
    Problem,
    Problems,
    ScenarioError,
    SourceText,
    any_of,
    explain,
    explain_all,
    show_where,
)
from loadws.scenario.yaml.tree import Node
from loadws.terms.errors import ExitCode

PATH = Path("scenarios/chat.yaml")


def test_a_problem_has_place_path_message_advice_excerpt_and_caret() -> None:
    problem = Problem(
        PATH,
        31,
        5,
        "unknown key 'withing'",
        "did you mean 'within'?",
        excerpt="    withing: 2s",
        where=("users", 0, "flow"),
    )
    assert explain(problem) == (
        "scenarios/chat.yaml:31:5: users[0].flow: unknown key 'withing'; did you mean 'within'?\n"
        "   31 |     withing: 2s\n"
        "      |     ^"
    )


def test_a_warning_says_that_it_is_one_and_a_file_may_have_no_lines() -> None:
    assert explain(Problem(PATH, 0, 0, "odd", severity="warning")) == "scenarios/chat.yaml: warning: odd"


def test_an_excerpt_shows_nothing_that_a_terminal_acts_on() -> None:
    problem = Problem(PATH, 1, 3, "odd", excerpt="\t\x1bx\u202ey")
    assert explain(problem) == "scenarios/chat.yaml:1:3: odd\n    1 |   x y\n      |   ^"


def test_a_long_line_is_cut_around_the_caret() -> None:
    problem = Problem(PATH, 1, 501, "odd", excerpt="a" * 500 + "b" + "c" * 500)
    _, excerpt, caret = explain(problem).splitlines()
    assert excerpt == "    1 | " + "a" * EXCERPT_BEFORE + "b" + "c" * (EXCERPT_WIDTH - EXCERPT_BEFORE - 1)
    assert excerpt.index("b") == caret.index("^")


def test_problems_stand_in_the_order_of_the_file() -> None:
    error = ScenarioError([Problem(PATH, 2, 1, "third"), Problem(PATH, 1, 5, "second"), Problem(PATH, 1, 2, "first")])
    assert [problem.message for problem in error.problems] == ["first", "second", "third"]
    assert error.exit_code == ExitCode.USAGE


def test_problems_of_a_file_that_the_scenario_names_are_counted_apart() -> None:
    problems = Problems(SourceText(PATH, "a: 1"))
    problems.adopt(Problem(Path("ours.yaml"), 2, 1, "odd"))
    assert (
        ScenarioError(problems.of("error")).for_people().endswith("\nloadws: ours.yaml has 1 problem; nothing was run")
    )
    problems.add(0, "odd")
    problems.add(0, "even")
    error = ScenarioError(problems.of("error"))
    said = "\nloadws: the scenario has 2 problems and ours.yaml has 1 problem; nothing was run"
    assert error.for_people().endswith(said)
    assert list(error.counts()) == [("", "2 problems"), ("ours.yaml", "1 problem")]


def test_no_more_are_shown_than_anyone_reads() -> None:
    text = explain_all([Problem(PATH, 0, 0, "odd")] * (SHOWN_PROBLEMS + 1200))
    assert text.splitlines()[SHOWN_PROBLEMS:] == ["... and 1,200 more"]


def test_the_same_problem_is_told_once() -> None:
    problems = Problems(SourceText(PATH, "a: 1"))
    problems.add(0, "odd")
    problems.add(0, "odd", "again")
    problems.add(0, "even")
    assert [problem.message for problem in problems.of("error")] == ["odd", "even"]


@pytest.mark.parametrize(
    ("written", "value", "offset"),
    [
        ("ab {x", "ab {x", 3),  # unquoted
        ("'ab {x'", "ab {x", 4),  # quoted
        ('"a\\x62 {x"', "ab {x", 0),  # escapes hide it: the value's start
    ],
)
def test_a_place_within_a_text(written: str, value: str, offset: int) -> None:
    source = SourceText(PATH, written)
    assert source.offset_in(Node(value, 0, len(written)), value, 3) == offset


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ((), ""),
        (("users", 0, "flow", 2), "users[0].flow[2]"),
        (("reply", "where", "$.id"), "reply.where['$.id']"),
        (("headers", "X-Id"), "headers.X-Id"),
    ],
)
def test_paths_read_like_code(where: tuple[str | int, ...], shown: str) -> None:
    assert show_where(where) == shown


def test_words() -> None:
    assert any_of([]) == "none"
    assert any_of(["a"]) == "'a'"
    assert any_of(["a", "b", "c"]) == "'a', 'b' or 'c'"
