"""Verdicts: outcome, exit code and reasons of whole runs."""

from typing import Any

import msgspec
import pytest

from loadws.gate.verdict import judged
from loadws.metrics.frame import Health
from loadws.metrics.ledger import Ledger
from loadws.metrics.runinfo import Ending, PhaseInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary, Verdict, from_json, to_json
from loadws.terms.failures import explain
from tests.metrics.made_up import counted, frame, info, ledger, times

DONE = Ending(1.0)
GOOD = ledger(
    sessions={"started": 10, "completed": 10},
    connections={"attempted": 10, "opened": 10, "closed_by_us": 10},
    messages={"sent": 10, "answered": 10},
    close_codes={"us.1000": 10},
)
DEAD = ledger(
    sessions={"started": 10, "failed": 10},
    connections={"attempted": 10, "failed": 10},
    failures={"tcp.refused": 9, "tcp.timeout": 1},
)
REFUSED = ledger(
    sessions={"started": 10, "failed": 10}, connections={"attempted": 10, "refused": 10}, refusals={"503": 10}
)
NOT_OURS = ledger(
    sessions={"started": 1, "failed": 1}, connections={"attempted": 1, "failed": 1}, failures={"upgrade.bad_accept": 1}
)
#: The headline is the advice for the most frequent kind.
UNREACHED = f"ws://127.0.0.1:1 could not be reached: 9 × tcp.refused, 1 × tcp.timeout. {explain('tcp.refused').advice}"
SLOW = times("response_time", [500] * 30, step="a")
BUSY = Health(cpu_share=1.0)
STALLED = Health(stalled_ns=20_000_000, stall_max_ns=20_000_000)
PASSING, FAILING, EMPTY = "response_time.max < 1s", "response_time.max < 1ms", "wait_time.max < 1s"
CLOSE = "response_time.p99 < 1s"


def measured(
    *rules: str, said: Ledger = GOOD, ending: Ending | None = DONE, of: dict[str, Any] | None = None, **changed: Any
) -> tuple[Summary, Verdict]:
    """A run of one second in which thirty requests took half a second each, and what it comes to; ``of``: its RunInfo."""
    known = msgspec.structs.replace(info(*rules), **(of or {}))
    made = Summariser(known)
    plain: dict[str, Any] = {"ledger": said, "histograms": (SLOW,), "last": ending is not None}
    made.add(frame(0, **{**plain, **changed}))
    summary = judged(made.summary(ending), known, ending)
    return summary, summary.verdict


