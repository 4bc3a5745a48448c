"""Read a protocol: one that loadws has, by its name, or the user's own file beside the scenario.

A file is checked whole: every problem is reported at its line and column.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from loadws.scenario.advice.models import fields_of, keys_of, models_in
from loadws.scenario.advice.wrong_values import wrong_value
from loadws.scenario.protocol.protocol_checks import check_rules
from loadws.scenario.protocol.protocol_file import ProtocolFile
from loadws.scenario.yaml.explain import PROTOCOL, Problem, Problems, ScenarioError, SourceText, Where, any_of
from loadws.scenario.yaml.source import decode, read_file, read_tree
from loadws.scenario.yaml.tree import Node, plain_value
from loadws.terms.errors import did_you_mean

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SUFFIXES = (".yaml", ".yml")


class NoSuchProtocol(Exception):
    """There is no protocol of this name. ``advice`` says which there are."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no protocol {name!r}")
        names = built_in()
        self.advice = _meant(name, names) or f"protocols are {any_of(names)}, or a file of your own: ./ours.yaml"


def _meant(name: str, names: tuple[str, ...]) -> str:
    """Return what a name was probably meant to be; "" where none is similar. The first part of a name means all of them."""
    if name.lower() == "graphql":
        return "did you mean 'graphql-transport-ws'? ('graphql-ws' is the legacy one)"
    begun = [each for each in names if each.startswith(name.lower())]
    return f"did you mean {any_of(begun)}?" if begun else did_you_mean(name, names)


def is_file(name: str) -> bool:
    """Return whether a protocol's name is that of a file of the user's own."""
    return name.endswith(SUFFIXES)


def built_in() -> tuple[str, ...]:
    """Return the names of the protocols that loadws has, in order."""
    folder = _files()
    return tuple(sorted(each.name.removesuffix(".yaml") for each in folder.iterdir() if each.name.endswith(".yaml")))


def load_protocol(name: str, base: Path) -> ProtocolFile:
    """Return a protocol; a file of the user's own is relative to ``base``.

    Raises:
        ScenarioError: The file has problems: all of them.
        NoSuchProtocol: There is no protocol of this name.
    """
    if is_file(name):
        return read_protocol(read_file(base / name, PROTOCOL), base / name)
    if name not in built_in():
        raise NoSuchProtocol(name)
    return _shipped(name)


@functools.cache
def _shipped(name: str) -> ProtocolFile:
    return read_protocol(text_of(name).encode(), Path(f"{name}.yaml"))


def text_of(name: str) -> str:
    """Return the file of a protocol that loadws has."""
    return _files().joinpath(f"{name}.yaml").read_text("utf-8")


def _files() -> Traversable:
    """Return the folder of the protocols that loadws has."""
    from importlib.resources import files  # here, as few scenarios have a protocol

    return files("loadws").joinpath("protocols")


def read_protocol(content: bytes, path: Path) -> ProtocolFile:
    """Return the protocol that a file's content says.

    Raises:
        ScenarioError: The file has problems: all of them.
    """
    problems = Problems(decode(content, path, PROTOCOL))
    root = read_tree(problems)
    check_rules(root, problems)
    told = [problem.where for problem in problems.of("error")]
    found: ProtocolFile | None = None
    try:
        found = ProtocolFile.model_validate(plain_value(root))
    except ValidationError as error:
        every = error.errors(include_url=False, include_input=False)
        for of_one_value in _by_place(root, [each for each in every if not _is_consequence(root, each, every, told)]):
            _tell(root, of_one_value, problems)
    if found is None or problems.of("error"):
        raise ScenarioError(_with_excerpts(problems.of("error"), problems.source))
    return found


def _by_place(root: Node, errors: list[ErrorDetails]) -> Iterator[list[ErrorDetails]]:
    """Yield the errors of one problem at a time: those of all members of a union about one value are one problem."""
    values: dict[Where, list[ErrorDetails]] = {}
    for error in errors:
        if error["type"] in ("missing", "extra_forbidden"):
            yield [error]
        else:
            values.setdefault(_place(root, error).where, []).append(error)
    yield from values.values()


def _tell(root: Node, errors: list[ErrorDetails], problems: Problems) -> None:
    """Add a problem of the file's shape, at the deepest place that the file has."""
    error = errors[0]
    node = _place(root, error)
    if error["type"] == "missing":
        key = str(error["loc"][-1])
        problems.add(node.head, f"missing key {key!r}", _meaning(key, _owner(root, error)), node.where)
    elif error["type"] == "extra_forbidden":
        key, outer = str(node.where[-1]), _owner(root, error)
        advice = did_you_mean(key, keys_of(outer)) or f"keys here are {any_of(keys_of(outer))}"
        problems.add(node.head, f"unknown key {key!r}", advice, node.where[:-1])
    else:
        offset = node.head if isinstance(node.value, dict | tuple) else node.start
        message, advice = wrong_value(node, errors)
        if not advice and ";" not in message:
            advice = _meaning(_key_of(error), _owner(root, error))
        problems.add(offset, message, advice, node.where)


def _place(root: Node, error: ErrorDetails) -> Node:
    """Return the deepest node of the file on the way to an error; parts of the way that are in no file are skipped."""
    node = root
    for part in error["loc"]:
        node = node.child(part) or node
    return node


def _is_consequence(root: Node, error: ErrorDetails, every: list[ErrorDetails], told: list[Where]) -> bool:
    """Return whether a value is called wrong as a whole where it, or something inside it, was reported already."""
    here = _place(root, error).where
    if error["type"] == "missing":
        return False
    if error["type"] != "extra_forbidden" and any(where[: len(here)] == here for where in told):
        return True
    inside = (_place(root, other).where for other in every)
    return any(len(where) > len(here) and where[: len(here)] == here for where in inside)


def _key_of(error: ErrorDetails) -> str:
    """Return the innermost key on the way to an error that a model may have."""
    return next((part for part in reversed(error["loc"]) if isinstance(part, str) and part.islower()), "")


def _meaning(key: str, owner: type[BaseModel]) -> str:
    """Return what a key of a mapping means, as advice."""
    field = dict(fields_of(owner)).get(key)
    meaning = "" if field is None else field.description or ""
    return meaning and f"what it is: {meaning[0].lower()}{meaning[1:].rstrip('.')}"


def _owner(root: Node, error: ErrorDetails) -> type[BaseModel]:
    """Return the model whose keys were checked; of a union, its member is named on the way to the error."""
    owner: type[BaseModel] = ProtocolFile
    unions: dict[str, type[BaseModel]] = {}
    for part in error["loc"][:-1]:
        field = next((field for key, field in fields_of(owner) if key == part), None)
        models = list(models_in(field.annotation)) if field is not None else []
        unions = {model.__name__: model for model in models} or unions
        owner = models[0] if len(models) == 1 else unions.get(str(part), owner)
    return owner


def _with_excerpts(problems: tuple[Problem, ...], source: SourceText) -> Iterator[Problem]:
    for problem in problems:
        yield replace(problem, excerpt=source.lines[problem.line - 1] if problem.line else "")
