"""The cost of matching, without any network: the part ``matching`` of the bench.

A request step runs whole, with its payload, its conversation and its counts, on a connection that answers from inside
the send. So the same parts are left out for all: the write, the read, and the wait in between.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.connection.pending import Pending
from loadws.engine.runtime.facts import RunFacts
from loadws.engine.runtime.shared import Shared
from loadws.engine.runtime.strand import StepFunction
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.tls_contexts import Contexts
from loadws.engine.steps.registry import compile_step, compile_user
from loadws.engine.users.user import VirtualUser
from loadws.metrics.recording.recorder import Recorder
from loadws.scenario.data.supply import Supplies
from loadws.scenario.matching.matching import compile_conditions
from loadws.scenario.model.model import Scenario
from loadws.scenario.template.scope import Scope
from loadws.scenario.template.template import compile_template
from loadws.transport.base import Connection, Connector, Outgoing, Timers

ROUNDS, TIMES = 20, 1_000
IN_FLIGHT = (1, 10, 100, 1_000)
TEXT = '{"id": 1, "op": "say"}'
BY_ID: dict[str, Any] = {
    "send": {"json": {"id": "{{ id() }}", "op": "say"}},
    "reply": {"where": {"$.id": "{{ sent.id }}"}},
}
THREE_VARIABLES = "{{ a }} says {{ b }} to {{ c }}"


class Clock:
    """As much of ``Timers`` as steps need that never wait."""

    def now_ns(self) -> int:
        return time.monotonic_ns()


class Echo:
    """A connection that answers with the same message, from inside the send."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def begin_send(self, payload: Any, out: Outgoing, fragments: int = 1) -> None:
        now_ns = time.monotonic_ns()
        out.sent_ns = out.written_ns = now_ns
        answer = payload if isinstance(payload, str) else payload.payload
        self._conversation.on_message(answer, now_ns)


#: What a JSON request that is matched by its id may take beyond one without conditions, in µs.
MOST_BY_ID_US = 4.0


def beyond_a_plain_request_us() -> float:
    """Return what a JSON request that is matched by its id takes beyond one without conditions."""
    plain, matched = _us(_request({"send": TEXT}), _request(BY_ID))
    return matched - plain


def bench() -> None:
    compiled, scope = compile_template(THREE_VARIABLES), Scope({"a": "ann", "b": 42, "c": "bob"}, clock=int)
    template, plain, matched, *in_flight = _us(
        lambda: compiled.text(scope),
        _request({"send": TEXT}),
        _request(BY_ID),
        *(_request(BY_ID, _others(waiting - 1)) for waiting in IN_FLIGHT),
    )
    print("\nmatching, µs")
    print(f"  a template with three variables       {template:6.2f}   (bar 3)")
    print(f"  a request, its answer the next one    {plain:6.2f}")
    print(f"  a JSON request, matched by its id     {matched:6.2f}   {matched - plain:+.2f} (bar {MOST_BY_ID_US:+g})")
    for waiting, took in zip(IN_FLIGHT, in_flight, strict=True):
        print(f"  the same, {waiting:5,} in flight             {took:6.2f}")


def _others(count: int) -> list[Any]:
    return [compile_conditions({"$.id": -number}).want(Scope(clock=int)) for number in range(1, count + 1)]


def _request(step: dict[str, Any], others: list[Any] | None = None) -> Callable[[], None]:
    """Return a call that runs the step once, on a connection where the others already wait for their answers."""
    scenario = Scenario.model_validate(
        {"target": "ws://bench.test", "load": [{"users": 1, "for": "1s"}], "flow": [{"request": step}]}
    )
    recorder = Recorder([("bench", False)])
    shared = Shared(
        RunFacts(scenario, Path(), 1), cast(Timers, Clock()), cast(Connector, None), recorder, {}, Supplies()
    )
    compiled = compile_user(scenario.user_types[0], StepContext(shared, Contexts(Path()), compile_step))
    user = VirtualUser(shared, compiled, 0, is_held=True)
    conversation = Conversation(user.state, shared, None)
    conversation.connection = cast(Connection, Echo(conversation))
    user.state.take_up(conversation)
    for wanted in others or ():
        conversation.expect(Pending(parker=user.main.parker, wanted=wanted))
    run_step = compiled.flow[0]
    return lambda: _finish(run_step, user)


def _finish(step: StepFunction, user: VirtualUser) -> None:
    try:
        cast(Any, step(user.main)).send(None)
    except StopIteration:
        return
    raise AssertionError("the step waited")


def _us(*calls: Callable[[], object]) -> list[float]:
    """Return, for each call, the least of some rounds, all in turn, because the machine's other work only adds to it."""
    least = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for index, call in enumerate(calls):
            gc.collect()
            began_ns = time.perf_counter_ns()
            for _ in range(TIMES):
                call()
            least[index] = min(least[index], (time.perf_counter_ns() - began_ns) / TIMES / 1_000)
    return least
