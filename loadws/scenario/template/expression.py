"""One ``{{ expression }}``: Jinja2's lexer and parser make its tree, and this file compiles the tree to closures, once.

Only plain data can be reached: names are variables, ``a.b`` is ``a["b"]`` and never a Python attribute, and only the
functions in ``scope.FUNCTIONS`` can be called. There are no statements, slices, keyword arguments or methods, and of Jinja's
filters and tests only those in the tables below; everything else is refused by name with its place. Precedence is Jinja's,
whose powers go from left to right: ``2 ** 3 ** 2`` is 64.
"""

from __future__ import annotations

import base64
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from loadws.scenario.template.conversions import FILTERS as CONVERTING_FILTERS
from loadws.scenario.template.scope import FUNCTIONS, SPECIAL_NAMES, Scope
from loadws.scenario.template.values import (
    ARITHMETIC,
    COMPARISONS,
    EvaluationError,
    Operation,
    Undefined,
    as_json,
    as_text,
    fits,
    in_range,
    item,
    kind,
    negative,
    positive,
)
from loadws.terms.errors import LoadwsError, did_you_mean

Evaluate = Callable[[Scope], Any]

#: Characters of one expression, and how deep its tree may be: far above use, far below Python's own limits.
LONGEST_EXPRESSION = 4096
DEEPEST_TREE = 60

_ENVIRONMENT = Environment()


class TemplateError(LoadwsError):
    """A template is wrong. ``offset`` (0 based) is the place in its text; ``path`` leads to that text inside a value."""

    def __init__(self, message: str, offset: int, advice: str = "", path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message, advice)
        self.offset = offset
        self.path = path


class Expression:
    """A compiled expression, its end in its text, and the names that it reads.

    ``names`` are variables and special names. A name that is only in ``is defined`` or ``default`` is not among them,
    because it may be missing. ``attributes`` are pairs (name, key) for each ``name.key``. ``is_fixed``: its value is always
    the same.
    """

    __slots__ = ("attributes", "end", "evaluate", "is_fixed", "names")

    def __init__(self, text: str, start: int) -> None:
        """Read the expression whose ``{{`` is at offset ``start``. Raises ``TemplateError``."""
        tokens, self.end = _tokens(text, start)
        compiler = _Compiler()
        self.evaluate = compiler.compile(_parse(tokens, start))
        self.is_fixed = compiler.is_constant and not compiler.names
        if self.is_fixed:
            _try_constant(self.evaluate, start)
        self.names = frozenset(compiler.names)
        self.attributes = frozenset(compiler.attributes)


# -- text -> tree -----------------------------------------------------------------------------------------------------

_Token = tuple[int, str, str]


def _tokens(text: str, start: int) -> tuple[list[_Token], int]:
    """Return the tokens between ``{{`` and ``}}``, with their offsets in place of line numbers, and the expression's
    end.

    Raises:
        TemplateError: The expression is not closed, is too long, or has a character that no expression has.
    """
    if text[start + 2 : start + 3] in ("-", "+"):
        raise TemplateError("{{- and {{+ are not supported", start, "put a space after {{")
    # Line breaks are made spaces of the same length, because the lexer would count \r\n as one.
    source = text[start + 2 : start + 4 + LONGEST_EXPRESSION].replace("\r", " ")
    tokens: list[_Token] = []
    at = start + 2
    try:
        for _, kind_of_token, value in _ENVIRONMENT.lexer.tokeniter(source, None, state="variable"):
            if kind_of_token == "variable_end":
                return _whole_expression(tokens, text, start, at, value), at + 2
            tokens.append((at, kind_of_token, value))
            at += len(value)
    except TemplateSyntaxError as error:
        raise TemplateError(_in_our_words(error), at) from None
    if len(source) >= LONGEST_EXPRESSION:
        raise TemplateError(f"an expression has at most {LONGEST_EXPRESSION:,} characters", start)
    raise TemplateError("this {{ is not closed by }}", start)


def _whole_expression(tokens: list[_Token], text: str, start: int, end: int, closing: str) -> list[_Token]:
    if closing[0] in "-+":
        raise TemplateError("-}} and +}} are not supported", end, "put a space before }}")
    if not text[start + 2 : end].strip():
        raise TemplateError("there is nothing between {{ and }}", start)
    for at, kind_of_token, value in tokens:
        if kind_of_token == "string" and "\r" in text[at : at + len(value)]:
            raise TemplateError("a carriage return within quotes", text.index("\r", at), "write \\r")
    return tokens


