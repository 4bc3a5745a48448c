"""The conditions on a message that a step has waited for: ``check`` and ``capture``."""

from __future__ import annotations

from pydantic import JsonValue

from loadws.engine.runtime.strand import Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.scenario.matching.matching import Captures, Conditions, compile_captures, compile_conditions
from loadws.scenario.matching.message import Message
from loadws.scenario.model.steps import Step
from loadws.scenario.template.template import EvaluationError


class Answer:
    """The compiled ``check`` and ``capture`` of a step, which also set ``message`` for the steps after it.

    ``kind`` is the kind of the step's try. A try fails once, by the first failure.
    """

    __slots__ = (
        "_capture",
        "_captures_secrets",
        "_check",
        "_for_python",
        "_kind",
        "_recorder",
        "_step",
        "_uses_message",
        "_uses_received_ms",
        "is_looked_at",
    )

    def __init__(
        self,
        kind: str,
        step: Step,
        context: StepContext,
        check: dict[str, JsonValue] | None,
        capture: dict[str, JsonValue] | None,
    ) -> None:
        self._kind = kind
        self._step = step
        self._recorder = context.recorder
        self._check: Conditions | None = compile_conditions(check) if check else None
        self._capture: Captures | None = compile_captures(capture) if capture else None
        self._captures_secrets = context.has_secrets(capture or ())
        self._uses_message = context.uses_message
        self._uses_received_ms = context.uses_received_ms
        self._for_python = context.for_python
        self.is_looked_at = bool(
            check or capture or context.uses_message or context.uses_received_ms or context.for_python
        )

    def look_at(self, strand: Strand, message: Message, intended_ns: int, *, is_spoiled: bool = False) -> bool:
        """Apply ``check`` and ``capture`` to a message, and return whether the try has failed.

        ``is_spoiled``: it has failed already, by an earlier message of the same step. A failed check lets the flow go on; a
        capture that finds nothing raises ``EndTurn``, unless the step's ``on_failure`` says otherwise.
        """
        if self._for_python:
            strand.scope.extra["answer"] = message
        if self._uses_message:
            strand.scope.extra["message"] = message.value
        if self._uses_received_ms:
            strand.scope.extra["received_ms"] = strand.user.shared.wall_ms(message.received_ns)
        if self._check is not None and (why := self._why(strand, message)) is not None:
            self._spoil(intended_ns, is_spoiled)
            is_spoiled = True
            strand.user.secrets.look_at(message)
            strand.fail(self._step, "check", why, default="continue")
        if self._capture is not None:
            missing = self._capture.take(message, strand.scope.variables)
            if self._captures_secrets:
                strand.user.secrets.remember(strand.scope.variables)
            if missing is not None:
                self._spoil(intended_ns, is_spoiled)
                is_spoiled = True
                strand.fail(self._step, "capture", missing)
        return is_spoiled

    def _spoil(self, intended_ns: int, is_spoiled: bool) -> None:
        if not is_spoiled:
            self._recorder.spoiled(self._kind, self._step.label, intended_ns)

    def _why(self, strand: Strand, message: Message) -> str | None:
        assert self._check is not None
        try:
            return self._check.why(message, strand.scope)
        except EvaluationError as error:
            return str(error)
