"""A virtual user as the Python functions of a scenario see it: ``from loadws import User``.

Each method is a step of the language, made from its arguments as YAML would say it and run by the same code; so what it
measures and counts, its deadlines and its failures are those of the language. What a step fails by is counted once and
raised as ``StepFailed``; a function that does not catch it ends its turn, as a failed step of a flow does. A step that was
made once is kept, for functions say the same few things again and again.

A function may wait for whatever trio can wait for. What it must not do is hold up its process: see ``BLOCKED_NS``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import coroutine
from typing import Any

import trio
from pydantic import TypeAdapter

from loadws.engine.runtime.flow_control import EndSession, EndTurn, FlowInterrupted, Leave
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.record import is_number
from loadws.scenario.matching.json_reader import read_json
from loadws.scenario.matching.message import NOT_JSON, Message
from loadws.scenario.model.steps import AnyStep, CallStep, RecordBody
from loadws.scenario.template.values import show
from loadws.terms.chance import fraction
from loadws.terms.metrics import TABLE
from loadws.terms.units import NS_PER_S

#: Made steps that one ``call`` keeps; what is said with ever new words is made anew each time, which costs some 0.1 ms.
MOST_KEPT = 256
#: How often a function may catch that its user leaves before it is given up: in a ``finally`` it may well do so twice.
MOST_IGNORED = 100
#: What a function that was given up waits for: nothing that trio knows of.
GIVEN_UP = object()

_STEP: TypeAdapter[AnyStep] = TypeAdapter(AnyStep)
#: What ``send`` and ``request`` carry is given beside the step; this stands in its place.
_GIVEN_ELSEWHERE = ""
Json = Mapping[str, Any] | list[Any]


class StepFailed(Exception):
    """A step failed, and that is counted. ``kind`` is that of the error: ``timeout``, ``closed.1011``, ``lost.reset``."""

    def __init__(self, kind: str, detail: str, ended: FlowInterrupted) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.ended = ended


class UserLeaves(BaseException):
    """The user was asked to go: its load is over. Not an ``Exception``, so that nobody catches it by mistake."""


class Answer:
    """A message that came. ``received_ns`` is on the machine's monotonic clock."""

    __slots__ = ("_message", "received_ns")

    def __init__(self, message: Message) -> None:
        self._message = message
        self.received_ns = message.received_ns

    @property
    def payload(self) -> str | bytes:
        """Text, or the bytes of a binary message."""
        return self._message.payload

    @property
    def json(self) -> Any:
        """The payload as JSON. Raises ``ValueError`` with the reason and the place where it is none."""
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
        """The body as JSON. Raises ``ValueError`` with the reason and the place where it is none."""
        return read_json(self.body)


class StepMaker:
    """Steps of one ``call``, by what they say."""

    def __init__(self, step: CallStep, context: StepContext) -> None:
        self.step = step
        self.recorder = context.recorder
        self.now_ns = context.now_ns
        self.tracer = context.tracer
        self.records = {name: RecordBody(name=name, value=0, unit=unit) for name, unit in step.call.records.items()}
        self._context = context
        self._kept: OrderedDict[str, StepFunction] = OrderedDict()

    def make(self, said: Mapping[str, Any]) -> StepFunction:
        """Raises pydantic's ``ValidationError``, a ``ValueError``, for what is no step."""
        key = repr(said)
        made = self._kept.get(key)
        if made is None:
            made = self._kept[key] = self._context.step(_STEP.validate_python(said))
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return made


