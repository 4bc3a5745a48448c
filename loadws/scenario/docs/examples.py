"""An example of every verb: a flow that runs as it is. The reference page and editors show them.

A test runs each against a server that answers every message with the same message; those of verbs that need a protocol
against one that speaks JSON-RPC.
"""

from __future__ import annotations

EXAMPLES: dict[str, str] = {
    "connect": """\
- connect:
    path: /chat?v=2
    subprotocols: [chat.v2, chat.v1]
    headers: {X-Room: lobby}
    expect: {status: 101}
- request: hello
- close
""",
    "close": """\
- connect
- close: {code: 4001, reason: bye}
""",
    "send": """\
- send: hello                                   # a text message
- send: {json: {op: say, by: "{{ user.index }}"}}
- send: {binary: {hex: cafe}, fragments: 2}
""",
    "request": """\
- request: hello                                # the next message is its answer
- request:
    name: join
    send: {json: {op: join, id: "{{ id() }}"}}
    reply:
      where: {$.id: "{{ sent.id }}"}            # or the message that matches
      check: {$.op: join}
      capture: {joined: $.id}
      within: 2s
""",
    "publish": """\
- publish:
    probe: talk                                 # the name that deliver and the report use
    send: {json: {op: say, probe: "{{ probe }}", text: "{{ random_text(40) }}"}}
    to: room                                    # for those who deliver it in: room, or say nothing
""",
    "wait_for": """\
- send: {json: {op: ready, n: 3}}
- wait_for: {where: {$.op: ready}, within: 5s, capture: {n: $.n}}
""",
    "expect_none": """\
- expect_none: {where: {$.op: secret}, for: 200ms}
""",
    "think": """\
- think: 10ms
- think: 10ms..50ms                             # anything between
- think: {exponential: 20ms}                    # by chance, with this mean
""",
    "every": """\
- every: 100ms
  for: 1s
  late: skip
  overlap: true
  do: [{request: {name: tick, send: tick}}]
""",
    "repeat": """\
- repeat: 3
  do: [{request: hello}, {think: 10ms}]
""",
    "while": """\
- set: {n: 0}
- while: "{{ n < 3 }}"
  do: [{set: {n: "{{ n + 1 }}"}}]
""",
    "if": """\
- if: "{{ user.index % 2 == 0 }}"
  then: [{send: even}]
  else: [{send: odd}]
""",
    "pick": """\
- pick:
    - {weight: 3, do: [{send: often}]}
    - {weight: 1, do: [{send: seldom}]}
""",
    "parallel": """\
- parallel:
    - [{request: {send: {json: {id: 1}}, reply: {where: {$.id: 1}}}}]
    - [{request: {send: {json: {id: 2}}, reply: {where: {$.id: 2}}}}]
""",
    "barrier": """\
- barrier: {users: 2, within: 30s}
- send: all at once
""",
    "set": """\
- set: {greeting: "hello {{ user.index }}", n: 5}
- send: "{{ greeting }}"
""",
    "check": """\
- set: {n: 5}
- check: "{{ n == 5 }}"
- check: {that: "{{ n > 1 }}", name: enough}
""",
    "record": """\
- request: {send: {json: {ts: "{{ now_ms() }}"}}}
- record: {name: age, value: "{{ now_ms() - message.ts }}", unit: ms}
""",
    "count": """\
- count: greeted
""",
    "log": """\
- log: "user {{ user.index }} is here"
""",
    "ping": """\
- ping: {within: 1s}
""",
    "call_method": """\
- call_method:                                  # of connections with a protocol: here json-rpc
    name: add
    method: add
    params: [2, "{{ user.index }}"]
    reply: {check: {$: "{{ 2 + user.index }}"}, capture: {sum: $}, within: 2s}
- call_method: {method: nothing, reply: {error: {$.code: -32601}}}      # an error is right here
- call_method:                                  # several in one message
    batch: [{method: add, params: [1, 2]}, {method: echo, params: [hi]}]
    reply: {check: {$: {equals: [3, [hi]]}}}
""",
    "notify": """\
- notify: {method: seen, params: {by: "{{ user.index }}"}}              # by json-rpc
""",
    "publish_topic": """\
- publish_topic: {topic: "sensors/{{ user.index }}", send: {json: {celsius: 21}}}      # by mqtt: one way, QoS 0
- publish_topic: {name: state, topic: state, send: up, qos: 1, retain: true, confirmed: {within: 2s}}    # until the PUBACK
""",
    "send_to": """\
- send_to: {destination: /topic/news, send: {json: {n: 1}}, headers: {priority: "4"}}  # by stomp: one way
- send_to: {name: order, destination: /queue/orders, send: "{{ user.index }}", confirmed: {within: 2s}}   # until the receipt
""",
    "subscribe": """\
- subscribe:                                    # by json-rpc
    name: news                                  # the subscription's name, and the step's
    method: subscribe
    params: [news]
    confirmed: {within: 2s}
    first: {check: {$.number: 0}, within: 5s}
- wait_for: {where: {subscription: news, $.number: 1}}
""",
    "unsubscribe": """\
- subscribe: {name: news, method: subscribe}    # by json-rpc
- unsubscribe: {subscription: news, method: unsubscribe, confirmed: {check: {$: true}}}
""",
    "emit": """\
- emit: {event: join, args: [lobby]}            # by socket.io: one way
- emit: {name: add, event: add, args: [2, 3], ack: {check: {"$[0]": 5}, within: 2s}}      # timed to its acknowledgement
- wait_for: {event: welcome, where: {"$[0]": lobby}}
""",
    "answer_call": """\
- notify: {method: call_me}                     # by json-rpc: the server then calls us
- wait_for: {where: {event: hello}, capture: {call: $.id}}
- answer_call: {id: "{{ call }}", result: fine}
""",
    "http": """\
- http:
    post: http://api.test/login
    json: {user: "user{{ user.index }}"}
    check: {status: 200}
    capture: {token: $.token}
- connect: {headers: {Authorization: "Bearer {{ token }}"}}
- request: hello
- close
""",
    "call": """\
- call: {function: "flows:greet", args: {times: 2, name: "user {{ user.index }}"}, sets: [greeted]}
- log: "greeted {{ greeted }} times"
""",
    "drop": """\
- connect
- drop
""",
    "reconnect": """\
- request: before
- reconnect
- request: after
""",
    "stall": """\
- send: a lot, please
- stall: 100ms
""",
    "read_slowly": """\
- send: a lot, please
- read_slowly: {rate: 2KiB/s, for: 100ms}
""",
}
