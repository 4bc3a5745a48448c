from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from loadws.metrics.ledger import Arrivals, Ledger
from loadws.metrics.live import GeneratorNow, LiveView, Second
from loadws.metrics.runinfo import PhaseInfo
from loadws.metrics.summary import Check, ErrorCount
from loadws.report.terminal.panel import MOST_RULES, Line, Scene, cut, panel
from loadws.report.terminal.past import Past
from loadws.report.terminal.trace import trace
from tests.metrics import made_up
from tests.report import example

MS = 1e6
FAILED = Check("error_rate < 1%", "failed", 0.025, "ratio", "25 of 1,000", op="<", limit=0.01)
HOLDS = Check("response_time{step=ask}.p95 < 200ms", "passed", 143 * MS, "ns", op="<", limit=200 * MS)
NO_DATA = Check("recovery_time.max < 2s", "no_data", None, "ns", op="<", limit=2e9)


def _view() -> LiveView:
    chance = random.Random(1)
    return LiveView(
        at_s=12.0, phase="steady", warmup=False, users=1_200, open_connections=1_198, sent_per_s=9_811.6,
        received_per_s=9_790.2, response_p50_ns=1.2 * MS, response_p99_ns=None, response_max_ns=2 * MS, errors=23,
        ledger=Ledger(arrivals=Arrivals(planned=300, dropped=12)), recent_s=5.0,
        spread=((2 * MS, 40), (5 * MS, 900), (10 * MS, 30), (float("inf"), 1)),
        seconds=tuple(Second(n, 0, chance.randint(1, 9), n % 2, None, chance.random() * MS) for n in range(2, 12)),
        begun=(("warm-up", 0.0), ("steady", 4.0)),
        kinds=(ErrorCount("timeout", "ask", 20, "no answer within 5 s"), ErrorCount("upgrade.status", "connect", 3, "")),
        generator=GeneratorNow(0.22, 3_000_000, 0.0, 0.0, 0.4 * MS),
    )  # fmt: skip


def _scene(view: LiveView | None = None, checks: tuple[Check, ...] = (HOLDS, NO_DATA, FAILED)) -> Scene:
    view = view or _view()
    past = Past()
    past.note(view.seconds)
    phases = (PhaseInfo("warm-up", True, 4.0), PhaseInfo("steady", False, 16.0), PhaseInfo("after", False, 10.0))
    return Scene(view, checks, past, msgspec.structs.replace(made_up.info(), phases=phases), has_keys=True)


