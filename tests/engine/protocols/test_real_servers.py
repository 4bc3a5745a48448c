"""The protocol files against servers that others wrote.

::

    npm install --prefix FOLDER rpc-websockets graphql graphql-ws ws ocpp-rpc socket.io aedes
    python3 -m venv VENV && VENV/bin/pip install strawberry-graphql aiohttp aiosignalr ocpp websockets python-socketio
    mkdir RABBIT && cd RABBIT && apt-get download rabbitmq-server erlang-base … && for each in *.deb; do
    dpkg-deb -x $each .; done
    LOADWS_NPM=FOLDER LOADWS_PEERS=VENV/bin/python LOADWS_RABBITMQ=RABBIT pytest -m servers tests/engine/protocols

Where these are missing the tests are skipped; ``.ci/run`` installs them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.fleet.shard import ShardOrder, run_shard
from loadws.metrics.frame import Frame
from loadws.scenario.build import Overrides
from tests.kit.tools import missing

PEERS = Path(__file__).parent / "peers"
#: How long a run may take, in seconds: a server that does not answer must not hang the tests.
PATIENCE_S = 60


@contextmanager
def peer(script: str) -> Iterator[list[int]]:
    """Run a server, and yield its ports, which are the first line that it prints."""
    process = subprocess.Popen(
        _command(script),
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        ports = process.stdout.readline().split()
        if not ports or not all(port.isdigit() for port in ports):
            _, said = process.communicate(timeout=10)
            missing(f"{script} does not start: {said.decode()[-300:]}")
        yield [int(port) for port in ports]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with all that it has started
        process.communicate()


def _command(script: str) -> list[str]:
    if script.endswith(".cjs"):
        node = shutil.which("node")
        if node is None or "LOADWS_NPM" not in os.environ:
            missing("LOADWS_NPM names no folder with node_modules, or there is no node")
        return [node, str(PEERS / script)]
    if script == "rabbitmq_broker.py":
        if "LOADWS_RABBITMQ" not in os.environ:
            missing("LOADWS_RABBITMQ names no folder with RabbitMQ and Erlang")
        return [sys.executable, str(PEERS / script)]
    python = os.environ.get("LOADWS_PEERS")
    if python is None:
        missing("LOADWS_PEERS names no Python with the servers")
    return [python, str(PEERS / script)]


def _environment() -> dict[str, str]:
    modules = Path(os.environ.get("LOADWS_NPM", "")).resolve() / "node_modules"
    return {**os.environ, "NODE_PATH": str(modules)}


def frames_of(script: str, path: str, scenario: str, which: int = 0) -> list[Frame]:
    """Run a scenario against a server, at one of its ports, and return the frames."""
    frames: list[Frame] = []

    async def deliver(frame: Frame) -> None:
        frames.append(frame)

    async def main(port: int) -> None:
        overrides = Overrides(target=f"ws://127.0.0.1:{port}{path}")
        with trio.fail_after(PATIENCE_S):
            await run_shard(ShardOrder("real.yaml", HEAD + scenario, overrides, {}, 1, "native"), deliver, Lifecycle())

    with peer(script) as ports:
        trio.run(main, ports[which])
    return frames


def run(script: str, path: str, scenario: str, which: int = 0) -> Frame:
    """Run a scenario against a server, and return the last frame; none of its steps may have failed."""
    frames = frames_of(script, path, scenario, which)
    errors = [(error.kind, error.step, error.detail) for frame in frames for error in frame.errors]
    assert errors == []
    ledger = frames[-1].ledger
    assert ledger.imbalances() == []
    assert ledger.sessions.failed == 0
    assert (ledger.messages.timed_out, ledger.messages.unanswered, ledger.messages.late) == (0, 0, 0)
    return frames[-1]


HEAD = """
target: ws://127.0.0.1:1
load: [{users: 3, iterations: 6}]
"""


@pytest.mark.servers
def test_rpc_websockets() -> None:
    scenario = """
connection: {protocol: json-rpc}
flow:
  - connect
  - call_method: {method: add, params: [2, 3], reply: {check: {$: 5}}}
  - call_method: {method: nothing, reply: {error: {$.code: -32601}}}
  - call_method:
      batch: [{method: add, params: [1, 2]}, {method: add, params: [3]}]
      reply: {check: {$: {equals: [3, 3]}}}
  - call_method: {method: rpc.on, params: [news], reply: {check: {$.news: ok}}}
  - wait_for: {where: {event: news, $.number: 1}}
  - close
"""
    assert run("rpc_websockets.cjs", "/", scenario).ledger.messages.answered == 24


GRAPHQL = """
connection: {protocol: PROTOCOL}
flow:
  - connect
CALL
  - subscribe: {name: ticks, query: "subscription { tick }", first: {check: {$.data.tick: 0}}}
  - wait_for: {where: {subscription: ticks}, count: 3}
  - unsubscribe: ticks
CALL
  - close
