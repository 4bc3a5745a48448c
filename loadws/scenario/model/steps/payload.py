"""Payloads: what a message carries."""

import base64
import binascii
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, model_validator

from loadws.scenario.model.field_types import FileName, Size, Strict, Template, exactly_one, short_for
from loadws.scenario.model.unpacking import ProtobufType


def _hex(text: str) -> str:
    if "{{" in text:
        return text  # what it becomes is known only when it is sent
    try:
        bytes.fromhex(text)
    except ValueError:
        raise ValueError("must be pairs of the digits 0 to 9 and a to f") from None
    return text


def _base64(text: str) -> str:
    if "{{" in text:
        return text
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64 with its padding") from None
    return text


class Binary(Strict):
    """Bytes, written in one of four ways."""

    model_config = exactly_one("hex", "base64", "file", "random")

    hex: Annotated[
        Annotated[str, AfterValidator(_hex)] | None,
        Field(description="Pairs of hexadecimal digits, or a template of some. Spaces are allowed between them."),
    ] = None
    base64: Annotated[
        Annotated[str, AfterValidator(_base64)] | None,
        Field(description="Base64 with its padding, or a template of it."),
    ] = None
    file: Annotated[FileName | None, Field(description="A file beside the scenario, sent as it is.")] = None
    random: Annotated[Size | None, Field(description="The number of random bytes, which differ each time.")] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("bytes are said as exactly one of hex, base64, file or random")
        return self

    @property
    def is_template(self) -> bool:
        return "{{" in (self.hex or self.base64 or "")


#: A frame has a header of at least 6 bytes, and all of a message are written at once.
MOST_FRAGMENTS = 10_000


#: The message about ``template`` without ``file``.
ONLY_WITH_FILE = "template is of a file: text and json take templates anyway, binary takes them in hex and base64"


#: The keys that a message's content is written in.
FORMS = ("text", "json", "file", "binary", "msgpack", "protobuf")
_FORMS = f"{', '.join(FORMS[:-1])} or {FORMS[-1]}"


class ProtobufValue(ProtobufType):
    """A message of Protocol Buffers: its type and its fields."""

    value: JsonValue = Field(
        description="Its fields by their names. A value that is one template keeps its type; bytes are such, or base64."
    )


class Payload(Strict):
    """The content of a message, in exactly one of ``FORMS``."""

    model_config = exactly_one(*FORMS)

    text: Annotated[Template | None, Field(description="A text message.")] = None
    json_: JsonValue = Field(
        default=None, alias="json", description="A text message in JSON. A value that is one template keeps its type."
    )
    file: Annotated[FileName | None, Field(description="A text message from a UTF-8 file beside the scenario.")] = None
    template: Annotated[
        bool, Field(description="Whether what is in file holds templates. Else it is sent as it is.")
    ] = False
    binary: Annotated[Binary | None, Field(description="A binary message.")] = None
    msgpack: JsonValue = Field(
        default=None,
        description="A binary message in MessagePack. A value that is one template keeps its type, also bytes.",
    )
    protobuf: Annotated[
        ProtobufValue | None, Field(description="A binary message of Protocol Buffers. Needs loadws[protobuf].")
    ] = None
    fragments: Annotated[
        int, Field(ge=1, le=MOST_FRAGMENTS, description="The number of frames that the message is sent in.")
    ] = 1

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(form in self.model_fields_set or f"{form}_" in self.model_fields_set for form in FORMS) != 1:
            raise ValueError(f"a message is exactly one of {_FORMS}")
        if self.template and self.file is None:
            raise ValueError(ONLY_WITH_FILE)
        return self


text_payload = short_for("text", f"a message: text, or a mapping with {_FORMS}")
Sendable = Annotated[Payload, BeforeValidator(text_payload, json_schema_input_type=str | Payload)]
