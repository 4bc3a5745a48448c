"""Advice for a key, or a step, that does not exist: what its author probably meant."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from loadws.scenario.advice.foreign import Level, foreign_word, key_meant
from loadws.scenario.advice.models import body_of_verb, keys_of, place_below
from loadws.scenario.model.connection import ConnectionOptions, Tls
from loadws.scenario.model.model import Handlers, Phase, RateRamp, Scenario, UserRamp, UserType
from loadws.scenario.model.steps import BARE_VERBS, STEPS, ConnectBody, Step
from loadws.scenario.yaml.explain import any_of
from loadws.scenario.yaml.tree import Node, describe
from loadws.terms.errors import did_you_mean

_LEVELS: dict[type[BaseModel], Level] = {
    Scenario: "scenario", Phase: "phase", UserRamp: "phase", RateRamp: "phase", UserType: "user", Handlers: "on",
    ConnectionOptions: "connection", ConnectBody: "connection", Tls: "connection",
}  # fmt: skip


def level_of(owner: type[BaseModel]) -> Level:
    """Return at which level of a scenario the keys of a model stand."""
    return _LEVELS.get(owner, "body")


def meant(owner: type[BaseModel], key: str) -> str | None:
    """Return the key of the same mapping that an unknown one stands for; None where that is not clear."""
    found = key_meant(level_of(owner), key)
    if found in keys_of(owner):
        return found
    near = did_you_mean(key, keys_of(owner))
    return near.split("'")[1] if near else None


def unknown_key(key: str, mapping: Node, owners: Sequence[type[BaseModel]]) -> str:
    """Return the advice for a key that its mapping cannot have. ``owners`` are the models on the way to it, outer first."""
    owner, keys = owners[-1], keys_of(owners[-1])
    word, colon, _ = key.partition(":")
    if colon and word in keys:
        return f"write a space after the colon: {word}: ..."
    return (
        _beside_a_verb(key, mapping, owner)
        or foreign_word(level_of(owner), key)
        or (issubclass(owner, Step) and foreign_word("verb", key))
        or _elsewhere(key, owners)
        or did_you_mean(key, keys)
        or f"keys here are {any_of(keys)}"
    )


def _beside_a_verb(key: str, step: Node, owner: type[BaseModel]) -> str:
    """Return advice for a key of the verb's mapping that stands beside the verb, mostly by too little indentation."""
    body = body_of_verb(owner)
    if not issubclass(owner, Step) or body is None or key not in keys_of(body) or not isinstance(step.value, dict):
        return ""
    verb = owner.verb
    if _is_empty(step.child(verb)):
        together = [each for each in step.value if each in keys_of(body) and each not in keys_of(owner)]
        return f"indent {_all_of(together)} further than {verb!r}"
    return f"{key!r} stands inside {verb!r}: write {verb}: {{..., {key}: ...}}"


def _elsewhere(key: str, owners: Sequence[type[BaseModel]]) -> str:
    """Return advice for a key of another mapping: one inside this mapping, or one around it."""
    way = place_below(owners[-1], key)
    if way:
        return f"{key!r} stands under {'.'.join(way)!r}"
    around = next((owner for owner in reversed(owners[:-1]) if key in keys_of(owner)), None)
    if around is None:
        return ""
    place = "at the top of the file" if around is Scenario else "further out"
    return f"{key!r} stands {place}: indent it less"


def _is_empty(node: Node | None) -> bool:
    return node is not None and (node.value is None or node.value == {})


def _all_of(words: Sequence[str]) -> str:
    return any_of(words).replace(" or ", " and ")


# -- steps ------------------------------------------------------------------------------------------------------------


def no_step(node: Node) -> tuple[str, str]:
    """Return message and advice for what is no step: it has no verb, an unknown one, or more than one."""
    value = node.value
    if isinstance(value, str):
        return _not_a_word(value)
    if not isinstance(value, dict):
        return f"a step is a word or a mapping with one verb, not {describe(value)}", ""
    verbs = [key for key in value if key in STEPS]
    if len(verbs) > 1:
        message = f"a step has one verb; this has {_all_of(verbs)}"
        return message, _under_a_verb(node, verbs) or "make them steps of their own"
    if not value:
        return "a step needs a verb", f"verbs are {any_of(STEPS)}"
    return _unknown_step([str(key) for key in value])


def _under_a_verb(step: Node, verbs: Sequence[str]) -> str:
    """Return advice where one of several verbs has nothing behind it and the other keys are its own: indent them further."""
    assert isinstance(step.value, dict)
    for verb in verbs:
        body = body_of_verb(STEPS[verb])
        others = [str(key) for key in step.value if key not in (verb, "name", "on_failure")]
        if body is not None and _is_empty(step.child(verb)) and set(others) <= set(keys_of(body)):
            return f"indent {_all_of(others)} further than {verb!r}"
    return ""


def _unknown_step(keys: Sequence[str]) -> tuple[str, str]:
    for key in keys:
        if answer := foreign_word("verb", key):
            return f"unknown step {key!r}", answer
    unknown = next((key for key in keys if did_you_mean(key, STEPS)), keys[0])
    if owner := _step_with(keys):
        advice = f"it belongs to a step {owner!r}: write no dash before it, and indent it like that word"
        return f"unknown step {keys[0]!r}", advice
    return f"unknown step {unknown!r}", did_you_mean(unknown, STEPS) or f"steps are {any_of(STEPS)}"


def _step_with(keys: Sequence[str]) -> str:
    """Return the verb of the first step that may have all of these keys, beside its verb or behind it."""
    own = {"name", "on_failure"}
    if set(keys) <= own:
        return ""
    for verb, step in STEPS.items():
        body = body_of_verb(step)
        known = {*keys_of(step), *(keys_of(body) if body else ())}
        if set(keys) <= known:
            return verb
    return ""


def _not_a_word(word: str) -> tuple[str, str]:
    if word in STEPS:
        return f"the step {word!r} needs a value", f"write {word}: ..."
    verb, colon, _ = word.partition(":")
    if colon and verb in STEPS:
        return f"unknown step {word!r}", f"write a space after the colon: {verb}: ..."
    shown = f"unknown step {word[:40]!r}"
    words = any_of(sorted(BARE_VERBS))
    return shown, foreign_word("verb", word) or did_you_mean(word, STEPS) or f"words that are steps are {words}"
