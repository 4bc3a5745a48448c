"""The whole runner in the bench: scenario, step, recorder, frames and all, on one transport.

Run as ``python -m tests.bench.runner TRANSPORT[+kernel] PORT CONNECTIONS SIZE SECONDS [CA]``; prints one ``Measured``, JSON.
With ``+kernel``, answers have the kernel's stamps, as ``loadws run`` takes them where it can.
Users connect in a warm-up; what counts are the whole seconds of the steady phase, from the frames.
"""

from __future__ import annotations

import sys

import msgspec
import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.fleet.shard import ShardOrder, run_shard
from loadws.metrics.frame import Frame
from loadws.scenario.build import Overrides
from tests.bench.measured import Measured, peak_rss_bytes

SCENARIO = """
target: {scheme}://127.0.0.1:{port}
graceful_stop: 20s
{tls}
load:
  - {{name: connect, users: {connections}, for: {connecting:.1f}s, warmup: true}}
  - {{name: steady, users: {connections}, for: {seconds}s}}
flow: [{{request: {payload}}}]
"""
CONNECTS_A_SECOND = 400


def run(transport: str, port: int, connections: int, size: int, seconds: float, ca: str | None) -> Measured:
    text = SCENARIO.format(
        scheme="wss" if ca else "ws",
        port=port,
        connections=connections,
        connecting=1 + connections / CONNECTS_A_SECOND,
        seconds=seconds,
        payload="x" * size,
        tls=f"connection: {{tls: {{ca: {ca}}}}}" if ca else "",
    )
    frames: list[Frame] = []

    async def deliver(frame: Frame) -> None:
        frames.append(frame)

    name, plus, _ = transport.partition("+")
    order = ShardOrder("bench.yaml", text, Overrides(), {}, 1, name, stamps="kernel" if plus else "user")
    trio.run(run_shard, order, deliver, Lifecycle())
    return _of(f"loadws {transport}", frames)


def _of(name: str, frames: list[Frame]) -> Measured:
    """Of the whole seconds in the middle: the first and the last hold connecting and closing."""
    steady = [frame for frame in frames if frame.phase == "steady" and not frame.over][1:-1]
    received = sum(part.count for frame in steady for part in frame.counters if part.name == "messages_received")
    wall_s = sum(frame.duration_s for frame in steady)
    cpu_s = sum(frame.health.cpu_share * frame.duration_s for frame in steady)
    errors = sum(part.count for frame in frames for part in frame.counters if part.name == "errors")
    if errors or not received:
        raise SystemExit(f"{name}: {errors} errors, {received} answers")
    return Measured(name, cpu_s / received * 1e6, received / wall_s, peak_rss_bytes())


def main() -> None:
    transport, port, connections, size, seconds, *ca = sys.argv[1:]
    measured = run(transport, int(port), int(connections), int(size), float(seconds), ca[0] if ca else None)
    sys.stdout.buffer.write(msgspec.json.encode(measured))


if __name__ == "__main__":
    main()
