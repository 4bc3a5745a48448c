"""``http``: send a request with the user's own client, and judge its answer.

Each request begins as one of the ledger's ``http.requests`` and ends as exactly one of answered, failed, timed out and cut
off. A status of 400 or more fails the step, unless ``check`` says which status is right; then it is a check like any other.

``http_time`` has the answers that did not fail, from the intended time to the last byte, without the opening of connections.
That has a metric of its own, ``http_connect_time``, as it has for a WebSocket.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import trio
from msgspec.structs import replace

from loadws.engine.runtime.flow_control import FlowInterrupted
from loadws.engine.runtime.shared import Shared
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.runtime.user_state import UserState
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.payload import compile_payload
from loadws.metrics.recording.recorder import Recorder
from loadws.scenario.matching.extract import Handshake
from loadws.scenario.matching.matching import Captures, Conditions, compile_answer_conditions, compile_captures
from loadws.scenario.model.field_types import OnFailure
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.steps import HttpBody, HttpStep
from loadws.scenario.template.template import Compiled, EvaluationError, Scope, compile_template
from loadws.terms.addresses import split_address, with_query
from loadws.terms.parties import is_ours
from loadws.terms.units import NS_PER_S
from loadws.transport.base import HandshakeRefused
from loadws.transport.http.messages import (
    Direction,
    HttpAnswer,
    HttpFailed,
    HttpRequest,
    OnPart,
    PartOfHttp,
)

FIRST_BAD_STATUS = 400
#: How much of a body that failed the step is kept (the recorder cuts too).
KEPT_OF_A_BODY = 2048
_KINDS_OF_BODY = {"json_": "application/json", "text": "text/plain; charset=utf-8",
                  "form": "application/x-www-form-urlencoded", "binary": "application/octet-stream",
                  "file": "text/plain; charset=utf-8"}  # fmt: skip


def compile_http(step: HttpStep, context: StepContext) -> StepFunction:
    """Compile the step."""
    body = step.http
    ask = _RequestMaker(body, context)
    judge = _Judge(step, context.recorder)
    brings_secrets = not set(context.scenario.secrets).isdisjoint(body.capture or ())
    shared = context.shared

    async def http(strand: Strand) -> None:
        intended_ns, due_ns = strand.due()
        request = strand.evaluate(step, ask)
        strand.user.secrets.sent(request.headers, request.url, request.proxy)
        answer = await _fetch(strand, step, request, (intended_ns, due_ns + body.within), shared, brings_secrets)
        if answer is not None:
            strand.user.secrets.received(answer.headers)
            if context.for_python:
                strand.scope.extra["answer"] = answer
            judge(strand, answer, intended_ns)

    return http


async def _fetch(
    strand: Strand,
    step: HttpStep,
    request: HttpRequest,
    span_ns: tuple[int, int],
    shared: Shared,
    brings_secrets: bool,
) -> HttpAnswer | None:
    """Return the answer; None where none came, which is counted as a failure that lets the flow go on.

    ``span_ns`` is (intended time, deadline). ``brings_secrets``: a secret is captured from its body, which is not
    traced.

    Raises:
        FlowInterrupted: A connection of the flow was lost while the request was under way.
    """
    intended_ns, deadline_ns = span_ns
    timers, recorder = shared.timers, shared.recorder
    ledger = recorder.ledger.http
    failure = ("timeout", f"no whole answer within {step.http.within / NS_PER_S:g} s")
    answer, fate, is_cut_short = None, "cut_off", False
    ledger.requests += 1
    try:
        with strand.waiting_outside():
            assert strand.outside is not None
            strand.outside.deadline = trio.current_time() + max(0, deadline_ns - timers.now_ns()) / NS_PER_S
            try:
                answer = await strand.user.http.send(request, _on_part(strand.user, brings_secrets))
            except HttpFailed as failed:
                failure = (failed.kind, failed.detail)
        fate = "answered" if answer is not None else "timed_out" if failure[0] == "timeout" else "failed"
    except FlowInterrupted:  # a connection of the flow was lost, and that is the one failure
        is_cut_short = True
        raise
    finally:
        setattr(ledger, fate, getattr(ledger, fate) + 1)
        if fate == "failed" and is_ours(failure[0]):  # the server had no part in it
            recorder.generator_failure(intended_ns)
        elif fate != "answered" and not is_cut_short:
            recorder.outcome("http", step.label, intended_ns, failed=True)
            recorder.missing("http_time", step.label, intended_ns)
    # Reading an answer is our own work: it is no part of the next step's time, as this answer's ended at its last byte.
    strand.free_ns = timers.now_ns()
    if answer is None:
        strand.fail(step, *failure)
    return answer


def _on_part(user: UserState, brings_secrets: bool) -> OnPart | None:
    """Return the function that traces an exchange; None without ``--trace``.

    A body that a secret is captured from is not shown, because which part of it is the secret is not known yet.
    """
    tracer, timers = user.shared.tracer, user.shared.timers
    if tracer is None:
        return None

    def show(direction: Direction, what: PartOfHttp, part: bytes) -> None:
        is_hidden = brings_secrets and (direction, what) == ("in", "text")
        tracer.frame(user, direction, what, b"(masked)" if is_hidden else part, timers.now_ns())

    return show


# -- the request ------------------------------------------------------------------------------------------------------


class _RequestMaker:
    """A maker of ``HttpRequest`` for a scope."""

    def __init__(self, body: HttpBody, context: StepContext) -> None:
        self._request = HttpRequest(body.method.upper(), "", redirects=body.redirects)
        self._origin = origin_of(context.scenario.target)
        self._url = compile_template(body.url)
        self._proxy = _proxy(body, context.scenario)
        self._query = _templates(body.query)
        self._headers = _templates(body.headers)
        self._body = _compile_body(body, context)
        said = {name.lower() for name in body.headers}
        kind = next((text for key, text in _KINDS_OF_BODY.items() if key in body.model_fields_set), None)
        self._kind = () if kind is None or "content-type" in said else (("Content-Type", kind),)
        templates = [self._url, *(value for _, value in (*self._query, *self._headers))]
        is_constant = body.payload is None and body.form is None and all(each.constant for each in templates)
        is_constant = is_constant and (self._proxy is None or self._proxy.constant)
        self._constant = self._made(Scope(clock=int)) if is_constant else None

    def __call__(self, scope: Scope) -> HttpRequest:
        return self._constant or self._made(scope)

    def _made(self, scope: Scope) -> HttpRequest:
        headers = tuple((name, value.text(scope)) for name, value in self._headers)
        content = None if self._body is None else self._body(scope)
        proxy = None if self._proxy is None else self._proxy.text(scope)
        return replace(
            self._request, url=self._address(scope), headers=(*self._kind, *headers), body=content, proxy=proxy
        )

    def _address(self, scope: Scope) -> str:
        url = self._url.text(scope)
        if url.startswith("/"):
            url = self._origin + url
        url = url.partition("#")[0]  # a fragment is never sent
        return with_query(url, [(name, value.text(scope)) for name, value in self._query])


def origin_of(target: str) -> str:
    """Return the HTTP origin of a WebSocket URL, which a path alone is relative to; ``http://`` for a unix socket."""
    address = split_address(target)
    return f"{'https' if address.scheme == 'wss' else 'http'}://{address.authority}"


