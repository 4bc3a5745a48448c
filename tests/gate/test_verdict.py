"""Verdicts: outcome, exit code and reasons of whole runs."""

from typing import Any

import msgspec
import pytest

from loadws.gate.verdict import completed, judge
from loadws.metrics.frame import CounterPart, Frame, Health, HistogramPart
from loadws.metrics.ledger import Ledger
from loadws.metrics.runinfo import Ending
from loadws.metrics.summarise import Summariser
from loadws.metrics.summary import Summary, Verdict, from_json, to_json
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
SLOW = times("response_time", [500] * 30, step="a")
BUSY = Health(cpu_share=1.0)
PASSING, FAILING, EMPTY = "response_time.max < 1s", "response_time.max < 1ms", "wait_time.max < 1s"


def measured(*rules: str, said: Ledger = GOOD, ending: Ending | None = DONE, **changed: Any) -> tuple[Summary, Verdict]:
    """A run of one second in which thirty requests took half a second each, and what it comes to."""
    known = info(*rules)
    made = Summariser(known)
    plain: dict[str, Any] = {"ledger": said, "histograms": (SLOW,), "last": ending is not None}
    made.add(frame(0, **{**plain, **changed}))
    summary = made.summary(ending)
    return summary, judge(summary, known.rules, known.own(), ending)


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
        ([PASSING], {"health": BUSY}, "invalid", 4),
        ([], {"health": BUSY}, "passed", 0),  # no latency is judged
        ([], {"last": False}, "invalid", 4),  # data is missing
        ([], {"ending": Ending(1.0, "Ctrl-C")}, "interrupted", 130),
        ([], {"ending": Ending(1.0, "SIGTERM")}, "interrupted", 130),
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
    whole = msgspec.structs.replace(summary, verdict=verdict)
    assert from_json(to_json(whole)) == whole


@pytest.mark.parametrize(
    ("changed", "reasons"),
    [
        ({}, ()),
        (
            {"said": DEAD},
            ("ws://127.0.0.1:1 could not be reached: 9 × tcp.refused, 1 × tcp.timeout. "
             "Is the server running there, and is the address right?",),
        ),
        ({"said": REFUSED}, ("The run completed nothing: no flow, no turn and no request came to its end.",)),
        (
            {"ending": Ending(2.0, "Ctrl-C")},
            ("The run was interrupted by Ctrl-C after 2.0 s; it says nothing of the rest.",),
        ),
        (
            {"ending": Ending(2.0, PASSING, PASSING)},
            (f"The threshold {PASSING!r} was broken and ended the run after 2.0 s.",),
        ),
        (
            {"ending": Ending(2.0, defect="KeyError: 'x'")},
            ("loadws itself failed: KeyError: 'x'. Please report it, with the run's folder.",),
        ),
        (
            {"last": False},
            ("What was measured may be the generator's own doing. Process 0 ended without its last word, so some of its "
             "data is missing: look at what it said, and run again.",),
        ),
    ],
)  # fmt: skip
def test_reasons_are_sentences(changed: dict[str, Any], reasons: tuple[str, ...]) -> None:
    _, verdict = measured(PASSING, **changed)
    assert verdict.reasons == reasons


def test_a_killed_run_says_what_is_missing() -> None:
    _, verdict = measured(ending=None)
    assert verdict.reasons == (
        "The run was killed after 1.0 s; this is what it had said until then.",
        "What was measured may be the generator's own doing. Process 0 ended without its last word, so some of its "
        "data is missing: look at what it said, and run again.",
    )


def test_a_run_that_never_left_its_warm_up_is_inconclusive() -> None:
    known = info(phases=(("warm-up", True), ("steady", False)))
    made = Summariser(known)
    made.add(frame(0, "warm-up", warmup=True, ledger=GOOD, last=True))
    verdict = judge(made.summary(DONE), (), {}, DONE)
    assert verdict == Verdict(
        "inconclusive", 3, (), ("The run ended before any time that is judged: every phase that began is a warm-up.",)
    )


def test_thresholds_of_a_run_that_never_left_its_warm_up_have_no_data() -> None:
    known = info(PASSING, "errors == 0", phases=(("warm-up", True), ("steady", False)))
    made = Summariser(known)
    made.add(frame(0, "warm-up", warmup=True, ledger=GOOD, last=True))
    verdict = judge(made.summary(DONE), known.rules, known.own(), DONE)
    assert (verdict.outcome, verdict.exit_code) == ("no_data", 1)
    assert [check.outcome for check in verdict.checks] == ["no_data", "no_data"]


IDLE = ledger(connections={"attempted": 5, "opened": 5, "closed_by_us": 5})
MUTE = ledger(
    connections={"attempted": 5, "opened": 5, "closed_by_us": 5}, messages={"sent": 5, "timed_out": 5, "received": 0}
)


@pytest.mark.parametrize(
    ("said", "parts", "how_much"),
    [
        (Ledger(), [], 0),  # nothing
        (ledger(sessions={"completed": 2}, arrivals={"completed": 3}, turns={"done": 4}), [], 9),
        (ledger(messages={"answered": 2, "one_way": 3}), [], 5),
        (Ledger(), [counted("iterations", 6)], 6),
        (Ledger(), [counted("error_rate", 6, failed=2, kind="wait", step="w")], 4),
        # users that only connect: what counts is to connect, a refusal that was expected too
        (IDLE, [counted("error_rate", 5, kind="connect", step="connect")], 5),
        (IDLE, [counted("error_rate", 5, failed=5, kind="connect", step="connect")], 0),
        # users that ask and get no answer did not complete anything by connecting
        (MUTE, [counted("error_rate", 5, kind="connect", step="connect")], 0),
        (IDLE, [counted("error_rate", 5, kind="connect", step="connect"),
                counted("error_rate", 5, failed=5, kind="wait", step="w")], 0),
    ],
)  # fmt: skip
def test_what_counts_as_completed(said: Ledger, parts: list[CounterPart], how_much: int) -> None:
    summary, _ = measured(said=said, counters=tuple(parts))
    assert completed(summary) == how_much


def test_a_server_that_says_nothing_fails_a_run_without_thresholds() -> None:
    silence: list[HistogramPart] = [times("response_time", [], step="a", missing=5)]
    one: Frame = frame(
        0,
        ledger=MUTE,
        last=True,
        histograms=tuple(silence),
        counters=(counted("error_rate", 5, failed=5, kind="request", step="a"),),
    )
    made = Summariser(info())
    made.add(one)
    assert judge(made.summary(DONE), (), {}, DONE).exit_code == 1
