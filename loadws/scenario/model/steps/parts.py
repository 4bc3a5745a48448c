"""The parts of a step that are checked before the run: templates, conditions, captures, payloads, and names it gives.

A step lists them in the order in which it uses them. Places are relative to the step: ``("request", "reply", "where")``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from loadws.scenario.model.steps.payload import Payload
from loadws.scenario.yaml.explain import Where
from loadws.terms.metrics import Metric

#: What a condition or a capture is about: a message, the answer to an HTTP request, or that to an upgrade.
Subject = Literal["message", "http", "handshake"]
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TemplateText:
    """A value in which every text, and every key, may hold templates. ``specials`` are special names that they may read."""

    place: Where
    specials: frozenset[str] = _NONE


@dataclass(frozen=True, slots=True)
class Expression:
    """A text that has to hold a template: a condition that is true or false, or something that gives a number."""

    place: Where
    text: str
    gives: Literal["truth", "number"]


@dataclass(frozen=True, slots=True)
class ConditionSet:
    """Conditions. ``specials`` are the special names that their templates may read, beside those of any template there."""

    place: Where
    conditions: Mapping[str, JsonValue] | None
    about: Subject = "message"
    specials: frozenset[str] = _NONE


@dataclass(frozen=True, slots=True)
class HeaderSet:
    """Headers of an answer, and what each should be."""

    place: Where
    headers: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class CaptureSet:
    """Captures; each sets the variable of its name."""

    place: Where
    captures: Mapping[str, JsonValue] | None
    about: Subject = "message"


@dataclass(frozen=True, slots=True)
class Carried:
    """A payload that the step sends. ``specials`` are the special names that its templates may read."""

    place: Where
    payload: Payload
    specials: frozenset[str] = _NONE


@dataclass(frozen=True, slots=True)
class Assigned:
    """Variables that the step sets itself. ``place`` leads to the mapping or list of their names."""

    place: Where
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Provided:
    """Special names that the steps after this one may read."""

    specials: frozenset[str]


@dataclass(frozen=True, slots=True)
class OwnMetric:
    """A metric of the scenario's own that the step adds to. ``place`` leads to its name."""

    place: Where
    metric: Metric


Part = TemplateText | Expression | ConditionSet | HeaderSet | CaptureSet | Carried | Assigned | Provided | OwnMetric
