"""What is told of a wrong protocol file: compared whole with a file beside it, and of every file of ours, changed anyhow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from loadws.engine.runtime.protocol.dialect import Dialect, opening_of
from loadws.scenario.model.connection import ProtocolUse
from loadws.scenario.protocol.find_protocol import built_in, read_protocol, text_of
from loadws.scenario.protocol.protocol_file import VERBS, ProtocolFile
from loadws.scenario.protocol.protocol_rules import MissingLibrary, ReplyRule, compile_sending
from loadws.scenario.yaml.explain import Problem, ScenarioError

HERE = Path(__file__).parent / "invalid"
Keys = tuple[str | int, ...]


@pytest.mark.parametrize("name", sorted(path.stem for path in HERE.glob("*.yaml")))
def test_every_problem_of_a_file_is_told_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    path = Path(f"{name}.yaml")
    with pytest.raises(ScenarioError) as caught:
        read_protocol(path.read_bytes(), path)
    assert str(caught.value) + "\n" == path.with_suffix(".txt").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", built_in())
@pytest.mark.parametrize("change", ["removed", "emptied", "repeated"])
def test_a_changed_file_of_ours_is_right_or_told(name: str, change: str) -> None:
    """Each key of each protocol: what is still valid can be spoken, what is not is told with its place and advice."""
    tree = YAML(typ="safe", pure=True).load(text_of(name))
    texts = list(_CHANGES[change](tree))
    assert len(texts) > 15
    unclear = []
    for place, text in texts:
        try:
            _spoken(read_protocol(text.encode(), Path("ours.yaml")))
        except ScenarioError as error:
            unclear += [(place, problem) for problem in error.problems if not _is_clear(problem)]
    assert unclear == []


def _is_clear(problem: Problem) -> bool:
    has_advice = bool(problem.advice) or ";" in problem.message
    return problem.line > 0 and problem.column > 0 and has_advice and "scenario" not in problem.message


def _spoken(file: ProtocolFile) -> None:
    """Compile all that a connection needs of a protocol, which must not fail."""
    use = ProtocolUse(name="ours")
    try:
        dialect = Dialect(file, use, opening_of(file, use), 1 << 20)
    except MissingLibrary:
        return
    for verb in VERBS:
        sending = file.verb(verb)
        for sent in () if sending is None else (sending.send, *sending.instead.values()):
            assert sending is not None
            compile_sending(sent, {**dialect.options, **sending.may, **dict.fromkeys(sending.needs, 1)})
        reply = getattr(sending, "reply", False)
        assert reply is not True or file.replies is not None or verb == "emit"
        if not isinstance(reply, bool):
            ReplyRule(reply)


# -- changes ----------------------------------------------------------------------------------------------------------


def _places(tree: Any, place: Keys = ()) -> Iterator[Keys]:
    """Yield the place of every value inside of a tree."""
    for key, inner in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield (*place, key)
        if len(place) < 3:  # below that, messages have any form
            yield from _places(inner, (*place, key))


def _changed(tree: Any, place: Keys, change: Any) -> Any:
    """Return a copy of a tree in which ``change`` was called with the container of a place and the last key."""
    copy = json.loads(json.dumps(tree))
    container = copy
    for key in place[:-1]:
        container = container[key]
    change(container, place[-1])
    return copy


def _removed(tree: Any) -> Iterator[tuple[Keys, str]]:
    for place in _places(tree):
        yield place, _text(_changed(tree, place, lambda container, key: container.pop(key)))


def _emptied(tree: Any) -> Iterator[tuple[Keys, str]]:
    for place in _places(tree):
        for empty in (lambda value: None, lambda value: type(value)()):
            yield place, _text(_changed(tree, place, lambda container, key, of=empty: _empty(container, key, of)))


def _empty(container: Any, key: Any, of: Callable[[Any], Any]) -> None:
    container[key] = of(container[key])


def _repeated(tree: Any) -> Iterator[tuple[Keys, str]]:
    """Let each key stand twice, and each item of a list."""
    for place in _places(tree):
        if isinstance(place[-1], int):
            yield place, _text(_changed(tree, place, lambda container, key: container.insert(key, container[key])))
        else:
            marked = _changed(tree, place, lambda container, key: container.__setitem__(f"\0{key}", container[key]))
            yield place, _text(marked).replace('"\\u0000', '"')


def _text(tree: Any) -> str:
    return json.dumps(tree, indent=0)


_CHANGES = {"removed": _removed, "emptied": _emptied, "repeated": _repeated}
