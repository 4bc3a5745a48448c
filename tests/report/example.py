"""A run that never was: summaries, frames and run information that look like a real run's, from one seed.

``summary()`` is a chat server that holds up under a steady load and stalls for a while under a rush. ``brief()`` is the five
seconds of a newcomer's first run. ``hostile()`` is the first again, with every text from outside replaced by an attack.
"""

from __future__ import annotations

import math
import random
from functools import cache

import msgspec

from loadws.metrics.frame import CounterPart, ErrorSample, Frame, Gauges, Health, LogLine
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.ledger import Arrivals, Bytes, Connections, Ledger, Messages, Sessions, Turns
from loadws.metrics.runinfo import Ending, GeneratorMachine, MachineInfo, PhaseInfo, Rule, RunInfo
from loadws.metrics.summary import (
    SCHEMA_VERSION,
    Applied,
    Check,
    Column,
    ErrorCount,
    Generator,
    MetricEntry,
    PhaseSpan,
    ProcessHealth,
    Run,
    Series,
    Summary,
    Verdict,
)
from loadws.metrics.wording import sentence_of
from loadws.report.runreport import RunReport
from tests.kit.plain import run_info

ATTACKS = (
    "</script><script>window.owned=1</script>",
    "<img src=x onerror=window.owned=1>",
    "\x1b[2J\x1b]0;owned\x07",
    "a|b`c`\n\n# heading @team [link](javascript:owned)",
    "[bold red]markup[/]",
    "'\"><svg onload=window.owned=1>",
    "nul\x00 \ud800 \uffff \u202egnp",
    "{{ 7*7 }}{% raw %}",
)
SCENARIO = """\
# yaml-language-server: $schema=loadws.schema.json
name: chat rooms
target: ws://127.0.0.1:8765/chat
load:
  - {name: warm-up, users: {from: 0, to: 200}, for: 20s, warmup: true}
  - {name: steady, users: 200, for: 2m}
  - {name: rush, users: 200, arrivals: {from: 10/s, to: 80/s}, for: 1m, max_users: 5000}
flow:
  - connect
  - request: {name: join, send: {json: {op: join}}, reply: {where: {$.ok: true}, within: 2s}}
  - every: 1s
    do: [{request: {name: say, send: {json: {op: say, text: "{{ random_text(80) }}"}}}}]
thresholds:
  - response_time{step=join}.p99 < 200ms
  - connect_time.p95 < 500ms
  - error_rate < 0.1%
"""
_STALL = (150, 162)  # seconds in which the server answers late


def said(check: Check) -> Check:
    """Return the check with the sentence that the gate gives it."""
    return msgspec.structs.replace(check, sentence=sentence_of(check))


def summary(seconds: int = 200, steps: int = 3) -> Summary:
    phases = _phases(seconds)
    return Summary(
        schema_version=SCHEMA_VERSION,
        run=Run(
            scenario="chat rooms",
            started_at="2026-11-23T08:15:00Z",
            duration_s=float(seconds),
            judged_s=seconds * 0.9,
            seed=7,
            transport="trio-websocket",
            processes=1,
            loadws_version="0.1.0",
            model="mixed",
            target="ws://127.0.0.1:8765/chat",
            phases=phases,
        ),
        verdict=Verdict(
            outcome="failed",
            exit_code=1,
            checks=(
                said(
                    Check(
                        "response_time{step=join}.p99 < 200ms",
                        "failed",
                        812_000_000.0,
                        "ns",
                        op="<",
                        limit=2e8,
                        samples=2_900,
                        lower=710_000_000.0,
                        upper=1_140_000_000.0,
                    )
                ),
                said(
                    Check(
                        "connect_time.p95 < 500ms",
                        "passed",
                        9_120_000.0,
                        "ns",
                        op="<",
                        limit=5e8,
                        samples=2_910,
                        lower=8_700_000.0,
                        upper=9_900_000.0,
                    )
                ),
                said(Check("error_rate < 0.1%", "passed", 0.00042, "ratio", "41 of 97,619", op="<", limit=0.001)),
                said(Check("response_time{step=leave}.max < 1s", "no_data", None, "ns", op="<", limit=1e9)),
                said(
                    Check(
                        "response_time{step=join}.p99.9 < 2s",
                        "too_close",
                        1.9e9,
                        "ns",
                        op="<",
                        limit=2e9,
                        needs=4_000,
                        samples=2_900,
                        lower=1.1e9,
                    )
                ),
            ),
        ),
        ledger=_ledger(),
        metrics=_metrics(steps, seconds),
        series=_series(seconds, phases),
        applied=Applied(
            arrivals_planned=2_712,
            arrivals_started=2_697,
            users_planned=228,
            users_connected=226,
            turns_due=48_230,
            turns_kept=48_230,
        ),
        generator=Generator(
            (ProcessHealth(0, 0.41, 0.63, 0.0, 310_000.0, 4_100_000.0, 190_000.0, 1_900_000.0, 148_000_000, 612),),
            healthy=True,
            warnings=("The collector paused the run for 1.9 ms once; percentiles above p99.9 may show it.",),
        ),
        errors=(
            ErrorCount("timeout", "say", 41, "no answer to say within 2 s"),
            ErrorCount("http.503", "connect", 12, "HTTP/1.1 503 Service Unavailable: try later"),
            ErrorCount("tcp.refused", "connect", 3, "connection refused by 127.0.0.1:8765"),
            ErrorCount("check", "join", 2, "$.ok is false, expected true"),
        ),
    )


