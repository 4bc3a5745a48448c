"""Tree -> Scenario: pydantic's judgement, told at the place in the file and in the language's words.

pydantic says where by a ``loc`` that has artefacts in it (the tags of unions, the long form of what the file says short); it
is read against the tree. What is wrong is cut out of the tree and the rest judged again, so that a scenario with a few
errors still becomes one that the cross-checks can look at. A later round tells only what no earlier cut can have caused.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from loadws.scenario.explain import Problems, Where, any_of, nearest
from loadws.scenario.fields import NotWritten
from loadws.scenario.model import Scenario
from loadws.scenario.steps import BARE_VERBS, STEPS
from loadws.scenario.tree import Node, as_written, describe, find, plain_value, with_child, without

_SCENARIO: type[BaseModel] = Scenario
#: How often broken parts are cut out before the cross-checks are given up.
ROUNDS = 40


@dataclass(frozen=True, slots=True)
class Shaped:
    """``root`` is the tree that the scenario was made from, ``cut`` what was taken out; None is what nobody could save."""

    scenario: Scenario | None
    root: Node
    cut: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class _Fault:
    """One error of pydantic: the node, what of the loc is not in the tree, and the model whose keys were looked at."""

    node: Node
    rest: Where
    owner: type[BaseModel]
    error: ErrorDetails

    @property
    def kind(self) -> str:
        return self.error["type"]

    @property
    def where(self) -> Where:
        """The place that is wrong; of a missing key, where it should be."""
        return (*self.node.where, self.rest[-1]) if self.kind == "missing" and self.rest else self.node.where


def shape(root: Node, problems: Problems, undefined: set[Where]) -> Shaped:
    """Adds to ``problems`` what is wrong with the shape. ``undefined`` are values that are known to be missing."""
    cut_nodes = [find(root, where)[0] for where in undefined]
    root, gone = without(root, undefined), set(undefined)
    for _ in range(ROUNDS):
        try:
            return Shaped(Scenario.model_validate(plain_value(root)), root, tuple(cut_nodes))
        except ValidationError as error:
            faults = [_fault(root, details) for details in error.errors(include_url=False, include_input=False)]
        retried = _as_text(root, faults)
        if retried is not None:
            root = retried
            continue
        _tell(faults, problems, gone)
        at_root = any(not fault.node.where for fault in faults)
        broken = {fault.node.where: fault.node for fault in faults if fault.node.where}
        if not broken and not at_root:
            break
        root, gone = without(root, set(broken)), gone | set(broken)
        cut_nodes.extend(broken.values())
        root = _completed(root, faults) if at_root else root
    return Shaped(None, root, tuple(cut_nodes))


# -- where it is --------------------------------------------------------------------------------------------------------


def _fault(root: Node, error: ErrorDetails) -> _Fault:
    node, owner = root, _SCENARIO
    rest: list[str | int] = []
    loc = error["loc"]
    for index, part in enumerate(loc):
        if _is_tag(loc, index):
            owner = STEPS[str(part)]
            continue
        child = node.child(part)
        if index < len(loc) - 1:
            owner = _model_below(owner, part) or owner
        if child is None:
            rest.append(part)
        else:
            node = child
    return _Fault(node, tuple(rest), owner, error)


def _is_tag(loc: Where, index: int) -> bool:
    """A step's verb behind its index: the tag of the union of steps, which is no key of the file."""
    return index > 0 and isinstance(loc[index - 1], int) and loc[index] in STEPS


def _model_below(owner: type[BaseModel], part: str | int) -> type[BaseModel] | None:
    for name, field in owner.model_fields.items():
        if part == (field.alias or name):
            models = list(_models_in(field.annotation))
            return models[0] if len(models) == 1 else None
    return None


