"""At most five sentences about the events of a run, each with the chart that shows it.

They are made from counts alone, by fixed rules, so the same run always has the same sentences. Events that cost users
most come first.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

import msgspec

from loadws.metrics.summary import STALLED_SHARE, Summary
from loadws.report import timings
from loadws.report.course.course import CLOSED, ERROR, FAILED, REFUSED, Course
from loadws.report.course.spans import Span, spans_where
from loadws.report.plain import plain
from loadws.report.without_error import failed_without_error
from loadws.terms.failures import explain, explain_close
from loadws.terms.percentiles import percentile_name
from loadws.terms.units import format_count, format_duration, format_share

MOST = 5
#: With fewer answers per second than this (the median), seconds without one are not mentioned.
_USUAL_ANSWERS_PER_S = 10.0
#: A second with less than this share of the usual answers counts as silent.
_SILENT_SHARE = 0.02
#: Seconds after a silence in which its late answers arrive.
_AFTER_S = 3.0
_MOST_SILENCES = 3
#: Seconds that are at most this far apart are one event.
_SAME_EVENT_S = 3.0
#: Connections are back when this share of those that were open before is open again.
_BACK_SHARE = 0.95
#: The slowest step is mentioned where it is this many times as slow as the next one.
_WORST_FACTOR = 1.5
_MOST_PROBES = 2
_WRONG_DELIVERIES = {
    "deliveries_missing": "missing",
    "deliveries_duplicate": "duplicate",
    "deliveries_out_of_order": "out of order",
}
_REFUSED_BY = "HTTP "
_ORDINARY_CLOSE = "peer.1000"


class Sentence(msgspec.Struct, frozen=True):
    """A sentence about an event, ``when`` it was (empty where it is of the whole run), and the chart or section that
    shows it.
    """

    text: str
    chart: str
    when: str = ""
    begin_s: float = math.inf


def sentences(summary: Summary, course: Course) -> list[Sentence]:
    """Return at most ``MOST`` sentences; one sentence where nothing unusual happened."""
    found: list[Sentence] = [*_of_loadws_itself(summary)]
    if course.covered_s:
        found += [*_silences(summary, course), *_losses(summary, course), *_refusals(course), *_errors(course)]
    else:
        found += _errors_without_course(summary)
    found += [Sentence(text[:1].lower() + text[1:].rstrip("."), "errors") for text in failed_without_error(summary)]
    found += [*_deliveries(summary), *_dropped(summary), *_worst_step(summary)]
    if not found:
        return [_nothing(summary)]
    kept = found[:MOST]
    return sorted(kept, key=lambda each: each.begin_s)


def _nothing(summary: Summary) -> Sentence:
    response = timings.overall(summary, "response_time")
    if response is None or not response.count:
        return Sentence("No errors, no refusals and no lost connections.", "connections")
    slowest = timings.cell(response, "max")
    if summary.verdict.outcome != "passed":
        return Sentence(
            f"No errors, no refusals and no lost connections; the slowest answer took {slowest}.", "latency"
        )
    text = f"Nothing stood out: no errors, no refusals, no lost connections; the slowest answer took {slowest}."
    return Sentence(text, "latency")


def _of_loadws_itself(summary: Summary) -> Iterator[Sentence]:
    """Yield one sentence on the processes that were lost, and one on the longest stall, where it made a part of the load
    missing.
    """
    processes = summary.generator.processes
    lost = [process for process in processes if not process.complete]
    if lost:
        machines = ", ".join(sorted({process.machine for process in lost if process.machine}))
        of = f"{len(lost)} of loadws' {len(processes)} processes" if len(processes) > 1 else "the process of loadws"
        where = f" ({machines})" if machines else ""
        yield Sentence(
            f"{of}{where}: lost, and what was measured there last is missing", "generator", begin_s=-math.inf
        )
    applied = summary.applied
    if applied.stalled_share > STALLED_SHARE:
        yield Sentence(
            f"loadws stood still for {format_share(applied.stalled_share)} of the judged time, once for "
            f"{format_duration(applied.longest_stall_ns)}",
            "generator",
            begin_s=-math.inf,
        )


def _silences(summary: Summary, course: Course) -> Iterator[Sentence]:
    """Yield one sentence on the longest times without answers, where answers are otherwise frequent."""
    answered, seconds = course.of("answered"), course.covered_s
    rates = [count / s for count, s in zip(answered, seconds, strict=True) if s > 0]
    busy = [rate for rate in rates if rate > 0]
    usual = statistics.median(busy) if busy else 0.0
    if usual < _USUAL_ANSWERS_PER_S:
        return
    first = next(at for at, count in enumerate(answered) if count)
    last = max(at for at, count in enumerate(answered) if count)
    waits = course.waits_for_answers()
    quiet = [
        first < at < last and s >= course.interval_s / 2 and waits[at] and count < _SILENT_SHARE * usual * s
        for at, (count, s) in enumerate(zip(answered, seconds, strict=True))
    ]
    found = sorted(spans_where(quiet), key=lambda span: span.begin - span.end)
    if not found:
        return
    named = sorted(found[:_MOST_SILENCES])
    count = sum(sum(answered[span.begin : span.end]) for span in named)
    said = f"only {_many(count, 'answer')}" if count else "no answers"
    late = max((_slowest_after(summary, course, span) for span in named), default=0.0)
    then = f", then responses of up to {format_duration(late)}" if late else ""
    more = f"; {len(found) - len(named)} shorter silences in the whole run" if len(found) > len(named) else ""
    yield Sentence(
        f"{said}{then}{more}",
        "latency",
        " and ".join(_when(course, span) for span in named),
        _begin_s(course, named[0]),
    )


def _slowest_after(summary: Summary, course: Course, span: Span) -> float:
    """Return the slowest response, in ns, among those that came when the silence was over; 0 where none did."""
    after = span.end + max(1, round(_AFTER_S / course.interval_s))
    column = next(
        (c for c in summary.series.columns if (c.name, c.aggregate) == ("response_time", "max") and not c.labels), None
    )
    return max((value for value in (column.values[span.begin : after] if column else ()) if value), default=0.0)


def _losses(summary: Summary, course: Course) -> Iterator[Sentence]:
    """Yield the largest event in which the server closed connections or they were lost, with its consequences."""
    by_code = {code: n for code, n in course.kinds(CLOSED).items() if _is_event(course, code)}
    if not by_code:
        return
    lost = [sum(each) for each in zip(*by_code.values(), strict=True)]
    events = spans_where([count > 0 for count in lost], course.interval_s, _SAME_EVENT_S)
    largest = max(events, key=lambda span: sum(lost[span.begin : span.end]))
    parts = [_closed(code, sum(n[largest.begin : largest.end])) for code, n in by_code.items()]
    text = " and ".join(part for part in parts[:3] if part)
    text += _back(summary, course, largest)
    if len(events) > 1:
        text += f"; {format_count(sum(lost))} in the whole run"
    yield Sentence(text, "losses", _when(course, largest), _begin_s(course, largest))


def _is_event(course: Course, code: str) -> bool:
    """Return whether closes with this code are mentioned: a normal one only where the run counted it as an error."""
    return code != _ORDINARY_CLOSE or any(course.of(f"{ERROR}closed.1000"))


def _closed(code: str, count: int) -> str:
    if not count:
        return ""
    if code.startswith("peer."):
        return f"the server closed {_many(count, 'connection')} with {plain(code.removeprefix('peer.'))}"
    return f"{_many(count, 'connection')} lost ({plain(explain_close(code)[0])})"


def _back(summary: Summary, course: Course, span: Span) -> str:
    """Return when as many connections were open again as before; empty where that cannot be seen."""
    highest, lowest = (_gauge(summary, aggregate) for aggregate in ("max", "min"))
    before = max((value for value in highest[max(0, span.begin - 1) : span.begin] if value), default=None)
    if not before:
        return ""
    for at in range(span.end, len(lowest)):
        if (lowest[at] or 0.0) >= _BACK_SHARE * before:
            return f", all back by {clock(at * course.interval_s)}"
    return ""


def _gauge(summary: Summary, aggregate: str) -> Sequence[float | None]:
    return next(
        (c.values for c in summary.series.columns if (c.name, c.aggregate) == ("open_connections", aggregate)), ()
    )


def _refusals(course: Course) -> Iterator[Sentence]:
    kinds = {f"{_REFUSED_BY}{plain(status)}": n for status, n in course.kinds(REFUSED).items()}
    kinds |= {plain(kind): n for kind, n in course.kinds(FAILED).items()}
    if not kinds:
        return
    totals = {kind: sum(n) for kind, n in kinds.items()}
    span = _whole_span([sum(each) for each in zip(*kinds.values(), strict=True)])
    yield Sentence(_refused(totals), "losses", _when(course, span), _begin_s(course, span))


def _refused(totals: dict[str, int]) -> str:
    """Return how many connections did not open, and by what; a single kind is named without its count."""
    whole = sum(totals.values())
    subject = f"{format_count(whole)} connection{' was' if whole == 1 else 's were'}"
    if len(totals) == 1:
        (kind,) = totals
        failed = f"{format_count(whole)} connection{'' if whole == 1 else 's'} failed to open ({kind})"
        return f"{subject} refused with {kind}" if kind.startswith(_REFUSED_BY) else failed
    listed = ", ".join(f"{format_count(count)} × {kind}" for kind, count in list(totals.items())[:3])
    return f"{subject} refused or failed to open ({listed})"


def _errors(course: Course) -> Iterator[Sentence]:
    """Yield the most frequent kind of error that closes and refusals do not cover already."""
    kinds = {
        kind: n for kind, n in course.kinds(ERROR).items() if not kind.startswith(("http.", "closed.", "lost.", "tcp."))
    }
    if not kinds:
        return
    kind, counts = next(iter(kinds.items()))
    meaning = explain(kind).meaning
    aside = f": {meaning[:1].lower()}{meaning[1:].rstrip('.')}" if meaning else ""
    others = len(kinds) - 1
    more = f" (and {others} other kind{'s' if others > 1 else ''} of error)" if others else ""
    text = f"{_many(sum(counts), 'error')} of kind {plain(kind)}{aside}{more}"
    span = _whole_span(counts)
    yield Sentence(text, "errors", _when(course, span), _begin_s(course, span))


def _errors_without_course(summary: Summary) -> Iterator[Sentence]:
    if summary.errors:
        worst = max(summary.errors, key=lambda error: error.count)
        total = sum(error.count for error in summary.errors)
        text = f"{_many(total, 'error')}, most often {plain(worst.kind)} ({format_count(worst.count)})"
        yield Sentence(text, "errors")


def _deliveries(summary: Summary) -> Iterator[Sentence]:
    """Yield what went wrong with the deliveries of each probe, the probe with the most first."""
    found = []
    for each in (entry for entry in summary.entries("deliveries_expected") if "probe" in entry.labels):
        probe = each.labels["probe"]
        counts = {
            word: sum(entry.count for entry in summary.entries(metric, probe=probe))
            for metric, word in _WRONG_DELIVERIES.items()
        }
        if wrong := [f"{format_count(count)} {word}" for word, count in counts.items() if count]:
            listed = ", ".join(wrong)
            text = f"deliveries of {plain(probe, 80)}: {listed} (of {format_count(each.count)} expected)"
            found.append((sum(counts.values()), text))
    for _, text in sorted(found, key=lambda each: -each[0])[:_MOST_PROBES]:
        yield Sentence(text, "undelivered")


def _dropped(summary: Summary) -> Iterator[Sentence]:
    applied = summary.applied
    dropped = applied.arrivals_planned - applied.arrivals_started
    if dropped > 0:
        text = f"{format_count(dropped)} of {format_count(applied.arrivals_planned)} arrivals were dropped by max_users"
        yield Sentence(text, "dropped")
    skipped = applied.turns_due - applied.turns_kept
    if skipped > 0:
        yield Sentence(f"{format_count(skipped)} of {format_count(applied.turns_due)} turns were skipped", "ledger")


def _worst_step(summary: Summary) -> Iterator[Sentence]:
    """Yield the slowest step, where it is much slower than the others."""
    steps = timings.by_step(summary, "response_time")
    for field in ("p99", "p95", "p90", "p50"):
        values = {step: timings.judged_value(entry, field) for step, entry in steps.items()}
        known = sorted(((value, step) for step, value in values.items() if value is not None), reverse=True)
        if len(known) > 1:
            (worst, step), (next_worst, _) = known[:2]
            if worst > next_worst * _WORST_FACTOR:
                name = percentile_name(field)
                rest = timings.value_text(next_worst, steps[step].unit)
                felt = timings.value_text(worst, steps[step].unit)
                yield Sentence(f"slowest step: {plain(step, 80)} ({name} {felt}; the others at most {rest})", "steps")
            return


def _whole_span(counts: Sequence[int]) -> Span:
    found = [at for at, count in enumerate(counts) if count]
    return Span(found[0], found[-1] + 1)


def _begin_s(course: Course, span: Span) -> float:
    return span.begin * course.interval_s


def _when(course: Course, span: Span) -> str:
    begin, end = clock(span.begin * course.interval_s), clock(span.end * course.interval_s)
    return f"{begin.removesuffix(' s')}–{end}" if end.endswith(" s") else f"{begin}–{end}"


def clock(seconds: float) -> str:
    """Return a time of the run: ``8 s`` below two minutes, then ``2:05``, and ``1:02:05`` with hours."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _many(count: int, what: str) -> str:
    return f"{format_count(count)} {what}{'' if count == 1 else 's'}"
