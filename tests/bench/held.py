"""Users that only hold their connection: how quickly they open, the memory of each, and whether every ping is answered.

Run as ``python -m tests.bench.held TRANSPORT HOST PORT USERS SECONDS``; prints one ``Held`` as JSON. Every connection
pings the server each five seconds, and is lost where the answer does not come in time.
"""

from __future__ import annotations

import sys

import msgspec
import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.fleet.shard import ShardOrder, run_shard
from loadws.metrics.frame import Frame
from loadws.scenario.build import Overrides

SCENARIO = """
target: ws://{host}:{port}
graceful_stop: 60s
connection: {{ping: {{every: 5s, timeout: 20s}}}}
load: [{{users: {users}, for: {seconds}s}}]
flow: [{{think: 1h}}]
"""


class Held(msgspec.Struct, frozen=True):
    """``opening_cpu_us`` is the processor time of one connection that opened, ``opening_s`` how long all of them took."""

    users: int
    most_open: int
    lost: int
    pongs: int
    opening_cpu_us: float
    opening_s: float
    rss_bytes: int
    holding_cpu_share: float


def hold(transport: str, host: str, port: int, users: int, seconds: float) -> Held:
    frames: list[Frame] = []

    async def deliver(frame: Frame) -> None:
        frames.append(frame)

    text = SCENARIO.format(host=host, port=port, users=users, seconds=seconds)
    trio.run(run_shard, ShardOrder("held.yaml", text, Overrides(), {}, 1, transport), deliver, Lifecycle())
    return _of(users, [frame for frame in frames if not frame.over], frames[-1])


def _of(users: int, frames: list[Frame], last: Frame) -> Held:
    opening = [frame for frame in frames if frame.ledger.connections.opened < users]
    opening.append(frames[len(opening)])
    holding = frames[len(opening) :]
    connections = last.ledger.connections
    return Held(
        users=users,
        most_open=max(frame.gauges.open_connections for frame in frames),
        lost=connections.attempted - connections.closed_by_us,
        pongs=sum(part.count for frame in frames for part in frame.histograms if part.name == "ping_time"),
        opening_cpu_us=sum(frame.health.cpu_share * frame.duration_s for frame in opening) / users * 1e6,
        opening_s=sum(frame.duration_s for frame in opening),
        rss_bytes=max(frame.health.rss_bytes for frame in holding),
        holding_cpu_share=sum(frame.health.cpu_share for frame in holding) / len(holding),
    )


def main() -> None:
    transport, host, port, users, seconds = sys.argv[1:]
    sys.stdout.buffer.write(msgspec.json.encode(hold(transport, host, int(port), int(users), float(seconds))))


if __name__ == "__main__":
    main()
