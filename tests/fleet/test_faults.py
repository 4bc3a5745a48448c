"""Named faults over real sockets, through a whole run: each ends in a counted kind, kept data, an exit code, and a ledger
that adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest
import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.fleet.shard import ShardOrder, run_shard
from loadws.gate.verdict import judged
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import Ending
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary
from loadws.scenario.build import Overrides
from loadws.terms.errors import ExitCode
from loadws.terms.transports import NAMES
from tests.kit import faults
from tests.kit.plain import run_info

Fault = Callable[[], AbstractAsyncContextManager[str]]
RunAgainst = Callable[..., Summary]

SCENARIO = """
target: ws://127.0.0.1:1
graceful_stop: 1s
load: [{{users: 2, iterations: 2}}]
connection: {{open_timeout: {open_timeout}, close_timeout: {close_timeout}{options}}}
flow:
  - connect
  - request: {{name: ask, send: hello, reply: {{where: {{text: hello}}, within: {within}}}}}
  - close
"""
LONG = "30s"
INFO = run_info(scenario="faults", transport="trio-websocket")


@pytest.fixture(params=NAMES)
def run_against(request: pytest.FixtureRequest) -> RunAgainst:
    """Runs against a fault, with options of the connection, on each transport."""
    return partial(run_on, request.param)


def run_on(
    transport: str,
    fault: AbstractAsyncContextManager[str],
    options: str = "",
    *,
    open_timeout: str = LONG,
    within: str = LONG,
    close_timeout: str = LONG,
) -> Summary:
    """Two users, one flow each, against the fault. The ledger must add up.

    Deadlines are long where none is to be met: a busy machine must not turn one fault into another.
    """
    summariser = Summariser(INFO)

    async def deliver(frame: Frame) -> None:
        summariser.add(frame)

    async def main() -> Ending:
        with trio.fail_after(120):
            async with fault as url:
                text = SCENARIO.format(
                    options=options, open_timeout=open_timeout, within=within, close_timeout=close_timeout
                )
                order = ShardOrder("faults.yaml", text, Overrides(target=url), {}, 1, transport)
                return await run_shard(order, deliver, Lifecycle())

    ending = trio.run(main)
    summary = judged(summariser.summary(ending), INFO, ending)
    assert summary.ledger.imbalances() == []
    assert summary.ledger.connections.attempted == 2
    return summary


def error_kinds(summary: Summary) -> Counter[str]:
    kinds: Counter[str] = Counter()
    for error in summary.errors:
        kinds[error.kind] += error.count
    return kinds


def test_nothing_wrong_passes(run_against: RunAgainst) -> None:
    summary = run_against(faults.echo())

    assert error_kinds(summary) == {}
    assert summary.verdict.exit_code == ExitCode.PASSED
    assert summary.ledger.messages.answered == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.nothing_listens, "tcp.refused"),
        (faults.accepts_nobody, "upgrade.timeout"),
        (faults.closes_before_101, "upgrade.closed"),
        (faults.silent_after_tcp, "upgrade.timeout"),
        (faults.not_http, "upgrade.not_http"),
        (faults.untrusted_tls, "tls.untrusted"),
        (faults.tls_silent, "tls.timeout"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_target_that_is_no_http_server_is_unreachable(run_against: RunAgainst, fault: Fault, kind: str) -> None:
    summary = run_against(fault(), open_timeout="300ms" if kind.endswith("timeout") else LONG)

    assert error_kinds(summary) == {kind: 2}
    assert summary.ledger.failures == {kind: 2}
    assert summary.verdict.exit_code == ExitCode.UNREACHABLE


def test_a_wrong_accept_is_an_answer_all_the_same(run_against: RunAgainst) -> None:
    summary = run_against(faults.wrong_accept())

    assert summary.ledger.failures == {"upgrade.bad_accept": 2}
    assert summary.verdict.exit_code == ExitCode.FAILED


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "404 Not Found", "503 Busy", "302 Found"])
def test_a_refused_upgrade_is_counted_by_its_status(run_against: RunAgainst, status: str) -> None:
    summary = run_against(faults.refused(status))

    code = status.split()[0]
    assert error_kinds(summary) == {f"http.{code}": 2}
    assert summary.ledger.refusals == {code: 2}
    assert summary.ledger.failures == {}
    assert summary.verdict.exit_code == ExitCode.FAILED


@pytest.mark.parametrize("code", [1001, 1008, 1011, 1013, 4001])
def test_a_close_by_the_server_is_counted_by_its_code(run_against: RunAgainst, code: int) -> None:
    summary = run_against(faults.close_with(code))

    assert error_kinds(summary) == {f"closed.{code}": 2}
    assert summary.ledger.close_codes == {f"peer.{code}": 2}


def test_a_close_without_code_is_one_of_its_own(run_against: RunAgainst) -> None:
    summary = run_against(faults.close_with(None))

    assert error_kinds(summary) == {"closed.none": 2}
    assert summary.ledger.close_codes == {"peer.none": 2}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.reset_mid_message, "reset"),
        (faults.invalid_utf8, "protocol.utf8"),
        (faults.reserved_bits, "protocol.frame"),
        (faults.unknown_opcode, "protocol.frame"),
        (faults.too_large_message, "protocol.too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_connection_that_is_lost_is_counted_by_kind(run_against: RunAgainst, fault: Fault, kind: str) -> None:
    summary = run_against(fault())

    assert error_kinds(summary) == {f"lost.{kind}": 2}
    assert summary.ledger.connections.lost == 2
    assert summary.ledger.close_codes == {f"lost.{kind}": 2}


def test_a_tcp_connection_closed_without_a_close_frame_is_lost(run_against: RunAgainst) -> None:
    """Whether we see its end or a reset depends on what of ours was still unread there."""
    summary = run_against(faults.closes_tcp())

    assert set(error_kinds(summary)) <= {"lost.eof", "lost.reset"}
    assert summary.ledger.connections.lost == 2


@pytest.mark.slow
def test_a_server_that_accepts_and_then_says_nothing_meets_deadlines(run_against: RunAgainst) -> None:
    summary = run_against(faults.silent_after_101(), within="300ms", close_timeout="200ms")

    assert error_kinds(summary) == {"timeout": 2, "close_timeout": 2}
    assert summary.ledger.messages.timed_out == 2
    assert summary.ledger.connections.closed_by_us == 2


def test_a_server_that_never_answers_our_close_is_told(run_against: RunAgainst) -> None:
    summary = run_against(faults.never_answers_close(), close_timeout="200ms")

    assert error_kinds(summary) == {"close_timeout": 2}
    assert summary.ledger.messages.answered == 2


def test_a_server_that_answers_no_ping_is_lost(run_against: RunAgainst) -> None:
    summary = run_against(faults.silent_after_101(), ", ping: {every: 50ms, timeout: 100ms}")

    assert error_kinds(summary) == {"lost.ping_timeout": 2}
    assert summary.ledger.messages.unanswered == 2


@pytest.mark.slow
def test_fragments_and_control_frames_between_them_are_one_message(run_against: RunAgainst) -> None:
    summary = run_against(faults.fragmenting(), within="300ms")

    assert summary.ledger.messages.received == 4


def test_a_name_that_does_not_resolve(run_against: RunAgainst, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere:
        async def __aenter__(self) -> str:
            return "ws://no-such-host.invalid:1"

        async def __aexit__(self, *_: object) -> None: ...

    async def fails(*_: object, **__: object) -> object:
        import socket

        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(trio.socket, "getaddrinfo", fails)
    summary = run_against(Nowhere())

    assert summary.ledger.failures == {"dns.not_found": 2}
    assert summary.verdict.exit_code == ExitCode.UNREACHABLE


def test_ports_that_are_used_up_are_told_from_a_server_that_is_down(
    run_against: RunAgainst, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = run_with_a_socket_that_raises(run_against, monkeypatch, 99, "Cannot assign requested address")

    assert summary.ledger.failures == {"tcp.no_ports": 2}


def test_the_file_limit_is_told_from_a_server_that_is_down(
    run_against: RunAgainst, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = run_with_a_socket_that_raises(run_against, monkeypatch, 24, "Too many open files")

    assert summary.ledger.failures == {"tcp.file_limit": 2}


def run_with_a_socket_that_raises(
    run_against: RunAgainst, monkeypatch: pytest.MonkeyPatch, number: int, text: str
) -> Summary:
    import socket

    def connect_ex(self: socket.socket, address: object) -> int:
        raise OSError(number, text)

    def connect(self: socket.socket, address: object) -> None:
        raise OSError(number, text)

    class Failing(socket.socket):
        pass

    monkeypatch.setattr(Failing, "connect", connect, raising=False)
    monkeypatch.setattr(Failing, "connect_ex", connect_ex, raising=False)
    monkeypatch.setattr("loadws.transport.opening.dial.socket.socket", Failing)
    return run_against(faults.nothing_listens())
