"""Steps that open, test and close a connection: connect, close, reconnect, ping."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, JsonValue

from loadws.scenario.model.connection import TLS_TEMPLATES, Compression, Reconnect, Tls
from loadws.scenario.model.field_types import (
    TEN_SECONDS,
    Captures,
    CloseCode,
    Conditions,
    Headers,
    Name,
    Span,
    Status,
    Strict,
    Subprotocols,
    Template,
    Token,
)
from loadws.scenario.model.network import Cookies, Origin, Proxy
from loadws.scenario.model.steps.parts import CaptureSet, ConditionSet, HeaderSet, Part, TemplateText
from loadws.scenario.model.steps.step import (
    UNMEASURED,
    Awaits,
    Body,
    ConnectionStep,
    Effect,
    Measures,
    OnConnection,
)
from loadws.scenario.model.unpacking import Unpack


class ExpectHandshake(Strict):
    """The expected answer to an upgrade. A status other than 101 expects a refusal."""

    status: Annotated[Status, Field(description="The status. Any other than 101 expects a refusal.")] = 101
    headers: Annotated[
        dict[str, JsonValue], Field(description="Headers of the answer, with the expected value of each.")
    ] = {}
    body: Annotated[Conditions | None, Field(description="Conditions on the body of a refusal.")] = None
    subprotocol: Annotated[
        Token | None, Field(description="The offered subprotocol that the server has to choose.")
    ] = None

    @property
    def is_redirect(self) -> bool:
        """Whether the redirect itself is expected, and therefore not followed."""
        return 300 <= self.status <= 399


class ConnectBody(Body):
    as_: Annotated[
        Name | None,
        Field(
            alias="as",
            description="A name for the connection, which other steps use in on. For users with several connections.",
        ),
    ] = None
    path: Annotated[
        Template | None, Field(description="Replaces the target's path and query. It is sent as written.")
    ] = None
    headers: Annotated[Headers, Field(description="Headers to add to those of connection, or to replace there.")] = {}
    origin: Annotated[Origin | None, Field(description="The header Origin. Replaces connection.origin.")] = None
    cookies: Annotated[Cookies, Field(description="Cookies to add to those of connection, or to replace there.")] = {}
    query: Annotated[
        dict[str, Template], Field(description="Parameters to add to connection.query, or to replace there.")
    ] = {}
    proxy: Annotated[Proxy | None, Field(description="Replaces connection.proxy; direct for none.")] = None
    subprotocols: Annotated[Subprotocols | None, Field(description="Replaces connection.subprotocols.")] = None
    compression: Annotated[Compression | None, Field(description="Replaces connection.compression.")] = None
    tls: Annotated[Tls | None, Field(description="Replaces connection.tls, key by key.")] = None
    unpack: Annotated[Unpack | None, Field(description="Replaces connection.unpack; [] for none.")] = None
    reconnect: Annotated[Reconnect | None, Field(description="Replaces connection.reconnect.")] = None
    expect: Annotated[
        ExpectHandshake | None, Field(description="The expected answer of the server. Default: the upgrade, 101.")
    ] = None
    capture: Annotated[
        Captures | None, Field(description="Variables to set from headers of the answer: {header: X-Session}.")
    ] = None


#: What steps that open a connection measure.
CONNECTING = Measures(
    frozenset({"dns_time", "tcp_time", "proxy_time", "tls_time", "upgrade_time", "protocol_time", "connect_time"})
    | {"schedule_lag"},
    frozenset({"connect"}),
)


class ConnectStep(ConnectionStep):
    """Open a WebSocket connection."""

    verb = "connect"
    waits = True
    sends = 0
    gives_sent = False
    measures = CONNECTING
    reads_inbox = False
    names = ()
    is_named_by_text = False

    connect: Annotated[ConnectBody, Field(description="Options in which it differs from connection. All are optional.")]

    def parts(self) -> Iterator[Part]:
        """Yield what the handshake is made of, then what must hold of its answer."""
        yield from (
            TemplateText(("connect", key)) for key in ("path", "headers", "query", "origin", "cookies", "proxy")
        )
        yield from (TemplateText(("connect", "tls", key)) for key in TLS_TEMPLATES)
        if self.connect.expect is not None:
            yield HeaderSet(("connect", "expect", "headers"), self.connect.expect.headers)
            yield ConditionSet(("connect", "expect", "body"), self.connect.expect.body)
        yield CaptureSet(("connect", "capture"), self.connect.capture, "handshake")

    def patience_ns(self) -> int | None:
        """Return None: it does not wait for an open connection."""
        return None

    def awaits(self) -> Awaits | None:
        """Return None: it waits for no message."""
        return None

    def effect(self) -> Effect | None:
        """Return what it expects: an open connection, or a refusal."""
        expected = self.connect.expect
        return "opens" if expected is None or expected.status == 101 else "refused"


class CloseBody(OnConnection):
    code: Annotated[CloseCode, Field(description="The close code to send.")] = 1000
    reason: Annotated[Template, Field(description="The reason to send, at most 123 bytes.")] = ""


class CloseStep(ConnectionStep):
    """Close the WebSocket connection, and wait for the server's close."""

    verb = "close"
    waits = True
    sends = 0
    gives_sent = False
    measures = UNMEASURED
    reads_inbox = False
    names = ()
    is_named_by_text = False

    close: Annotated[CloseBody, Field(description="The code and reason. Both are optional.")]

    def parts(self) -> Iterator[Part]:
        """Yield the reason."""
        yield TemplateText(("close", "reason"))

    def patience_ns(self) -> int | None:
        """Return None: it does not wait for an open connection."""
        return None

    def awaits(self) -> Awaits | None:
        """Return None: it waits for no message."""
        return None

    def effect(self) -> Effect | None:
        """Return that it closes the connection."""
        return "closes"


class ReconnectStep(ConnectionStep):
    """Close the connection if it is open, and connect again with the same options."""

    verb = "reconnect"
    waits = True
    sends = 0
    gives_sent = False
    measures = CONNECTING
    reads_inbox = False
    names = ()
    is_named_by_text = False

    reconnect: Annotated[OnConnection, Field(description="Which connection. All keys are optional.")]

    def parts(self) -> Iterator[Part]:
        """Yield nothing: its body has no templates."""
        return iter(())

    def patience_ns(self) -> int | None:
        """Return None: it does not wait for an open connection."""
        return None

    def awaits(self) -> Awaits | None:
        """Return None: it waits for no message."""
        return None

    def effect(self) -> Effect | None:
        """Return that it closes the connection and opens it again."""
        return "reopens"


class PingBody(OnConnection):
    within: Annotated[Span, Field(description="How long the pong may take.")] = TEN_SECONDS


class PingStep(ConnectionStep):
    """Send a ping, and wait for its pong."""

    verb = "ping"
    waits = True
    sends = 1
    gives_sent = False
    measures = Measures(frozenset({"ping_time"}), frozenset({"ping"}))
    reads_inbox = False
    names = ()
    is_named_by_text = False

    ping: Annotated[PingBody, Field(description="All keys are optional.")]

    def parts(self) -> Iterator[Part]:
        """Yield nothing: its body has no templates."""
        return iter(())

    def patience_ns(self) -> int | None:
        """Return how long the pong may take."""
        return self.ping.within

    def awaits(self) -> Awaits | None:
        """Return None: it waits for no message."""
        return None

    def effect(self) -> Effect | None:
        """Return None: it leaves the connection as it is."""
        return None
