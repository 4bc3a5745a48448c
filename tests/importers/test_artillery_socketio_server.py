"""A script of Artillery is imported, and what becomes of it runs against npm's socket.io, whose answers it checks."""

from __future__ import annotations

import pytest
import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.fleet.shard import ShardOrder, run_shard
from loadws.metrics.frame import Frame
from loadws.scenario.build import Overrides
from tests.engine.protocols.test_real_servers import PATIENCE_S, peer
from tests.importers.artillery_scripts import imported

pytestmark = [pytest.mark.servers, pytest.mark.slow]

CONFIG = """\
config:
  target: http://127.0.0.1:1
  timeout: 2
"""
FLOW = """\
- emit: [open, lobby]
  acknowledge:
    match: [{json: $.0.ok, value: true}, {json: $.1, value: 2}]
    capture: {json: $.0.id, as: room}
- emit:
    channel: join
    data: {id: "{{ room }}"}
    response: {channel: joined, match: {json: $.0.id, value: lobby-7}, capture: {json: $.0.id, as: again}}
- emit: [say, "hello {{ again }}"]
  response: {on: said, data: lobby-7 all}
- emit: [say, hello]
  namespace: /admin
  acknowledge: {match: {value: /admin}}
  response: {on: said, data: hello all}
"""


def frames_of(wrong: str, monkeypatch: pytest.MonkeyPatch) -> list[Frame]:
    """Run the scenario of the script against a server, one of whose answers is wrong."""
    monkeypatch.setenv("WRONG", wrong)
    found = imported(FLOW, CONFIG, engine="socketio")
    assert [note.text for note in found.notes if note.is_loss] == [
        "there are no phases to carry over, so one user runs once"
    ]
    frames: list[Frame] = []

    async def deliver(frame: Frame) -> None:
        frames.append(frame)

    async def run(port: int) -> None:
        overrides = Overrides(target=f"ws://127.0.0.1:{port}")
        with trio.fail_after(PATIENCE_S):
            await run_shard(ShardOrder("load.yaml", found.text, overrides, {}, 1, "native"), deliver, Lifecycle())

    with peer("artillery_socket_io.cjs") as (port,):
        trio.run(run, port)
    return frames


def errors_in(frames: list[Frame]) -> list[str]:
    return [error.kind for frame in frames for error in frame.errors]


def test_what_is_imported_runs_against_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = frames_of("", monkeypatch)
    assert errors_in(frames) == []
    ledger = frames[-1].ledger
    assert ledger.imbalances() == []
    assert (ledger.sessions.completed, ledger.messages.answered, ledger.messages.one_way) == (1, 3, 2)


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ("match", "check"),
        ("capture", "capture"),
        ("response", "check"),
        ("data", "timeout"),
        ("silent", "timeout"),
        ("admin", "check"),
    ],
)
def test_an_answer_that_is_wrong_is_an_error(wrong: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers before it are right, so that the first error is that of its own step."""
    errors = errors_in(frames_of(wrong, monkeypatch))
    assert errors, "the scenario took a wrong answer for the right one"
    assert errors[0] == kind
