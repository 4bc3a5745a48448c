"""Words of other tools are answered with ours, at the place where they were written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from loadws.scenario.advice.foreign import TABLES, Level, foreign_file, foreign_word, key_meant
from loadws.scenario.advice.keys import level_of
from loadws.scenario.advice.models import keys_of
from loadws.scenario.build import load_text
from loadws.scenario.model.steps import STEPS
from loadws.scenario.yaml.explain import ScenarioError
from tests.scenario.models import models


def problems_of(text: str) -> list[str]:
    """Return the problems of a scenario, each with its advice."""
    with pytest.raises(ScenarioError) as caught:
        load_text(text, Path("s.yaml"), env={})
    return [f"{problem.message}; {problem.advice}" for problem in caught.value.problems]


HEAD = "target: ws://h\nload: [{users: 1, for: 1s}]\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # k6
        ("target: ws://h\nload: [{vus: 10, duration: 30s}]\nflow: [connect]\n", ["`users`", "`for`"]),
        ("target: ws://h\nstages: [{duration: 30s, target: 10}]\nflow: [connect]\n", ["`load`"]),
        (
            "target: ws://h\nload: [{duration: 30s, target: 10}]\nflow: [connect]\n",
            ["`for`", "`users`: users: {to: 10}"],
        ),
        (HEAD + "flow: [{sleep: 1s}]\n", ["`think`"]),
        # Artillery
        ("target: ws://h\nload: [{arrivalRate: 10, duration: 60}]\nflow: [connect]\n", ["`arrivals`", "`for`"]),
        (
            "target: ws://h\nload: [{arrivals: 1/s, for: 1s, rampTo: 50}]\nflow: [connect]\n",
            ["a ramp: arrivals: {from"],
        ),
        (HEAD + "flow: [{loop: [{send: a}], times: 5}]\n", ["`repeat`"]),
        (HEAD + "flow: [{loop: 5, do: [{send: a}]}]\n", ["`repeat`"]),
        # Gatling, Locust, JMeter, tsung
        (HEAD + "flow: [{pause: 1s}]\n", ["`think`"]),
        (HEAD + "flow: [{exec: login}]\n", ["`call`"]),
        (HEAD + "users: [{tasks: [connect]}]\n", ["`flow`"]),
        (HEAD + "host: ws://h\nflow: [connect]\n", ["`target`"]),
        (HEAD + "flow: [{recv: {}}]\n", ["`wait_for`"]),
        (HEAD + "flow: [recv]\n", ["`wait_for`"]),
        (HEAD + "flow: [{thinktime: 1s}]\n", ["`think`"]),
        # inside steps
        (HEAD + "flow: [{request: {send: a, match: {$.a: 1}, timeout: 2s}}]\n", ["`where`", "`within`"]),
        (HEAD + "flow: [{request: {send: a, reply: {match: {$.a: 1}}}}]\n", ["`where`"]),
        (
            HEAD + "connection: {timeout: 2s, rejectUnauthorized: false}\nflow: [connect]\n",
            ["`open_timeout`", "`verify`"],
        ),
        (HEAD + "flow: [{connect: {protocols: [a]}}]\n", ["`subprotocols`"]),
    ],
)
def test_a_foreign_word_is_answered_with_ours(text: str, expected: list[str]) -> None:
    found = problems_of(text)
    assert len(found) == len(expected), found
    for words, problem in zip(expected, found, strict=True):
        assert f"is written {words}" in problem, problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # keys of ours that stand elsewhere
        (HEAD + "headers: {A: b}\nflow: [connect]\n", "'headers' stands under 'connection'"),
        (HEAD + "verify: false\nflow: [connect]\n", "'verify' stands under 'connection.tls'"),
        (HEAD + "flow: [{request: {send: a, where: {$.a: 1}}}]\n", "'where' stands under 'reply'"),
        ("target: ws://h\nload: [{users: 1, for: 1s, graceful_stop: 1s}]\nflow: [connect]\n",
         "'graceful_stop' stands at the top of the file: indent it less"),
        (HEAD + "flow: [{request: {send: {text: a, reply: {where: {$.a: 1}}}}}]\n",
         "'reply' stands further out: indent it less"),
    ],
)  # fmt: skip
def test_a_key_of_ours_in_the_wrong_mapping_is_sent_to_its_own(text: str, expected: str) -> None:
    assert any(expected in problem for problem in problems_of(text)), problems_of(text)


def test_a_file_of_artillery_is_told_as_such_and_no_more() -> None:
    text = "config: {target: ws://h, phases: [{duration: 60, arrivalRate: 5}]}\nscenarios: [{engine: ws, flow: []}]\n"
    [problem] = problems_of(text)
    assert problem.startswith("this is a test script of Artillery (config, scenarios)")
    assert "loadws init" in problem
    assert foreign_file(["target", "load", "scenarios"]) == ""


def _models_at(level: Level) -> list[type[BaseModel]]:
    return [model for model in models() if level_of(model) == level]


@pytest.mark.parametrize("level", list(TABLES))
def test_no_foreign_word_is_one_of_ours_at_its_level(level: Level) -> None:
    """It would never be looked up, or would be called foreign where it is not."""
    ours = STEPS if level == "verb" else {key for model in _models_at(level) for key in keys_of(model)}
    if level == "body":
        ours = set()  # one table for many mappings: a key of one may well be foreign in another
    assert ours & TABLES[level].keys() == set()
    assert all(word == re.sub("[_-]", "", word).lower() for word in TABLES[level])


@pytest.mark.parametrize("level", list(TABLES))
def test_what_an_answer_names_in_backticks_first_is_a_word_of_the_language(level: Level) -> None:
    known = {key for model in models() for key in keys_of(model)} | STEPS.keys()
    for word, ours in TABLES[level].items():
        if ours.startswith("`"):
            assert ours.split("`")[1].partition(":")[0] in known, (word, ours)


def test_words_are_compared_without_case_and_joints() -> None:
    assert foreign_word("phase", "arrivalRate").startswith("arrivalRate is written `arrivals`")
    assert foreign_word("phase", "arrival_rate").startswith("arrival_rate is written `arrivals`")
    assert foreign_word("phase", "ARRIVAL-RATE").startswith("ARRIVAL-RATE is written `arrivals`")
    assert foreign_word("phase", "nonsense") == ""
    assert key_meant("phase", "vus") == "users"
    assert key_meant("phase", "rampTo") is None
