"""Files that load, files that do not, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from loadws.scenario.build import Loaded, load_scenario, load_text
from loadws.scenario.model.steps import STEPS
from loadws.scenario.yaml.explain import ScenarioError, explain_all
from loadws.terms.metrics import own_counter, own_trend
from tests.scenario.texts import EVERYTHING, SMALLEST

HERE = Path(__file__).parent


def load(text: str | bytes) -> Loaded:
    return load_text(text, Path("nowhere/scenario.yaml"), env={})


# -- what is said -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(path.stem for path in (HERE / "invalid").glob("*.yaml")))
def test_every_problem_of_a_file_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE / "invalid")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(Path(f"{name}.yaml"), env={})
    assert str(caught.value) + "\n" == Path(f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(path.stem for path in (HERE / "warned").glob("*.yaml")))
def test_what_is_only_unwise_is_a_warning(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE / "warned")
    loaded = load_scenario(Path(f"{name}.yaml"), env={})
    assert explain_all(loaded.warnings) + "\n" == Path(f"{name}.txt").read_text(encoding="utf-8")


def test_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    for path, message in ((tmp_path / "no.yaml", "there is no such file"), (tmp_path, "this is a directory")):
        with pytest.raises(ScenarioError, match=message):
            load_scenario(path)


def test_excerpts_of_problems_that_have_a_line() -> None:
    with pytest.raises(ScenarioError) as caught:
        load("target: ws://h\nload: []\nflow: []\n")
    assert [problem.excerpt for problem in caught.value.problems] == ["load: []", "flow: []"]


# -- what loads -------------------------------------------------------------------------------------------------------


def test_the_smallest_scenario_loads() -> None:
    loaded = load(SMALLEST)
    assert (loaded.scenario.name, loaded.scenario.seed, loaded.warnings) == ("scenario", None, ())
    assert [phase.name for phase in loaded.scenario.load] == ["phase-1"]
    assert loaded.text == loaded.masked_text == SMALLEST


def test_everything_of_this_version_loads_without_a_warning(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("user,room\nada,1\n")
    (tmp_path / "hello.txt").write_text("hello")
    loaded = load_text(EVERYTHING, tmp_path / "chat.yaml", env={})
    assert loaded.warnings == ()
    assert [phase.name for phase in loaded.scenario.load] == ["warm-up", "steady", "phase-3", "drain"]
    assert [threshold.metric for threshold in loaded.thresholds] == [
        "response_time", "connect_time", "error_rate", "feed_age", "closed 1000", "connect_time", "ping_time",
    ]  # fmt: skip
    assert loaded.own_metrics == {
        "feed_age": own_trend("feed_age", "ns"),
        "km": own_trend("km", "km"),
        "greeted": own_counter("greeted"),
        "broken": own_counter("broken"),
        "closed 1000": own_counter("closed 1000"),
    }


def test_unnamed_user_types_are_numbered() -> None:
    text = "target: ws://h\nload: [{users: 1, for: 1s}]\nusers: [{flow: [connect]}, {name: b, flow: [connect]}]\n"
    assert [each.name for each in load(text).scenario.user_types] == ["user-1", "b"]


# -- whatever the text ------------------------------------------------------------------------------------------------


def loads_or_explains(text: str | bytes) -> None:
    try:
        load(text)
    except ScenarioError as error:
        assert error.problems
        assert str(error)


@given(st.text() | st.text(alphabet="{}[]:,-&*!|>'\"%@`#?$ \n\tabc01.~<"))
@example('a: "\\U99999999"')
@example('a: "\\ud800"')
@example("%YAML 1.1\n---\n")
@example("? a\n: b\n")
@example("<<: {a: 1}\n<<: 3\n")
@example("&a a: *a")
def test_any_text_loads_or_is_explained(text: str) -> None:
    loads_or_explains(text)


@given(st.binary())
def test_any_bytes_load_or_are_explained(content: bytes) -> None:
    loads_or_explains(content)


@pytest.mark.slow
@given(st.integers(0, len(EVERYTHING)), st.integers(0, 40), st.text(alphabet="{}[]:,-&*!|'\"#$ \n\ta0", max_size=5))
def test_a_scenario_with_a_hole_in_it_loads_or_is_explained(at: int, length: int, instead: str) -> None:
    loads_or_explains(EVERYTHING[:at] + instead + EVERYTHING[at + length :])


KEYS = sorted(
    {*STEPS, "name", "do", "then", "else", "for", "where", "check", "capture", "send", "reply", "json", "text"}
    | {"binary", "file", "within", "from", "to", "users", "arrivals", "rule", "flow", "on", "message", "open", "on_failure"}
    | {"$.a", "headers", "expect", "status", "value", "that", "weight", "close", "code", "unit", "every", "overlap"}
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers(-2, 5) | st.sampled_from(
    ["", "connect", "close", "1s", "5/s", "{{ a }}", "{{ b", "$.a", "1KiB", "any", "${X}", "${X:-3}", "a", "continue"]
)  # fmt: skip
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.dictionaries(st.sampled_from(["variables", "data", "connection", "secrets", "on", "thresholds"]), trees),
    st.lists(trees, max_size=4),
    trees,
)
def test_any_tree_of_the_languages_words_loads_or_is_explained(
    rest: dict[str, object], flow: object, load_: object
) -> None:
    whole = {"target": "ws://h", "load": [{"users": 1, "for": "1s"}], "flow": flow, **rest}
    loads_or_explains(json.dumps(whole))
    loads_or_explains(json.dumps({**whole, "load": load_}))