def _texts(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def test_it_says_it_all() -> None:
    texts = _texts(panel(_scene(), 100, 30))
    assert texts[0] == " made up  ws://127.0.0.1:1"
    assert texts[1].endswith("12 s, 18 s left")
    assert texts[2:5] == [
        " ✘ error_rate < 1%                      now 2.5%          25 of 1,000",
        " · recovery_time.max < 2s               no data yet",
        " ✔ response_time{step=ask}.p95 < 200ms  now 143 ms        ━━━━━━━━━━━━━━━━━─────── of the limit"[
            :101
        ].rstrip(),
    ]
    assert texts[5:8] == [
        " errors 23  5 in the last 10 s",
        "        20  timeout in ask  no answer within 5 s",
        "         3  upgrade.status in connect",
    ]
    assert texts[8] == " users 1,200   open 1,198   arrivals 300, 12 dropped (4%)"
    assert "p50 1.2 ms, p99 — of the last 5 s" in texts[10]
    assert texts[12] == " times up to 2ms     5ms     10ms    more"
    assert texts[13] == " generator keeps up  CPU 22%, send lag p99 400 µs, loop lag at most 3 ms"
    assert "q ends the load" in texts[14]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_it_fits_its_terminal(width: int) -> None:
    for line in panel(_scene(), width, 30):
        assert sum(cell_len(text) for text, _ in line) <= width


@settings(max_examples=40)
@given(st.integers(1, 260), st.integers(0, 40), st.text(max_size=30), st.sampled_from(example.ATTACKS))
def test_it_fits_any_terminal_whatever_the_names(width: int, height: int, name: str, attack: str) -> None:
    kinds = (ErrorCount(name, attack, 2, attack),)
    rule = msgspec.structs.replace(FAILED, rule=name, note=attack)
    scene = _scene(msgspec.structs.replace(_view(), phase=name, kinds=kinds), (rule,))
    lines = panel(scene, width, height)
    assert len(lines) <= height
    for line in lines:
        text = "".join(text for text, _ in line)
        assert cell_len(text) <= max(width, 20)
        assert "\x1b" not in text
        assert "\n" not in text


def test_on_a_low_terminal_thresholds_and_errors_stay() -> None:
    texts = _texts(panel(_scene(), 80, 7))
    assert len(texts) == 7
    assert [text.split()[0] for text in texts[1:4]] == ["✘", "·", "✔"]
    assert texts[4].startswith(" errors 23")


def test_many_thresholds_show_those_that_do_not_hold() -> None:
    many = tuple(msgspec.structs.replace(HOLDS, rule=f"r{number}.p95 < 1s") for number in range(20))
    texts = _texts(panel(_scene(checks=(*many, FAILED)), 100, 40))
    assert texts[2].startswith(" ✘ error_rate")
    assert texts[2 + MOST_RULES] == f"   and {21 - MOST_RULES} more thresholds"


@pytest.mark.parametrize(
    ("now", "word"),
    [
        (GeneratorNow(cpu_share=0.95, waited_share=0.5), "too busy"),
        (
            GeneratorNow(cpu_share=0.2, waited_share=0.5, loop_lag_max_ns=20_000_000),
            "starved: something else has its core",
        ),
        (
            GeneratorNow(cpu_share=0.2, steal_share=0.5, loop_lag_max_ns=20_000_000),
            "starved: something else has its core",
        ),
        (GeneratorNow(cpu_share=0.2, loop_lag_max_ns=200_000_000), "held up"),
        (GeneratorNow(cpu_share=0.2, waited_share=0.5, loop_lag_max_ns=2_000_000), "keeps up"),  # it cost nothing
    ],
)
def test_how_the_generator_does_is_a_word(now: GeneratorNow, word: str) -> None:
    texts = _texts(panel(_scene(msgspec.structs.replace(_view(), generator=now)), 100, 40))
    assert any(text.startswith(f" generator {word}  CPU") for text in texts)


def test_more_columns_of_the_spread_than_fit_are_put_together() -> None:
    spread = tuple((2.0**number * MS, 1) for number in range(20))
    texts = _texts(panel(_scene(msgspec.structs.replace(_view(), spread=spread)), 60, 40))
    [limits] = [text for text in texts if text.startswith(" times up to")]
    assert len(limits.split()) == 3 + (60 - 13) // 8


def test_the_trace_shows_the_whole_course() -> None:
    texts = _texts(trace(_scene(), 80))
    assert [text.split()[0] for text in texts] == ["received/s", "p99", "errors", "0"]
    assert texts[3] == " 0 s to      12 s: warm-up from 0 s · steady from 4 s"
    assert all(len(text) <= 80 for text in texts)


def test_a_run_of_a_second_leaves_no_trace() -> None:
    view = msgspec.structs.replace(_view(), seconds=_view().seconds[:1])
    scene = _scene(msgspec.structs.replace(view, seconds=(msgspec.structs.replace(view.seconds[0], second=0),)))
    assert trace(scene, 80) == []


def test_a_narrow_terminal_has_whole_words_and_fewer_of_them() -> None:
    example = "$.ok is not there (the message is not JSON)"
    view = msgspec.structs.replace(_view(), kinds=(ErrorCount("check", "ask", 20, example),))
    texts = _texts(panel(_scene(view, checks=(FAILED,)), 50, 30))
    assert texts[2] == " ✘ error_rate < 1%  now 2.5%          25 of 1,000"
    assert texts[4] == "        20  check in ask  $.ok is not there (the…"
    assert "p50 1.2 ms, p99 —, last 5 s" in texts[7]
    assert texts[10] == " generator keeps up  CPU 22%, send lag p99 400 µs"
    assert texts[11] == " q ends the load as Ctrl-C does"


def test_a_text_without_a_space_is_cut_where_the_line_ends() -> None:
    assert cut([("x" * 30, "")], 20) == [("x" * 19 + "…", "")]
    assert cut([("━" * 30, "bar")], 20) == [("━" * 20, "bar")]