def brief() -> Summary:
    """Five seconds and a handful of samples: p99 has no number, the series has five points."""
    chance = random.Random(1)
    whole = summary(5, 1)
    series = msgspec.structs.replace(
        whole.series,
        phase=("load",) * 5,
        columns=tuple(column for column in whole.series.columns if column.name != "errors"),
    )
    ledger = Ledger(
        sessions=Sessions(10, 10),
        connections=Connections(attempted=10, opened=10, closed_by_us=10),
        messages=Messages(sent=60, received=60, answered=60),
        bytes=Bytes(300, 300),
        close_codes={"us.1000": 10},
    )
    return msgspec.structs.replace(
        whole,
        run=msgspec.structs.replace(
            whole.run, scenario="quickstart", model="closed", judged_s=5.0, phases=(PhaseSpan("load", 0.0, 5.0),)
        ),
        verdict=Verdict("passed", 0, (Check("error_rate < 1%", "passed", 0.0, "ratio"),)),
        ledger=ledger,
        metrics=(
            *_histograms("response_time", ["hello"], chance, 60, 1.0),
            *_histograms("service_time", ["hello"], chance, 60, 0.98),
            *_connect_entries(chance, 10),
        ),
        series=series,
        generator=msgspec.structs.replace(whole.generator, warnings=()),
        errors=(),
    )


def hostile() -> RunReport:
    """Every text that a server or a scenario can choose is an attack."""
    whole = summary()
    metrics = tuple(
        msgspec.structs.replace(entry, labels={"step": attack} if "step" in entry.labels else entry.labels)
        for entry, attack in zip(whole.metrics, ATTACKS * 9, strict=False)
    )
    ledger = whole.ledger
    ledger.close_codes = {f"peer.{attack}": 1 for attack in ATTACKS}
    ledger.failures = dict.fromkeys(ATTACKS, 1)
    ledger.refusals = dict.fromkeys(ATTACKS, 1)
    attacked = msgspec.structs.replace(
        whole,
        run=msgspec.structs.replace(
            whole.run,
            scenario=ATTACKS[0],
            target=ATTACKS[1],
            phases=tuple(
                msgspec.structs.replace(phase, name=attack)
                for phase, attack in zip(whole.run.phases, ATTACKS, strict=False)
            ),
            notes=ATTACKS,
        ),
        verdict=Verdict("failed", 1, tuple(Check(a, "failed", 1.0, a, a) for a in ATTACKS), ATTACKS),
        metrics=metrics,
        generator=msgspec.structs.replace(whole.generator, warnings=ATTACKS),
        errors=tuple(ErrorCount(attack, attack, 3, attack) for attack in ATTACKS),
    )
    samples = tuple(ErrorSample(a, a, 1.0, a, 1, 503, {a: a}, a) for a in ATTACKS)
    logs = tuple(LogLine(1.0, 1, attack) for attack in ATTACKS)
    odd = msgspec.structs.replace(info(), scenario=ATTACKS[0], command=("loadws", "run", *ATTACKS), target=ATTACKS[1])
    return RunReport(attacked, odd, samples, "\n".join(ATTACKS), logs)


def report(of: Summary | None = None) -> RunReport:
    samples = (
        ErrorSample("http.503", "connect", 151.2, "the server answered the upgrade with 503", 311, 503,
                    {"retry-after": "1"}, "try later"),
        ErrorSample("timeout", "say", 152.0, "no answer to say within 2 s", 17),
    )  # fmt: skip
    return RunReport(of or summary(), info(), samples, SCENARIO, (LogLine(0.4, 3, "in as ada"),))


