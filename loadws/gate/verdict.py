"""The verdict of a run: one outcome, one exit code, every check, and the reasons in sentences.

Several outcomes can apply to one run; the first in the order of ``ExitCode`` counts (measurement.md, "Exit codes"), and
the reasons name all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from loadws.gate.applied import losses, not_applied, stood_still
from loadws.gate.judgement import Judgement, judge_rules
from loadws.gate.units_of_work import Units, anything_succeeded, judged_units_of, too_much_failed, units_of
from loadws.metrics.runinfo import Ending, RunInfo, lost_machines
from loadws.metrics.summary import SCHEMA_VERSION, Check, Outcome, Summary, Verdict
from loadws.terms.errors import ExitCode, interruption, most_severe
from loadws.terms.failures import explain
from loadws.terms.parties import had_http_response
from loadws.terms.units import format_count

_OUTCOMES: dict[ExitCode, Outcome] = {
    ExitCode.DEFECT: "invalid",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "interrupted",
    ExitCode.UNREACHABLE: "unreachable",
    ExitCode.INVALID: "invalid",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.PASSED: "passed",
}
_NOT_JUDGED = Verdict(
    "inconclusive",
    ExitCode.INCONCLUSIVE.value,
    reasons=("The run was made by loadws 0.1, whose rules differ, and had no verdict yet: it is not judged anew.",),
)
_NOTHING_RECEIVED = (
    "No wait for a message came to its end, and nothing else did: the load ended before. Let it last longer than the "
    "'within' of its steps."
)
#: (an outcome of the run, the reason in a sentence); a check that failed is its own reason.
Finding = tuple[ExitCode, str]


def judged(summary: Summary, info: RunInfo, ending: Ending | None) -> Summary:
    """Return the summary with its verdict. ``ending`` None: the run was killed. Raises ``RuleError``."""
    if info.schema_version < SCHEMA_VERSION:
        return msgspec.structs.replace(summary, verdict=_NOT_JUDGED)
    judgement = judge_rules(summary, info, ending)
    findings = list(_findings(summary, info, judgement, ending))
    code = most_severe(code for code, _ in findings)
    reasons = tuple(reason for _, reason in findings if reason)
    verdict = Verdict(_outcome(code, judgement.checks, ending), code.value, judgement.checks, reasons)
    is_well = summary.generator.healthy and not judgement.changed_by_lag and not stood_still(summary)
    generator = msgspec.structs.replace(summary.generator, healthy=is_well)
    return msgspec.structs.replace(summary, verdict=verdict, generator=generator)


def _outcome(code: ExitCode, checks: Sequence[Check], ending: Ending | None) -> Outcome:
    if code is not ExitCode.FAILED:
        return _OUTCOMES[code]
    if ending is not None and ending.aborted_by is not None:
        return "aborted"
    outcomes = {check.outcome for check in checks}
    return "no_data" if "no_data" in outcomes and "failed" not in outcomes else "failed"


def _findings(summary: Summary, info: RunInfo, judgement: Judgement, ending: Ending | None) -> Iterator[Finding]:
    """Yield every outcome that applies to the run, with its reason."""
    yield from _about_the_end(summary, ending)
    yield from _about_what_was_done(summary, info, judgement)
    yield from _about_the_generator(summary, judgement)
    yield from _about_the_checks(judgement)
    yield from _about_lost_machines(info, ending)
    yield from _about_the_load(summary, info)
    if summary.run.judged_s <= 0:
        yield ExitCode.INCONCLUSIVE, _without_judged_time(summary)


def _about_the_end(summary: Summary, ending: Ending | None) -> Iterator[Finding]:
    after = f"after {summary.run.load_ended_s:.1f} s"
    if ending is None:
        yield ExitCode.INTERRUPTED, f"The run was killed {after}; this is what it had kept until then."
        return
    if ending.defect is not None:
        yield ExitCode.DEFECT, f"loadws itself failed: {ending.defect}. Please report it, with the run's folder."
    if ending.aborted_by is not None:
        yield ExitCode.FAILED, f"The threshold {ending.aborted_by!r} was broken and ended the run {after}."
    elif ending.gave_up is not None:
        yield ExitCode.PASSED, f"The run was stopped {after}: {ending.gave_up}"
    elif ending.interrupted is not None:
        code = interruption(ending.interrupted)
        yield code, f"The run was interrupted by {ending.interrupted} {after}; it says nothing of the rest."


def _about_what_was_done(summary: Summary, info: RunInfo, judgement: Judgement) -> Iterator[Finding]:
    if summary.ledger.connections.attempted and not summary.ledger.connections.opened and not _as_expected(summary):
        is_reached = _has_http_answer(summary)
        yield (ExitCode.FAILED if is_reached else ExitCode.UNREACHABLE), _nothing_opened(summary, is_reached)
        return
    if info.share is not None:  # it may have been one user, or none
        return
    units = units_of(summary)
    work = judged_units_of(summary) if judgement.checks else units
    if not units.ended and not anything_succeeded(summary):
        yield ExitCode.FAILED, "The run completed nothing: no session, no turn and no request came to its end."
    elif too_much_failed(work, judgement.thresholds):
        yield ExitCode.FAILED, f"Half or more of what the users began has failed: {work.text}."
    if info.awaits_messages and _waited_in_vain(summary, units):
        yield ExitCode.INCONCLUSIVE, _NOTHING_RECEIVED


def _waited_in_vain(summary: Summary, units: Units) -> bool:
    """Return whether no wait for a message ended, and nothing else did but the connections."""
    ledger = summary.ledger
    other = units.ended - ledger.connections.held + ledger.messages.answered
    return bool(ledger.connections.opened) and not other and not summary.entries("error_rate", kind="wait_for")


def _about_the_generator(summary: Summary, judgement: Judgement) -> Iterator[Finding]:
    """Yield a sentence on the consequences for the verdict, then each warning as a reason of its own."""
    if judgement.changed_by_lag:
        rules = ", ".join(judgement.changed_by_lag)
        yield (
            ExitCode.INVALID,
            f"What loadws itself added decides the verdict: without its send lag {rules} would be judged otherwise.",
        )
    elif not summary.generator.healthy:
        yield ExitCode.INVALID, "What was measured may be the generator's own doing."
    else:
        return
    yield from ((ExitCode.INVALID, warning) for warning in summary.generator.warnings)


def _about_the_load(summary: Summary, info: RunInfo) -> Iterator[Finding]:
    too_little = [f"The load was not applied: {reason}" for reason in not_applied(summary, info)]
    yield from ((ExitCode.INCONCLUSIVE, reason) for reason in too_little)
    yield from ((ExitCode.PASSED, reason) for reason in (() if too_little else losses(summary)))


def _about_lost_machines(info: RunInfo, ending: Ending | None) -> Iterator[Finding]:
    """Yield the consequences of a lost machine: its load was not applied, and if it may not be lost, the run is
    invalid.
    """
    lost = lost_machines(info, ending)
    code = ExitCode.INCONCLUSIVE if len(lost) <= info.tolerated_losses else ExitCode.INVALID
    for machine, why in lost:
        name = f"{machine.name[0].upper()}{machine.name[1:]}"
        yield code, f"{name} was lost, and its load was not applied: {why}."


def _about_the_checks(judgement: Judgement) -> Iterator[Finding]:
    if any(check.outcome in ("failed", "no_data") for check in judgement.checks):
        yield ExitCode.FAILED, ""
    if any(check.outcome == "too_close" and not check.is_excused for check in judgement.checks):
        yield ExitCode.INCONCLUSIVE, ""
    for note in judgement.notes:
        yield ExitCode.PASSED, note


def _without_judged_time(summary: Summary) -> str:
    if any(not phase.warmup for phase in summary.run.phases) or not summary.run.phases:
        return "No time was judged: the run ended before its judged phases had lasted any time."
    return "No time was judged: the run ended while every phase that had begun was a warm-up."


def _as_expected(summary: Summary) -> bool:
    """Return whether the scenario expected to be refused."""
    return bool(summary.ledger.connections.as_expected)


def _has_http_answer(summary: Summary) -> bool:
    ledger = summary.ledger
    return bool(ledger.connections.refused or any(had_http_response(kind) for kind in ledger.failures))


def _nothing_opened(summary: Summary, is_reached: bool) -> str:
    ledger = summary.ledger
    kinds = {**ledger.failures, **{f"http.{status}": count for status, count in ledger.refusals.items()}}
    ordered = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    counts = ", ".join(f"{format_count(count)} × {kind}" for kind, count in ordered)
    what = "refused every connection" if is_reached else "could not be reached"
    advice = explain(ordered[0][0]).advice if ordered else ""
    return f"{summary.run.target} {what}{f': {counts}' if counts else ''}. {advice}".strip()
