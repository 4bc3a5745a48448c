"""The ledger as equations: the outcome of everything that was begun, and how connections ended."""

from __future__ import annotations

from typing import Literal

import msgspec

from loadws.metrics.ledger import EQUATIONS, Ledger
from loadws.metrics.ledger import Equation as Sum
from loadws.report.plain import plain
from loadws.terms.failures import explain, explain_close
from loadws.terms.units import format_size

#: How a part of a whole, or an outcome, is to be judged.
Tone = Literal["good", "plain", "warn", "bad"]

#: How each part of an equation is to be judged; a part that is not named is neutral.
_TONES: dict[str, Tone] = {
    **dict.fromkeys(("completed", "done", "opened", "closed_by_us", "answered"), "good"),
    **dict.fromkeys(("skipped", "closed_by_peer", "open_at_end", "http.cut_off"), "warn"),
    **dict.fromkeys(("failed", "dropped", "refused", "lost", "timed_out", "unanswered"), "bad"),
}
#: The counts beside an equation, by its record and whole.
_ASIDE = {
    ("arrivals", "planned"): ("expected",),
    ("connections", "attempted"): ("compressed", "as_expected"),
    ("messages", "sent"): (
        *("received", "values", "late", "duplicate", "unclaimed", "unfinished_writes"),
        *("heartbeats_sent", "heartbeats_received", "control_sent", "control_received"),
    ),
}
#: Units under way when the load ends have not failed: they end with the load.
_WORDS = {(subject, "cut_off"): "ended with the load" for subject in ("arrivals", "sessions", "turns")}


class Part(msgspec.Struct, frozen=True):
    """One count of an equation, and how it is to be judged."""

    name: str
    count: int
    tone: Tone = "plain"


class Equation(msgspec.Struct, frozen=True):
    """An equation. ``whole`` is the sum of ``parts``; ``aside`` is counted beside it."""

    subject: str
    whole: Part
    parts: tuple[Part, ...]
    aside: tuple[Part, ...] = ()

    @property
    def holds(self) -> bool:
        return self.whole.count == sum(part.count for part in self.parts)

    def text(self, shortest: bool = True) -> str:
        """Return ``attempted 10 = opened 9 + refused 1``; ``shortest`` leaves out parts that are 0."""
        shown = [part for part in self.parts if part.count] if shortest else self.parts
        sum_of = " + ".join(f"{part.name} {part.count:,}" for part in shown or self.parts[:1])
        return f"{self.whole.name} {self.whole.count:,} {'=' if self.holds else '≠'} {sum_of}"

    def aside_text(self) -> str:
        return ", ".join(f"{part.name} {part.count:,}" for part in self.aside if part.count)


def equations(ledger: Ledger) -> list[Equation]:
    """Return the ledger's equations, without those whose whole is 0."""
    found = [_with_counts(equation, getattr(ledger, equation.record)) for equation in EQUATIONS]
    return [e for e in found if any(part.count for part in (e.whole, *e.parts, *e.aside))]


def _with_counts(equation: Sum, record: msgspec.Struct) -> Equation:
    subject = equation.record

    def part(name: str) -> Part:
        tone = _TONES.get(f"{subject}.{name}", _TONES.get(name, "plain"))
        return Part(_WORDS.get((subject, name), name.replace("_", " ")), getattr(record, name), tone)

    def plain_part(name: str) -> Part:
        return Part(name.replace("_", " "), getattr(record, name))

    aside = _ASIDE.get((subject, equation.whole), ())
    return Equation(
        subject, plain_part(equation.whole), tuple(map(part, equation.parts)), tuple(map(plain_part, aside))
    )


def bytes_text(ledger: Ledger) -> str:
    """Return the bytes of payload; where compression was used, also those on the wire and their ratio."""
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
    """Return how connections ended or were refused: the kind, the count, the meaning."""
    refusals = [(f"refused with {plain(k)}", n, explain(f"http.{k}").meaning) for k, n in ledger.refusals.items()]
    failures = [(f"failed: {plain(k)}", n, explain(k).meaning) for k, n in ledger.failures.items()]
    closes = [(plain(explain_close(k)[0]), n, explain_close(k)[1]) for k, n in ledger.close_codes.items()]
    return [row for part in (closes, refusals, failures) for row in sorted(part, key=lambda row: -row[1])]
