"""What becomes of the engine ``socketio``: verbs of Socket.IO, waits that are timed, and packets for second namespaces."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from textwrap import dedent

import pytest
from ruamel.yaml import YAML

from loadws.importers.artillery.import_script import import_artillery
from loadws.importers.notes import Imported
from tests.importers.artillery_scripts import CONFIG, imported, loaded, notes_of

CONNECT = "  - connect: {path: /socket.io/}\n"
HTTP = CONFIG.replace("ws:", "http:")
TIMED = "Artillery times this answer as socketio.response_time; here its time, from the emit to the event, is "


def verbs_of(found: Imported) -> str:
    """The steps between ``connect`` and ``close``; the scenario must be valid."""
    loaded(found)
    flow = found.text.partition("\nflow:\n")[2]
    assert flow.startswith(CONNECT) and flow.endswith("  - close\n")
    return dedent(flow.removeprefix(CONNECT).removesuffix("  - close\n"))


def connection_of(found: Imported) -> str:
    loaded(found)
    return next(line for line in found.text.splitlines() if line.startswith("connection:"))


@pytest.mark.parametrize(
    ("step", "ours"),
    [
        ("- emit: {channel: bye}", "- emit: {name: bye, event: bye}\n"),
        ("- emit: {channel: join, data: {room: lobby}}", "- emit: {name: join, event: join, args: [{room: lobby}]}\n"),
        ("- emit: {channel: join, data: [a, 2]}", "- emit: {name: join, event: join, args: [[a, 2]]}\n"),
        ("- emit: [add, 2, '{{ $uuid }}']", '- emit: {name: add, event: add, args: [2, "{{ uuid() }}"]}\n'),
        ("- emit: [a]\n  acknowledge: {data: ''}", "- emit: {name: a, event: a, ack: {}}\n"),
        ("- emit: [a, '{{ $uuid }}']\n  acknowledge: {data: '{{ $env.X }}'}",
         '- emit: {name: a, event: a, args: ["{{ uuid() }}"], ack: {check: {"$[-1]": "${X}"}}}\n'),
        ("- emit: [a]\n  acknowledge: true", "- emit: {name: a, event: a, ack: {}}\n"),
        ("- emit: {channel: a, acknowledge: {match: {value: 5}}}",
         '- emit: {name: a, event: a, ack: {check: {"$[0]": 5}}}\n'),
        ("- emit: [a]\n  acknowledge: {match: {json: $.0.ok, value: true}, capture: {json: '$[1].id', as: room-id}}",
         '- emit: {name: a, event: a, ack: {check: {"$[0].ok": true}, capture: {room_id: "$[1].id"}}}\n'),
        ("- emit: [a]\n  acknowledge: {match: {json: $.ok, value: true}}",
         '- emit: {name: a, event: a, ack: {check: {"$[0].ok": true}}}\n'),
        ("- emit: [a]\n  acknowledge: {match: {regexp: '^.5'}}",
         '- emit: {name: a, event: a, ack: {check: {text: {regex: "^.5"}}}}\n'),
        ("- emit: [a]\n  acknowledge: {data: [5, {b: 1}]}",
         '- emit: {name: a, event: a, ack: {check: {$: {equals: [5, {b: 1}]}}}}\n'),
        ("- emit: [a]\n  acknowledge: {args: {b: 1}}",
         '- emit: {name: a, event: a, ack: {check: {"$[-1]": {equals: {b: 1}}}}}\n'),
        ("- emit: [a]\n  acknowledge: {data: 'o(k)'}",
         '- emit: {name: a, event: a, ack: {check: {"$[-1]": {regex: "o\\\\(k\\\\)"}}}}\n'),
    ],
)  # fmt: skip
def test_emits_and_their_acknowledgements(step: str, ours: str) -> None:
    found = imported(step, engine="socketio")
    assert verbs_of(found) == ours
    assert not [note for note in found.notes if note.is_loss]
    assert "measure:" not in found.text
    assert connection_of(found) == "connection: {protocol: socket.io}"


@pytest.mark.parametrize(
    ("response", "waits"),
    [
        ("{channel: joined}", "{event: joined}"),
        ("joined", "{event: joined}"),
        ("{on: joined, match: {json: $.0.room, value: lobby}, capture: {json: $.0.id, as: id}}",
         '{event: joined, check: {"$[0].room": lobby}, capture: {id_1: "$[0].id"}}'),
        ("{channel: joined, data: {room: lobby}}",
         '{where: {event: joined, "$[-1]": {equals: {room: lobby}}}}'),
        ("{on: joined, args: [lobby, 1]}", "{where: {event: joined, $: {equals: [lobby, 1]}}}"),
    ],
)  # fmt: skip
def test_a_response_is_waited_for_and_timed_from_its_emit(response: str, waits: str) -> None:
    found = imported(f"- emit: [join, lobby]\n  response: {response}", engine="socketio")
    assert verbs_of(found) == f"- emit: {{name: join, event: join, args: [lobby]}}\n- wait_for: {waits}\n"
    document = YAML(typ="safe", pure=True).load(StringIO(found.text))
    body = document["flow"][2]["wait_for"]
    moment = {key: body[key] for key in ("event", "where") if key in body}
    assert document["measure"] == [{"name": "join_to_joined", "from": {"step": "join"}, "to": moment}]
    assert [note for note in notes_of(found) if note.startswith("Artillery times")] == [f"{TIMED}join_to_joined"]
    assert not [note for note in found.notes if note.is_loss]


def test_what_is_not_answered_alike_is_not_timed_together() -> None:
    """A time begins with each step of its name, and would be missing where nothing answers that step."""
    flow = """\
    - emit: [join]
      response: {channel: joined}
    - emit: [join]
    - emit: [join]
      response: {channel: refused}
    - loop: [{emit: [join], response: {channel: joined}}]
      count: 2
    """
    found = imported(flow, engine="socketio")
    assert (
        verbs_of(found)
        == """\