def info() -> RunInfo:
    return run_info(
        scenario="chat rooms",
        started_at="2026-11-23T08:15:00Z",
        seed=7,
        transport="trio-websocket",
        loadws_version="0.1.0",
        model="mixed",
        target="ws://127.0.0.1:8765/chat",
        phases=(PhaseInfo("warm-up", True, 20.0), PhaseInfo("steady", False, 120.0), PhaseInfo("rush", False, 60.0)),
        rules=(Rule("response_time{step=join}.p99 < 200ms"),),
        expected_arrivals=2_700,
        command=("loadws", "run", "scenarios/chat.yaml", "--seed", "7"),
        plan={"users": 200, "arrivals": 2_700},
        machine=GeneratorMachine("Linux 6.8", cores=8, free_memory_bytes=16 * 2**30),
        versions={"python": "3.12.4", "trio": "0.27.0", "trio-websocket": "0.12.2"},
    )


def with_machines(machines: tuple[MachineInfo, ...]) -> RunInfo:
    """Return a run that several machines made."""
    return msgspec.structs.replace(info(), machines=machines)


def frames(seconds: int = 3) -> list[Frame]:
    """A frame a second, each with a histogram, a counter, an error and a log line."""
    chance = random.Random(3)
    return [_frame(second, chance, last=second == seconds - 1) for second in range(seconds)]


def ending(seconds: int = 3) -> Ending:
    return Ending(float(seconds), phases=(("steady", 0.0, float(seconds)),))


def _frame(second: int, chance: random.Random, last: bool) -> Frame:
    times = _histogram([chance.lognormvariate(0, 0.4) * 1e6 for _ in range(50)])
    sent = 50 * (second + 1)
    return Frame(
        process=0,
        index=second,
        start_s=float(second),
        duration_s=1.0,
        phase="steady",
        warmup=False,
        ledger=Ledger(messages=Messages(sent=sent, received=sent, answered=sent)),
        gauges=Gauges(10, 10),
        health=Health(cpu_share=0.2),
        histograms=(times.part("response_time", {"step": "say, all; 100%", "phase": "steady"}),),
        counters=(CounterPart("messages_sent", {"phase": "steady"}, 50),),
        errors=(ErrorSample("timeout", "say", second + 0.5, "no answer to say within 2 s", 4),),
        logs=(LogLine(second + 0.1, 4, "hello"),),
        last=last,
    )


def _phases(seconds: int) -> tuple[PhaseSpan, ...]:
    return (
        PhaseSpan("warm-up", 0.0, seconds * 0.1, warmup=True),
        PhaseSpan("steady", seconds * 0.1, seconds * 0.7),
        PhaseSpan("rush", seconds * 0.7, float(seconds)),
    )


def _ledger() -> Ledger:
    return Ledger(
        arrivals=Arrivals(2_700, 2_712, 2_655, 22, 15, 20),
        sessions=Sessions(228, 190, 28, 10),
        turns=Turns(48_230, 48_160, 41, 0, 29),
        connections=Connections(2_925, 2_910, 12, 3, 2_811, 60, 9, 30),
        messages=Messages(53_912, 53_871, 53_860, 41, 11, 0, 11, 0, 0, 0),
        bytes=Bytes(5_391_200, 6_033_552),
        refusals={"503": 12},
        failures={"tcp.refused": 3},
        close_codes={"us.1000": 2_811, "peer.1001": 42, "peer.1013": 18, "lost.reset": 9},
    )


@cache
def _metrics(steps: int, seconds: int) -> tuple[MetricEntry, ...]:
    chance = random.Random(7)
    names = ["join", "say", "typing", *(f"step {n}" for n in range(4, steps + 1))][:steps]
    found = _histograms("response_time", names, chance, 4_000, 1.0, slow_share=0.03)
    found += _histograms("service_time", names, chance, 4_000, 0.97, slow_share=0.004)
    found += _connect_entries(chance, 2_910)
    for name, count in (("messages_sent", 53_912), ("messages_received", 53_871), ("errors", 58)):
        found.append(MetricEntry(name, {}, "counter", "1", count, per_s=count / seconds))
    rate = MetricEntry("error_rate", {}, "rate", "ratio", 57_000, failed=24, value=24 / 57_000)
    return (*found, rate, MetricEntry("open_connections", {}, "gauge", "1", seconds, max=2_203.0, value=611.0))


