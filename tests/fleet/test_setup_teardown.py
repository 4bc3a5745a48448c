"""``setup`` and ``teardown``: once, around the load; over loopback HTTP."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from loadws.fleet.setup_teardown import SetupFailed, around
from loadws.fleet.shard import ShardOrder
from loadws.scenario.build import Overrides
from loadws.terms.errors import ExitCode

LOAD = "target: ws://127.0.0.1:1\nload: [{users: 1, for: 1s}]\nflow: [{request: hello}]\n"


@dataclass
class Api:
    """A small HTTP server: POST /rooms makes a room, everything else under /rooms is fine, the rest is not there."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[Api]:
    api = Api()

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            api.asked.append(f"{self.command} {self.path}")
            status = 200 if self.path.startswith("/rooms") else 404
            body = b'{"room": "r1"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Ran:
    variables: dict[str, Any] | None = None
    told: list[str] = field(default_factory=list)


def run(text: str, api: str, tmp_path: Path, ran: Ran, during: BaseException | None = None) -> None:
    order = ShardOrder(str(tmp_path / "s.yaml"), LOAD + text, Overrides(), {"API": api}, 1, "trio-websocket")

    async def main() -> None:
        async with around(order, ran.told.append) as changed:
            ran.variables = changed.variables
            if during is not None:
                raise during

    trio.run(main)


BOTH = """
variables: {api: "${API}", kept: 1}
setup:
  - http: {post: "{{ api }}/rooms", capture: {room: $.room}}
  - set: {kept: "{{ kept + 1 }}", list: [1, "{{ room }}"]}
  - log: "made {{ room }}"
teardown:
  - http: {delete: "{{ api }}/rooms/{{ room }}"}
"""


def test_what_setup_sets_is_everyones_and_teardown_comes_last(tmp_path: Path) -> None:
    ran = Ran()
    with serving() as api:
        run(BOTH, api.url, tmp_path, ran)
    assert ran.variables == {"room": "r1", "kept": 2, "list": [1, "r1"]}
    assert api.asked == ["POST /rooms", "DELETE /rooms/r1"]
    assert ran.told == ["setup: made r1"]


def test_teardown_runs_whatever_ended_the_load(tmp_path: Path) -> None:
    with serving() as api, pytest.raises(KeyboardInterrupt):
        run(BOTH, api.url, tmp_path, Ran(), during=KeyboardInterrupt())
    assert api.asked == ["POST /rooms", "DELETE /rooms/r1"]


@pytest.mark.parametrize(
    ("step", "message", "code"),
    [
        # an answer that is not right
        ('http: {get: "{{ api }}/nowhere", name: ask}', "ask: the server answered with 404", ExitCode.USAGE),
        # in setup a check that fails ends it too
        ('check: {that: "{{ kept == 9 }}", name: two}', "two: {{ kept == 9 }} is not true", ExitCode.USAGE),
        ("if: \"{{ true }}\"\n    then: [{check: {that: '{{ 1 > 2 }}', name: inner}}]", "inner: {{ 1 > 2 }} is not true",
         ExitCode.USAGE),
        # nobody there
        ("http: {get: 'http://127.0.0.1:1/', name: ask}", "ask: 127.0.0.1:1: Connection refused", ExitCode.UNREACHABLE),
    ],
)  # fmt: skip
def test_a_failed_setup_runs_nothing_but_teardown_with_what_is_there(
    tmp_path: Path, step: str, message: str, code: ExitCode
) -> None:
    ran = Ran()
    text = BOTH.replace("  - log:", f"  - {step}\n  - log:")
    with serving() as api, pytest.raises(SetupFailed) as caught:
        run(text, api.url, tmp_path, ran)
    assert str(caught.value) == f"setup failed, and nothing was run: {message}"
    assert caught.value.exit_code == code
    assert ran.variables is None
    assert api.asked[-1] == "DELETE /rooms/r1"
    assert ran.told == []


def test_a_step_of_setup_may_fail_where_it_says_so(tmp_path: Path) -> None:
    ran = Ran()
    text = BOTH.replace("  - log:", '  - http: {get: "{{ api }}/nowhere", on_failure: continue}\n  - log:')
    with serving() as api:
        run(text, api.url, tmp_path, ran)
    assert ran.variables is not None
    assert ran.told == ["setup: made r1"]


def test_what_fails_in_teardown_is_told_and_passed_over(tmp_path: Path) -> None:
    ran = Ran()
    text = BOTH.replace("teardown:\n", 'teardown:\n  - http: {get: "{{ api }}/nowhere", name: ask}\n')
    with serving() as api:
        run(text, api.url, tmp_path, ran)
    assert ran.told == ["setup: made r1", "teardown: warning: ask: the server answered with 404"]
    assert api.asked == ["POST /rooms", "GET /nowhere", "DELETE /rooms/r1"]


def test_without_either_nothing_happens(tmp_path: Path) -> None:
    ran = Ran()
    run("", "", tmp_path, ran)
    assert (ran.variables, ran.told) == ({}, [])