- emit: {name: join, event: join}
- wait_for: {event: joined}
- emit: {name: join-2, event: join}
- emit: {name: join-3, event: join}
- wait_for: {event: refused}
- repeat: 2
  do:
    - emit: {name: join, event: join}
    - wait_for: {event: joined}
"""
    )
    assert [(each.name, each.from_.step) for each in loaded(found).scenario.measure] == [
        ("join_to_joined", "join"),
        ("join_3_to_refused", "join-3"),
    ]


def test_the_event_of_an_answer_may_be_a_variable() -> None:
    found = imported("- emit: ['{{ a }}']\n  response: {channel: 'to-{{ b }}'}", engine="socketio")
    assert verbs_of(found) == '- emit: {name: emit, event: "{{ a }}"}\n- wait_for: {event: "to-{{ b }}"}\n'
    assert loaded(found).scenario.measure[0].name == "emit_to_answer"


# -- the connection


@pytest.mark.parametrize(
    ("target", "namespace", "ours"),
    [
        ("http://127.0.0.1:1", "", "socket.io"),
        ("http://127.0.0.1:1/", "/", "socket.io"),
        ("http://127.0.0.1:1", "/admin", "{name: socket.io, namespace: /admin}"),
        ("http://127.0.0.1:1/chat/", "", "{name: socket.io, namespace: /chat}"),
        ("http://127.0.0.1:1/chat", "/b", "{name: socket.io, namespace: /chat/b}"),
        ("http://127.0.0.1:1/{{ $env.ROOM }}", "", '{name: socket.io, namespace: "/${ROOM}"}'),
        ("http://127.0.0.1:1", "/{{ room }}", '{name: socket.io, namespace: "/{{ room }}"}'),
    ],
)
def test_the_namespace_is_behind_the_path_of_the_target(target: str, namespace: str, ours: str) -> None:
    config = CONFIG.replace("ws://127.0.0.1:8766", f"'{target}'") + "  variables: {room: lobby}\n"
    found = imported(f"- emit: [a]\n  namespace: '{namespace}'", config, engine="socketio")
    assert connection_of(found) == f"connection: {{protocol: {ours}}}"
    assert verbs_of(found) == "- emit: {name: a, event: a}\n"


def test_settings_of_the_connection() -> None:
    config = """\
config:
  target: http://127.0.0.1:1?a=b
  timeout: 20
  phases: [{duration: 10, arrivalRate: 1}]
  tls: {rejectUnauthorized: false}
  socketio: {path: /mine, query: {c: d}, auth: {token: hunter2-hunter2}, extraHeaders: {X-A: b}, transports: [websocket]}
"""
    found = imported("- emit: [a]\n  acknowledge: {}\n  response: {on: b}", config, engine="socketio")
    scenario = loaded(found).scenario
    assert '- connect: {path: "/mine/?a=b&c=d", headers: {X-A: b}}' in found.text
    assert 'protocol: {name: socket.io, auth: {token: "{{ token }}"}}' in found.text
    assert "hunter2" not in found.text
    assert "ack: {within: 20s}" in found.text
    assert "wait_for: {event: b, within: 20s}" in found.text
    assert scenario.measure[0].within == 20 * 10**9
    assert not scenario.connection.tls.verify
    assert not [note for note in found.notes if note.is_loss]


def test_users_in_different_namespaces_set_theirs_before_they_connect() -> None:
    script = HTTP + (
        "scenarios:\n"
        "  - {name: one, engine: socketio, flow: [{emit: [a]}]}\n"
        "  - {name: other, engine: socketio, flow: [{emit: [a], namespace: /b}]}\n"
    )
    found = import_artillery(script.encode(), Path("load.yml"))
    assert connection_of(found) == ('connection: {protocol: {name: socket.io, namespace: "{{ protocol_namespace }}"}}')
    assert found.text.count("- set: {protocol_namespace: /}\n") == 1
    assert found.text.count("- set: {protocol_namespace: /b}\n") == 1


def test_second_namespaces_are_spoken_in_packets() -> None:
    flow = """\
    - emit: [a]
      response: {channel: b}
    - emit: [c, 1]
      namespace: /b
    - emit: [d]
      namespace: /b
      acknowledge: {match: {json: $.0.e, value: 5}, capture: {json: $.0.f, as: f}}
    - emit: [g]
      namespace: /b
      response: {channel: h, match: {value: 1}}
    """
    found = imported(flow, engine="socketio")
    assert (
        verbs_of(found)
        == """\