"""
CALL = """\
  - call_method:
      query: "query A($n: String!) { hello(name: $n) }"
      variables: {n: anna}
      reply: {check: {$.data.hello: hello anna}}"""


@pytest.mark.servers
@pytest.mark.parametrize(
    ("script", "path", "protocol"),
    [
        ("graphql_ws.cjs", "/", "graphql-transport-ws"),
        ("strawberry_graphql.py", "/graphql", "graphql-transport-ws"),
        ("strawberry_graphql.py", "/graphql", "graphql-ws"),
    ],
)
def test_graphql(script: str, path: str, protocol: str) -> None:
    """Strawberry takes no queries by the legacy subprotocol."""
    call = "" if protocol == "graphql-ws" else CALL
    ledger = run(script, path, GRAPHQL.replace("PROTOCOL", protocol).replace("CALL", call)).ledger
    assert ledger.messages.answered == (12 if call else 0)
    assert ledger.messages.control_sent == 6


@pytest.mark.servers
def test_signalr() -> None:
    scenario = """
connection: {protocol: {name: signalr, heartbeat: 200ms}}
flow:
  - connect
  - call_method: {method: add, arguments: [2, 3], reply: {check: {$: 5}}}
  - notify: {method: shout, arguments: [hi]}
  - wait_for: {where: {event: heard, "$.arguments[0]": hi}}
  - subscribe: {name: ticks, method: ticks, first: {check: {$: 0}}}
  - unsubscribe: ticks
  - think: 1500ms
  - close
on: {message: [{where: {subscription: ticks}, do: [{count: ticks}]}]}
"""
    messages = run("signalr_hub.py", "/hub", scenario).ledger.messages
    assert messages.answered == 6
    assert messages.heartbeats_sent >= 6
    assert messages.heartbeats_received >= 1


@pytest.mark.servers
def test_ocpp_1_6_with_a_server_that_calls() -> None:
    scenario = """
connection: {protocol: ocpp1.6}
flow:
  - connect: {path: "/station-{{ user.index }}"}
  - call_method:
      method: BootNotification
      params: {chargePointVendor: v, chargePointModel: m}
      reply: {check: {$.status: Accepted}}
  - think: 200ms
  - call_method: {method: Heartbeat}
  - call_method: {method: DataTransfer, params: {vendorId: v}, reply: {check: {$.data: Accepted}}}
  - call_method: {method: Heartbeat, params: {wrong: 1}, reply: {error: {$: {exists: true}}}}
  - close
on:
  message: [{where: {event: TriggerMessage}, do: [{answer_call: {id: "{{ message.id }}", result: {status: Accepted}}}]}]
"""
    assert run("ocpp_rpc.cjs", "/", scenario).ledger.messages.one_way == 6


@pytest.mark.servers
def test_ocpp_2_0_1() -> None:
    scenario = """
connection: {protocol: ocpp2.0.1}
flow:
  - connect
  - call_method:
      method: BootNotification
      params: {reason: PowerUp, chargingStation: {model: m, vendorName: v}}
      reply: {check: {$.status: Accepted}}
  - parallel:
      - [{call_method: {method: Heartbeat}}]
      - [{call_method: {method: Heartbeat}}]
  - close
"""
    assert run("ocpp_csms.py", "/", scenario).ledger.messages.answered == 18


@pytest.mark.servers
@pytest.mark.parametrize("script", ["socket_io.cjs", "socket_io_server.py"])
def test_socket_io(script: str) -> None:
    scenario = """
connection: {protocol: {name: socket.io, namespace: /chat, auth: {token: secret}}}
flow:
  - connect
  - emit: {event: add, args: [2, 3], ack: {check: {"$[0]": 5}}}
  - emit: {event: twice, args: ["{{ 'AP8=' | frombase64 }}"], ack: {check: {"$[0]": "{{ 'AP8A/w==' | frombase64 }}"}}}
  - emit: {event: join, args: [lobby]}
  - wait_for: {where: {event: welcome, "$[0]": lobby}}
  - emit: {event: call_me, ack: {check: {"$[0]": hi loadws}}}
  - think: 1s
  - close
on:
  message:
    - where: {event: hello}
      do: [{answer_call: {id: "{{ message.id }}", args: ["hi {{ message.args[0] }}"]}}]
"""
    messages = run(script, "/socket.io/", scenario).ledger.messages
    assert messages.answered == 18
    assert messages.received == 18 + 6 + 6
    assert messages.control_sent == 2 * 6  # a CONNECT, and the frame before the binary data
    assert messages.heartbeats_received >= 12
    assert messages.heartbeats_sent == messages.heartbeats_received


MQTT = """
connection:
  protocol: {name: mqtt, client_id: "loadws-{{ uuid() }}", username: guest, password: guest, heartbeat: 1s}
