"""The parts of a step that are checked before the run: templates, conditions, captures, payloads, and names it gives.

A step lists them in the order in which it uses them. Places are relative to the step: ``("request", "reply", "where")``.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from pydantic import JsonValue

from loadws.scenario.model.steps.payload import Payload
from loadws.scenario.yaml.explain import Where
from loadws.terms.metrics import Metric

#: What a condition or a capture is about: a message, the answer to an HTTP request, or that to an upgrade.
Subject = Literal["message", "http", "handshake"]
_NONE: frozenset[str] = frozenset()


class TemplateText(msgspec.Struct, frozen=True):
    """A value in which every text, and every key, may hold templates. ``specials`` are special names that they may read."""

    place: Where
    specials: frozenset[str] = _NONE


class Expression(msgspec.Struct, frozen=True):
    """A text that has to hold a template: a condition that is true or false, or something that gives a number."""

    place: Where
    text: str
    gives: Literal["truth", "number", "whole number"]


class ConditionSet(msgspec.Struct, frozen=True):
    """Conditions. ``specials`` are the special names that their templates may read, beside those of any template there."""

    place: Where
    conditions: Mapping[str, JsonValue] | None
    about: Subject = "message"
    specials: frozenset[str] = _NONE


class HeaderSet(msgspec.Struct, frozen=True):
    """Headers of an answer, and what each should be."""

    place: Where
    headers: Mapping[str, JsonValue]


class CaptureSet(msgspec.Struct, frozen=True):
    """Captures; each sets the variable of its name."""

    place: Where
    captures: Mapping[str, JsonValue] | None
    about: Subject = "message"


class Carried(msgspec.Struct, frozen=True):
    """A payload that the step sends. ``specials`` are the special names that its templates may read."""

    place: Where
    payload: Payload
    specials: frozenset[str] = _NONE


class Assigned(msgspec.Struct, frozen=True):
    """Variables that the step sets itself. ``place`` leads to the mapping or list of their names."""

    place: Where
    names: tuple[str, ...]


class Provided(msgspec.Struct, frozen=True):
    """Special names that the steps after this one may read."""

    specials: frozenset[str]


class OwnMetric(msgspec.Struct, frozen=True):
    """A metric of the scenario's own that the step adds to. ``place`` leads to its name."""

    place: Where
    metric: Metric


Part = TemplateText | Expression | ConditionSet | HeaderSet | CaptureSet | Carried | Assigned | Provided | OwnMetric
