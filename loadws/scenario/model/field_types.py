"""The types of a scenario's fields: times, rates, sizes, names, codes, headers. Durations are in nanoseconds.

A ``Template`` is text that may hold ``{{ expressions }}``; the engine compiles it before the run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    model_validator,
)

from loadws.scenario.yaml.tree import describe
from loadws.terms.errors import UnitError
from loadws.terms.units import (
    BYTE_RATE_PATTERN,
    DURATION_PATTERN,
    NS_PER_S,
    RATE_PATTERN,
    SHARE_PATTERN,
    SIZE_PATTERN,
    parse_byte_rate,
    parse_duration,
    parse_rate,
    parse_share,
    parse_size,
)


class Strict(BaseModel):
    """Unknown keys are errors; nothing changes after it was built; ``from`` and ``for`` are spelled so in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False, strict=True, defer_build=True)


def exactly_one(*keys: str) -> ConfigDict:
    """Return the configuration that tells editors what the model's validator checks: exactly one of these keys."""
    return ConfigDict(json_schema_extra={"oneOf": [{"required": [key]} for key in keys]})


class NotWritten:
    """A mark of a field that a short form fills and that no file writes."""


T = TypeVar("T")


def short_for(key: str, what: str) -> Callable[[Any], Any]:
    """Return a validator that makes ``{key: text}`` of a text. ``what`` says for people what may stand here."""

    def lengthen(value: Any) -> Any:
        if isinstance(value, str):
            return {key: value}
        if not isinstance(value, dict | BaseModel):
            raise ValueError(f"expected {what}, got {describe(value)}")
        return value

    return lengthen


#: A YAML sequence. Strictness is for scalars ("5" is no number): the file's list becomes our tuple.
Many = Annotated[tuple[T, ...], Field(strict=False)]


#: What a schema lets stand in place of a unit: a reference to the environment.
_REFERENCE = r"|^\$\{.*\}$"


def unit(parse: Callable[[str], T], what: str, units: str) -> Callable[[Any], T]:
    """Return a validator of text with a unit. ``units`` are some to choose from, the usual one first."""
    usual, *others = units.split()

    def convert(value: Any) -> T:
        if isinstance(value, str) and "{{" in value:
            raise ValueError(f"a {what} is known before the run and takes no template; write 1{usual}, or ${{NAME}}")
        number = f"{value}" if isinstance(value, int | float) and not isinstance(value, bool) else None
        if number is not None or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
            number = number or value.strip()
            choices = ", ".join(f"{number}{each}" for each in others)
            raise ValueError(f"{value!r} is not a {what}: it has no unit; write {number}{usual} (or {choices})")
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is not a {what}; write a number with its unit: 1{usual}")
        try:
            return parse(value)
        except UnitError as error:
            raise ValueError(f"{error}; {error.advice}" if error.advice else str(error)) from None

    return convert


#: A number without a unit, as text: from quotes, or from the environment.
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)


duration = unit(parse_duration, "duration", "s ms m")
Duration = Annotated[
    int,
    BeforeValidator(duration, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN + _REFERENCE, "examples": ["250ms", "10s", "1m30s"]}),
]


def _more_than_nothing(ns: int) -> int:
    if ns == 0:
        raise ValueError("must be more than 0 s")
    return ns


Span = Annotated[Duration, AfterValidator(_more_than_nothing)]
Rate = Annotated[
    float,
    BeforeValidator(unit(parse_rate, "rate", "/s /m"), json_schema_input_type=str),
    WithJsonSchema({"type": "string", "pattern": RATE_PATTERN + _REFERENCE, "examples": ["200/s", "30/m"]}),
]
Size = Annotated[
    int,
    BeforeValidator(unit(parse_size, "size", "KiB B MiB"), json_schema_input_type=str),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN + _REFERENCE, "examples": ["64KiB", "1MiB"]}),
]


def _share(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value} is not a share; write a percentage: {value * 100 if 0 < value < 1 else value:g}%")
    return unit(parse_share, "share", "%")(value)


#: A part of a whole, written as a percentage, kept as a ratio from 0 to 1.
Share = Annotated[
    float,
    BeforeValidator(_share, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "pattern": SHARE_PATTERN + _REFERENCE, "examples": ["1%", "0.5%"]}),
]