def _proxy(body: HttpBody, scenario: Scenario) -> Compiled | None:
    """Return the step's own proxy, else that of ``connection``.

    A template in the latter is not used: its variables may not be set yet.
    """
    if body.proxy is not None:
        return compile_template(body.proxy)
    shared = scenario.connection.proxy
    compiled = None if shared is None else compile_template(shared)
    return compiled if compiled is not None and compiled.constant else None


def _templates(texts: dict[str, str]) -> list[tuple[str, Compiled]]:
    return [(name, compile_template(text)) for name, text in texts.items()]


def _compile_body(body: HttpBody, context: StepContext) -> Callable[[Scope], bytes] | None:
    if body.form is not None:
        fields = _templates(body.form)
        return lambda scope: urlencode([(name, value.text(scope)) for name, value in fields], errors="replace").encode()
    if body.payload is None:
        return None
    payload = compile_payload(body.payload, context.base)

    def content(scope: Scope) -> bytes:
        _, made = payload.make(scope)
        return made.encode("utf-8", "replace") if isinstance(made, str) else made

    return content


# -- the answer -------------------------------------------------------------------------------------------------------


class _Judge:
    """A judge of answers: it judges the status, records the time, and runs ``check`` and ``capture``."""

    def __init__(self, step: HttpStep, recorder: Recorder) -> None:
        body = step.http
        self.step = step
        self._recorder = recorder
        self.check: Conditions | None = compile_answer_conditions(body.check) if body.check else None
        self.capture: Captures | None = compile_captures(body.capture) if body.capture else None
        self.any_status = body.check is not None and "status" in body.check

    def __call__(self, strand: Strand, answer: HttpAnswer, intended_ns: int) -> None:
        recorder, label = self._recorder, self.step.label
        is_bad = answer.status >= FIRST_BAD_STATUS and not self.any_status
        recorder.outcome("http", label, intended_ns, failed=is_bad)
        if is_bad:
            self._fail(strand, answer, f"http.{answer.status}", f"the server answered with {answer.status}", "end_turn")
            return
        opening_ns = answer.opening_ns
        if opening_ns is not None:
            recorder.duration("http_connect_time", label, intended_ns, opening_ns)
        recorder.duration("http_time", label, intended_ns, max(0, answer.received_ns - intended_ns - (opening_ns or 0)))
        seen = Handshake.of(
            answer.status, {name.lower(): value for name, value in answer.headers}, answer.body, answer.cookies
        )
        is_spoiled = False  # a try fails once, by the first thing that failed
        if self.check is not None:
            why = self._why(self.check, strand.scope, seen)
            if why is not None:
                recorder.spoiled("http", label, intended_ns)
                is_spoiled = True
                self._fail(strand, answer, "check", why, "continue")
        if self.capture is not None:
            missing = self.capture.take(seen, strand.scope.variables)
            strand.user.secrets.remember(strand.scope.variables)
            if missing is not None:
                if not is_spoiled:
                    recorder.spoiled("http", label, intended_ns)
                self._fail(strand, answer, "capture", missing, "end_turn")

    def _fail(self, strand: Strand, answer: HttpAnswer, kind: str, detail: str, default: OnFailure) -> None:
        """Fail the step, and keep the beginning of the answer for errors.ndjson.

        Secrets are looked for in the whole body, because half of a JSON text is no JSON.
        """
        strand.user.secrets.look_at_answer(answer.status, answer.headers, answer.body)
        refused = HandshakeRefused(answer.status, answer.headers, answer.body[:KEPT_OF_A_BODY])
        strand.user.report(kind, self.step.label, detail, refused)
        strand.obey(self.step.on_failure or default)

    def _why(self, check: Conditions, scope: Scope, seen: Handshake) -> str | None:
        try:
            return check.why(seen, scope)
        except EvaluationError as error:
            return str(error)
