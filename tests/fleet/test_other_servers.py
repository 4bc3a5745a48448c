"""A server that is not ours, and a ledger that equals what it counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import trio
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from loadws.engine.lifecycle import Lifecycle
from loadws.fleet.shard import ShardOrder, run_shard
from loadws.metrics.frame import Frame
from loadws.scenario.build import Overrides

SCENARIO = """
target: ws://127.0.0.1:1
load:
  - {users: 5, iterations: 100}
  - {users: 5, arrivals: 50/s, for: 500ms}
flow:
  - connect
  - request: {send: {json: {id: "{{ id() }}"}}, reply: {where: {$.id: "{{ sent.id }}"}}}
  - send: {binary: {random: 300B}}
  - close: {code: 4000}
"""


@contextmanager
def echo_server() -> Iterator[tuple[str, Counter[str]]]:
    """Python's ``websockets``, in threads; yields its URL and what it counts."""
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    def handle(connection: ServerConnection) -> None:
        with lock:
            seen["connections"] += 1
        with suppress(ConnectionClosed):
            for message in connection:
                with lock:
                    seen["messages"] += 1
                    seen["bytes"] += len(message)
                    seen["answers"] += isinstance(message, str)
                if isinstance(message, str):
                    connection.send(message)
        with lock:
            seen[f"closed {connection.close_code}"] += 1

    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", seen
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.slow
def test_the_ledger_equals_what_the_server_counted() -> None:
    frames: list[Frame] = []

    async def deliver(frame: Frame) -> None:
        frames.append(frame)

    async def main(url: str) -> None:
        with trio.fail_after(60):
            await run_shard(
                ShardOrder("other.yaml", SCENARIO, Overrides(target=url), {}, 1, "trio-websocket"), deliver, Lifecycle()
            )

    with echo_server() as (url, seen):
        trio.run(main, url)

    ledger = frames[-1].ledger
    assert ledger.imbalances() == []
    assert ledger.connections.opened == seen["connections"] > 100
    assert ledger.messages.sent == seen["messages"] > 200
    assert ledger.messages.answered == ledger.messages.received == seen["answers"]
    assert ledger.bytes.sent == seen["bytes"]
    codes = {f"us.{code}": seen[f"closed {code}"] for code in (1000, 4000) if seen[f"closed {code}"]}
    assert ledger.close_codes == codes