def _some_bytes(bytes_per_s: int) -> int:
    if bytes_per_s == 0:
        raise ValueError("must be more than 0 bytes per second; to read nothing at all, use stall")
    return bytes_per_s


ByteRate = Annotated[
    int,
    BeforeValidator(unit(parse_byte_rate, "number of bytes per second", "KiB/s B/s"), json_schema_input_type=str),
    AfterValidator(_some_bytes),
    WithJsonSchema({"type": "string", "pattern": BYTE_RATE_PATTERN + _REFERENCE, "examples": ["2KiB/s", "1MiB/s"]}),
]

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
#: Names that templates give a meaning of their own; a variable or a data source may not take them.
RESERVED = frozenset(
    "user iteration sent message received_ms connection code reason error probe id uuid now_ms random_int random_text "
    "random_bytes choice env true false none True False None and or not in is if else".split()
)


def _identifier(name: str) -> str:
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(f"{name!r} is not a name: letters, digits and _ only, and no digit first")
    if name in RESERVED:
        raise ValueError(f"{name!r} is a word of the template language; choose another name")
    return name


#: The schema's pattern of a name that may be any but these.
_NOT_RESERVED = "^(?!(?:" + "|".join(sorted(RESERVED)) + ")$)"
Identifier = Annotated[
    str,
    AfterValidator(_identifier),
    WithJsonSchema({"type": "string", "pattern": _NOT_RESERVED + r"[A-Za-z_]\w*$"}),
]


