"""Scenario files that several tests read."""

from pathlib import Path

from loadws.scenario.model.steps import STEPS

#: Where the files that the reference page's examples name stand.
EXAMPLES_FOLDER = Path(__file__).parent / "examples"

SMALLEST = """\
target: ws://127.0.0.1:8765
load: [{users: 100, for: 10s}]
flow:
  - request: hello
"""

#: All that this version can do, after the language's own example.
EVERYTHING = """\
# yaml-language-server: $schema=loadws.schema.json
version: 1
name: chat rooms
target: ${CHAT_URL:-ws://127.0.0.1:8765/chat}
seed: 7
graceful_stop: 10s

variables:
  api: ${API_URL:-http://127.0.0.1:8766}
  room: "{{ accounts.room }}"
  token: ""
  n: 0
  vip: false
secrets: [token]

data:
  accounts: {file: accounts.csv, order: sequential, when_exhausted: repeat}

connection:
  subprotocols: [chat.v2]
  headers: {Authorization: "Bearer {{ token }}"}
  query: {room: "{{ room }}"}
  compression: false
  open_timeout: 10s
  close_timeout: 5s
  ping: {every: 20s, timeout: 10s}
  max_message_size: 1MiB

load:
  - {name: warm-up, users: {from: 0, to: 200}, for: 20s, warmup: true}
  - {name: steady, users: 200, for: 2m, iterations: 1000}
  - {users: 200, arrivals: {from: 10/s, to: 80/s}, for: 1m, max_users: 5000, spacing: uniform}
  - {name: drain, users: {to: 0}, for: 10s}

users:
  - name: talker
    weight: 9
    flow:
      - connect: {path: /admin, headers: {X: y}, expect: {status: 101}, capture: {sid: {header: X-Session}}}
      - request:
          name: join
          send: {json: {op: join, id: "{{ id() }}", who: "{{ accounts.user }}", sid: "{{ sid }}"}}
          reply: {where: {$.id: "{{ sent.id }}"}, check: {$.ok: true}, within: 2s, capture: {nick: $.nick}}
        on_failure: end_session
      - every: 1s
        for: 60s
        late: catch-up
        overlap: true
        do:
          - request: {send: {json: {id: 1}}, reply: {where: {$.id: 1}}}
      - request: {send: tell me, reply: {where: {$.a: 1}, until: {$.done: true}}}
      - send: {binary: {hex: cafe}}
      - send: {file: hello.txt}
      - send: {binary: {random: 1KiB}}
      - wait_for: {where: {$.op: ready}, within: 5s, count: 3, capture: {n: $.n}}
      - expect_none: {where: {$.op: secret}, for: 2s}
      - repeat: 20
        do: [{think: 10ms}]
      - repeat: "{{ n }}"
        do: [{think: 1s..3s}]
      - while: "{{ n < 5 }}"
        do: [{set: {n: "{{ n + 1 }}"}}]
      - if: "{{ vip }}"
        then: [{send: hi}]
        else: [{send: hello}]
      - pick: [{weight: 3, do: [{send: a}]}, {weight: 1, do: [{send: b}]}]
      - think: {exponential: 2s}
      - set: {greeting: "hello {{ user.index }} {{ nick }}"}
      - check: {that: "{{ n == 5 }}", name: counted}
      - record: {name: feed_age, value: "{{ now_ms() - message.ts }}", unit: ms}
      - record: {name: km, value: 3, unit: km}
      - count: greeted
      - log: "room {{ room }} {{ greeting }}"
      - ping: {within: 1s}
      - close: {code: 4001, reason: bye}
    on:
      open: [{log: "in as {{ accounts.user }}"}]
      message:
        - where: {$.op: ping}
          do: [{send: {json: {op: pong, ts: "{{ message.ts }}"}}}]
      error: [{count: broken}]
      close: [{count: "closed {{ code }}"}]

  - name: lurker
    flow: [{think: 1s}]

thresholds:
  - response_time{step=join}.p99 < 200ms
  - connect_time.p95 < 500ms
  - error_rate{phase=steady} < 0.1%
  - feed_age.p99 < 1s
  - '"closed 1000" > 1'
  - connect_time{step=connect}.p99 < 1s
  - {rule: 'ping_time{step=keepalive}.p99 < 1s', abort: true, after: 10s}
"""


def protocol_of(flow: str) -> str | None:
    """Return the protocol that a flow needs, by its verbs; None where it needs none."""
    verbs = {verb for verb, step in STEPS.items() if step.of_protocol and f"- {verb}:" in flow}
    own = {"emit": "socket.io", "publish_topic": "mqtt", "send_to": "stomp"}
    return next((own[verb] for verb in own if verb in verbs), "json-rpc" if verbs else None)
