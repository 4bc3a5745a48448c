"""Expressions of steps: what is not one whole expression is refused, whatever step asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from loadws.scenario.build import load_text
from loadws.scenario.docs.examples import EXAMPLES
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.step_names import walk_steps
from loadws.scenario.model.steps import STEPS
from loadws.scenario.model.steps.parts import Expression
from loadws.scenario.yaml.explain import ScenarioError

HEAD = "target: ws://127.0.0.1:1\nload: [{users: 1, for: 1s}]\nvariables: {n: 1}\nflow:\n  - "
#: A step for each place that takes an expression, without that expression.
PLACES = {
    "check": "check: {}",
    "check.that": "check: {{that: {}, name: state}}",
    "if": "{{if: {}, then: [{{log: yes}}]}}",
    "while": "{{while: {}, do: [{{log: yes}}]}}",
    "repeat": "{{repeat: {}, do: [{{log: yes}}]}}",
    "record.value": "record: {{name: a, value: {}}}",
}
#: The verbs with an expression.
VERBS = {place.partition(".")[0] for place in PLACES}


def problems(step: str) -> list[str]:
    try:
        load_text(HEAD + step + "\n", Path("nowhere/scenario.yaml"), env={})
    except ScenarioError as error:
        return [problem.message for problem in error.problems]
    return []


@pytest.mark.parametrize("verb", STEPS)
def test_every_verb_with_an_expression_is_among_these(verb: str) -> None:
    flow = YAML(typ="safe", pure=True).load(EXAMPLES[verb])
    document = {"target": "ws://127.0.0.1:1", "load": [{"users": 1, "for": "1s"}], "flow": flow}
    steps = [step for _, step in walk_steps(Scenario.model_validate(document)) if step.verb == verb]
    assert verb in VERBS or not any(isinstance(part, Expression) for step in steps for part in step.parts())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "text", ["{{ n }} == 1", "{{ n }}{{ n }}", "not {{ n }}", "{{ 'false' }}", "{{ [n] }} {{ n }}"]
)
def test_what_is_text_is_refused_wherever_an_expression_stands(place: str, text: str) -> None:
    (message,) = problems(PLACES[place].format(f'"{text}"'))
    assert message.startswith(("this is always", "this is never a", "expected a"))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", ["{{ n }}", " {{ n }} ", "{{ n }}\\n", "{{ user.index }}", "{{ n | default(2) }}"])
def test_an_expression_alone_is_taken_wherever_it_stands(place: str, text: str) -> None:
    assert problems(PLACES[place].format(f'"{text}"')) == []


@pytest.mark.parametrize("block", ["|", ">", "|-", ">+"])
def test_the_line_break_of_a_block_is_no_text_beside_an_expression(block: str) -> None:
    loaded = load_text(f"{HEAD}check: {block}\n      {{{{ n == 1 }}}}\n", Path("nowhere/scenario.yaml"), env={})
    ((_, check),) = walk_steps(loaded.scenario)
    assert [part.text for part in check.parts() if isinstance(part, Expression)] == ["{{ n == 1 }}"]


@pytest.mark.parametrize("text", ["true", "false", "1", "0"])
def test_a_condition_may_be_just_true_or_false(text: str) -> None:
    assert problems(f'{{while: "{{{{ {text} }}}}", do: [{{think: 1s}}]}}') == []
