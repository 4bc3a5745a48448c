"""Every verb answers every question that the other rooms ask of a step, and none of those rooms has a list of verbs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import loadws
from loadws.engine.steps.registry import VERBS
from loadws.scenario.docs.examples import EXAMPLES
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.step_names import walk_steps
from loadws.scenario.model.steps import STEPS, OnConnection, SetStep, Step
from loadws.scenario.model.steps.by_protocol import CarryingStep, ProtocolStep
from loadws.scenario.model.steps.flow import Loop
from loadws.scenario.model.steps.step import (
    FACETS,
    ConnectionStep,
    FlowStep,
    LeafStep,
    LocalStep,
    OffConnectionStep,
    missing_facets,
)

ROOT = Path(loadws.__file__).parent
#: Classes that answer for several verbs; each says in its docstring what these have in common.
FAMILIES = (LeafStep, ConnectionStep, OffConnectionStep, LocalStep, FlowStep, Loop, ProtocolStep, CarryingStep)


def examples(verb: str) -> list[Step]:
    """Return the steps of a verb that its example has."""
    flow = YAML(typ="safe", pure=True).load(EXAMPLES[verb])
    document = {"target": "ws://127.0.0.1:1", "load": [{"users": 1, "for": "1s"}], "flow": flow}
    return [step for _, step in walk_steps(Scenario.model_validate(document)) if step.verb == verb]


@pytest.mark.parametrize("verb", STEPS)
def test_every_verb_answers_every_question(verb: str) -> None:
    steps = examples(verb)
    for facet in FACETS:
        answered_by = next(each for each in STEPS[verb].__mro__ if facet in vars(each))
        assert answered_by is STEPS[verb] or answered_by in FAMILIES, facet
        for step in steps:
            answer = getattr(step, facet)
            if callable(answer) and facet != "with_flows":
                answer()


def test_a_family_leaves_open_what_differs_among_its_verbs() -> None:
    """A question that nobody has to answer is a default that silently means no."""
    open_in = {family.__name__: set(missing_facets(family)) for family in FAMILIES}
    assert open_in["LocalStep"] == {
        "verb",
        "waits",
        "measures",
        "is_opaque",
        "is_for_setup",
        "uses_http",
        "names",
        "parts",
    }
    assert open_in["ConnectionStep"] == {
        "verb", "waits", "sends", "gives_sent", "measures", "reads_inbox", "names", "is_named_by_text", "parts",
        "patience_ns", "awaits", "effect",
    }  # fmt: skip
    assert open_in["FlowStep"] == {
        "verb", "waits", "inside", "is_for_setup", "test_times", "parts", "pace", "children", "with_flows",
    }  # fmt: skip


def test_a_verb_that_leaves_a_question_open_cannot_be_imported() -> None:
    with pytest.raises(TypeError, match=r"the step 'whisper' does not say: waits, .*parts"):

        class WhisperStep(LocalStep):
            verb = "whisper"
            whisper: str


@pytest.mark.parametrize("verb", STEPS)
def test_a_step_is_of_the_family_that_its_body_shows(verb: str) -> None:
    for step in examples(verb):
        uses_connection = isinstance(step.body, OnConnection) or verb == "connect"
        assert isinstance(step, ConnectionStep) == uses_connection
        assert isinstance(step, FlowStep) == (step.inside is not None) == bool(list(step.children()))


@pytest.mark.parametrize("verb", STEPS)
def test_with_flows_changes_every_flow_and_nothing_else(verb: str) -> None:
    marker = (SetStep.model_validate({"set": {"marked": 1}}),)
    for step in examples(verb):
        changed = step.with_flows(lambda flow: (*marker, *flow))
        flows = [flow for _, flow in step.children()]
        assert [flow for _, flow in changed.children()] == [(*marker, *flow) for flow in flows]
        assert changed.with_flows(lambda flow: flow[1:]) == step


@pytest.mark.parametrize("verb", STEPS)
def test_places_of_parts_lead_to_something_the_step_has(verb: str) -> None:
    """A place that leads nowhere is read as nothing, and its templates would not be checked."""
    for step in examples(verb):
        keys = {field.alias or name for name, field in type(step).model_fields.items()}
        for part in step.parts():
            if place := getattr(part, "place", ()):
                assert place[0] in keys


@pytest.mark.parametrize("verb", STEPS)
def test_every_template_of_an_example_is_a_part(verb: str) -> None:
    """The texts with braces, of a step alone, are all within what ``parts`` names."""
    for step in examples(verb):
        bare = step.with_flows(lambda flow: ())
        written = bare.model_dump(by_alias=True, exclude_unset=True, exclude={"name"})
        places = [getattr(part, "place", None) for part in step.parts()]
        for path in _templates(written):
            assert any(place is not None and path[: len(place)] == place for place in places), path


def _templates(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _templates(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _templates(inner, (*path, index))
    elif isinstance(value, str) and "{{" in value:
        yield path


# -- no lists of verbs ------------------------------------------------------------------------------------------------

#: Files that have an entry for every verb, and whose entries a test holds complete.
TABLES = {"engine/steps/registry.py": set(VERBS), "scenario/docs/examples.py": set(EXAMPLES)}


def test_tables_of_verbs_are_complete() -> None:
    assert [table for table, verbs in TABLES.items() if verbs != set(STEPS)] == []


def _lists_of_verbs(path: Path) -> Iterator[str]:
    """Yield the collections of a source file that list two or more verbs and nothing else, and comparisons with a verb."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Tuple | ast.Set | ast.List):
            texts = [each.value for each in node.elts if isinstance(each, ast.Constant)]
            if len(texts) == len(node.elts) and len(set(texts)) > 1 and all(text in STEPS for text in texts):
                yield f"{path.name}:{node.lineno} {texts}"
        elif isinstance(node, ast.Compare) and getattr(node.left, "attr", None) == "verb":
            yield f"{path.name}:{node.lineno} {ast.unparse(node)}"


@pytest.mark.parametrize("room", ["scenario", "plan", "engine", "fleet"])
def test_no_room_has_a_list_of_verbs(room: str) -> None:
    """What differs among verbs is asked of the step: a list elsewhere is what a new verb is forgotten in."""
    found = [
        each
        for path in sorted((ROOT / room).rglob("*.py"))
        if path.relative_to(ROOT).as_posix() not in TABLES and path.parent != ROOT / "scenario" / "model" / "steps"
        for each in _lists_of_verbs(path)
    ]
    assert found == []
