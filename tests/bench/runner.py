"""The whole runner in the bench: scenario, step, recorder, frames and all, on one transport.

Run as ``python -m tests.bench.runner TRANSPORT[+kernel] WORK HOST PORT CONNECTIONS SIZE SECONDS [--ca CA] [--rate RATE]``;
prints one ``Measured``, JSON. WORK is ``closed`` (each answer brings the next request), ``paced`` (a schedule of RATE
messages per second in all) or ``connecting`` (open, upgrade and close again and again). With ``+kernel``, answers have the
kernel's stamps, as ``loadws run`` uses them where it can. Users connect in a warm-up; what counts are the whole seconds of
the steady phase, from the frames.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec
import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.fleet.shard import ShardOrder, run_shard
from loadws.metrics.frame import Frame
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.scenario.build import Overrides
from tests.bench.measured import Measured, peak_rss_bytes

SCENARIO = """
target: {scheme}://{host}:{port}
graceful_stop: 20s
{tls}
load:
  - {{name: connect, users: {connections}, for: {connecting:.1f}s, warmup: true}}
  - {{name: steady, users: {connections}, for: {seconds}s}}
flow: [{flow}]
"""
REQUEST = "{request: {send: {file: payload.txt}}}"
CONNECTS_PER_SECOND = 400


def run(options: argparse.Namespace) -> Measured:
    flows = {
        "closed": REQUEST,
        "paced": f"{{every: {options.connections / options.rate * 1e6:.0f}us, do: [{REQUEST}]}}",
        "connecting": "connect, close",
    }
    text = SCENARIO.format(
        scheme="wss" if options.ca else "ws",
        host=options.host,
        port=options.port,
        connections=options.connections,
        connecting=1 + options.connections / CONNECTS_PER_SECOND,
        seconds=options.seconds,
        flow=flows[options.work],
        tls=f"connection: {{tls: {{ca: {options.ca}}}}}" if options.ca else "",
    )
    frames: list[Frame] = []

    async def deliver(frame: Frame) -> None:
        frames.append(frame)

    name, plus, _ = options.transport.partition("+")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "payload.txt").write_text("x" * options.size)
        path = str(Path(folder) / "bench.yaml")
        order = ShardOrder(path, text, Overrides(), {}, 1, name, stamps="kernel" if plus else "user")
        trio.run(run_shard, order, deliver, Lifecycle())
    return _of(f"loadws {options.transport}", options.work, frames)


def _of(name: str, work: str, frames: list[Frame]) -> Measured:
    """Measure the whole seconds in the middle: the first and the last hold connecting and closing."""
    steady = [frame for frame in frames if frame.phase == "steady" and not frame.over][1:-1]
    done = _opened(steady) if work == "connecting" else _received(steady)
    wall_s = sum(frame.duration_s for frame in steady)
    cpu_s = sum(frame.health.cpu_share * frame.duration_s for frame in steady)
    errors = sum(part.count for frame in frames for part in frame.counters if part.name == "errors")
    if errors or not done:
        raise SystemExit(f"{name}: {errors} errors, {done} done")
    return Measured(name, cpu_s / done * 1e6, done / wall_s, peak_rss_bytes(), _lag_p99_us(steady))


def _received(frames: list[Frame]) -> int:
    return sum(part.count for frame in frames for part in frame.counters if part.name == "messages_received")


def _opened(frames: list[Frame]) -> int:
    return sum(part.count for frame in frames for part in frame.histograms if part.name == "connect_time")


def _lag_p99_us(frames: list[Frame]) -> float:
    lag = LatencyHistogram()
    for part in (part for frame in frames for part in frame.histograms if part.name == "send_lag"):
        lag.add(LatencyHistogram.decode(part))
    return lag.percentiles([99.0])[0] / 1000 if lag.count else 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("transport")
    parser.add_argument("work", choices=["closed", "paced", "connecting"])
    parser.add_argument("host")
    for name in ("port", "connections", "size"):
        parser.add_argument(name, type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--ca")
    parser.add_argument("--rate", type=float, default=4_000.0)
    sys.stdout.buffer.write(msgspec.json.encode(run(parser.parse_args())))


if __name__ == "__main__":
    main()
