"""A recording that Chromium 156 made of a real page: a login for a ticket, a chat, and pings of the server.

The page's server gave a new ticket and session to each user, so only a scenario that captures both can talk to it.
"""

from __future__ import annotations

from pathlib import Path

from loadws.importers.har.importing import import_har
from tests.importers.har_files import flow_of, notes_of

RECORDING = Path(__file__).parent / "recordings" / "chrome.har"


def test_what_becomes_of_a_real_recording() -> None:
    found = import_har(RECORDING.read_bytes(), Path("chrome.har"))
    assert [each.environment for each in found.required] == ["COOKIE"]
    agent = (
        'User-Agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0'
    )
    flow = "\n".join(line for line in flow_of(found).splitlines() if not line.strip().startswith(agent))
    assert (
        flow
        == """\
  - http:
      get: "/login?user=anna"
      headers:
        X-Client: page
      check: {status: 200}
      capture: {ticket: $.ticket}
  - connect:
      path: "/ws?ticket={{ ticket }}&v=2"
      subprotocols: [chat.v2]
      origin: "http://127.0.0.1:8801"
      headers:
        Cookie: "{{ cookie }}"
      compression: true
  - wait_for: {where: {$.type: welcome, $.sessionId: {exists: true}}, capture: {session_id: $.sessionId}}
  - think: 447ms
  - request:
      name: join
      send: {json: {type: join, id: "{{ id() }}", session: "{{ session_id }}", room: lobby}}
      reply: {where: {$.id: "{{ sent.id }}"}}
  - repeat: 4
    do:
      - think: 995ms..999ms
      - request:
          name: say
          send: {json: {type: say, id: "{{ id() }}", session: "{{ session_id }}", text: hello}}
          reply: {where: {$.id: "{{ sent.id }}"}}
  - close
on: {message: [{where: {$.type: ping}, do: [{send: {json: {type: pong, n: "{{ message.n }}"}}}]}]}"""
    )
    assert notes_of(found)[1] == "18 heartbeats were left out; a handler answers those of the server"
    assert "t-3b3f7d9359a889a56f1bf0f7" not in found.text
    assert "s-1d4c6dc1fd40" not in found.text
