"""A virtual user for the Python functions of a scenario: ``from loadws import User``.

Each method makes a step of the language from its arguments, as YAML would, and runs it by the same code. So its metrics,
counts, deadlines and failures are those of the language. A step that fails is counted once and raises ``StepFailed``; a
function that does not catch it ends its turn, as a failed step of a flow does. Steps that were made once are kept, because
functions repeat the same few.

A function may wait for anything that trio can wait for. It must not block its process: see ``BLOCKED_NS``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import coroutine
from typing import Any

import trio
from pydantic import TypeAdapter

from loadws.engine.runtime.flow_control import EndSession, EndTurn, FlowInterrupted, Leave
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.record import is_number
from loadws.scenario.json_reader import read_json
from loadws.scenario.matching.message import NOT_JSON, Message
from loadws.scenario.model.steps import STEPS, AnyStep, CallStep, RecordBody
from loadws.scenario.template.values import show
from loadws.terms.chance import fraction
from loadws.terms.metrics import TABLE
from loadws.terms.units import NS_PER_S

#: How many made steps one ``call`` keeps. Arguments that differ each time make a new step each time, in about 0.1 ms.
MOST_KEPT = 256
#: How often a function may catch that its user leaves before it is given up. In ``finally`` blocks it may do so twice.
MOST_IGNORED = 100
#: What a function that was given up waits for: something that trio does not know.
GIVEN_UP = object()

#: Stands in the step for the payload of ``send`` and ``request``, which is passed beside the step.
_GIVEN_ELSEWHERE = ""
Json = Mapping[str, Any] | list[Any]


@cache
def _any_step() -> TypeAdapter[AnyStep]:
    """Return what reads a step of any verb, with all that it reads made ready, so that none of that is done in a load.

    It is made when a ``call`` is compiled: most scenarios have none.
    """
    for step in STEPS.values():
        step.model_rebuild()
    return TypeAdapter(AnyStep)


class StepFailed(Exception):
    """A step failed, which has been counted. ``kind`` is the kind of error: ``timeout``, ``closed.1011``, ``lost.reset``."""

    def __init__(self, kind: str, detail: str, ended: FlowInterrupted) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.ended = ended


class UserLeaves(BaseException):
    """The user has to leave, because its load is over.

    It is no ``Exception``, so that functions do not catch it by mistake.
    """


class Answer:
    """A received message. ``received_ns`` is on the machine's monotonic clock."""

    __slots__ = ("_message", "received_ns")

    def __init__(self, message: Message) -> None:
        self._message = message
        self.received_ns = message.received_ns

    @property
    def payload(self) -> str | bytes:
        """Return the text, or the bytes of a binary message."""
        return self._message.payload

    @property
    def json(self) -> Any:
        """Return the payload, read as JSON.

        Raises:
            ValueError: The payload is not JSON; the message gives the reason and the place.
        """
        value = self._message.json
        if value is NOT_JSON:
            raise ValueError(f"the message is not JSON: {self._message.why_not_json()}")
        return value