def _models_in(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def _keys(owner: type[BaseModel]) -> list[str]:
    """The keys that a file may write in this model's mapping."""
    return [field.alias or name for name, field in owner.model_fields.items() if not _is_internal(field)]


def _is_internal(field: FieldInfo) -> bool:
    return any(mark is NotWritten or isinstance(mark, NotWritten) for mark in field.metadata)


# -- mending ------------------------------------------------------------------------------------------------------------


def _as_text(root: Node, faults: list[_Fault]) -> Node | None:
    """The tree with numbers from the environment made text again, where they were refused; None if there are none."""
    wrong = {
        fault.node.where
        for fault in faults
        if fault.node.from_environment and isinstance(fault.node.value, int | float)
        and fault.kind in ("string_type", "model_type", "dict_type", "value_error", "model_attributes_type")
    }  # fmt: skip
    return _with_text(root, wrong) if wrong else None


def _with_text(node: Node, wrong: set[Where]) -> Node:
    if isinstance(node.value, dict):
        return replace(node, value={key: _with_text(child, wrong) for key, child in node.value.items()})
    if isinstance(node.value, tuple):
        return replace(node, value=tuple(_with_text(child, wrong) for child in node.value))
    return replace(node, value=as_written(node.value)) if node.where in wrong else node


def _stand_in(value: Any) -> Node:
    return Node(value, 0, 0)


_STAND_INS = {
    "target": _stand_in("ws://127.0.0.1"),
    "load": _stand_in((_stand_in({"users": _stand_in(1), "for": _stand_in("1s")}),)),
    "flow": _stand_in((_stand_in({"think": _stand_in("1s")}),)),
}


def _completed(root: Node, faults: list[_Fault]) -> Node:
    """The scenario with harmless values for what it cannot do without, so that the rest can be looked at."""
    lacking = [str(fault.rest[-1]) for fault in faults if fault.kind == "missing" and not fault.node.where]
    if not lacking and root.child("users"):
        return without(root, {("flow",), ("on",)})
    for key in lacking or ["flow"]:
        root = with_child(root, key, _STAND_INS[key])
    return root


# -- what it is ---------------------------------------------------------------------------------------------------------


def _tell(faults: list[_Fault], problems: Problems, gone: set[Where]) -> None:
    """One problem a place; none for what an inner problem, now or before, may have caused."""
    by_place: dict[tuple[Where, bool], list[_Fault]] = {}
    misspelt = set(_misspelt(faults))
    for fault in faults:
        if fault.where not in misspelt and not _is_consequence(fault, faults, gone):
            by_place.setdefault((fault.node.where, fault.kind == "missing"), []).append(fault)
    for together in by_place.values():
        _tell_place(together, problems)


def _misspelt(faults: list[_Fault]) -> Iterable[Where]:
    """Where the keys would stand that unknown keys were probably meant to be: they are not missing as well."""
    for fault in faults:
        if fault.kind == "extra_forbidden":
            for key in difflib.get_close_matches(str(fault.where[-1]), _keys(fault.owner), 1):
                yield (*fault.where[:-1], key)


def _is_consequence(fault: _Fault, faults: list[_Fault], gone: set[Where]) -> bool:
    where = fault.where
    if any(where in (cut, cut[:-1]) for cut in gone):
        return True
    inner = (other.where for other in faults if len(other.where) > len(where))
    return fault.kind == "too_short" and any(place[: len(where)] == where for place in inner)


def _tell_place(faults: list[_Fault], problems: Problems) -> None:
    fault = faults[0]
    node = fault.node
    if fault.kind == "missing":
        missing = sorted({str(each.rest[-1]) for each in faults}, key=_keys(fault.owner).index)
        words = any_of(missing).replace(" or ", " and ")
        problems.add(node.head, f"missing key{'s' if len(missing) > 1 else ''} {words}", where=node.where)
    elif fault.kind == "extra_forbidden":
        message, advice = _unknown_key(fault)
        problems.add(node.head, message, advice, node.where[:-1])
    elif fault.kind in ("union_tag_not_found", "union_tag_invalid"):
        message, advice = _no_step(node)
        problems.add(node.start, message, advice, node.where)
    else:
        offset = node.head if "[key]" in fault.rest or isinstance(node.value, dict | tuple) else node.start
        problems.add(offset, *_wrong_value(faults), where=node.where)


def _unknown_key(fault: _Fault) -> tuple[str, str]:
    key = str(fault.node.where[-1])
    message = f"unknown key {key!r}"
    word, colon, _ = key.partition(":")
    if colon and word in _keys(fault.owner):
        return message, f"write a space after the colon: {word}: ..."
    return message, nearest(key, _keys(fault.owner)) or f"keys here are {any_of(_keys(fault.owner))}"


def _no_step(node: Node) -> tuple[str, str]:
    """Why this is no step: no verb, an unknown one, or more than one."""
    value = node.value
    if isinstance(value, str):
        return _not_a_word(value)
    if not isinstance(value, dict):
        return f"a step is a word or a mapping with one verb, not {describe(value)}", ""
    verbs = [key for key in value if key in STEPS]
    if len(verbs) > 1:
        return f"a step has one verb; this has {any_of(verbs).replace(' or ', ' and ')}", "make them steps of their own"
    if not value:
        return "a step needs a verb", f"verbs are {any_of(STEPS)}"
    unknown = next((key for key in value if nearest(key, STEPS)), next(iter(value)))
    return f"unknown step {unknown!r}", nearest(unknown, STEPS) or f"steps are {any_of(STEPS)}"


def _not_a_word(word: str) -> tuple[str, str]:
    if word in STEPS:
        return f"the step {word!r} needs a value", f"write {word}: ..."
    verb, colon, _ = word.partition(":")
    if colon and verb in STEPS:
        return f"unknown step {word!r}", f"write a space after the colon: {verb}: ..."
    return f"unknown step {word[:40]!r}", nearest(
        word, STEPS
    ) or f"words that are steps are {any_of(sorted(BARE_VERBS))}"


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def _wrong_value(faults: list[_Fault]) -> tuple[str, str]:
    """Message and advice. Of a union's members, what says more than "another type"; else what all of them expected."""
    node = faults[0].node
    said = [message for fault in faults if (message := _own_words(fault))]
    if said:
        return said[0], ""
    expected = list(dict.fromkeys(_expected(fault) for fault in faults))
    if "a number" in expected and "a whole number" in expected:
        expected.remove("a whole number")
    got = "a value from the environment that is not" if node.from_environment else describe(node.value)
    if expected == ["a list"] and isinstance(node.value, dict):
        return f"expected a list, got {got}", "write a - before each item"
    return f"expected {' or '.join(expected)}, got {got}", ""


def _own_words(fault: _Fault) -> str | None:
    context = fault.error.get("ctx", {})
    if fault.kind == "value_error":
        message = str(context["error"])
        return message.replace(repr(fault.node.value), "its value") if fault.node.from_environment else message
    if fault.kind in _BOUNDS:
        word, key = _BOUNDS[fault.kind]
        return f"must be {word} {context[key]:g}, and is {describe(fault.node.value)}"
    if fault.kind == "too_short":
        return "must not be empty"
    if fault.kind in ("too_long", "string_too_long"):
        return f"must have at most {context['max_length']} characters"
    return None


def _expected(fault: _Fault) -> str:
    if fault.kind == "literal_error":
        return str(fault.error.get("ctx", {})["expected"])
    return _EXPECTED.get(fault.kind, fault.error["msg"])