@pytest.mark.parametrize(
    ("rules", "changed", "outcome", "exit_code"),
    [
        # one thing at a time
        ([], {}, "passed", 0),
        ([PASSING], {}, "passed", 0),
        ([PASSING, FAILING], {}, "failed", 1),
        ([PASSING, EMPTY], {}, "no_data", 1),
        ([EMPTY, FAILING], {}, "failed", 1),
        ([], {"said": Ledger()}, "failed", 1),  # completed nothing, without any threshold
        ([], {"said": REFUSED}, "failed", 1),  # nothing opened, but there was an HTTP answer
        ([], {"said": NOT_OURS}, "failed", 1),  # a 101, though a wrong one
        ([], {"said": DEAD}, "unreachable", 5),
        ([PASSING], {"health": BUSY}, "invalid", 4),  # no kernel stamps
        ([PASSING], {"health": BUSY, "of": {"stamps": "kernel"}}, "passed", 0),
        ([], {"health": BUSY}, "passed", 0),  # no latency is judged
        ([CLOSE], {}, "inconclusive", 3),
        ([CLOSE], {"of": {"too_close": "pass"}}, "passed", 0),
        ([CLOSE, FAILING], {}, "failed", 1),
        ([PASSING], {"health": STALLED}, "inconclusive", 3),
        ([FAILING], {"health": STALLED}, "failed", 1),
        ([], {"last": False}, "invalid", 4),  # data is missing
        ([], {"ending": Ending(1.0, "Ctrl-C")}, "interrupted", 130),
        ([], {"ending": Ending(1.0, "SIGTERM")}, "interrupted", 143),
        ([], {"ending": Ending(1.0, "SIGHUP")}, "interrupted", 143),
        ([], {"ending": None}, "interrupted", 130),
        ([PASSING], {"ending": Ending(1.0, PASSING, PASSING)}, "aborted", 1),
        ([], {"ending": Ending(1.0, defect="KeyError: 'x'")}, "invalid", 70),
        # several: the first of 70, 2, 130, 5, 4, 1, 3
        ([FAILING], {"ending": Ending(1.0, "Ctrl-C", defect="KeyError: 'x'")}, "invalid", 70),
        ([FAILING], {"ending": Ending(1.0, "Ctrl-C"), "said": DEAD}, "interrupted", 130),
        ([FAILING], {"health": BUSY, "said": DEAD}, "unreachable", 5),
        ([FAILING], {"health": BUSY}, "invalid", 4),
        ([PASSING], {"health": BUSY, "ending": Ending(1.0, PASSING, PASSING)}, "invalid", 4),
    ],
)
def test_outcomes_and_exit_codes(rules: list[str], changed: dict[str, Any], outcome: str, exit_code: int) -> None:
    summary, verdict = measured(*rules, **changed)
    assert (verdict.outcome, verdict.exit_code) == (outcome, exit_code)
    assert [check.rule for check in verdict.checks] == rules
    assert from_json(to_json(summary)) == summary


@pytest.mark.parametrize(
    ("changed", "reasons"),
    [
        ({}, ()),
        ({"said": DEAD}, (UNREACHED,)),
        ({"said": REFUSED}, (f"ws://127.0.0.1:1 refused every connection: 10 × http.503. {explain('http.503').advice}",)),
        (
            {
                "ending": Ending(6.9, "the dead target", gave_up="nobody is there.", phases=(("steady", 0.0, 3.2),)),
                "said": DEAD,
            },
            (
                "The run was stopped after 3.2 s: nobody is there.",
                UNREACHED,
            ),
        ),
        (
            {"ending": Ending(2.0, "Ctrl-C", phases=(("steady", 0.0, 2.0),))},
            ("The run was interrupted by Ctrl-C after 2.0 s; it says nothing of the rest.",),
        ),
        (
            {"ending": Ending(2.0, PASSING, PASSING, phases=(("steady", 0.0, 2.0),))},
            (f"The threshold {PASSING!r} was broken and ended the run after 2.0 s.",),
        ),
        (  # the last user left at 6.9 s
            {"ending": Ending(6.9, PASSING, PASSING, phases=(("steady", 0.0, 2.5),))},
            (f"The threshold {PASSING!r} was broken and ended the run after 2.5 s.",),
        ),
        (
            {"ending": Ending(6.9, "Ctrl-C", phases=(("steady", 0.0, 2.5),))},
            ("The run was interrupted by Ctrl-C after 2.5 s; it says nothing of the rest.",),
        ),
        (
            {"ending": Ending(2.0, defect="KeyError: 'x'")},
            ("loadws itself failed: KeyError: 'x'. Please report it, with the run's folder.",),
        ),
        (
            {"last": False},
            ("What was measured may be the generator's own doing.",
             "Process 0 ended without its last frame, so some of its data is missing: read what it printed, and run again."),
        ),
    ],
)  # fmt: skip
def test_reasons_are_sentences(changed: dict[str, Any], reasons: tuple[str, ...]) -> None:
    _, verdict = measured(PASSING, **changed)
    assert verdict.reasons == reasons


def test_a_killed_run_says_what_is_missing() -> None:
    _, verdict = measured(ending=None)
    assert verdict.reasons == (
        "The run was killed after 1.0 s; this is what it had kept until then.",
        "What was measured may be the generator's own doing.",
        "Process 0 ended without its last frame, so some of its data is missing: read what it printed, and run again.",
    )