- request: {send: "40/b,", reply: {where: {envelope: {$.type: connect, $.namespace: /b}}}}
- emit: {name: a, event: a}
- wait_for: {where: {event: b, envelope: {$.namespace: /}}}
- send: "42/b,{{ [\\"c\\", 1] | tojson }}"
- set: {acknowledgement: "{{ id() }}"}
- request:
    name: d
    send: "42/b,{{ acknowledgement }}{{ [\\"d\\"] | tojson }}"
    reply:
      where: {envelope: {$.type: ack, $.id: "{{ acknowledgement }}"}}
      check: {envelope: {"$.args[0].e": 5}}
      capture: {f: {envelope: "$.args[0].f"}}
- send: {name: g, text: "42/b,{{ [\\"g\\"] | tojson }}"}
- wait_for: {where: {event: h, envelope: {$.namespace: /b}}, check: {"$[0]": 1}}
"""
    )
    packets = [note for note in notes_of(found) if note.startswith("this emit is sent as a packet")]
    assert len([note for note in found.notes if note.text in packets]) == 3


def test_beside_the_engine_ws_events_are_text() -> None:
    script = HTTP + (
        "scenarios:\n"
        "  - {engine: ws, flow: [{send: hi}]}\n"
        "  - engine: socketio\n"
        "    flow:\n"
        "      - emit: {channel: join, data: {room: lobby}, response: {channel: joined}}\n"
        "      - emit: [add, 2, 3]\n"
        "        acknowledge: {match: {json: '$[0]', value: 5}}\n"
        "      - emit: {channel: x, namespace: /admin}\n"
    )
    found = import_artillery(script.encode(), Path("load.yml"))
    loaded(found)
    assert "protocol" not in found.text.partition("\nversion:")[2]
    assert (
        """\
      - connect: {path: "/socket.io/?EIO=4&transport=websocket"}
      - wait_for: {where: {text: {regex: "^0"}}}
      - request: {name: namespace, send: "40", reply: {where: {text: {regex: "^40"}}}}
      - request:
          name: join
          send: "42{{ [\\"join\\", {\\"room\\": \\"lobby\\"}] | tojson }}"
          reply: {where: {text: {regex: "^42\\\\[\\"joined\\""}}}
      - set: {acknowledgement: "{{ id() }}"}
      - request:
          name: add
          send: "42{{ acknowledgement }}{{ [\\"add\\", 2, 3] | tojson }}"
          reply: {where: {text: {regex: "^43{{ acknowledgement }}\\\\["}}}
      - close
"""
        in found.text
    )
    assert [note.text for note in found.notes if note.is_loss] == [
        "the match of this answer was left out: loadws sees events of Socket.IO as text; what it times stays",
        "this emit was left out: it is for a namespace of its own",
    ]
    assert "because a scenario has one protocol" in " ".join(notes_of(found))


# -- what cannot be carried over


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("- emit: {data: 5}", "this emit was left out: it names no event"),
        ("- emit: [a]\n  beforeRequest: f",
         "the emit's 'beforeRequest' was left out: loadws has nothing that does the same"),
        ("- emit: [a]\n  response: {data: 5}", "this response was left out: it names no event"),
        ("- emit: [a]\n  response: {on: b, concat: true}",
         "the response's 'concat' was left out: loadws has nothing that does the same"),
        ("- emit: [a]\n  acknowledge: {match: {json: '$..x', value: 1}}",
         "this match was left out: it is neither the path to one place nor a regular expression"),
        ("- emit: [b]\n- emit: [a]\n  namespace: /b\n  acknowledge: {match: {regexp: '5'}}",
         "regular expressions of this answer were left out: its namespace is a second one"),
    ],
)  # fmt: skip
def test_what_is_left_out_is_said_with_its_line(step: str, said: str) -> None:
    found = imported("- emit: [before]\n" + step, engine="socketio")
    loaded(found)
    assert [note.text for note in found.notes if note.is_loss] == [said]
    assert all(note.line >= 8 for note in found.notes if note.is_loss)