flow:
  - connect
  - subscribe: {name: own, topic: "users/{{ user.index }}/+", qos: 1}
  - publish_topic: {topic: "users/{{ user.index }}/a", send: {json: {n: 1}}, qos: 1, confirmed: {within: 5s}}
  - wait_for: {where: {subscription: own, $.n: 1, envelope: {$.qos: 1}}}
  - publish_topic: {topic: "users/{{ user.index }}/b", send: {binary: {hex: 00ff}}, retain: true}
  - wait_for: {where: {event: "users/{{ user.index }}/b", bytes: {hex: 00ff}}}
  - think: 2500ms
  - unsubscribe: own
  - close
"""


@pytest.mark.servers
@pytest.mark.parametrize(
    ("script", "path", "which", "retained"),
    # each user's second session gets what its first one had retained; RabbitMQ keeps nothing for a filter with +
    [("aedes_broker.cjs", "/", 0, 3), ("rabbitmq_broker.py", "/ws", 1, 0)],
    ids=["aedes", "rabbitmq"],
)
def test_mqtt(script: str, path: str, which: int, retained: int) -> None:
    messages = run(script, path, MQTT, which).ledger.messages
    assert (messages.answered, messages.one_way) == (18, 6)
    assert messages.received == 18 + 12 + retained
    assert messages.control_sent == 3 * 6  # CONNECT, PUBACK, DISCONNECT
    assert messages.heartbeats_sent == messages.heartbeats_received >= 12


@pytest.mark.servers
def test_mqtt_refuses_a_password_and_a_subscription() -> None:
    refused = """
connection: {protocol: {name: mqtt, username: loadws, password: wrong}}
flow: [{connect: {}, on_failure: end_session}]
"""
    private = """
connection: {protocol: mqtt}
flow: [{subscribe: {name: private, topic: private}, on_failure: end_session}]
"""
    for scenario, kind in ((refused, "protocol.refused.bad_user_name_or_password"), (private, "protocol.error.0x80")):
        frames = frames_of("aedes_broker.cjs", "/", scenario)
        assert {error.kind for frame in frames for error in frame.errors} == {kind}


STOMP = """
connection: {protocol: {name: stomp, login: guest, passcode: guest, heartbeat: 1s}}
flow:
  - connect
  - subscribe:
      name: own
      destination: "/queue/loadws-{{ uuid() }}"
      acknowledge: client-individual
      headers: {auto-delete: "true"}
      confirmed: {within: 5s}
  - send_to:
      destination: "{{ sent.destination }}"
      headers: {"a:b": "c:d"}
      send: {json: {n: 1}}
      confirmed: {within: 5s}
  - wait_for: {where: {subscription: own, $.n: 1, envelope: {"$.headers['a:b']": "c:d"}}}
  - subscribe: {name: by hand, destination: "/topic/{{ user.index }}", acknowledge: client, by_hand: true, confirmed: {}}
  - send_to: {destination: "/topic/{{ user.index }}", send: {binary: {hex: 00ff}}}
  - wait_for: {where: {subscription: by hand, bytes: {hex: 00ff}}, capture: {ack: {envelope: $.ack}}}
  - answer_call: {id: "{{ ack }}"}
  - think: 3500ms
  - unsubscribe: {subscription: own, confirmed: {within: 5s}}
  - close
"""


@pytest.mark.servers
def test_stomp() -> None:
    messages = run("rabbitmq_broker.py", "/ws", STOMP).ledger.messages
    assert (messages.answered, messages.one_way) == (6 * 4, 6 * 2)
    assert messages.received == 6 * 4 + 6 * 2
    assert messages.control_sent == 6 * 3  # CONNECT, ACK, DISCONNECT
    assert messages.heartbeats_sent >= 18
    assert messages.heartbeats_received >= 12


@pytest.mark.servers
def test_stomp_refuses_a_passcode_and_an_acknowledgement() -> None:
    refused = """
connection: {protocol: {name: stomp, login: guest, passcode: wrong}}
flow: [{connect: {}, on_failure: end_session}]
"""
    wrong = """
connection: {protocol: {name: stomp, login: guest, passcode: guest}}
flow: [connect, {answer_call: {id: nothing}}, {think: 1s}]
"""
    for scenario, kind in ((refused, "protocol.refused"), (wrong, "protocol.server_error")):
        frames = frames_of("rabbitmq_broker.py", "/ws", scenario)
        assert kind in {error.kind for frame in frames for error in frame.errors}


@pytest.mark.servers
def test_socket_io_recovers_what_was_sent_while_a_client_was_away() -> None:
    scenario = """
connection:
  protocol: {name: socket.io, namespace: /chat, auth: {token: secret}}
  reconnect: {backoff: 1s}
flow:
  - connect
  - emit: {event: drop_me}
  - wait_for: {where: {event: news, "$[0]": 1}, within: 5s}
  - wait_for: {where: {event: news, "$[0]": 2}, within: 10s}
  - close
"""
    frames = frames_of("socket_io.cjs", "/socket.io/", scenario)
    assert {error.kind.partition(".")[0] for frame in frames for error in frame.errors} == {"lost"}
    assert frames[-1].ledger.sessions.completed == 6
    assert frames[-1].ledger.messages.received == 2 * 6
