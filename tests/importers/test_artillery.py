"""What becomes of an Artillery script, part by part. Every scenario is also validated."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.importers.artillery.import_script import import_artillery
from loadws.importers.notes import ImportFailed
from loadws.scenario.model.steps import ConnectStep
from tests.importers.artillery_scripts import CONFIG, flow_of, imported, loaded, notes_of


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("{duration: 60, arrivalRate: 5}", "{arrivals: 5/s, for: 60s, spacing: uniform}"),
        ("{duration: 1m, arrivalRate: 5, rampTo: 50, name: up}",
         "{name: up, arrivals: {from: 5/s, to: 50/s}, for: 60s, spacing: uniform}"),
        ("{duration: 10, rampTo: 5}", "{arrivals: {from: 0/s, to: 5/s}, for: 10s, spacing: uniform}"),
        ("{duration: 40, arrivalCount: 10}", "{arrivals: 0.25/s, for: 40s, spacing: uniform}"),
        ("{duration: 10, arrivalRate: 5, maxVusers: 7}", "{arrivals: 5/s, for: 10s, spacing: uniform, max_users: 7}"),
        ("{pause: 10}", "{users: 0, for: 10s}"),
    ],
)  # fmt: skip
def test_phases(phase: str, expected: str) -> None:
    found = imported(
        config=f"config:\n  target: ws://127.0.0.1:1\n  phases: [{phase}, {{duration: 1, arrivalRate: 1}}]\n"
    )
    loaded(found)
    assert f"load:\n  - {expected}\n" in found.text
    assert found.notes == ()


@pytest.mark.parametrize(
    ("phase", "what"),
    [
        ("{duration: '{{ d }}', arrivalRate: 5}", "its duration"),
        ("{duration: 10, arrivalRate: '{{ r }}'}", "its rate"),
        ("{pause: soon}", "its pause"),
    ],
)
def test_phases_that_cannot_be_known_are_said(phase: str, what: str) -> None:
    found = imported(config=f"config:\n  target: ws://127.0.0.1:1\n  phases:\n    - {phase}\n")
    assert notes_of(found) == [
        "there are no phases to carry over, so one user runs once",
        f"this phase was left out: {what} is not a number",
    ]
    assert found.notes[1].line == 4
    assert loaded(found).scenario.load[0].iterations == 1


@pytest.mark.parametrize(
    ("step", "ours"),
    [
        ("- send: hello", "- send: hello\n"),
        ("- send: {op: join, n: 5}", "- send: {json: {op: join, n: 5}}\n"),
        ("- send: {payload: hello}", "- send: hello\n"),
        ("- send: {payload: who, match: {json: $.op, value: who}}",
         "- request: {send: who, reply: {check: {$.op: who}}}\n"),
        ("- send: {payload: who, match: {regexp: '^a'}}", '- request: {send: who, reply: {check: {text: {regex: "^a"}}}}\n'),
        ("- send: {payload: who, capture: {json: $.id, as: the-id}}",
         "- request: {send: who, reply: {capture: {the_id: $.id}}}\n"),
        ("- send: {payload: who, capture: {regexp: '(a)(b)', group: 2, as: x}}",
         '- request: {send: who, reply: {capture: {x: {regex: "(a)(b)", group: 2}}}}\n'),
        ("- wait: {match: {json: $.op, value: ready}}", "- wait_for: {check: {$.op: ready}}\n"),
        ("- send: {payload: who, match: {json: '$.rooms.0.n', value: {a: 1}}}",
         '- request: {send: who, reply: {check: {"$.rooms[0].n": {equals: {a: 1}}}}}\n'),
        ("- think: 2", "- think: 2s\n"),
        ("- think: 100ms", "- think: 100ms\n"),
        ("- think: '{{ $randomNumber(1, 3) }}'", "- think: 1s..3s\n"),
        ("- log: 'at {{ $uuid }}'", '- log: "at {{ uuid() }}"\n'),
        ("- send: '{{ $randomString(5) }} {{ $randomNumber(1,6) }}'",
         '- send: "{{ random_text(5) }} {{ random_int(1, 6) }}"\n'),
        ("- loop: [{send: a}]\n  count: 3", "- repeat: 3\n  do:\n    - send: a\n"),
        ("- loop: [{send: '{{ $loopCount }}'}]\n  count: 3",
         '- set: {loop_count: 0}\n- repeat: 3\n  do:\n    - set: {loop_count: "{{ loop_count + 1 }}"}\n'
         '    - send: "{{ loop_count }}"\n'),
        ("- loop: [{send: '{{ $loopElement }}'}]\n  over: [a, 2]",
         '- set: {loop_count: 0}\n- repeat: 2\n  do:\n'
         '    - set: {loop_element: "{{ ([\\"a\\", 2])[loop_count] }}"}\n'
         '    - set: {loop_count: "{{ loop_count + 1 }}"}\n    - send: "{{ loop_element }}"\n'),
        ("- post: {url: /login, json: {user: anna}, capture: {json: $.id, as: x}}",
         "- http: {post: /login, json: {user: anna}, capture: {x: $.id}}\n"),
        ("- get: {url: 'http://other.test/a', qs: {n: 5}, headers: {X-A: b}}",
         '- http: {get: "http://other.test/a", headers: {X-A: b}, query: {n: "5"}}\n'),
    ],
)  # fmt: skip
def test_steps(step: str, ours: str) -> None:
    found = imported(step)
    assert flow_of(found) == ours
    assert found.notes == ()


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("- weird: 5", "the step 'weird' was left out: loadws has nothing that does the same"),
        ("- think: a while", "this think was left out: its time is not a number"),
        ("- loop: [{send: a}]\n  whileTrue: more\n  count: 2",
         "the loop's 'whileTrue' was left out: loadws has nothing that does the same"),
        ("- send: {payload: a, capture: {json: '$..x', as: x}}",
         "this capture was left out: it is neither the path to one place nor a regular expression"),
        ("- send: {payload: a, match: {json: '$[*]', value: 1}}",
         "this match was left out: it is neither the path to one place nor a regular expression"),
        ("- send: '{{ a + b }}'", "the template '{{ a + b }}' stays as text: loadws has nothing that does the same"),
        ("- get: {url: /a, ifTrue: x}", "the request's 'ifTrue' was left out: loadws has nothing that does the same"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_over_is_said_with_its_line(step: str, said: str) -> None:
    found = imported("- send: before\n" + step)
    loaded(found)
    assert [note.text for note in found.notes] == [said]
    assert found.notes[0].is_loss
    assert found.notes[0].line >= 8
    assert f"#   line {found.notes[0].line}: " in found.text


def test_variables_are_ours(tmp_path: Path) -> None:
    config = CONFIG + "  variables: {greeting: hello, room: [lobby, hall]}\n"
    found = imported("- send: '{{ greeting }} {{ room }}'", config)
    assert flow_of(found) == '- send: "{{ greeting }} {{ room }}"\n'
    assert 'room: "{{ choice(room_values) }}"' in found.text


def test_a_variable_that_nothing_sets_must_be_set() -> None:
    found = imported("- send: '{{ token }}'")
    assert [each.environment for each in found.required] == ["TOKEN"]
    assert notes_of(found) == ["nothing in the script sets 'token', so it is a variable that you must set"]
    assert loaded(found).scenario.variables == {"token": "5555"}


def test_the_environment_is_the_environment() -> None:
    config = (
        "config:\n  target: 'ws://{{ $processEnvironment.HOST_NAME }}:1'\n  phases: [{duration: 1, arrivalRate: 1}]\n"
    )
    found = imported("- send: '{{ $env.ROOM }}'", config)
    assert [each.environment for each in found.required] == ["HOST_NAME", "ROOM"]
    assert loaded(found).scenario.target == "ws://5555:1"


def test_an_environment_of_the_script_is_chosen() -> None:
    config = CONFIG + "  environments: {staging: {target: 'wss://staging.test'}}\n"
    assert loaded(imported(config=config, environment="staging")).scenario.target == "wss://staging.test"
    assert notes_of(imported(config=config)) == [
        "the environments staging were left out: choose one with --environment"
    ]
    with pytest.raises(ImportFailed, match=r"load.yml: there is no environment 'production'") as refused:
        imported(config=config, environment="production")
    assert refused.value.advice == "environments are staging"


@pytest.mark.parametrize(
    ("header", "skip", "source"),
    [
        ("", "false", '{file: users.csv, columns: [name, password], delimiter: ";", order: sequential}'),
        ("Name;Pass Word\n", "true", '{file: users.csv, delimiter: ";", order: sequential}'),
    ],
)
def test_payloads_are_data(tmp_path: Path, header: str, skip: str, source: str) -> None:
    (tmp_path / "users.csv").write_text(header + "anna;s3cret\n")
    payload = f"{{path: users.csv, fields: [name, password], order: sequence, delimiter: ';', skipHeader: {skip}}}"
    found = imported("- send: '{{ name }} {{ password }}'", CONFIG + f"  payload: {payload}\n", tmp_path)
    assert f"data: {{payload: {source}}}\n" in found.text
    scenario = loaded(found, tmp_path).scenario
    assert set(scenario.variables) == {"name", "password"}


def test_functions_get_a_stub_in_python(tmp_path: Path) -> None:
    found = imported("- function: set-up\n- send: hi", CONFIG + "  processor: ./my-functions.js\n", tmp_path)
    ((name, text),) = found.files
    assert name == "my_functions.py"
    assert "async def set_up(user: User) -> None:" in text
    assert '- call: "my_functions:set_up"' in found.text
    assert loaded(found, tmp_path).warnings == ()
    assert notes_of(found) == [
        "the JavaScript function 'set-up' has to be written in Python: my_functions.py has its stub"
    ]


def test_several_scenarios_are_user_types_with_their_weights() -> None:
    script = CONFIG + (
        "scenarios:\n"
        "  - {name: talk, engine: ws, weight: 3, flow: [{send: a}]}\n"
        "  - {name: look, engine: ws, flow: [{send: b}]}\n"
        "  - {name: web, engine: http, flow: [{get: {url: /}}]}\n"
    )
    found = import_artillery(script.encode(), Path("load.yml"))
    scenario = loaded(found).scenario
    assert [(each.name, each.weight) for each in scenario.user_types] == [("talk", 3), ("look", 1)]
    assert notes_of(found) == ["this scenario was left out: loadws has nothing for the engine 'http'"]


def test_a_connect_of_the_flow_is_the_only_one() -> None:
    found = imported("- connect: '{{ target }}/chat?a=1'\n- send: hi")
    loaded(found)
    assert found.text.count("connect") == 1
    assert '- connect: {path: "/chat?a=1"}' in found.text


def test_settings_of_the_connection() -> None:
    config = CONFIG + "  tls: {rejectUnauthorized: false}\n  ws: {subprotocols: [chat], headers: {X-A: b}}\n"
    found = imported(config=config)
    scenario = loaded(found).scenario
    assert not scenario.connection.tls.verify
    assert "- connect: {headers: {X-A: b}, subprotocols: [chat]}" in found.text


def test_secrets_become_required_variables() -> None:
    config = CONFIG + "  variables: {password: hunter2}\n  ws: {headers: {Authorization: Bearer abc123def}}\n"
    found = imported("- send: {op: login, token: q7Zt4Lx9Wv2Kb8Rm5Nc3Hp6Y}", config)
    loaded(found)
    for secret in ("hunter2", "abc123def", "q7Zt4Lx9Wv2Kb8Rm5Nc3Hp6Y"):
        assert secret not in found.text
        assert not any(secret in note for note in notes_of(found))
    assert len(found.required) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "load.yml:1:1: this is no Artillery script: the file is empty"),
        ("config: {target: ws://a.test}", "load.yml:1: this is no Artillery script: there is no `scenarios`"),
        ("scenarios: []", "load.yml:1: this is no Artillery script: there is no `config`"),
        ("config: {}\nscenarios: []", "load.yml:1: there is no target that can be carried over"),
        ("config: {target: ws://a.test}\nscenarios: [{engine: http}]",
         "load.yml:2: there is no scenario here that loadws could run"),
        ('{"log": {}}', "load.yml:1: this is no Artillery script: there is no `config`"),
    ],
)  # fmt: skip
def test_what_is_no_script_is_refused_with_its_place(content: str, said: str) -> None:
    with pytest.raises(ImportFailed) as refused:
        import_artillery(content.encode(), Path("load.yml"))
    assert str(refused.value) == said
    assert refused.value.advice


SENTINEL = "zq7zq7"
#: Every key of ``config`` that Artillery's documentation names, each with a value that would be seen in the scenario.
SETTINGS = {
    "target": f"ws://127.0.0.1:1/{SENTINEL}",
    "phases": f"[{{duration: 1, arrivalRate: 1, name: {SENTINEL}}}]",
    "variables": f"{{a: {SENTINEL}}}",
    "payload": f"{{path: {SENTINEL}.csv, fields: [a]}}",
    "processor": f"./{SENTINEL}.js",
    "environments": f"{{x: {{target: 'ws://127.0.0.1:1/{SENTINEL}'}}}}",
    "timeout": "7", "http": "{timeout: 7}", "defaults": "{headers: {a: b}}", "before": "{flow: []}",
    "bundling": "{external: []}", "something": "new", "plugins.expect": "{}", "ensure.maxErrorRate": "5",
    **{f"ws.{key}": value for key, value in {
        "headers": f"{{X-A: {SENTINEL}}}", "subprotocols": f"[{SENTINEL}]", "proxy": "{url: 'http://127.0.0.1:1'}",
        "rejectUnauthorized": "false", "perMessageDeflate": "true", "path": "/x", "query": "{a: b}", "auth": "{a: b}",
        "extraHeaders": "{a: b}", "transports": "[polling]",
    }.items()},
    **{f"socketio.{key}": value for key, value in {
        "query": f"{{a: {SENTINEL}}}", "path": f"/{SENTINEL}", "extraHeaders": f"{{X-A: {SENTINEL}}}",
        "auth": f"{{a: {SENTINEL}}}", "transports": "[polling]", "forceNew": "true", "rejectUnauthorized": "false",
    }.items()},
    **{f"tls.{key}": value for key, value in {"rejectUnauthorized": "false", "ca": "x.pem", "cert": "y.pem"}.items()},
}  # fmt: skip


@pytest.mark.parametrize("flow", ["- send: hi", "- connect: '{{ target }}'\n- send: hi"], ids=["opened", "own-connect"])
@pytest.mark.parametrize("engine", ["ws", "socketio"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_carried_over_or_listed(setting: str, engine: str, flow: str) -> None:
    """Also the settings of an engine that no scenario of the script has."""
    key, _, inner = setting.partition(".")
    said = {"target": "ws://127.0.0.1:1", "phases": "[{duration: 1, arrivalRate: 1}]"}
    said[key] = f"{{{inner}: {SETTINGS[setting]}}}" if inner else SETTINGS[setting]
    config = "config:\n" + "".join(f"  {name}: {value}\n" for name, value in said.items())
    found = imported("- emit: [a]\n  acknowledge: {}" if engine == "socketio" else flow, config, engine=engine)

    is_carried = any(sign in found.text for sign in (SENTINEL, "verify: false", "within: 7s"))
    names = {key, inner} - {""}
    assert is_carried or any(repr(name) in note or name in note.split() for name in names for note in notes_of(found))


@pytest.mark.parametrize(
    "step", ["send: hi", "think: 1", "log: a", "wait: {}", "get: {url: /a}", "function: f", "loop: []"]
)
def test_every_key_beside_a_verb_is_listed(step: str) -> None:
    assert any("'ifTrue'" in note for note in notes_of(imported(f"- {step}\n  ifTrue: x")))


@pytest.mark.parametrize(
    "step",
    [
        "send: {payload: a, match: {json: $.a, value: 1}, ours: 1}",
        "send: {payload: a, match: {json: $.a, value: 1, ours: 1}}",
        "send: {payload: a, capture: {json: $.a, as: b, ours: 1}}",
        "wait: {match: {json: $.a, value: 1}, ours: 1}",
        "get: {url: /a, ours: 1}",
        "connect: {url: '{{ target }}', ours: 1}",
    ],
)
def test_every_key_inside_a_step_is_listed(step: str) -> None:
    assert any("'ours'" in note for note in notes_of(imported(f"- {step}")))


@pytest.mark.parametrize(
    ("target", "connect", "path"),
    [
        ("/ws", "{{ target }}", None),
        ("/ws", "{{ target }}?r=7", "/ws?r=7"),
        ("/ws", "{{target}}/v2?x=1", "/ws/v2?x=1"),
        ("", "{{ target }}?r=7", "/?r=7"),
        ("?a=b", "{{ target }}&r=7", "/?a=b&r=7"),
        ("", "{{ target }}/v2", "/v2"),
        ("/ws", "ws://127.0.0.1:1/other", "/other"),
    ],
)
def test_a_connect_behind_the_target_keeps_the_targets_path(target: str, connect: str, path: str | None) -> None:
    config = CONFIG.replace("ws://127.0.0.1:8766", f"ws://127.0.0.1:1{target}")
    for step in (f"- connect: '{connect}'", f"- connect: {{target: '{connect}'}}"):
        found = imported(f"{step}\n- send: hi", config)
        [opening] = [each for each in loaded(found).scenario.user_types[0].flow if each.verb == "connect"]
        assert isinstance(opening, ConnectStep)
        assert (opening.connect.path, found.notes) == (path, ())


def test_a_connect_of_the_flow_has_the_settings_of_the_engine() -> None:
    config = CONFIG + "  ws: {subprotocols: [json], headers: {X-A: b, X-B: c}}\n"
    found = imported("- connect: {target: '{{ target }}?r=7', headers: {X-B: own}}\n- send: hi", config)

    loaded(found)
    assert found.notes == ()
    assert 'connect: {headers: {X-A: b, X-B: own}, subprotocols: [json], path: "/?r=7"}' in found.text


def test_settings_of_an_environment_go_beside_the_general_ones_and_are_listed() -> None:
    config = CONFIG + (
        "  ws: {subprotocols: [json]}\n"
        "  environments: {x: {ws: {headers: {X-A: b}}, ours: 1}}\n"
    )  # fmt: skip
    found = imported("- send: hi", config, environment="x")

    assert "connect: {headers: {X-A: b}, subprotocols: [json]}" in found.text
    assert notes_of(found) == ["the setting 'ours' was left out: loadws has nothing that does the same"]


@pytest.mark.parametrize(
    ("ensure", "rules", "lost"),
    [
        ("{thresholds: [{http.response_time.p99: 250}, {vusers.session_length.median: 1500.5}]}",
         ["http_time.p99 < 250ms", "session_time.p50 < 1500.5ms"], 0),
        ("{conditions: [{expression: 'http.response_time.p999 <= 9 and vusers.session_length.max < 70'}]}",
         ["http_time.p99.9 <= 9ms", "session_time.max < 70ms"], 0),
        ("{p95: 200, maxErrorRate: 1}", ["http_time.p95 < 200ms"], 1),
        ("{thresholds: [{vusers.failed: 0}, {http.response_time.p99: soon}]}", [], 2),
        ("{conditions: [{expression: 'vusers.created == 3', strict: true}, {expression: x, strict: false}]}", [], 2),
        ("{thresholds: [{http.response_time.p98: 1}]}", [], 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["  ensure: {}\n", "  plugins: {{ensure: {}}}\n"], ids=["setting", "plugin"])
def test_ensure_becomes_thresholds(ensure: str, rules: list[str], lost: int, form: str) -> None:
    found = imported("- get: {url: /a}\n- send: hi", CONFIG + form.format(ensure))

    assert [rule.rule for rule in loaded(found).thresholds] == rules
    assert sum(note.is_loss for note in found.notes) == lost
    assert all("nothing that does the same" not in note for note in notes_of(found))


def test_ensure_of_http_times_is_listed_where_nothing_asks_over_http() -> None:
    found = imported("- send: hi", CONFIG + "  ensure: {p95: 200}\n")
    assert loaded(found).thresholds == ()
    assert len(found.notes) == 1
