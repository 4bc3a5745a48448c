"""The step that asks over HTTP: http."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, JsonValue, model_validator

from loadws.scenario.model.field_types import (
    TEN_SECONDS,
    AnswerConditions,
    Captures,
    FileName,
    Headers,
    Span,
    Template,
    exactly_one,
)
from loadws.scenario.model.network import Proxy
from loadws.scenario.model.steps.parts import CaptureSet, Carried, ConditionSet, Part, TemplateText
from loadws.scenario.model.steps.payload import ONLY_WITH_FILE, Binary, Payload
from loadws.scenario.model.steps.step import NOT_BEGUN, Body, LocalStep, Measures

#: The methods of HTTP that a step may use, each a key of its body.
HttpMethod = Literal["get", "post", "put", "patch", "delete", "head", "options"]
_METHODS: tuple[HttpMethod, ...] = get_args(HttpMethod)
_BODIES = ("json_", "text", "form", "binary", "file")


class HttpBody(Body):
    """One request: exactly one method, at most one body, and the conditions on its answer."""

    model_config = exactly_one(*_METHODS)

    get: Annotated[
        Template | None,
        Field(description="The URL: http(s)://, or a path on the target's host. It is sent as written."),
    ] = None
    post: Annotated[Template | None, Field(description="The URL, as for get.")] = None
    put: Annotated[Template | None, Field(description="The URL, as for get.")] = None
    patch: Annotated[Template | None, Field(description="The URL, as for get.")] = None
    delete: Annotated[Template | None, Field(description="The URL, as for get.")] = None
    head: Annotated[Template | None, Field(description="The URL, as for get.")] = None
    options: Annotated[Template | None, Field(description="The URL, as for get.")] = None
    headers: Annotated[Headers, Field(description="Headers of the request.")] = {}
    query: Annotated[
        dict[str, Template],
        Field(description="Parameters added to the URL's query, encoded as in HTML forms."),
    ] = {}
    json_: Annotated[JsonValue, Field(alias="json", description="The body, as application/json.")] = None
    text: Annotated[Template | None, Field(description="The body, as text/plain.")] = None
    form: Annotated[dict[str, Template] | None, Field(description="The body, encoded as in HTML forms.")] = None
    binary: Annotated[Binary | None, Field(description="The body, as application/octet-stream.")] = None
    file: Annotated[FileName | None, Field(description="The body: a text file beside the scenario.")] = None
    template: Annotated[
        bool, Field(description="Whether what is in file holds templates. Else it is sent as it is.")
    ] = False
    check: Annotated[
        AnswerConditions | None,
        Field(description="Conditions on the answer: status, headers, and those on a message."),
    ] = None
    capture: Annotated[
        Captures | None,
        Field(
            description="Variables, and the places of their values: as in a message, {status: true}, {header:} or {cookie:}."
        ),
    ] = None
    within: Annotated[
        Span, Field(description="How long it may take, from the request to the last byte of the answer.")
    ] = TEN_SECONDS
    redirects: Annotated[int, Field(ge=0, le=50, description="How many redirects are followed.")] = 10
    proxy: Annotated[
        Proxy | None,
        Field(description="Replaces connection.proxy, which is used if it has no template; direct for none."),
    ] = None

    @model_validator(mode="after")
    def _one_method(self) -> Self:
        methods = [method for method in _METHODS if method in self.model_fields_set]
        if len(methods) != 1 or getattr(self, methods[0]) is None:
            raise ValueError("a request has exactly one method and its address: " + ", ".join(_METHODS))
        if len(self.model_fields_set.intersection(_BODIES)) > 1:
            raise ValueError("a request has at most one body: json, text, form, binary or file")
        if self.template and self.file is None:
            raise ValueError(ONLY_WITH_FILE)
        return self

    @property
    def method(self) -> HttpMethod:
        return next(method for method in _METHODS if method in self.model_fields_set)

    @property
    def url(self) -> Template:
        return str(getattr(self, self.method))

    @property
    def payload(self) -> Payload | None:
        """The body as the payload of a message; None where there is none, or a form."""
        given = {name: getattr(self, name) for name in self.model_fields_set.intersection(_BODIES) - {"form"}}
        return Payload.model_construct(_fields_set=set(given), template=self.template, **given) if given else None


class HttpStep(LocalStep):
    """Send an HTTP request, with the user's own connections and cookies, and wait for its answer."""

    verb = "http"
    waits = True
    measures = Measures(
        frozenset({"http_time", "http_connect_time"}) | NOT_BEGUN, frozenset({"http"}), counts_unrun=True
    )
    is_opaque = False
    is_for_setup = True
    uses_http = True
    names = ()

    http: Annotated[HttpBody, Field(description="The request, and the conditions on its answer.")]

    def parts(self) -> Iterator[Part]:
        """Yield the request, then what must hold of its answer."""
        body = self.http
        written = body.model_fields_set
        yield from (
            TemplateText(("http", key)) for key in (body.method, "headers", "query", "form", "proxy") if key in written
        )
        if body.payload is not None:
            yield Carried(("http",), body.payload)
        yield ConditionSet(("http", "check"), body.check, "http")
        yield CaptureSet(("http", "capture"), body.capture, "http")
