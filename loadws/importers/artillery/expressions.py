"""Artillery's templates in the words of loadws: ``{{ $uuid }}`` is ``{{ uuid() }}``, and so on."""

from __future__ import annotations

import json
import re
from typing import Any

from loadws.importers.artillery.script import Script
from loadws.importers.credentials import named_in
from loadws.importers.templates import Environment, Expression, Mixed, mixed, replacing
from loadws.importers.vault import is_secret
from loadws.scenario.model.field_types import RESERVED
from loadws.scenario.yaml.tree import Node

_TEMPLATE = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_NAME = re.compile(r"([A-Za-z_][\w-]*)((?:\.[A-Za-z_]\w*|\[\d+\])*)")
_ENVIRONMENT = re.compile(r"\$(?:processEnvironment|env)\.([A-Za-z_]\w*)")
_NUMBER = re.compile(r"\$randomNumber\(\s*(-?\d+)\s*,\s*(-?\d+)\s*\)")
_STRING = re.compile(r"\$randomString(?:\(\s*(\d*)\s*\))?(?:\(\s*\))?")
_FIXED = {"$uuid": "uuid()", "$uuid()": "uuid()", "$loopCount": "loop_count", "$loopElement": "loop_element"}
#: The length of Artillery's random texts where none is given.
_RANDOM_LENGTH = 10


class Expressions:
    """Converts the texts of one script. ``used`` are the variables that they name, with their first places."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.used: dict[str, Node] = {}
        self.defined: set[str] = {"loop_count", "loop_element"}
        self.environment: dict[str, Node] = {}

    def define(self, name: str) -> str:
        """Return the name of a variable that the script sets."""
        plain = variable_name(name)
        self.defined.add(plain)
        return plain

    def value(self, value: Any, node: Node, name: str = "") -> Any:
        """Return a JSON value with our templates. A constant that is a secret becomes a variable."""
        if isinstance(value, dict):
            return {key: self.value(item, node, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, node, name) for item in value]
        if isinstance(value, str):
            return self.text(value, node, name)
        if isinstance(value, int) and not isinstance(value, bool) and is_secret(name, value):
            return self._script.vault.demand(name, value)
        return value

    def text(self, text: str, node: Node, name: str = "") -> Any:
        """Return a text with our templates."""
        if "{{" not in text and is_secret(name, text):
            return self._script.vault.demand(name, text)
        parts: list[Any] = []
        at = 0
        for match in _TEMPLATE.finditer(text):
            parts += [*self._literal(text[at : match.start()]), self._expression(match[1], match[0], node)]
            at = match.end()
        return mixed((*parts, *self._literal(text[at:])))

    def _literal(self, text: str) -> tuple[Any, ...]:
        """Return a part without templates, with variables in place of what looks like a secret."""
        named = {value: name for value, name in named_in(text).items() if is_secret(name, value)}
        if not named:
            return (text,)
        secrets = {value: self._script.vault.demand(name, value).source for value, name in named.items()}
        replaced = replacing(text, secrets)
        return replaced.parts if isinstance(replaced, Mixed) else (replaced,)

    def _expression(self, source: str, written: str, node: Node) -> Any:
        if match := _ENVIRONMENT.fullmatch(source):
            self.environment.setdefault(match[1], node)
            return Environment(match[1])
        if source in _FIXED:
            return Expression(_FIXED[source])
        if match := _NUMBER.fullmatch(source):
            return Expression(f"random_int({match[1]}, {match[2]})")
        if match := _STRING.fullmatch(source):
            return Expression(f"random_text({match[1] or _RANDOM_LENGTH})")
        if match := _NAME.fullmatch(source):
            name = variable_name(match[1])
            self.used.setdefault(name, node)
            return Expression(name + match[2])
        self._script.loss(node, f"the template {written[:60]!r} stays as text: loadws has nothing that does the same")
        return written

    def fixed(self, text: str, node: Node) -> str:
        """Return a text that cannot hold expressions, such as the target, as the scenario writes it."""
        return _ENVIRONMENT_IN_BRACES.sub(lambda match: self._reference(match[1], node), text)

    def _reference(self, name: str, node: Node) -> str:
        self.environment.setdefault(name, node)
        return "${" + name + "}"


_ENVIRONMENT_IN_BRACES = re.compile(r"\{\{\s*" + _ENVIRONMENT.pattern + r"\s*\}\}")


def variable_name(name: str) -> str:
    """Return a name as loadws has it: hyphens become underscores, and words of the language get a number."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    if not plain or plain[0].isdigit():
        plain = f"_{plain}"
    return f"{plain}_1" if plain in RESERVED else plain


def as_source(value: Any) -> str:
    """Return a converted value as the source of an expression: texts in quotes, expressions as they are."""
    match value:
        case Expression():
            return value.source
        case Mixed():
            return " ~ ".join(
                f"({as_source(part)})" if isinstance(part, Expression) else as_source(part) for part in value.parts
            )
        case Environment():
            return f'env("{value.name}")'
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)}: {as_source(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(as_source, value)) + "]"
        case None:
            return "none"
    return json.dumps(value)