def test_a_run_that_never_left_its_warm_up_is_inconclusive() -> None:
    known = info(phases=(("warm-up", True), ("steady", False)))
    made = Summariser(known)
    made.add(frame(0, "warm-up", warmup=True, ledger=GOOD, last=True))
    verdict = judged(made.summary(DONE), known, DONE).verdict
    assert verdict == Verdict(
        "inconclusive", 3, (), ("No time was judged: the run ended while every phase that had begun was a warm-up.",)
    )


def test_thresholds_of_a_run_that_never_left_its_warm_up_have_no_data() -> None:
    known = info(PASSING, "errors == 0", phases=(("warm-up", True), ("steady", False)))
    made = Summariser(known)
    made.add(frame(0, "warm-up", warmup=True, ledger=GOOD, last=True))
    verdict = judged(made.summary(DONE), known, DONE).verdict
    assert (verdict.outcome, verdict.exit_code) == ("no_data", 1)
    assert [check.outcome for check in verdict.checks] == ["no_data", "no_data"]


# -- without rules: what came to a good end ---------------------------------------------------------------------------

HELD = {"attempted": 5, "opened": 5, "closed_by_us": 5, "held": 5}


@pytest.mark.parametrize(
    ("said", "exit_code"),
    [
        (Ledger(), 1),  # nothing at all
        (ledger(sessions={"started": 2, "completed": 2}), 0),
        (ledger(sessions={"started": 14, "failed": 14}), 1),
        (ledger(sessions={"started": 4, "failed": 2, "completed": 2}), 1),  # half of them
        (ledger(sessions={"started": 5, "failed": 2, "completed": 3}), 0),
        (ledger(arrivals={"planned": 9, "failed": 5, "completed": 3, "cut_off": 1}), 1),
        (ledger(turns={"due": 600, "done": 590, "failed": 10}, sessions={"started": 3, "failed": 3}), 0),
        (ledger(sessions={"started": 5, "cut_off": 5}, connections=HELD), 0),  # an honest hold
        (ledger(sessions={"started": 10, "failed": 5, "cut_off": 5}, connections=HELD), 1),
        (ledger(sessions={"started": 5, "cut_off": 5}, messages={"sent": 5, "answered": 5}), 0),  # still under way
    ],
)
def test_a_run_without_rules_fails_where_half_of_what_ended_failed(said: Ledger, exit_code: int) -> None:
    _, verdict = measured(said=said)
    assert verdict.exit_code == exit_code
    assert exit_code == 0 or verdict.reasons[0].startswith(("Half or more", "The run completed nothing"))


ALLOWING = ("sessions_failed < 100", "sessions_failed <= 9", "error_rate < 50%", "error_rate <= 100%")
ALL_FAILED = ledger(sessions={"started": 14, "failed": 14}, connections={"attempted": 14, "opened": 14, "lost": 14})
HELD_TO_THE_END = ledger(connections=HELD, messages={"received": 1})


def ended(failed: int, of: int) -> dict[str, Any]:
    """Sessions that ended in the judged time, and those of them that failed."""
    return {"counters": (counted("sessions", of), counted("sessions_failed", failed))}


def tried(failed: int, of: int) -> dict[str, Any]:
    """Tries of the judged time, and those of them that failed."""
    return {"counters": (counted("error_rate", of, failed=failed, kind="request", step="ask"),)}


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (ended(3, 7), None),
        (ended(4, 7), "sessions failed 4 of 7"),
        # a connection that was held to the end is a session that went well
        ({**ended(4, 4), "said": HELD_TO_THE_END}, None),
        ({**ended(5, 5), "said": HELD_TO_THE_END},
         "sessions failed 5 of 5, 5 connections were still open when the load ended"),
        # a session goes on after a try that failed
        (tried(74, 149), None),
        (tried(75, 150), "tries failed 75 of 150"),
        # what ended before the judged time decides where nothing ended in it
        ({"said": ALL_FAILED}, "sessions failed 14 of 14"),
        # what this machine had no files for was never applied to the server
        ({"counters": (*ended(8, 9)["counters"], counted("generator_failures", 8))}, None),
    ],
)  # fmt: skip
def test_a_rule_that_looks_elsewhere_passes_no_run_of_which_half_failed(
    changed: dict[str, Any], text: str | None
) -> None:
    _, verdict = measured(PASSING, **changed)
    expected = () if text is None else (f"Half or more of what the users began has failed: {text}.",)
    assert tuple(reason for reason in verdict.reasons if reason.startswith("Half")) == expected
    assert (verdict.exit_code == 1) == (text is not None)