class HttpReply:
    """The answer to an HTTP request."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def json(self) -> Any:
        """Return the body, read as JSON. Raises ``ValueError`` with the reason and the place where it is not JSON."""
        return read_json(self.body)


class StepMaker:
    """The steps of one ``call``, each kept under the arguments that it was made from."""

    def __init__(self, step: CallStep, context: StepContext) -> None:
        self.step = step
        self.recorder = context.recorder
        self.now_ns = context.now_ns
        self.tracer = context.tracer
        self.records = {name: RecordBody(name=name, value=0, unit=unit) for name, unit in step.call.records.items()}
        self._context = context
        self._read = _any_step()
        self._kept: OrderedDict[str, StepFunction] = OrderedDict()

    def make(self, said: Mapping[str, Any]) -> StepFunction:
        """Return the compiled step.

        Raises pydantic's ``ValidationError``, a ``ValueError``, where the arguments make no step.
        """
        key = repr(said)
        made = self._kept.get(key)
        if made is None:
            made = self._kept[key] = self._context.step(self._read.validate_python(said))
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return made


class User:
    """The virtual user that a function of a scenario receives.

    Times are in seconds. ``where``, ``check``, ``until`` and ``capture`` are written as in YAML, templates included.
    Payloads are text, bytes, or a value that is sent as JSON. ``on`` names one of several connections: the ``name`` of its
    ``connect``.
    """

    def __init__(self, strand: Strand, maker: StepMaker) -> None:
        self._strand = strand
        self._maker = maker
        self._task = trio.lowlevel.current_task()
        self._is_busy = False
        self._ignored = 0
        self._is_given_up = False  # only where the function's own task runs, and not in tasks that it starts

    # -- the user -------------------------------------------------------------------------------------------------------

    @property
    def index(self) -> int:
        """The user's number, from 0, which no other user of the run has."""
        return self._strand.user.index

    @property
    def iteration(self) -> int:
        """The number of flows that the user has run before this one."""
        return self._strand.scope.iteration

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the user's flow, as templates see them, and rows of data under the name of their source."""
        return self._strand.scope.variables

    @property
    def leaving(self) -> bool:
        """Whether the user has to leave. Its next step raises ``UserLeaves``, so there is no need to ask."""
        return self._strand.user.is_to_go

    # -- steps --------------------------------------------------------------------------------------------------------

    async def connect(self, path: str | None = None, *, name: str | None = None, **options: Any) -> None:
        """Open a connection.

        ``options`` are those of the step: ``headers``, ``query``, ``subprotocols``, ``expect`` and so on.

        Raises:
            ValueError: A connection of this name is open.
            StepFailed: The connection could not be opened.
        """
        user = self._strand.user
        there = user.current if name is None else user.named.get(name)
        if there is not None and there.is_open:
            raise ValueError("this connection is open already: close it first, or give the new one a name")
        await self._run({"connect": _said(path=path, as_=name, **options)})

    async def send(
        self, payload: str | bytes | Json, *, name: str | None = None, on: str | None = None, fragments: int = 1
    ) -> None:
        """Send a message that needs no answer. Raises ``StepFailed``."""
        body = {"text": _GIVEN_ELSEWHERE, "fragments": fragments, **_said(on=on)}
        await self._run({"send": body, **_said(name=name)}, payload)

    async def request(
        self,
        payload: str | bytes | Json,
        *,
        name: str | None = None,
        where: Mapping[str, Any] | None = None,
        until: Mapping[str, Any] | None = None,
        check: Mapping[str, Any] | None = None,
        capture: Mapping[str, Any] | None = None,
        within: float | None = None,
        on: str | None = None,
    ) -> Answer:
        """Send a message, and return the message that answers it. Raises ``StepFailed``."""
        reply = _said(where=where, until=until, check=check, capture=capture, within=_duration(within))
        body = {"send": {"text": _GIVEN_ELSEWHERE}, **_said(on=on), **({"reply": reply} if reply else {})}
        return _answer(await self._run({"request": body, **_said(name=name)}, payload))

    async def wait_for(
        self,
        where: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        count: int = 1,
        check: Mapping[str, Any] | None = None,
        capture: Mapping[str, Any] | None = None,
        within: float | None = None,
        on: str | None = None,
    ) -> Answer:
        """Wait for ``count`` messages that no request asked for, kept ones first, and return the last.

        Raises ``StepFailed``.
        """
        body = _said(where=where, check=check, capture=capture, within=_duration(within), on=on)
        return _answer(await self._run({"wait_for": {"count": count, **body}, **_said(name=name)}))

    async def wait_for_close(
        self, code: int | None = None, *, within: float | None = None, on: str | None = None
    ) -> None:
        """Wait until the server closes the connection, with this code or, for None, with any. Raises ``StepFailed``."""
        close = "any" if code is None else code
        await self._run({"wait_for": {"close": close, **_said(within=_duration(within), on=on)}})

    async def ping(self, *, name: str | None = None, within: float | None = None, on: str | None = None) -> None:
        """Send a ping and wait for its pong. Raises ``StepFailed``."""
        await self._run({"ping": _said(within=_duration(within), on=on), **_said(name=name)})

    async def close(self, code: int = 1000, reason: str = "", *, on: str | None = None) -> None:
        """Close the connection, and wait until it is closed."""
        await self._run({"close": {"code": code, "reason": reason, **_said(on=on)}})

    async def http(self, method: str, url: str, *, name: str | None = None, **options: Any) -> HttpReply:
        """Send an HTTP request with the user's own cookies, and return the answer. Raises ``StepFailed``.

        ``options`` are those of the step: ``json``, ``check`` and so on.
        """
        found = await self._run({"http": {method.lower(): url, **_said(**options)}, **_said(name=name)})
        return HttpReply(found.status, found.headers, found.body)

    async def step(self, said: Mapping[str, Any]) -> None:
        """Run any step of the language, written as in YAML: ``await user.step({"stall": "10s"})``. Raises ``StepFailed``."""
        await self._run(said)

    async def think(self, seconds: float) -> None:
        """Pause for some seconds. A user that has to leave stops pausing."""
        await self._heed()
        now_ns = self._maker.now_ns
        with self._free_strand() as strand:
            await strand.pause(now_ns() + round(seconds * NS_PER_S))
            strand.free_ns = now_ns()
        await self._heed()

    # -- what it notes ------------------------------------------------------------------------------------------------

    def check(self, holds: object, name: str = "check") -> bool:
        """Count a check that held or failed, and return which."""
        strand, name = self._strand, self._masked(name)
        self._maker.recorder.outcome("check", name, self._maker.now_ns(), failed=not holds)
        if not holds:
            strand.user.report("check", name, "does not hold")
        return bool(holds)

    def record(self, name: str, value: float) -> None:
        """Record a value of a trend, which ``records`` of the call has to name with its unit.

        A value that is no number is counted as an error.

        Raises:
            ValueError: For a trend that ``records`` does not name.
        """
        body = self._maker.records.get(name)
        if body is None:
            raise ValueError(f"{name!r} is not among the records of this call: records: {{{name}: ms}}")
        user, label = self._strand.user, self._maker.step.label
        if not is_number(value):
            user.report("record", label, f"{name}: {show(value)} is no number")
            return
        recorder, now_ns = self._maker.recorder, self._maker.now_ns()
        recorder.trend(name, label, body.metric_unit, value * (body.ns_per_unit or 1), now_ns)

    def count(self, name: str, n: int = 1) -> None:
        """Add ``n`` to a counter that the scenario defines.

        Raises:
            ValueError: The name is that of another metric, or ``n`` is negative or no integer.
        """
        if name in TABLE or name in self._maker.records:
            raise ValueError(f"{name!r} is another metric already: choose another name")
        if not isinstance(n, int) or n < 0:
            raise ValueError(f"a counter goes up by whole numbers, not by {n!r}")
        self._maker.recorder.count(self._masked(name), self._maker.now_ns(), n)

    def log(self, text: str) -> None:
        """Write a line to the run's log, which keeps a bounded number of them. Secrets are masked."""
        self.remember_secrets()
        user, maker = self._strand.user, self._maker
        maker.recorder.log(user.index, text, maker.now_ns(), user.masker)
        if maker.tracer is not None:
            maker.tracer.note(user, text)

    def remember_secrets(self) -> None:
        """Remember the secrets among the variables: a function may have set some."""
        self._strand.user.secrets.remember(self.variables)

    def _masked(self, name: str) -> str:
        self.remember_secrets()
        return self._strand.user.masked_name(name)

    # -- chance -------------------------------------------------------------------------------------------------------

    def random(self) -> float:
        """Return a random number in [0, 1), the same in every run with the same seed."""
        return fraction(self._strand.scope.draw())

    def id(self) -> int:
        """Return a number that no other call in the run gets."""
        return self._strand.scope.next_id()

    # -- how ----------------------------------------------------------------------------------------------------------

    async def _heed(self) -> None:
        """End a function whose user has to leave: raise at its next step, and again at each later step if the function
        catches the exception.

        A function that catches everything would never end. So each try lets other tasks run, and after some tries the
        function is not run any more.

        Raises:
            UserLeaves: The user has to leave.
        """
        if self._strand.is_handler or not self._strand.user.is_to_go:
            return
        self._ignored += 1
        if self._is_given_up:
            await _give_up()
        if self._ignored > 1:
            await trio.lowlevel.checkpoint()
        self._is_given_up = self._ignored >= MOST_IGNORED and trio.lowlevel.current_task() is self._task
        raise UserLeaves

    @contextmanager
    def _free_strand(self) -> Iterator[Strand]:
        """Yield the call's strand, or a branch of it while a step is under way. A strand waits for one thing at a time."""
        if self._is_busy:
            strand = self._strand.branch()
            try:
                yield strand
            finally:
                strand.let_go()
            return
        self._is_busy = True
        try:
            yield self._strand
        finally:
            self._is_busy = False

    async def _run(self, said: Mapping[str, Any], payload: str | bytes | Json | None = None) -> Any:
        """Run a step, and return its result.

        Raises:
            UserLeaves: The user has to leave.
            StepFailed: The step failed, and its failure ends the turn or the session.
        """
        await self._heed()
        self.remember_secrets()
        if isinstance(name := said.get("name"), str):
            said = {**said, "name": self._masked(name)}
        run = self._maker.make(said)
        with self._free_strand() as strand:
            extra = strand.scope.extra
            extra.pop("answer", None)
            extra["given"] = payload
            strand.free_ns = max(strand.free_ns, self._maker.now_ns())
            try:
                await run(strand)
            except Leave:
                raise UserLeaves from None
            except (EndTurn, EndSession) as ended:
                raise StepFailed(*strand.user.last_error, ended) from None
            return extra.pop("answer", None)


@coroutine
def _give_up() -> Iterator[object]:
    """Tell the driver of the function to give it up, and wait for ever."""
    yield GIVEN_UP


def _answer(message: Message | None) -> Answer:
    """Return the answer.

    Raises:
        StepFailed: There is none because the request failed.
    """
    if message is None:
        raise StepFailed("no_answer", "the step failed, and was counted", EndTurn())
    return Answer(message)


def _said(**keys: Any) -> dict[str, Any]:
    """Return the arguments that have a value, under the names of the language: ``as_`` becomes ``as``."""
    return {key.removesuffix("_"): value for key, value in keys.items() if value is not None}


def _duration(seconds: float | None) -> str | None:
    return None if seconds is None else f"{round(seconds * 1e6)}us"
