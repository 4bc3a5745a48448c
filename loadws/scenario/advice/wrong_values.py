"""A value of the wrong kind, in the language's words.

No sentence of pydantic's may reach a reader: a test looks for them in the messages of scenarios that were changed at random.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic_core import ErrorDetails

from loadws.scenario.yaml.scalars import meant_truth
from loadws.scenario.yaml.tree import Node, as_written, describe

#: pydantic's kinds of error, and what was expected in the file.
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "finite_number": "a number that is not infinite",
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
#: What a sentence of our own says where true and false are among what is taken.
_TRUTH = re.compile(r"\btrue(,| or) false\b")
#: The message for a kind of error that is not in these tables.
_ANOTHER = "another value"


def wrong_value(node: Node, errors: Sequence[ErrorDetails]) -> tuple[str, str]:
    """Return message and advice for all errors of one value.

    For a union, the message is that of a member that says more than "another type"; else it lists what all members expected.
    """
    said = [message for error in errors if (message := _own_words(node, error))]
    if said:
        return said[0], _truth(node) if _TRUTH.search(said[0]) else ""
    expected = list(dict.fromkeys(_expected(error) for error in errors))
    if "a number" in expected and "a whole number" in expected:
        expected.remove("a whole number")
    got = "a value from the environment that is not" if node.from_environment else describe(node.value)
    if expected == ["a list"] and isinstance(node.value, dict):
        return f"expected a list, got {got}", "write a - before each item"
    if isinstance(node.value, str) and "{{" in node.value and "text" not in expected:
        return f"expected {' or '.join(expected)}, got a template", "this is known before the run and takes no template"
    return f"expected {' or '.join(expected)}, got {got}", _truth(node) if "true or false" in expected else ""


def _truth(node: Node) -> str:
    """Return the advice for a text where true or false is taken: ``yes`` is text in YAML 1.2."""
    truth = None if node.from_environment or not isinstance(node.value, str) else meant_truth(node.value)
    if truth is None:
        return ""
    word = as_written(truth)
    return f"write {word} without quotes" if node.value == word else f"{node.value} is text here: write {word}"


def _own_words(node: Node, error: ErrorDetails) -> str | None:
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        message = str(context["error"])
        return message.replace(repr(node.value), "its value") if node.from_environment else message
    if error["type"] in _BOUNDS:
        word, key = _BOUNDS[error["type"]]
        return f"must be {word} {context[key]:g}, and is {describe(node.value)}"
    if error["type"] in ("too_short", "string_too_short"):
        return "must not be empty"
    if error["type"] in ("too_long", "string_too_long"):
        return f"must have at most {context['max_length']} characters"
    return None


def _expected(error: ErrorDetails) -> str:
    if error["type"] == "literal_error":
        return str(error.get("ctx", {})["expected"])
    return _EXPECTED.get(error["type"], _ANOTHER)