def test_what_this_machine_lacked_fails_no_run_without_rules() -> None:
    said = ledger(sessions={"started": 9, "completed": 1, "failed": 8}, messages={"sent": 1, "answered": 1})
    _, verdict = measured(said=said, counters=(counted("generator_failures", 8),))
    assert verdict.exit_code == 3
    assert not any(reason.startswith("Half") for reason in verdict.reasons)


HALF_FAILED: dict[str, Any] = {"counters": (*ended(9, 9)["counters"], *tried(4, 9)["counters"])}


@pytest.mark.parametrize("rule", ALLOWING)
def test_a_rule_that_says_how_much_may_fail_stands_in_its_place(rule: str) -> None:
    assert measured(PASSING, rule, **HALF_FAILED)[1].exit_code == 0


@pytest.mark.parametrize(
    "rule",
    ["error_rate < 49%", "error_rate{step=ask} < 90%", "errors.count >= 0", "sessions >= 1", "sessions_failed >= 0"],
)
def test_a_rule_that_does_not_leaves_it(rule: str) -> None:
    assert measured(PASSING, rule, **HALF_FAILED)[1].exit_code == 1


def test_a_limit_on_failed_sessions_allows_no_failed_tries() -> None:
    assert measured("sessions_failed < 100", **tried(75, 150))[1].exit_code == 1
    assert measured("error_rate < 90%", **tried(75, 150))[1].exit_code == 0


IN_VAIN = ledger(sessions={"started": 5, "cut_off": 5}, connections=HELD, messages={"sent": 5, "one_way": 5})
ONE_ANSWER = ledger(sessions={"started": 5, "cut_off": 5}, connections=HELD, messages={"sent": 5, "answered": 1})
TURNS_ENDED = ledger(turns={"due": 5, "done": 5}, connections=HELD, messages={"sent": 5, "one_way": 5})


@pytest.mark.parametrize(
    ("said", "awaits", "exit_code"),
    [
        (IN_VAIN, True, 3),
        (IN_VAIN, False, 0),  # users that only send
        (ONE_ANSWER, True, 0),
        (TURNS_ENDED, True, 0),
    ],
)
def test_a_run_that_only_waited_tells_nothing(said: Ledger, awaits: bool, exit_code: int) -> None:
    _, verdict = measured(PASSING, said=said, of={"awaits_messages": awaits})
    assert verdict.exit_code == exit_code
    assert exit_code == 0 or verdict.reasons[0].startswith("No wait for a message came to its end")


# -- load that was not applied ----------------------------------------------------------------------------------------


def arrived(dropped: int, **of: Any) -> Verdict:
    counters = (counted("arrivals", 244), counted("arrivals_dropped", dropped))
    return measured(PASSING, counters=counters, of=of)[1]


def test_dropped_arrivals_make_a_run_inconclusive_above_one_percent() -> None:
    assert arrived(0).reasons == ()
    assert (arrived(2).exit_code, arrived(2).reasons) == (0, ("2 of 244 arrivals (0.82%) were dropped.",))
    assert (arrived(184).exit_code, arrived(184).outcome) == (3, "inconclusive")
    assert arrived(184).reasons == (
        "The load was not applied: 75.4% of the arrivals of phase 'steady' were dropped (184 of 244; max_dropped is 1%): "
        "raise max_users, or plan fewer arrivals.",
    )
    assert arrived(184, phases=(PhaseInfo("steady", False, None, max_dropped=0.8),)).exit_code == 0