def _fixed_text(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    if "{{" in text or not text.isprintable():
        raise ValueError("a name is one line of fixed text, without {{ }}")
    return text


def _file_name(name: str) -> str:
    if "{{" in name:
        raise ValueError("the name of a file takes no template: the file is read before the run")
    return name


#: A file beside the scenario, which is read before the run.
FileName = Annotated[str, AfterValidator(_file_name)]
Name = Annotated[
    str,
    AfterValidator(_fixed_text),
    Field(max_length=200),
    WithJsonSchema({"type": "string", "maxLength": 200, "pattern": r"^(?!.*\{\{).*\S"}),
]
#: Text with {{ expressions }} in it, or none; syntax is checked by build.py, which knows where it stands.
Template = str
#: A ``Template`` that should be exactly one expression; the line break that a YAML block ends with does not make it text.
WholeTemplate = Annotated[Template, AfterValidator(str.strip)]


def _no_bare_value(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        raise ValueError(f'expected an expression, got {describe(value)}; write "{{{{ {describe(value)} }}}}"')
    return value


#: A ``WholeTemplate`` that is true or false; true itself stands in braces too.
Condition = Annotated[WholeTemplate, BeforeValidator(_no_bare_value)]
Status = Annotated[int, Field(ge=100, le=599)]


def _sendable_code(code: int) -> int:
    if code in (1004, 1005, 1006, 1015) or not (1000 <= code <= 1014 or 3000 <= code <= 4999):
        raise ValueError(f"{code} is no code that a close frame may carry: 1000 to 1003, 1007 to 1014, 3000 to 4999")
    return code


#: Codes that an endpoint may send (RFC 6455, 7.4): 1004 is reserved; 1005, 1006 and 1015 never travel.
CloseCode = Annotated[
    int,
    AfterValidator(_sendable_code),
    WithJsonSchema(
        {
            "type": "integer",
            "anyOf": [
                {"enum": [1000, 1001, 1002, 1003, *range(1007, 1015)]},
                {"minimum": 3000, "maximum": 4999},
            ],
            "examples": [1000, 1008, 4000],
        }
    ),
]
#: How a received close may be listed: what an endpoint may send, and 1005 for a close frame without a code.
NO_CODE = 1005


def _expectable_code(code: int) -> int:
    if code == 1006:
        raise ValueError("1006 stands for a connection that was lost without a close frame, which nothing can expect")
    return code if code == NO_CODE else _sendable_code(code)


ExpectedCode = Annotated[
    int,
    AfterValidator(_expectable_code),
    WithJsonSchema(
        {
            "type": "integer",
            "anyOf": [
                {"enum": [1000, 1001, 1002, 1003, NO_CODE, *range(1007, 1015)]},
                {"minimum": 3000, "maximum": 4999},
            ],
            "examples": [1000, 1001, 4000],
        }
    ),
]
OnFailure = Literal["continue", "end_turn", "end_session"]
#: The pattern of what a condition looks at.
CONDITION = r"^\$|^(text|regex|bytes|event|subscription|envelope)$"
#: JSONPath, ``text``, ``regex`` or ``bytes`` -> a plain value or a matcher; see matching.py, which checks them.
Conditions = Annotated[
    dict[str, JsonValue],
    Field(min_length=1, json_schema_extra={"propertyNames": {"pattern": CONDITION}}),
]


class ByEvent(Strict):
    """What looks at messages by conditions, and by the name that a protocol gives them, which becomes one of these."""

    event: Annotated[
        JsonValue,
        Field(description="The name that the connection's protocol gives the messages. Short for where: {event: …}."),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _in_where(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "event" not in value:
            return value
        if value["event"] is None:
            raise ValueError("event has no name: write event: welcome, or leave it out")
        where = value.get("where")
        if not isinstance(where, dict | None):
            return value  # it has a message of its own
        if where is not None and "event" in where:
            raise ValueError("event appears twice: leave it out here, or in where")
        rest = {key: inner for key, inner in value.items() if key != "event"}
        return rest | {"where": {"event": value["event"], **(where or {})}}


#: The same of the answer to an ``http`` step.
AnswerConditions = Annotated[
    dict[str, JsonValue],
    Field(min_length=1, json_schema_extra={"propertyNames": {"pattern": r"^\$|^(text|regex|bytes|status|headers)$"}}),
]
#: variable -> JSONPath, ``text``, {regex:}, {bytes:} or, of a handshake, {header:}; see matching.py.
Captures = Annotated[dict[Identifier, JsonValue], Field(min_length=1)]

TEN_SECONDS = 10 * NS_PER_S

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: Headers that loadws writes itself (RFC 6455, 4.1), each with the key that sets it, where one does; ``Host`` may be set.
_OWN_HEADERS = {
    "upgrade": "",
    "connection": "",
    "content-length": "",
    "transfer-encoding": "",
    "sec-websocket-protocol": "say subprotocols: [...] instead",
    "sec-websocket-extensions": "say compression: true instead, for permessage-deflate",
}


def token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError("must be a token of HTTP: letters, digits and !#$%&'*+-.^_`|~")
    return text


def _header_name(name: str) -> str:
    token(name)
    if name.lower() in _OWN_HEADERS or name.lower().startswith("sec-websocket-"):
        advice = _OWN_HEADERS.get(name.lower(), "")
        raise ValueError("is written by loadws itself and cannot be set here" + (advice and f"; {advice}"))
    return name


def header_value(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a header's value is one line without control characters")
    return text


def different(items: tuple[T, ...]) -> tuple[T, ...]:
    """Return the items if no two are equal.

    Raises:
        ValueError: Two are equal; the message names the first.
    """
    twice = [item for item in items if items.count(item) > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} appears twice")
    return items


def _different_headers(headers: dict[str, str]) -> dict[str, str]:
    different(tuple(name.lower() for name in headers))
    return headers


#: Names are HTTP tokens, values one line; what the handshake writes itself is refused.
Headers = Annotated[
    dict[Annotated[str, AfterValidator(_header_name)], Annotated[Template, AfterValidator(header_value)]],
    AfterValidator(_different_headers),
]
Token = Annotated[str, AfterValidator(token)]
Subprotocols = Annotated[Many[Token], AfterValidator(different)]


# -- functions ---------------------------------------------------------------------------------------------------------

#: ``module:function``; a dot in the module's name is a folder.
FUNCTION_PATTERN = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
_FUNCTION = re.compile(FUNCTION_PATTERN)


def _function_name(text: str) -> str:
    """Return the text if it is the name of a function.

    Raises:
        ValueError: It is not.
    """
    if not _FUNCTION.match(text):
        raise ValueError(
            "must be module:function, as flows:trade for the function trade in flows.py beside the scenario"
        )
    return text


FunctionName = Annotated[str, AfterValidator(_function_name), Field(json_schema_extra={"pattern": FUNCTION_PATTERN})]
