"""What a user type is compiled to, once, before the run."""

from __future__ import annotations

import msgspec

from loadws.engine.runtime.delivering import Delivering
from loadws.engine.runtime.strand import StepFunction, Steps
from loadws.engine.runtime.user_state import UserTraits
from loadws.scenario.matching.matching import Captures
from loadws.scenario.unpacking.where import Where


class CompiledHandler(msgspec.Struct, frozen=True):
    """A handler. ``waits``: some of its steps wait, so it runs in the user's handler task and not at once."""

    steps: Steps
    waits: bool


class CompiledMessageHandler(CompiledHandler, frozen=True):
    """A ``message`` handler of the connection ``on``; of all connections where ``on`` is None.

    ``uses_message``: some template reads ``message``, so the message is parsed for it. ``uses_received_ms``: likewise.
    """

    on: str | None
    where: Where | None
    capture: Captures | None
    uses_message: bool
    uses_received_ms: bool
    deliver: Delivering | None = None


class CompiledHandlers(msgspec.Struct, frozen=True):
    """The handlers of a user type. An event without a handler has None, or an empty tuple."""

    messages: tuple[CompiledMessageHandler, ...] = ()
    open: CompiledHandler | None = None
    error: CompiledHandler | None = None
    close: CompiledHandler | None = None

    def __bool__(self) -> bool:
        return bool(self.messages or self.open or self.error or self.close)

    @property
    def wait(self) -> bool:
        """Return whether a handler of queued events has a step that waits."""
        handlers = (*self.messages, self.error, self.close)
        return any(handler is not None and handler.waits for handler in handlers)


class CompiledUser(msgspec.Struct, frozen=True):
    """A user type. ``connect`` opens the connection of a flow that has no such step at its top level; None for other
    flows.

    ``heals``: some of its connections reconnect by themselves. ``connects``: each user opens a WebSocket by a step.
    """

    name: str
    flow: Steps
    connect: StepFunction | None = None
    handlers: CompiledHandlers = msgspec.field(default_factory=CompiledHandlers)
    traits: UserTraits = msgspec.field(default_factory=UserTraits)
    heals: bool = False
    connects: bool = False
