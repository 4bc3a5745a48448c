"""``--trace``: one user of each type, once, with the time of every handshake, frame and step.

A frame is shown before any step has examined it. So each message is searched for what a step would capture as a secret,
and that is masked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from loadws.engine.runtime.secrecy import RunSecrets, UserSecrets
from loadws.metrics.recording.quoting import one_line
from loadws.scenario.matching.extract import Handshake
from loadws.scenario.matching.message import Message
from loadws.scenario.model.steps import Step
from loadws.scenario.template.template import Scope
from loadws.terms.masker import Masker
from loadws.terms.secrets import MASK, is_secret_header, shown_address
from loadws.terms.units import format_duration

LONGEST_SHOWN = 200
#: How much of a payload is searched for secrets: more than is shown, because a mask may be shorter than what it hides.
LONGEST_SEARCHED = 4 * LONGEST_SHOWN


class TracedUser(Protocol):
    """A user, as far as its trace asks. ``index`` is its number in the run."""

    @property
    def index(self) -> int: ...

    @property
    def type_name(self) -> str: ...

    @property
    def secrets(self) -> UserSecrets: ...

    def masker(self) -> Masker: ...


class Tracer:
    """A writer of trace lines, without the secrets of the run and of the user that a line is of. ``say`` receives the
    lines. Where there are several user ``types``, each line begins with the name of its user's type.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        now_ns: Callable[[], int],
        secrets: RunSecrets | None = None,
        types: Sequence[str] = (),
    ) -> None:
        self._say = say
        self._now_ns = now_ns
        self._start_ns: int | None = None  # of the first line: what came before does not belong to the user
        self._secrets = secrets or RunSecrets()
        self._named = {path[0] for path in self._secrets.paths if len(path) == 1}
        self._width = max((len(one_line(name)) for name in types), default=0) if len(types) > 1 else 0
        self._depths: dict[int, int] = {}  # how many steps of a user are under way

    def frame(
        self,
        user: TracedUser,
        direction: str,
        what: str,
        payload: bytes,
        at_ns: int,
        connection: str | None = None,
    ) -> None:
        """Write one frame, or the head of a handshake, of a user's connection of that name."""
        arrow = ("<-" if direction == "in" else "->") + (f" [{connection}]" if connection is not None else "")
        if what in ("request", "response"):
            lines = _lines(payload)
            user.secrets.received(_headers(lines))
            for line in lines:
                self._line(user, at_ns, f"{arrow} {what:8} {self._header(line, user.masker())}")
        else:
            shown = self._shown(direction, what, payload, user.masker())
            self._line(user, at_ns, f"{arrow} {what:8} {len(payload)} B  {shown}")

    def note(self, user: TracedUser, text: str) -> None:
        """Write a line about a user."""
        self._line(user, self._now_ns(), user.masker().text(text))

    @contextmanager
    def step(self, step: Step, user: TracedUser, scope: Scope) -> Iterator[None]:
        """Write when a step begins and ends, and which variables it changed."""
        began_ns, before = self._now_ns(), dict(scope.variables)
        self._line(user, began_ns, f"{step.verb} {step.label}" if step.label != step.verb else step.verb)
        self._depths[user.index] = self._depths.get(user.index, 0) + 1
        try:
            yield
        finally:
            self._depths[user.index] -= 1
            ended_ns = self._now_ns()
            user.secrets.remember(scope.variables)
            for name, value in scope.variables.items():
                if name not in before or before[name] is not value:
                    shown = MASK if name in self._named else self._cut(repr(value), user.masker())
                    self._line(user, ended_ns, f"  {name} = {shown}")
            self._line(user, ended_ns, f"{step.verb} took {format_duration(ended_ns - began_ns)}")

    def _header(self, line: str, masker: Masker) -> str:
        """Return a line of a handshake's head: the first, or a header, which is masked whole where its name says so."""
        name, colon, _ = line.partition(":")
        if colon and (is_secret_header(name.strip()) or name.strip().lower() in self._secrets.headers):
            return f"{name}{colon} {MASK}"
        return masker.text(line if colon and " " not in name else shown_address(line))

    def _shown(self, direction: str, what: str, payload: bytes, masker: Masker) -> str:
        if what == "close" and len(payload) >= 2:
            return f"{int.from_bytes(payload[:2])} {self._cut(payload[2:].decode('utf-8', 'replace'), masker)}".rstrip()
        if what != "text":
            return self._cut(_without_secrets(payload[:LONGEST_SEARCHED], masker)[:LONGEST_SHOWN].hex(" "), masker)
        text = payload.decode("utf-8", "replace")
        if direction == "in" and self._secrets.places:
            seen = (Message(text, 0), Handshake.of(0, {}, payload))  # of a connection, or an answer's body
            masker = masker.adding(value for message in seen for value in self._secrets.found_in(message))
        return self._cut(text, masker)

    def _cut(self, text: str, masker: Masker) -> str:
        masked = masker.text(text[:LONGEST_SEARCHED])
        return masked if len(masked) <= LONGEST_SHOWN else masked[:LONGEST_SHOWN] + " …"

    def _line(self, user: TracedUser, at_ns: int, text: str) -> None:
        if self._start_ns is None:
            self._start_ns = at_ns
        name = f"{one_line(user.type_name):{self._width}}  " if self._width else ""
        depth = self._depths.get(user.index, 0)
        self._say(f"{(at_ns - self._start_ns) / 1e6:10.3f} ms  {name}{'  ' * depth}{one_line(text)}")


def _lines(head: bytes) -> list[str]:
    """Return the lines of a handshake's head. Bytes that are not UTF-8 are read as ISO 8859-1."""
    try:
        text = head.decode()
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    return [line for line in text.splitlines() if line.strip()]


def _headers(lines: list[str]) -> list[tuple[str, str]]:
    pairs = (line.partition(":") for line in lines[1:])
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _without_secrets(payload: bytes, masker: Masker) -> bytes:
    """Return a binary payload with a mask in place of each secret that it contains as text."""
    return masker.text(payload.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
