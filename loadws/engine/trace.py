"""``--trace``: one user, once, and every handshake, frame and step of it with its time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from loadws.metrics.quoting import one_line
from loadws.terms.units import format_duration

if TYPE_CHECKING:
    from loadws.engine.strand import Strand
    from loadws.scenario.steps import Step

LONGEST_SHOWN = 200
MASK = "***"
_SECRET_LINE = re.compile(r"(?im)^((?:proxy-)?authorization|cookie|set-cookie)(\s*:\s*).*$")
_TEXTS = ("text", "request", "response")


class Tracer:
    """Says lines through ``say``. ``secrets`` are the variables whose values are masked wherever they turn up."""

    def __init__(self, say: Callable[[str], None], now_ns: Callable[[], int], secrets: tuple[str, ...] = ()) -> None:
        self._say = say
        self._now_ns = now_ns
        self._start_ns: int | None = None  # of the first line: what came before is none of the user's
        self._secrets = secrets
        self._values: set[str] = set()
        self._depth = 0

    def frame(self, direction: str, what: str, payload: bytes, at_ns: int, connection: str | None = None) -> None:
        """One frame, or the head of a handshake, of the connection of that name."""
        arrow = ("<-" if direction == "in" else "->") + (f" [{connection}]" if connection is not None else "")
        if what in ("request", "response"):
            for line in self._masked(payload.decode("latin-1")).splitlines():
                if line.strip():
                    self._line(at_ns, f"{arrow} {what:8} {line}")
        else:
            self._line(at_ns, f"{arrow} {what:8} {len(payload)} B  {self._shown(what, payload)}")

    def note(self, text: str) -> None:
        self._line(self._now_ns(), self._masked(text))

    @contextmanager
    def step(self, step: Step, strand: Strand) -> Iterator[None]:
        """Says when a step begins and ends, and which variables it gave other values."""
        began_ns, before = self._now_ns(), dict(strand.scope.variables)
        self._learn_secrets(before)
        self._line(began_ns, f"{step.verb} {step.label}" if step.label != step.verb else step.verb)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            ended_ns = self._now_ns()
            variables = strand.scope.variables
            self._learn_secrets(variables)
            for name, value in variables.items():
                if name not in before or before[name] is not value:
                    self._line(ended_ns, f"  {name} = {MASK if name in self._secrets else self._cut(repr(value))}")
            self._line(ended_ns, f"{step.verb} took {format_duration(ended_ns - began_ns)}")

    def _learn_secrets(self, variables: dict[str, object]) -> None:
        self._values.update(str(variables[name]) for name in self._secrets if variables.get(name) not in (None, ""))

    def _shown(self, what: str, payload: bytes) -> str:
        if what == "close" and len(payload) >= 2:
            return f"{int.from_bytes(payload[:2])} {self._cut(payload[2:].decode('utf-8', 'replace'))}".rstrip()
        if what == "text":
            return self._cut(payload.decode("utf-8", "replace"))
        return self._cut(payload[:LONGEST_SHOWN].hex(" "))

    def _cut(self, text: str) -> str:
        masked = self._masked(text)
        return masked if len(masked) <= LONGEST_SHOWN else masked[:LONGEST_SHOWN] + " …"

    def _masked(self, text: str) -> str:
        text = _SECRET_LINE.sub(rf"\1\2{MASK}", text)
        for value in self._values:
            text = text.replace(value, MASK)
        return text

    def _line(self, at_ns: int, text: str) -> None:
        if self._start_ns is None:
            self._start_ns = at_ns
        self._say(f"{(at_ns - self._start_ns) / 1e6:10.3f} ms  {'  ' * self._depth}{one_line(text)}")