def _parse(tokens: list[_Token], start: int) -> nodes.Expr:
    """Return Jinja's tree. The ``lineno`` of each node is the offset of its text, because the tokens carry that.

    Raises:
        TemplateError: The expression is not valid, or is nested too deeply.
    """
    parser = Parser(_ENVIRONMENT, "")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an unknown escape like "\d" is only a warning in Python, so far
            parser.stream = TokenStream(_ENVIRONMENT.lexer.wrap(iter(tokens)), None, None)
            tree = parser.parse_expression()
            if not parser.stream.eos:
                parser.fail(f"unexpected {parser.stream.current.value!r} after the expression")
    except TemplateSyntaxError as error:
        raise TemplateError(_in_our_words(error), error.lineno) from None
    except RecursionError:
        raise TemplateError("the expression is nested too deeply", start) from None
    return tree


def _in_our_words(error: TemplateSyntaxError) -> str:
    message = (error.message or "not an expression").split(" at ")[0].rstrip(".)")
    message = message.replace("end of template", "}}").replace("end of print statement", "}}")
    return message[:1].lower() + message[1:]


# -- tree -> closures -------------------------------------------------------------------------------------------------


def _refuse(message: str, node: nodes.Node, advice: str = "") -> NoReturn:
    raise TemplateError(message, node.lineno, advice)