def _connect_entries(chance: random.Random, count: int) -> list[MetricEntry]:
    parts = (("dns_time", 0.2), ("tcp_time", 0.5), ("upgrade_time", 3.1), ("connect_time", 4.0))
    return [entry for name, scale in parts for entry in _histograms(name, [], chance, count, scale)]


def _histograms(
    name: str, steps: list[str], chance: random.Random, count: int, scale: float, slow_share: float = 0.0
) -> list[MetricEntry]:
    """One entry a step, and one over all of them."""
    whole: list[float] = []
    found = []
    for step in steps or [""]:
        values = [_latency(chance, scale, slow_share) for _ in range(count)]
        whole += values
        if step:
            found.append(_entry(name, {"step": step}, values))
    return [*found, _entry(name, {}, whole)]


def _latency(chance: random.Random, scale: float, slow_share: float) -> float:
    slow = chance.uniform(20, 900) if chance.random() < slow_share else 0.0
    return (chance.lognormvariate(0.4, 0.35) * scale + slow) * 1e6


def _entry(name: str, labels: dict[str, str], values: list[float]) -> MetricEntry:
    histogram = _histogram(values)

    def at(percentile: float) -> float | None:
        carried = histogram.count * (100 - percentile) / 100 >= 10
        return histogram.percentiles([percentile])[0] if carried else None

    return MetricEntry(
        name,
        labels,
        "histogram",
        "ns",
        histogram.count,
        min=histogram.min,
        mean=histogram.mean,
        p50=at(50),
        p75=at(75),
        p90=at(90),
        p95=at(95),
        p99=at(99),
        p999=at(99.9),
        p9999=at(99.99),
        max=histogram.max,
        missing=13 if name == "response_time" and labels.get("step") == "say" else 0,
        per_s=histogram.count / 180,
        histogram=histogram.encode(),
    )


def _histogram(values: list[float]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for value in values:
        histogram.record(value)
    return histogram


@cache
def _series(seconds: int, phases: tuple[PhaseSpan, ...]) -> Series:
    interval = max(1, math.ceil(seconds / 600))
    at = [float(second) for second in range(0, seconds, interval)]
    chance = random.Random(5)
    rush_from = phases[-1].start_s
    load = [min(1.0, t / max(phases[0].end_s, 1)) + 2 * max(0.0, (t - rush_from) / 60) for t in at]
    stalled = [seconds > 60 and _STALL[0] <= t < _STALL[1] for t in at]

    def times(scale: float, stall: float) -> tuple[float | None, ...]:
        return tuple(
            1e6 * scale * (1 + 0.25 * level) * chance.uniform(0.9, 1.15) + (stall * 1e6 * chance.uniform(0.5, 1) if s else 0)
            for level, s in zip(load, stalled, strict=True)
        )  # fmt: skip

    def counts(scale: float, stall: float) -> tuple[float | None, ...]:
        return tuple(
            round(scale * level * (stall if s else 1) * chance.uniform(0.97, 1.03))
            for level, s in zip(load, stalled, strict=True)
        )

    columns = [
        Column("response_time", {}, "p50", "ns", times(1.1, 90)),
        Column("response_time", {}, "p90", "ns", times(1.9, 500)),
        Column("response_time", {}, "p99", "ns", times(3.4, 900)),
        Column("response_time", {}, "max", "ns", times(6.0, 1_400)),
        Column("service_time", {}, "p50", "ns", times(1.05, 12)),
        Column("service_time", {}, "p99", "ns", times(3.2, 110)),
        Column("messages_sent", {}, "rate", "/s", counts(240, 0.6)),
        Column("messages_received", {}, "rate", "/s", counts(239, 0.3)),
        Column("open_connections", {}, "max", "1", counts(200, 1)),
        Column("users", {}, "max", "1", counts(206, 1.02)),
        Column("cpu_share", {}, "max", "ratio", tuple(min(0.97, 0.1 + 0.2 * level) for level in load)),
        Column("send_lag", {}, "p99", "ns", times(0.12, 0.2)),
        Column("loop_lag", {}, "max", "ns", times(0.3, 2.0)),
        Column("arrivals_dropped", {}, "rate", "/s", tuple(float(chance.randrange(3)) if s else 0.0 for s in stalled)),
        Column("errors", {}, "rate", "/s", tuple(float(chance.randrange(1, 9)) if s else 0.0 for s in stalled)),
    ]
    return Series(float(interval), tuple(at), tuple("steady" for _ in at), tuple(columns))


def with_errors(of: Summary, errors: tuple[ErrorCount, ...]) -> Summary:
    return msgspec.structs.replace(of, errors=errors)
