"""``connection:``, the options of every connect, which each may replace."""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    WithJsonSchema,
)

from loadws.scenario.model.field_types import (
    TEN_SECONDS,
    Captures,
    ExpectedCode,
    Headers,
    Many,
    Name,
    NotWritten,
    Size,
    Span,
    Strict,
    Subprotocols,
    Template,
    different,
    short_for,
)
from loadws.scenario.model.network import Addresses, Cookies, Origin, Proxy, Resolve, SocketOptions
from loadws.scenario.model.tls import TlsSettings, TlsVersion
from loadws.scenario.model.unpacking import Unpack
from loadws.terms.errors import UnitError
from loadws.terms.units import NS_PER_S, parse_duration


class KeepAlive(Strict):
    """Pings that loadws sends by itself; their round trip is ``ping_time``."""

    every: Annotated[Span, Field(description="The time between two pings.")]
    timeout: Annotated[
        Span, Field(description="How long the pong may take; after that the connection counts as lost.")
    ] = TEN_SECONDS


_HOST = re.compile(r"[^\s/@:\[\].][^\s/@:\[\]]*")


def _version(value: Any) -> Any:
    """Return the version as text: ``1.2`` without quotes is a number in YAML."""
    return str(value) if isinstance(value, float) else value


def _provable(name: str) -> str:
    if "{{" in name or _HOST.fullmatch(name) or _is_address(name):
        return name
    raise ValueError("a server name is a host name or an address, without scheme and port")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


#: Keys of ``tls`` that hold a template.
TLS_TEMPLATES = ("certificate", "key", "key_password", "server_name")


class Tls(Strict):
    """TLS with the server. The keys of ``connect`` replace these one by one."""

    ca: Annotated[str | None, Field(description="A PEM file with the CAs to trust. Default: the system's store.")] = (
        None
    )
    certificate: Annotated[
        Template | None,
        Field(
            description="A PEM file with the client certificate and its chain. A template may name one for each user."
        ),
    ] = None
    key: Annotated[
        Template | None,
        Field(description="A PEM file with the certificate's private key, if that is not in the certificate's file."),
    ] = None
    key_password: Annotated[Template | None, Field(description="The password of the key.")] = None
    server_name: Annotated[
        Annotated[Template, AfterValidator(_provable)] | None,
        Field(
            description="The name to send (SNI) and to verify. Default: the target's host. The Host header is separate."
        ),
    ] = None
    verify: Annotated[
        bool,
        Field(
            description="Whether the certificate is verified. With false, any is accepted, and every report says so."
        ),
    ] = True
    minimum_version: Annotated[
        TlsVersion,
        BeforeValidator(_version, json_schema_input_type=Literal["1.2", "1.3", 1.2, 1.3]),
        Field(description="The oldest version of TLS that is accepted."),
    ] = "1.2"
    resume: Annotated[
        bool,
        Field(description="Whether a user's next connection resumes the TLS session of its last one, as browsers do."),
    ] = True

    def overridden(self, by: Self | None) -> Self:
        """Return these settings with those that ``other`` writes in their place."""
        said = {} if by is None else {key: getattr(by, key) for key in by.model_fields_set}
        return self.model_copy(update=said)

    def settings(self, show: Callable[[Template], str]) -> TlsSettings:
        """Return the settings that make a context; ``show`` returns the value of a template."""
        return TlsSettings(
            ca=self.ca,
            certificate=None if self.certificate is None else show(self.certificate),
            key=None if self.key is None else show(self.key),
            key_password=None if self.key_password is None else show(self.key_password),
            verify=self.verify,
            minimum_version=self.minimum_version,
        )


class CompressionOptions(Strict):
    """permessage-deflate (RFC 7692), as offered to the server. What the server accepts is used."""

    level: Annotated[int, Field(ge=1, le=9, description="The level of zlib: 1 is the fastest, 9 compresses most.")] = 6
    context_takeover: Annotated[
        bool,
        Field(
            description="Whether a message may refer to earlier ones: it is smaller, but each connection needs memory."
        ),
    ] = True


def _switched(value: Any) -> Any:
    if not isinstance(value, bool | dict | CompressionOptions):
        raise ValueError("compression is true, false, or {level: 6, context_takeover: true}")
    return {} if value is True else value


def _off_or_on(value: Any) -> str:
    return "off" if value is False else "on"


#: False, or how; true is short for the defaults.
Compression = Annotated[
    Annotated[
        Annotated[Literal[False], Tag("off")] | Annotated[CompressionOptions, Tag("on")], Discriminator(_off_or_on)
    ],
    BeforeValidator(_switched, json_schema_input_type=bool | CompressionOptions),
]


class Backoff(Strict):
    """How long to wait before an attempt: at most ``least`` before the first, twice that before each further one, and never
    above ``most``."""

    least: Annotated[Span, NotWritten()]
    most: Annotated[Span, NotWritten()]


