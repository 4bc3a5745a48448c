"""``measure``: the times of one user from a step or a message to another, which no step measures by itself.

Each beginning is a measurement of its own, and the first end that fits ends it; one message may end many. So a server that
is slow is measured as often as it was asked, and not once. A measurement whose time is over, or whose connection was lost,
is *missing*: it ranks above every measured time. One that the session or the load ends before is counted as cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec

from loadws.metrics.recording.recorder import Recorder
from loadws.scenario.matching.index import Predicate
from loadws.scenario.matching.message import Message
from loadws.scenario.model.moments import Measure
from loadws.scenario.template.template import EvaluationError, Scope
from loadws.scenario.unpacking.where import Where, values_that_fit
from loadws.transport.base import Timer, Timers

#: How many measurements of a user may be under way; beyond it the oldest is missing.
MOST_UNDER_WAY = 1_000


class CompiledMeasure(msgspec.Struct, frozen=True):
    """A ``measure``, with the conditions on its messages compiled; None where the moment is a step."""

    said: Measure
    begins: Where | None
    ends: Where | None

    def is_on(self, connection: str | None) -> bool:
        """Return whether messages of a connection are meant."""
        return self.said.on is None or self.said.on == connection


class Measurement:
    """One time that is being measured, since ``since_ns``.

    Its end's conditions are bound when its beginning has ended, or at the first message before that: ``scope`` is None then.
    """

    __slots__ = ("measure", "predicate", "scope", "since_ns", "timer")

    def __init__(self, measure: CompiledMeasure, since_ns: int, scope: Scope) -> None:
        self.measure = measure
        self.since_ns = since_ns
        self.scope: Scope | None = scope
        self.predicate: Predicate | None = None
        self.timer: Timer | None = None

    def bind(self) -> None:
        """Evaluate the templates of the conditions that end it, once.

        Raises:
            EvaluationError: One has no value.
        """
        scope, self.scope = self.scope, None
        if scope is not None and self.measure.ends is not None:
            self.predicate = self.measure.ends.bind(scope)


class Measuring:
    """All measurements of one user. ``scope`` has the user's variables, for conditions on messages that begin one."""

    __slots__ = ("_measures", "_recorder", "_scope", "_timers", "_under_way")

    def __init__(self, measures: Sequence[CompiledMeasure], recorder: Recorder, timers: Timers, scope: Scope) -> None:
        self._measures = [measure for measure in measures if measure.begins is not None]
        self._recorder = recorder
        self._timers = timers
        self._scope = scope
        self._under_way: list[Measurement] = []

    # -- what begins and ends them ------------------------------------------------------------------------------------

    def begin(self, measure: CompiledMeasure, since_ns: int, scope: Scope) -> Measurement:
        """Begin a measurement. The scope's values are taken when it is bound."""
        if len(self._under_way) >= MOST_UNDER_WAY:
            self._miss(self._under_way[0])
        begun = Measurement(measure, since_ns, scope)
        begun.timer = self._timers.call_at(since_ns + measure.said.within, partial(self._miss, begun))
        self._under_way.append(begun)
        return begun

    def bind(self, begun: Measurement) -> None:
        """Evaluate what a measurement waits for; without a value of a template nothing can end it, so it is missing."""
        try:
            begun.bind()
        except EvaluationError:
            self._miss(begun)

    def on_value(self, message: Message, connection: str | None) -> None:
        """End the measurements that a message ends, then begin those that it begins."""
        for begun in tuple(self._under_way):
            if begun.measure.is_on(connection):
                self.bind(begun)
                if begun.predicate is not None and begun.since_ns <= message.received_ns and begun.predicate(message):
                    self._end(begun, message.received_ns)
        for measure in self._measures:
            for value in self._beginnings(measure, message) if measure.is_on(connection) else ():
                self._scope.extra = {"message": value.value}
                self.bind(self.begin(measure, message.received_ns, self._scope))

    def _beginnings(self, measure: CompiledMeasure, message: Message) -> Sequence[Message]:
        """Return what begins a measurement: the message, or the values of it that fit a ``where`` with ``unpack``."""
        assert measure.begins is not None, "measures that begin with a step are left out"
        try:
            return values_that_fit(measure.begins.bind(self._scope), message)
        except EvaluationError:  # a variable that is not set yet: nothing fits it
            return ()

    def step_ended(self, step: str, at_ns: int) -> None:
        """End the measurements that a step ends, which has not failed."""
        for begun in tuple(self._under_way):
            if begun.measure.said.to.step == step:
                self._end(begun, at_ns)

    # -- what leaves them without an end ------------------------------------------------------------------------------

    def connection_ended(self, connection: str | None, *, is_lost: bool) -> None:
        """Settle those that wait for a message of a connection that has ended: missing, if the scenario did not end it."""
        for begun in tuple(self._under_way):
            if begun.measure.ends is not None and begun.measure.is_on(connection):
                (self._miss if is_lost else self._cut_off)(begun)

    def end_session(self) -> None:
        """Count what is under way as cut off: the session, or the load, is over."""
        for begun in tuple(self._under_way):
            self._cut_off(begun)

    def _end(self, begun: Measurement, at_ns: int) -> None:
        said = begun.measure.said
        if at_ns - begun.since_ns > said.within:
            self._miss(begun)
        elif self._forget(begun):
            self._recorder.trend(said.name, said.label, "ns", max(0, at_ns - begun.since_ns), begun.since_ns)

    def _miss(self, begun: Measurement) -> None:
        if self._forget(begun):
            self._recorder.missing(begun.measure.said.name, begun.measure.said.label, begun.since_ns)

    def _cut_off(self, begun: Measurement) -> None:
        if self._forget(begun):
            self._recorder.measure_cut_off(begun.since_ns)

    def _forget(self, begun: Measurement) -> bool:
        """Remove a measurement; return False where it was removed already."""
        if begun.timer is not None:
            begun.timer.cancel()
        if begun not in self._under_way:
            return False
        self._under_way.remove(begun)
        return True
