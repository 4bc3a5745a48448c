"""The ledger as equations: what became of everything that was begun, and how connections ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loadws.metrics.ledger import Ledger
from loadws.report.plain import plain
from loadws.terms.failures import explain, explain_close
from loadws.terms.units import format_size

#: How a part of a whole, or an outcome, is to be seen.
Tone = Literal["good", "plain", "warn", "bad"]

#: (part of the ledger, whole, its parts and how they are to be seen, what is counted beside it)
_TABLE: tuple[tuple[str, str, dict[str, Tone], tuple[str, ...]], ...] = (
    ("arrivals", "planned", {"completed": "good", "failed": "bad", "dropped": "bad", "cut_off": "plain"}, ("expected",)),
    ("sessions", "started", {"completed": "good", "failed": "bad", "cut_off": "plain"}, ()),
    ("turns", "due", {"done": "good", "failed": "bad", "skipped": "warn", "cut_off": "plain"}, ()),
    ("connections", "attempted", {"opened": "good", "refused": "bad", "failed": "bad"}, ("compressed", "as_expected")),
    ("connections", "opened", {"closed_by_us": "good", "closed_by_peer": "warn", "lost": "bad", "open_at_end": "warn"}, ()),
    ("messages", "sent", {"answered": "good", "timed_out": "bad", "unanswered": "bad", "one_way": "plain"},
     ("received", "late", "duplicate", "unclaimed", "unfinished_writes")),
    ("http", "requests", {"answered": "good", "failed": "bad", "timed_out": "bad", "cut_off": "warn"}, ()),
)  # fmt: skip


#: What is under way when the load ends has not failed: it ends with the load.
_WORDS = {(subject, "cut_off"): "ended with the load" for subject in ("arrivals", "sessions", "turns")}


@dataclass(frozen=True, slots=True)
class Part:
    """One count of an equation, and how it is to be seen."""

    name: str
    count: int
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Equation:
    """``whole`` is the sum of ``parts``; ``aside`` is counted beside it."""

    subject: str
    whole: Part
    parts: tuple[Part, ...]
    aside: tuple[Part, ...] = ()

    @property
    def holds(self) -> bool:
        return self.whole.count == sum(part.count for part in self.parts)

    def text(self, shortest: bool = True) -> str:
        """``attempted 10 = opened 9 + refused 1``; ``shortest`` leaves out the parts that are nothing."""
        shown = [part for part in self.parts if part.count] if shortest else self.parts
        sum_of = " + ".join(f"{part.name} {part.count:,}" for part in shown or self.parts[:1])
        return f"{self.whole.name} {self.whole.count:,} {'=' if self.holds else '≠'} {sum_of}"

    def aside_text(self) -> str:
        return ", ".join(f"{part.name} {part.count:,}" for part in self.aside if part.count)


def equations(ledger: Ledger) -> list[Equation]:
    """The ledger's sums, without those of which there is nothing."""
    found = [_equation(ledger, *row) for row in _TABLE]
    return [e for e in found if any(part.count for part in (e.whole, *e.parts, *e.aside))]


def _equation(ledger: Ledger, subject: str, whole: str, parts: dict[str, Tone], aside: tuple[str, ...]) -> Equation:
    record = getattr(ledger, subject)

    def part(name: str, tone: Tone = "plain") -> Part:
        return Part(_WORDS.get((subject, name), name.replace("_", " ")), getattr(record, name), tone)

    return Equation(
        subject, part(whole), tuple(part(*item) for item in parts.items()), tuple(part(name) for name in aside)
    )


def bytes_text(ledger: Ledger) -> str:
    """Where compression was agreed on, with what it made of the payload; of a run without, frames are no news."""
    size = ledger.bytes
    payload = f"sent {format_size(size.sent)}, received {format_size(size.received)} of payload"
    if not ledger.connections.compressed:
        return payload
    sent, received = _of_payload(size.wire_sent, size.sent), _of_payload(size.wire_received, size.received)
    agreed = f"{ledger.connections.compressed:,} of {ledger.connections.opened:,} connections compressed"
    return f"{payload}; on the wire sent {sent}, received {received} ({agreed})"


def _of_payload(wire: int, payload: int) -> str:
    return f"{format_size(wire)}, {wire / payload:.0%}" if payload else format_size(wire)


def ending_rows(ledger: Ledger) -> list[tuple[str, int, str]]:
    """How connections ended or were refused: what, how often, what it means."""
    refusals = [(f"refused with {plain(k)}", n, explain(f"http.{k}").meaning) for k, n in ledger.refusals.items()]
    failures = [(f"failed: {plain(k)}", n, explain(k).meaning) for k, n in ledger.failures.items()]
    closes = [(plain(explain_close(k)[0]), n, explain_close(k)[1]) for k, n in ledger.close_codes.items()]
    return [row for part in (closes, refusals, failures) for row in sorted(part, key=lambda row: -row[1])]