def test_skipped_turns_count_only_where_the_scenario_limits_them() -> None:
    counters = (counted("turns", 100), counted("turns_skipped", 40))
    summary, verdict = measured(PASSING, counters=counters)
    assert verdict.exit_code == 0
    assert (summary.applied.turns_kept, summary.applied.turns_due) == (60, 100)
    known = msgspec.structs.replace(info(PASSING), phases=(PhaseInfo("steady", False, None, max_skipped=0.1),))
    assert judged(summary, known, DONE).verdict.exit_code == 3


def test_what_this_machine_lacked_is_no_failure_of_the_server() -> None:
    counters = (counted("generator_failures", 332), counted("error_rate", 68, kind="connect", step="c"))
    summary, verdict = measured("error_rate < 1%", counters=counters)
    assert verdict.exit_code == 3
    assert (summary.applied.generator_failures, summary.applied.attempts) == (332, 400)
    assert verdict.checks[0].outcome == "passed"


def test_a_stall_is_named() -> None:
    summary, verdict = measured(PASSING, health=Health(stalled_ns=600_000_000, stall_max_ns=600_000_000))
    assert not summary.generator.healthy
    assert verdict.reasons[0].startswith(
        "The load was not applied: Process 0 of loadws stood still for 60% of the judged time (1% is fine); the longest "
        "stall took 600 ms."
    )


# -- what the generator itself added ----------------------------------------------------------------------------------

FAST = times("unlagged_time", [5] * 100, step="a")
LATE = times("response_time", [500] * 100, step="a")


@pytest.mark.parametrize(
    ("rule", "unlagged", "exit_code"),
    [
        ("response_time.p90 < 100ms", [5] * 100, 4),  # failed as measured, passed without the lag
        ("response_time.p90 > 100ms", [5] * 100, 4),
        ("response_time.p90 < 100ms", [400] * 100, 1),  # failed either way: it is the server
        ("response_time.p90 < 1s", [5] * 100, 0),
        ("response_time.max < 100ms", [5] * 100, 4),
        ("response_time.p90 < 100ms", [5] * 88 + [400] * 12, 3),  # without the lag it is too close to call
        ("response_time.count > 5", [5] * 100, 0),  # no latency
    ],
)
def test_a_verdict_that_the_generator_s_own_lag_decides_is_invalid(
    rule: str, unlagged: list[int], exit_code: int
) -> None:
    summary, verdict = measured(rule, histograms=(LATE, times("unlagged_time", unlagged, step="a")))
    assert verdict.exit_code == exit_code
    assert summary.generator.healthy is (exit_code != 4)


# -- somebody else's answer -------------------------------------------------------------------------------------------


def test_a_latency_that_may_be_another_answer_s_is_at_most_too_close_to_call() -> None:
    steps = (times("response_time", [5] * 100, step="a"), times("response_time", [5] * 100, step="b"))
    strays = (counted("stray_messages", 485, step="a"),)
    for rule, exit_code in (
        ("response_time{step=a}.p50 < 1s", 3),
        ("response_time.p50 < 1s", 3),
        ("response_time{step=b}.p50 < 1s", 0),
        ("response_time{step=a}.p50 < 1ms", 1),  # a failure stays one
        ("response_time{step=a}.count > 1", 0),
    ):
        _, verdict = measured(rule, histograms=steps, counters=strays)
        assert (rule, verdict.exit_code) == (rule, exit_code)
        assert "485 messages came that no step asked for" in verdict.reasons[0]
    _, verdict = measured(
        "response_time.p50 < 1s", histograms=steps, counters=(counted("stray_messages", 1, step="a"),)
    )
    assert verdict.exit_code == 0
