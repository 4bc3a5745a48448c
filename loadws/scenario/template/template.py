"""Text and JSON values with ``{{ expressions }}`` in them, compiled once and evaluated a million times.

Without an expression a template is constant. A text that is exactly one expression keeps the type of its value; any other is
text, in which values are written by ``values.as_text`` (true, false and null as in JSON).

The values of constants are shared between evaluations: the caller must not change a list or a dict that it gets from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace
from pydantic import JsonValue

from loadws.scenario.template.expression import Evaluate, Expression, TemplateError
from loadws.scenario.template.scope import Scope
from loadws.scenario.template.values import LONGEST, EvaluationError, as_json, as_text, fits

__all__ = [
    "Compiled",
    "CompiledJson",
    "EvaluationError",
    "Scope",
    "TemplateError",
    "compile_json",
    "compile_template",
    "compile_value",
]

Path = tuple[str | int, ...]
_STATEMENT = re.compile(r"\{%.*?%\}", re.DOTALL)


class Compiled(msgspec.Struct, frozen=True):
    """A template. ``evaluate`` returns its value and ``text`` the same as text; both raise ``EvaluationError``.

    ``names`` and ``attributes`` are the names that it reads, as in ``Expression``. ``is_whole``: it is exactly one
    expression, so that its value need not be text; ``is_fixed``: it is one whose value is always the same.
    """

    evaluate: Evaluate
    text: Callable[[Scope], str]
    constant: bool = False
    names: frozenset[str] = frozenset()
    attributes: frozenset[tuple[str, str]] = frozenset()
    is_whole: bool = False
    is_fixed: bool = False

    def __call__(self, scope: Scope) -> Any:
        return self.evaluate(scope)


class CompiledJson(msgspec.Struct, frozen=True):
    """A JSON payload.

    ``both`` returns the value and its encoding; without expressions, the encoding was made when compiling.
    """

    both: Callable[[Scope], tuple[Any, str]]
    constant: bool
    names: frozenset[str]
    attributes: frozenset[tuple[str, str]]

    def text(self, scope: Scope) -> str:
        return self.both(scope)[1]


# -- text -------------------------------------------------------------------------------------------------------------


def compile_template(text: str) -> Compiled:
    """Compile a text. Raises ``TemplateError``."""
    pieces = _pieces(text)
    expressions = [piece for piece in pieces if isinstance(piece, Expression)]
    if not expressions:
        return _constant(text)
    if len(pieces) == 1:
        return _whole(expressions[0])
    filled = _filled(pieces)
    return _templated(filled, filled, expressions)


def _pieces(text: str) -> list[str | Expression]:
    """Yield the texts and expressions of a template, in their order."""
    pieces: list[str | Expression] = []
    at = 0
    while (start := text.find("{{", at)) >= 0:
        _add_literal(pieces, text, at, start)
        expression = Expression(text, start)
        pieces.append(expression)
        at = expression.end
    _add_literal(pieces, text, at, len(text))
    return pieces


def _add_literal(pieces: list[str | Expression], text: str, start: int, end: int) -> None:
    if statement := _STATEMENT.search(text, start, end):
        raise TemplateError(
            "statements ({% %}) are not supported in templates",
            statement.start(),
            "use the steps if, while and repeat; a literal {% is written {{ '{%' }}",
        )
    if start < end:
        pieces.append(text[start:end])


def _constant(value: Any) -> Compiled:
    text = value if isinstance(value, str) else None
    return Compiled(lambda scope: value, lambda scope: as_text(value) if text is None else text, constant=True)


def _whole(expression: Expression) -> Compiled:
    evaluate, fixed = expression.evaluate, expression.is_fixed
    return replace(_templated(evaluate, _rendered(evaluate), [expression]), is_whole=True, is_fixed=fixed)


def _templated(evaluate: Evaluate, text: Callable[[Scope], str], parts: list[Any]) -> Compiled:
    names: frozenset[str] = frozenset().union(*(part.names for part in parts))
    attributes: frozenset[tuple[str, str]] = frozenset().union(*(part.attributes for part in parts))
    return Compiled(evaluate, text, names=names, attributes=attributes)


def _rendered(evaluate: Evaluate) -> Callable[[Scope], str]:
    return lambda scope: as_text(evaluate(scope))


def _filled(pieces: list[str | Expression]) -> Callable[[Scope], str]:
    literals = [piece if isinstance(piece, str) else "" for piece in pieces]
    holes = [(index, piece.evaluate) for index, piece in enumerate(pieces) if isinstance(piece, Expression)]

    def filled(scope: Scope) -> str:
        texts = literals.copy()
        for index, evaluate in holes:
            value = evaluate(scope)
            texts[index] = value if type(value) is str else as_text(value)
        text = "".join(texts)
        if len(text) > LONGEST:
            fits(len(text))
        return text

    return filled


# -- JSON values ------------------------------------------------------------------------------------------------------


def compile_value(value: JsonValue) -> Compiled:
    """Compile a JSON value with templates in its texts and keys. Raises ``TemplateError`` with the path to the text."""
    return _compile(value, ())


def compile_json(value: JsonValue) -> CompiledJson:
    """Compile a JSON payload.

    Raises:
        TemplateError: A template is not valid, or a constant cannot be written as JSON.
    """
    compiled = compile_value(value)
    if not compiled.constant:
        evaluate = compiled.evaluate

        def both(scope: Scope) -> tuple[Any, str]:
            evaluated = evaluate(scope)
            return evaluated, as_json(evaluated)

        return CompiledJson(both, False, compiled.names, compiled.attributes)
    try:
        once = value, as_json(value)
    except EvaluationError as error:
        raise TemplateError(str(error), 0) from None
    return CompiledJson(lambda scope: once, True, compiled.names, compiled.attributes)


def _compile(value: JsonValue, path: Path) -> Compiled:
    if isinstance(value, str):
        return _compile_text(value, path)
    if isinstance(value, list):
        items = [_compile(item, (*path, index)) for index, item in enumerate(value)]
        return _constant(value) if _all_constant(items) else _composed(_list(items), items)
    if isinstance(value, dict):
        keys = [_compile_text(key, (*path, key)) for key in value]
        items = [_compile(item, (*path, key)) for key, item in value.items()]
        if _all_constant(keys + items):
            return _constant(value)
        build = _object(value, items) if _all_constant(keys) else _object_of_any_keys(keys, items)
        return _composed(build, keys + items)
    return _constant(value)


def _compile_text(text: str, path: Path) -> Compiled:
    try:
        return compile_template(text)
    except TemplateError as error:
        raise TemplateError(str(error), error.offset, error.advice, path) from None


def _all_constant(parts: list[Compiled]) -> bool:
    return all(part.constant for part in parts)


def _composed(evaluate: Evaluate, parts: list[Compiled]) -> Compiled:
    return _templated(evaluate, _rendered(evaluate), parts)


def _list(items: list[Compiled]) -> Evaluate:
    evaluates = [item.evaluate for item in items]
    return lambda scope: [evaluate(scope) for evaluate in evaluates]


def _object(value: dict[str, JsonValue], items: list[Compiled]) -> Evaluate:
    """Compile an object whose keys are constant: copy its constant part whole, and evaluate only the rest."""
    holes = [(key, item.evaluate) for key, item in zip(value, items, strict=True) if not item.constant]

    def build(scope: Scope) -> dict[str, Any]:
        result: dict[str, Any] = value.copy()
        for key, evaluate in holes:
            result[key] = evaluate(scope)
        return result

    return build


def _object_of_any_keys(keys: list[Compiled], items: list[Compiled]) -> Evaluate:
    pairs = [(key.text, item.evaluate) for key, item in zip(keys, items, strict=True)]

    def build(scope: Scope) -> dict[str, Any]:
        result = {key(scope): evaluate(scope) for key, evaluate in pairs}
        if len(result) < len(pairs):
            raise EvaluationError("two keys of one object became the same text")
        return result

    return build
