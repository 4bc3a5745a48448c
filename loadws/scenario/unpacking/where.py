"""``where`` with ``unpack``: conditions on the values that a message is read as; compiled before the run.

A message that has such a value belongs to the step or handler, which sees the values that fit, and no others. A message
that cannot be read so is of another form, and not for it. How a whole connection unpacks is in ``unpack.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from loadws.scenario.matching.index import Predicate, Wanted
from loadws.scenario.matching.jsonpath import MISSING
from loadws.scenario.matching.matching import Conditions, compile_conditions
from loadws.scenario.matching.message import NOT_JSON, Enveloped, Message
from loadws.scenario.model.unpacking import ways_of, without_ways
from loadws.scenario.template.template import Scope
from loadws.scenario.unpacking.unpack import Unpack, UnpackError, compile_unpack, unpacked

#: What is wrong whatever form the message has: handlers report it.
FAULTS = frozenset({"unpack.crashed", "unpack.failed", "unpack.too_large", "unpack.too_many"})


class Chosen:
    """The conditions of a ``where`` with ``unpack``, with their templates evaluated: a predicate on messages.

    ``unread`` counts the messages that could not be read, and ``why`` says why the last of them could not.
    """

    __slots__ = ("_predicate", "_reading", "unread", "why")

    def __init__(self, reading: Reading, predicate: Predicate | None) -> None:
        self._reading = reading
        self._predicate = predicate
        self.unread = 0
        self.why = ""

    def __call__(self, message: Message) -> bool:
        """Return whether some value of the message fits.

        Raises:
            UnpackError: Something is wrong with it whatever its form, and ``tells_faults`` is set.
        """
        return bool(self.values(message))

    def values(self, message: Message) -> list[Message]:
        """Return the values of a message that fit, in their order; none where it cannot be read.

        Raises:
            UnpackError: Something is wrong with it whatever its form, and ``tells_faults`` is set.
        """
        try:
            values = self._reading.values(message)
        except UnpackError as error:
            if self._reading.tells_faults and error.kind in FAULTS:
                raise
            self.unread += 1
            self.why = str(error)
            return []
        return [value for value in values if self._predicate is None or self._predicate(value)]

    def describe(self) -> str:
        """Return a clause on the messages that could not be read; empty where there were none."""
        if not self.unread:
            return ""
        came = "1 message came that" if self.unread == 1 else f"{self.unread:,} messages came that"
        return f"{came} `unpack` could not read: {self.why}"


def values_that_fit(fits: Predicate | None, message: Message) -> Sequence[Message]:
    """Return the message where it fits, or the values of it that do where ``fits`` unpacks it. ``fits`` None: all fit.

    Raises:
        UnpackError: As ``Chosen.values``.
    """
    if isinstance(fits, Chosen):
        return fits.values(message)
    return (message,) if fits is None or fits(message) else ()


class Reading:
    """A compiled ``where`` with ``unpack``: as ``Conditions``, but on the values of a message.

    ``names`` and ``attributes`` are those that templates of the conditions read. All that use it at the same time share the
    values of the message that was read last. ``tells_faults``: its predicates raise what is among ``FAULTS``.
    """

    __slots__ = ("_conditions", "_last", "_unpack", "attributes", "names", "tells_faults")

    def __init__(self, unpack: Unpack, conditions: Conditions | None, *, tells_faults: bool = False) -> None:
        self.tells_faults = tells_faults
        self._unpack = unpack
        self._conditions = conditions
        self._last: tuple[Message, list[Message] | UnpackError] | None = None
        self.names = frozenset[str]() if conditions is None else conditions.names
        self.attributes = frozenset[tuple[str, str]]() if conditions is None else conditions.attributes

    def bind(self, scope: Scope) -> Chosen:
        """Return a predicate with the templates evaluated now. Raises ``EvaluationError``."""
        return Chosen(self, None if self._conditions is None else self._conditions.bind(scope))

    def want(self, scope: Scope) -> Wanted:
        """Return the same for a request in flight; it has no key to be looked up by. Raises ``EvaluationError``."""
        return Wanted(None, None, self.bind(scope))

    def why(self, message: Message, scope: Scope) -> str | None:
        """Return a sentence on why no value of the message fits; None where one does. Raises ``EvaluationError``."""
        try:
            values = self.values(message)
        except UnpackError as error:
            return f"unpack cannot read it: {error}"
        if not values:
            return "it unpacks to nothing"
        reasons = [None if self._conditions is None else self._conditions.why(value, scope) for value in values]
        if None in reasons:
            return None
        return reasons[0] if len(values) == 1 else f"none of its {len(values):,} values fits; of the first {reasons[0]}"

    def values(self, message: Message) -> list[Message]:
        """Return the values of a message.

        Raises:
            UnpackError: It cannot be read, or holds too much.
        """
        last = self._last
        if last is None or last[0] is not message:
            last = self._last = (message, self._read(message))
        found = last[1]
        if isinstance(found, UnpackError):
            raise found
        return found

    def _read(self, message: Message) -> list[Message] | UnpackError:
        try:
            if isinstance(message, Enveloped):
                return list[Message](unpacked(self._unpack, message))
            values = self._unpack(message.payload, message.received_ns)
        except UnpackError as error:
            return error
        if len(values) == 1 and values[0].payload is message.payload:
            values = [message]
        whole = message.json
        return [value.within(MISSING if whole is NOT_JSON else whole) for value in values]


#: What chooses messages: conditions on them, or on the values that they are read as.
Where = Conditions | Reading


def compile_where(
    where: Mapping[str, JsonValue] | None, base: Path, limit: int, *, tells_faults: bool = False
) -> Where | None:
    """Compile a ``where``; None where there is none. ``base`` and ``limit`` are as in ``compile_unpack``.

    Raises:
        MatchError: A condition or a JSONPath is not valid.
        FunctionError: A function does not exist.
        ProtobufError: A type of Protocol Buffers does not exist, or cannot be read.
    """
    if not where:
        return None
    unpack = compile_unpack(ways_of(where), base, limit)
    if unpack is None:
        return compile_conditions(where)
    conditions = without_ways(where)
    return Reading(unpack, compile_conditions(conditions) if conditions else None, tells_faults=tells_faults)