def _backoff(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("a backoff is a range as 100ms..10s, or a time as 1s")
    least, dots, most = (part.strip() for part in value.partition(".."))
    most = most if dots else least
    try:
        begins_above = parse_duration(least) > parse_duration(most)
    except UnitError:
        begins_above = False  # the field's own validator says what is wrong
    if begins_above:
        raise ValueError(f"the range {value!r} begins above its end")
    return {"least": least, "most": most}


BackoffRange = Annotated[
    Backoff, BeforeValidator(_backoff), WithJsonSchema({"type": "string", "examples": ["100ms..10s", "1s"]})
]


class ReconnectOptions(Strict):
    """How a connection is replaced that was lost, or that the server closed, while its user goes on."""

    attempts: Annotated[
        int, Field(ge=1, description="How many attempts in a row may fail before the user gives up.")
    ] = 5
    backoff: Annotated[
        BackoffRange,
        Field(description="The longest wait: from the first time, doubled with each attempt, up to the second time."),
    ] = Backoff.model_construct(least=100_000_000, most=10 * NS_PER_S)
    jitter: Annotated[
        Literal["full", "equal", "none"],
        Field(
            description="full: random up to the wait; equal: random between half of it and it; none: exactly the wait."
        ),
    ] = "full"


def _on_by_itself(value: Any) -> Any:
    if not isinstance(value, bool | dict | ReconnectOptions):
        raise ValueError("reconnect is true, false, or {attempts: 5, backoff: 100ms..10s, jitter: full}")
    return {} if value is True else value


#: False, or how; true is short for the defaults.
Reconnect = Annotated[
    Annotated[
        Annotated[Literal[False], Tag("off")] | Annotated[ReconnectOptions, Tag("on")], Discriminator(_off_or_on)
    ],
    BeforeValidator(_on_by_itself, json_schema_input_type=bool | ReconnectOptions),
]


class ProtocolUse(Strict):
    """A protocol that connections speak; its own options stand beside its name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    name: Annotated[
        Name,
        Field(description="The name of a protocol of loadws, or a file of your own beside the scenario: ./ours.yaml."),
    ]
    heartbeat: Annotated[
        Span | None,
        Field(description="The time between heartbeats that loadws sends. Default: as the protocol says."),
    ] = None
    subscribe_again: Annotated[
        bool,
        Field(
            description="Whether a connection that comes in the place of another subscribes again to what that one had, as "
            "most client libraries do."
        ),
    ] = False
    capture: Annotated[
        Captures | None,
        Field(
            description="Variables, and the places of their values in the message with which the server opens the protocol."
        ),
    ] = None

    @property
    def options(self) -> dict[str, JsonValue]:
        """Return the options of the protocol's own."""
        return self.__pydantic_extra__ or {}


class ConnectionOptions(Strict):
    """Options of a connection."""

    protocol: Annotated[
        Annotated[
            ProtocolUse,
            BeforeValidator(
                short_for("name", "the name of a protocol, or a mapping"), json_schema_input_type=str | ProtocolUse
            ),
        ]
        | None,
        Field(
            description="The protocol that the messages follow: its verbs, its heartbeats, its errors. Default: none."
        ),
    ] = None

    subprotocols: Annotated[
        Subprotocols, Field(description="The subprotocols offered in Sec-WebSocket-Protocol, the preferred one first.")
    ] = ()
    headers: Annotated[Headers, Field(description="More headers of the upgrade request.")] = {}
    origin: Annotated[
        Origin | None, Field(description="The header Origin. Browsers send it, and servers may check it.")
    ] = None
    cookies: Annotated[
        Cookies,
        Field(
            description="Cookies, sent in one header Cookie, after those in headers. They are masked in every output."
        ),
    ] = {}
    query: Annotated[
        dict[str, Template],
        Field(description="Parameters added to the target's query, encoded as in HTML forms."),
    ] = {}
    compression: Annotated[
        Compression,
        Field(description="Whether permessage-deflate is offered: true, false, or a mapping with its options."),
    ] = False
    open_timeout: Annotated[
        Span,
        Field(
            description="How long opening a connection may take, from the first packet to the answer to the upgrade."
        ),
    ] = TEN_SECONDS
    close_timeout: Annotated[
        Span, Field(description="How long the server's close frame may take; after that TCP is cut.")
    ] = 5 * NS_PER_S
    ping: Annotated[
        KeepAlive | None,
        Field(description="Pings that loadws sends by itself. Their round trip is measured as ping_time."),
    ] = None
    max_message_size: Annotated[
        Size,
        Field(description="The largest message that is accepted; a larger one ends the connection with code 1009."),
    ] = 1024 * 1024
    unpack: Annotated[
        Unpack,
        Field(description="How a received message becomes the values that steps see: ways, one after another."),
    ] = ()
    reconnect: Annotated[
        Reconnect, Field(description="Whether and how a user that loses its connection connects again.")
    ] = False
    expect_close: Annotated[
        Annotated[Many[ExpectedCode], AfterValidator(different)],
        Field(
            description="Codes with which the server may close a connection at any time; 1005 is a close without a code."
        ),
    ] = ()
    redirects: Annotated[
        int,
        Field(
            ge=0,
            le=20,
            description="How many redirects of the upgrade are followed. Browsers follow none.",
        ),
    ] = 5
    proxy: Annotated[
        Proxy | None,
        Field(
            description="http:// or https:// (CONNECT), socks5:// (names resolved here) or socks5h:// (there); "
            "with user:password@ where it wants that. The environment's proxy variables are not looked at.",
            examples=["http://127.0.0.1:3128", "socks5h://user:password@127.0.0.1:1080"],
        ),
    ] = None
    resolve: Annotated[Resolve, Field(description="Addresses to use for a host instead of a look-up, in turn.")] = {}
    source_addresses: Annotated[
        Addresses,
        Field(description="Addresses of this machine to connect from, in turn. Each has its own local ports."),
    ] = ()
    socket: Annotated[SocketOptions, Field(description="Sizes of the kernel's buffers.")] = (
        SocketOptions.model_construct()
    )
    tls: Annotated[Tls, Field(description="TLS with the server, for wss://.")] = Tls.model_construct()