class User:
    """What a function of a scenario gets: its virtual user.

    Times are in seconds. ``where``, ``check``, ``until`` and ``capture`` are as in YAML, templates too; payloads are sent as
    they are: text, bytes, or what becomes JSON. ``on`` names one of several connections, as ``connect(name=..)`` did.
    """

    def __init__(self, strand: Strand, maker: StepMaker) -> None:
        self._strand = strand
        self._maker = maker
        self._task = trio.lowlevel.current_task()
        self._is_busy = False
        self._ignored = 0
        self._is_given_up = False  # only where whoever drives the function hears of it: not in tasks of its own

    # -- who it is ----------------------------------------------------------------------------------------------------

    @property
    def index(self) -> int:
        """Its number, from 0, that no other user of the run has."""
        return self._strand.user.index

    @property
    def iteration(self) -> int:
        """How many flows it has run before this one."""
        return self._strand.scope.iteration

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of its flow: what templates see, and rows of data by their source's name."""
        return self._strand.scope.variables

    @property
    def leaving(self) -> bool:
        """Whether it was asked to go. Its next step raises ``UserLeaves``; there is no need to look."""
        return self._strand.user.is_to_go

    # -- steps --------------------------------------------------------------------------------------------------------

    async def connect(self, path: str | None = None, *, name: str | None = None, **options: Any) -> None:
        """Opens a connection; ``options`` are those of the step: ``headers``, ``query``, ``subprotocols``, ``expect`` .."""
        user = self._strand.user
        there = user.current if name is None else user.named.get(name)
        if there is not None and there.is_open:
            raise ValueError("this connection is open already: close it first, or give the new one a name")
        await self._run({"connect": _said(path=path, as_=name, **options)})

    async def send(
        self, payload: str | bytes | Json, *, name: str | None = None, on: str | None = None, fragments: int = 1
    ) -> None:
        """Sends a message that wants no answer."""
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
        """Sends a message, and returns the one that answers it."""
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
        """Waits for messages that nobody asked for, kept ones first; returns the last of ``count``."""
        body = _said(where=where, check=check, capture=capture, within=_duration(within), on=on)
        return _answer(await self._run({"wait_for": {"count": count, **body}, **_said(name=name)}))

    async def wait_for_close(
        self, code: int | None = None, *, within: float | None = None, on: str | None = None
    ) -> None:
        """Waits until the server closes the connection, with this code, or any."""
        close = "any" if code is None else code
        await self._run({"wait_for": {"close": close, **_said(within=_duration(within), on=on)}})

    async def ping(self, *, name: str | None = None, within: float | None = None, on: str | None = None) -> None:
        """Sends a ping and waits for its pong."""
        await self._run({"ping": _said(within=_duration(within), on=on), **_said(name=name)})

    async def close(self, code: int = 1000, reason: str = "", *, on: str | None = None) -> None:
        """Closes the connection, and waits until it is closed."""
        await self._run({"close": {"code": code, "reason": reason, **_said(on=on)}})

    async def http(self, method: str, url: str, *, name: str | None = None, **options: Any) -> HttpReply:
        """Asks over HTTP with the user's own cookies; ``options`` are the step's: ``json``, ``check`` .."""
        found = await self._run({"http": {method.lower(): url, **_said(**options)}, **_said(name=name)})
        return HttpReply(found.status, found.headers, found.body)

    async def step(self, said: Mapping[str, Any]) -> None:
        """Any step of the language, as YAML says it: ``await user.step({"stall": "10s"})``."""
        await self._run(said)

    async def think(self, seconds: float) -> None:
        """Waits; a user that is asked to go is not held up by it."""
        await self._heed()
        now_ns = self._maker.now_ns
        with self._free_strand() as strand:
            await strand.pause(now_ns() + round(seconds * NS_PER_S))
            strand.free_ns = now_ns()
        await self._heed()

    # -- what it notes ------------------------------------------------------------------------------------------------

    def check(self, holds: object, name: str = "check") -> bool:
        """Counts a check that held or failed; returns which."""
        strand, name = self._strand, self._masked(name)
        self._maker.recorder.outcome("check", name, self._maker.now_ns(), failed=not holds)
        if not holds:
            strand.user.report("check", name, "does not hold")
        return bool(holds)

    def record(self, name: str, value: float) -> None:
        """A value of a trend, which ``records`` of the call has to name with its unit. What is no number is an error."""
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
        """``n`` more of a counter of the scenario's own."""
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
            maker.tracer.note(text)

    def remember_secrets(self) -> None:
        """Keep the secrets that the function has set, which loadws does not see it do."""
        self._strand.user.secrets.remember(self.variables)

    def _masked(self, name: str) -> str:
        self.remember_secrets()
        return self._strand.user.masked_name(name)

    # -- chance -------------------------------------------------------------------------------------------------------

    def random(self) -> float:
        """[0, 1), the same in every run of the same seed."""
        return fraction(self._strand.scope.draw())

    def id(self) -> int:
        """A number that no other call in the run gets."""
        return self._strand.scope.next_id()

    # -- how ----------------------------------------------------------------------------------------------------------

    async def _heed(self) -> None:
        """Ends a function whose user is to go: at its next step, and should it catch that, at each one after.

        Who catches everything would go on for ever: the loop gets its turn, and at some point the function is given up.
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
        """The call's own; where a step is under way on it, another beside it: a strand waits for one thing at a time."""
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
        """What came of it."""
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
    """Tells whoever drives the function, and stays there."""
    yield GIVEN_UP


def _answer(message: Message | None) -> Answer:
    """A request that failed and was to continue all the same has none; that is no answer to go on with."""
    if message is None:
        raise StepFailed("no_answer", "the step failed, and was counted", EndTurn())
    return Answer(message)


def _said(**keys: Any) -> dict[str, Any]:
    """Those that have a value, by the language's names: ``as_`` is ``as``."""
    return {key.removesuffix("_"): value for key, value in keys.items() if value is not None}


def _duration(seconds: float | None) -> str | None:
    return None if seconds is None else f"{round(seconds * 1e6)}us"