class _Compiler:
    """A compiler of one tree, which collects the names that it reads."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.is_constant = True  # but for names: nothing that differs from user to user, or from time to time
        self.attributes: set[tuple[str, str]] = set()
        self._depth = 0

    def compile(self, node: nodes.Expr) -> Evaluate:
        rule = _RULES.get(type(node))
        if rule is None:
            _refuse(f"{type(node).__name__.lower()} is not supported in expressions", node)
        if self._depth == DEEPEST_TREE:
            _refuse("the expression is nested too deeply", node)
        self._depth += 1
        evaluate = rule(self, node)
        self._depth -= 1
        return evaluate

    def _all(self, several: list[nodes.Expr]) -> tuple[Evaluate, ...]:
        return tuple(map(self.compile, several))

    # -- values

    def _const(self, node: nodes.Const) -> Evaluate:
        value = node.value
        if type(value) in (int, float):
            try:
                in_range(value)
            except EvaluationError as error:
                _refuse(str(error).replace("the result", "the number"), node)
        return lambda scope: value

    def _list(self, node: nodes.List | nodes.Tuple) -> Evaluate:
        items = self._all(node.items)
        return lambda scope: [evaluate(scope) for evaluate in items]

    def _dict(self, node: nodes.Dict) -> Evaluate:
        pairs = [(self.compile(pair.key), self.compile(pair.value)) for pair in node.items]
        return lambda scope: {as_text(key(scope)): value(scope) for key, value in pairs}

    # -- names

    def _name(self, node: nodes.Name) -> Evaluate:
        name = node.name
        if name == "iteration":
            self.is_constant = False
            return lambda scope: scope.iteration
        if name == "user":
            _refuse("user has no value of its own", node, "write user.index")
        if name in FUNCTIONS and not FUNCTIONS[name].is_pure:  # `hash` alone may be a variable, as it always could
            _refuse(f"{name} is a function", node, f"write {FUNCTIONS[name].usage}")
        self.names.add(name)
        return _special(name) if name in SPECIAL_NAMES else _variable(name)

    def _attribute(self, node: nodes.Getattr) -> Evaluate:
        if node.attr.startswith("_"):
            _refuse(f"{node.attr!r} cannot be read with a dot", node, f'write ["{node.attr}"]')
        if isinstance(node.node, nodes.Name) and node.node.name == "user":
            if node.attr != "index":
                _refuse(f"user has no {node.attr!r}", node, "the only one is user.index")
            self.is_constant = False
            return lambda scope: scope.user
        return self._key(node.node, node.attr)

    def _item(self, node: nodes.Getitem) -> Evaluate:
        if isinstance(node.arg, nodes.Slice | nodes.Tuple):
            _refuse("slices are not supported in expressions", node, "take one item: [0]")
        if isinstance(node.arg, nodes.Const):
            return self._key(node.node, node.arg.value)
        container, key = self.compile(node.node), self.compile(node.arg)
        return lambda scope: item(container(scope), key(scope))

    def _key(self, container: nodes.Expr, key: Any) -> Evaluate:
        if isinstance(container, nodes.Name) and isinstance(key, str):
            self.attributes.add((container.name, key))
        evaluate = self.compile(container)

        def attribute(scope: Scope) -> Any:
            found = evaluate(scope)
            try:
                # Nearly always; for everything else, ``item`` knows what to do or to say.
                return found[key] if type(found) is dict else item(found, key)
            except KeyError:
                return item(found, key)

        return attribute

    # -- operators

    def _arithmetic(self, node: nodes.BinExpr) -> Evaluate:
        operation = ARITHMETIC[node.operator]
        return _binary(operation, self.compile(node.left), self.compile(node.right))

    def _negative(self, node: nodes.Neg) -> Evaluate:
        evaluate = self.compile(node.node)
        return lambda scope: negative(evaluate(scope))

    def _positive(self, node: nodes.Pos) -> Evaluate:
        evaluate = self.compile(node.node)
        return lambda scope: positive(evaluate(scope))

    def _not(self, node: nodes.Not) -> Evaluate:
        evaluate = self.compile(node.node)
        return lambda scope: not evaluate(scope)

    def _and(self, node: nodes.And) -> Evaluate:
        left, right = self.compile(node.left), self.compile(node.right)
        return lambda scope: left(scope) and right(scope)

    def _or(self, node: nodes.Or) -> Evaluate:
        left, right = self.compile(node.left), self.compile(node.right)
        return lambda scope: left(scope) or right(scope)

    def _compare(self, node: nodes.Compare) -> Evaluate:
        first = self.compile(node.expr)
        rest = [(COMPARISONS[operand.op], self.compile(operand.expr)) for operand in node.ops]
        if len(rest) == 1:
            return _binary(rest[0][0], first, rest[0][1])
        return _chain(first, rest)

    def _concat(self, node: nodes.Concat) -> Evaluate:
        parts = self._all(node.nodes)
        return lambda scope: _joined([as_text(part(scope)) for part in parts])

    def _condition(self, node: nodes.CondExpr) -> Evaluate:
        if node.expr2 is None:
            _refuse("if needs its else", node)
        test, then, otherwise = self._all([node.test, node.expr1, node.expr2])
        return lambda scope: then(scope) if test(scope) else otherwise(scope)

    # -- calls

    def _call(self, node: nodes.Call) -> Evaluate:
        if not isinstance(node.node, nodes.Name):
            _refuse("methods are not supported in expressions", node, _near("functions are ", FUNCTIONS))
        name = node.node.name
        function = FUNCTIONS.get(name)
        if function is None:
            _refuse(f"unknown function {name!r}", node.node, _near("functions are ", FUNCTIONS, name))
        arguments = self._arguments(node)
        if len(arguments) != function.arity:
            _refuse(f"{name} takes {_values(function.arity)}", node.node, f"write {function.usage}")
        self.is_constant = self.is_constant and function.is_pure
        return _called(function.call, arguments)

    def _filter(self, node: nodes.Filter) -> Evaluate:
        assert node.node is not None  # only {% filter %} has none
        if node.name in ("default", "d"):
            return self._default(node, node.node)
        found = FILTERS.get(node.name)
        if found is None:
            _refuse(f"unknown filter {node.name!r}", node, _near("filters are ", (*FILTERS, "default"), node.name))
        if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            _refuse(f"the filter {node.name!r} takes no values", node)
        evaluate = self.compile(node.node)
        return lambda scope: found(evaluate(scope))

    def _default(self, node: nodes.Filter, guarded: nodes.Expr) -> Evaluate:
        arguments = self._arguments(node)
        if len(arguments) != 1:
            _refuse("default takes one value", node, "write default(0)")
        return _guarded(self._unnoted(guarded), arguments[0])

    def _test(self, node: nodes.Test) -> Evaluate:
        known = (*TESTS, "defined", "undefined")
        if node.name not in known:
            _refuse(f"unknown test {node.name!r}", node, _near("tests are ", known, node.name))
        if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            _refuse(f"the test {node.name!r} takes no values", node)
        test = TESTS.get(node.name)
        if test is None:
            return _defined(self._unnoted(node.node), node.name == "defined")
        evaluate = self.compile(node.node)
        return lambda scope: test(evaluate(scope))

    def _arguments(self, node: nodes.Call | nodes.Filter) -> tuple[Evaluate, ...]:
        if node.kwargs or node.dyn_args or node.dyn_kwargs:
            _refuse("values are given in their order, without names or *", node)
        return self._all(node.args)

    def _unnoted(self, node: nodes.Expr) -> Evaluate:
        """Compile a part that may be undefined, without collecting its names and attributes."""
        names, attributes = self.names.copy(), self.attributes.copy()
        evaluate = self.compile(node)
        self.is_constant = False  # whether a name is there depends on the user
        self.names, self.attributes = names, attributes
        return evaluate


_RULES: dict[type[nodes.Node], Callable[[_Compiler, Any], Evaluate]] = {
    nodes.Const: _Compiler._const,
    nodes.List: _Compiler._list,
    nodes.Tuple: _Compiler._list,
    nodes.Dict: _Compiler._dict,
    nodes.Name: _Compiler._name,
    nodes.Getattr: _Compiler._attribute,
    nodes.Getitem: _Compiler._item,
    nodes.Neg: _Compiler._negative,
    nodes.Pos: _Compiler._positive,
    nodes.Not: _Compiler._not,
    nodes.And: _Compiler._and,
    nodes.Or: _Compiler._or,
    nodes.Compare: _Compiler._compare,
    nodes.Concat: _Compiler._concat,
    nodes.CondExpr: _Compiler._condition,
    nodes.Call: _Compiler._call,
    nodes.Filter: _Compiler._filter,
    nodes.Test: _Compiler._test,
    **dict.fromkeys(
        (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow), _Compiler._arithmetic
    ),
}


def _try_constant(evaluate: Evaluate, start: int) -> None:
    """Evaluate a constant expression once, to find out whether it fails.

    Raises:
        TemplateError: It fails.
    """
    try:
        evaluate(Scope(clock=lambda: 0))
    except EvaluationError as error:
        raise TemplateError(str(error), start) from None


def _values(count: int) -> str:
    return ("no value", "one value", "two values", "three values")[count]


def _near(words: str, table: Iterable[str], name: str = "") -> str:
    return did_you_mean(name, table) or words + ", ".join(table)


# -- the closures that are not one line -------------------------------------------------------------------------------


def _variable(name: str) -> Evaluate:
    def variable(scope: Scope) -> Any:
        try:
            return scope.variables[name]
        except KeyError:
            raise Undefined(f"{name!r} is not set") from None

    return variable


def _special(name: str) -> Evaluate:
    def special(scope: Scope) -> Any:
        try:
            return scope.extra[name]
        except KeyError:
            raise Undefined(f"there is no {name!r} here") from None

    return special


def _binary(operation: Operation, left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda scope: operation(left(scope), right(scope))


def _chain(first: Evaluate, rest: list[tuple[Operation, Evaluate]]) -> Evaluate:
    """Compile ``a < b < c``: each value is evaluated at most once, and none after the first comparison that fails."""

    def chain(scope: Scope) -> Any:
        left = first(scope)
        for holds, evaluate in rest:
            right = evaluate(scope)
            if not holds(left, right):
                return False
            left = right
        return True

    return chain


def _called(function: Callable[..., Any], arguments: tuple[Evaluate, ...]) -> Evaluate:
    if not arguments:
        return function
    if len(arguments) == 1:
        only = arguments[0]
        return lambda scope: function(scope, only(scope))
    return lambda scope: function(scope, *[argument(scope) for argument in arguments])


def _guarded(evaluate: Evaluate, otherwise: Evaluate) -> Evaluate:
    def guarded(scope: Scope) -> Any:
        try:
            return evaluate(scope)
        except Undefined:
            return otherwise(scope)

    return guarded


def _defined(evaluate: Evaluate, wanted: bool) -> Evaluate:
    def defined(scope: Scope) -> bool:
        try:
            evaluate(scope)
        except Undefined:
            return not wanted
        return wanted

    return defined


def _joined(texts: list[str]) -> str:
    fits(sum(map(len, texts)))
    return "".join(texts)


# -- filters and tests ------------------------------------------------------------------------------------------------


def _number(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def number(value: Any) -> Any:
        try:
            return in_range(convert(value))
        except (TypeError, ValueError, OverflowError):
            raise EvaluationError(f"this {kind(value)} is not a number") from None

    return number


def _size(value: Any) -> int:
    if not isinstance(value, str | bytes | list | dict):
        raise EvaluationError(f"{kind(value)} has no length")
    return len(value)


def _encoded(encode: Callable[[bytes], str]) -> Callable[[Any], str]:
    return lambda value: encode(value if isinstance(value, bytes) else as_text(value).encode("utf-8", "replace"))


FILTERS: dict[str, Callable[[Any], Any]] = {
    "length": _size,
    "int": _number(int),
    "float": _number(float),
    "round": _number(round),
    "abs": _number(abs),
    "string": as_text,
    "lower": lambda value: as_text(value).lower(),
    "upper": lambda value: as_text(value).upper(),
    "trim": lambda value: as_text(value).strip(),
    "tojson": as_json,
    **CONVERTING_FILTERS,
    "hex": _encoded(bytes.hex),
    "base64": _encoded(lambda value: base64.b64encode(value).decode("ascii")),
}
TESTS: dict[str, Callable[[Any], bool]] = {
    "none": lambda value: value is None,
    "string": lambda value: isinstance(value, str),
    "number": lambda value: kind(value) in ("integer", "number"),
    "integer": lambda value: kind(value) == "integer",
    "boolean": lambda value: isinstance(value, bool),
}
