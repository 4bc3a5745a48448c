"""``unpack``, of a connection or in a ``where``: how received messages become the values that steps see."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from loadws.scenario.model.field_types import CONDITION, FileName, FunctionName, Many, Strict, exactly_one
from loadws.terms.errors import did_you_mean

_WAYS = ("gunzip", "inflate", "base64", "lines", "split", "elements", "json", "msgpack", "protobuf", "function")
#: Ways that may be written as a word alone.
_Word = Literal["gunzip", "inflate", "base64", "lines", "elements", "msgpack"]
_WORDS = get_args(_Word)
_ADVICE = (
    'a way is gunzip, inflate, base64, lines, elements, msgpack, {split: "\\u001e"}, {elements: $.items}, {json: $.data}, '
    "{protobuf: {file: ..., message: ...}} or {function: module:name}"
)


def _something(text: str) -> str:
    if not text:
        raise ValueError("is one character or more")
    return text


class ProtobufType(Strict):
    """A type of messages of Protocol Buffers."""

    file: Annotated[
        FileName,
        Field(description="A set of descriptors: what protoc --include_imports --descriptor_set_out=FILE writes."),
    ]
    message: Annotated[str, Field(description="The full name of the message's type: package.Message.")]


class Way(Strict):
    """One way to read a message; the next way reads each of the values that it gives."""

    model_config = exactly_one(*_WAYS)

    gunzip: Annotated[
        Literal[True] | None,
        Field(description="Decompress a binary message with gzip. Text stays as it is, as it does for inflate."),
    ] = None
    inflate: Annotated[
        Literal[True] | None,
        Field(description="Decompress a binary message with deflate, with zlib's header or without."),
    ] = None
    base64: Annotated[
        Literal[True] | None,
        Field(
            description="Decode a text from base64, of either alphabet. Other text, and binary messages, stay as they are."
        ),
    ] = None
    lines: Annotated[Literal[True] | None, Field(description="Each line is a value; empty ones are left out.")] = None
    split: Annotated[
        Annotated[str, AfterValidator(_something)] | None,
        Field(description="Each part between this text is a value; empty ones are left out."),
    ] = None
    elements: Annotated[
        str | None,
        Field(
            description="Each element of the array at this JSONPath is a value; elements alone is the whole message."
        ),
    ] = None
    json_: Annotated[
        str | None,
        Field(
            alias="json", description="What is at this JSONPath is the value; a text there is read as JSON in its turn."
        ),
    ] = None
    msgpack: Annotated[
        Literal[True] | None, Field(description="Read a binary message as MessagePack. Text stays as it is.")
    ] = None
    protobuf: Annotated[
        ProtobufType | None,
        Field(description="Read a binary message as one of this type. Text stays as it is. Needs loadws[protobuf]."),
    ] = None
    function: Annotated[
        FunctionName | None,
        Field(description="module:function in a file beside the scenario: from a payload to a list of values."),
    ] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise ValueError(f"is exactly one way: {_ADVICE}")
        return self


def _lengthened(value: Any) -> Any:
    """Return the mapping that a word is short for.

    Raises:
        ValueError: It is no way to read a message.
    """
    if value == "elements":
        return {"elements": "$"}
    if isinstance(value, str):
        if value not in _WORDS:
            raise ValueError(f"{value!r} is no way to read a message; {did_you_mean(value, _WAYS) or _ADVICE}")
        return {value: True}
    if not isinstance(value, dict | BaseModel):
        raise ValueError(_ADVICE)
    return value


def _listed(value: Any) -> Any:
    """Return a list of ways; one may stand alone."""
    return value if isinstance(value, list | tuple) else [value]


_Way = Annotated[
    Way,
    BeforeValidator(_lengthened, json_schema_input_type=_Word | Way),
]
#: The ways to read a message, one after another; none: a message is one value, itself.
Unpack = Annotated[
    Many[_Way],
    BeforeValidator(_listed, json_schema_input_type=_Word | Way | list[_Way]),
]


# -- in a where -------------------------------------------------------------------------------------------------------

#: The key of a ``where`` that says how the message is read, beside the conditions on what it is read as.
UNPACK = "unpack"


class _Ways(Strict):
    """The ways of a ``where``, under their key, so that what is wrong with them has its place."""

    unpack: Annotated[
        Unpack,
        Field(
            description="How the message is read: the conditions are on its values, of which steps see those that fit."
        ),
    ]


def ways_of(where: Mapping[str, JsonValue] | None) -> tuple[Way, ...]:
    """Return how a ``where`` unpacks the messages that it looks at; none where it takes them as they are."""
    return () if where is None or UNPACK not in where else _Ways.model_validate({UNPACK: where[UNPACK]}).unpack


def without_ways(where: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the conditions of a ``where``, without how it unpacks messages."""
    return {key: value for key, value in where.items() if key != UNPACK}


class MayUnpack:
    """A mark of conditions that may say how the message is read. ``keys`` has the keys that are none of them."""

    keys = _Ways

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the conditions, which checks the ways too."""
        return core_schema.no_info_after_validator_function(_with_right_ways, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema for editors, with the key of the ways."""
        conditions = handler(schema)
        ways = handler.resolve_ref_schema(handler(_Ways.__pydantic_core_schema__))
        return {**conditions, "properties": ways["properties"]}


def _with_right_ways(where: dict[str, JsonValue]) -> dict[str, JsonValue]:
    ways_of(where)
    return where


#: Conditions that choose a message; ``unpack`` beside them says how it is read.
Where = Annotated[
    dict[str, JsonValue],
    Field(min_length=1, json_schema_extra={"propertyNames": {"pattern": rf"{CONDITION}|^{UNPACK}$"}}),
    MayUnpack(),
]
